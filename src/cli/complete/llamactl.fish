# Completions of llamactl for fish 3.1 and later.
# Generated from the table of commands; `llamactl completion fish` prints it.

# Prints the commands of a group with their descriptions.
function __llamactl_commands
    switch "$argv"
#COMMANDS#
    end
end

# Prints the options of a command with their descriptions.
function __llamactl_options
    switch "$argv"
#OPTIONS#
    end
end

# Prints the kind of candidates for the option or argument number $argv[2] of the command $argv[1].
function __llamactl_kind
    switch "$argv"
#KINDS#
    end
end

# Prints the full name of the command that the word $argv[2] selects in the group $argv[1].
function __llamactl_below
    set -l word $argv[2]
    switch "$argv"
#ALIASES#
    end
    set -l names (__llamactl_commands $argv[1] | string replace -r '\t.*' '')
    if test "$argv[1]" = llamactl; and not contains -- "$word" $names
        # A unique prefix of a group's name is accepted.
        set -l length (string length -- "$word")
        set -l starting
        for name in $names
            if test (string sub -l $length -- "$name") = "$word"
                set starting $starting $name
            end
        end
        if test (count $starting) -eq 1
            set word $starting
        end
    end
    if contains -- "$word" $names
        echo "$argv[1] $word"
    else
        echo '?'
    end
end

function __llamactl_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l path llamactl
    set -l option ''
    set -l bare ''
    set -l place 1
    set -l kind ''
    set -e words[1]
    while set -q words[1]
        set -l word $words[1]
        if test -n "$option"
            set option ''
        else if test -z "$bare" -a "x$word" = x--
            set bare yes
        else if test -z "$bare"; and string match -qr -- '^-.' "$word"
            set kind (__llamactl_kind $path $word)
            if test -n "$kind"
                set option $word
            end
        else
            set -l commands (__llamactl_commands $path)
            set kind (__llamactl_kind $path $place)
            if set -q commands[1]
                set path (__llamactl_below $path "$word")
            else if test "$kind" = command
                complete -C(string join ' ' -- (string escape -- $words) "$current")
                return
            else
                set place (math $place + 1)
            end
        end
        set -e words[1]
    end

    set -l before ''
    set -l value $current
    if test -n "$option"
        set kind (__llamactl_kind $path $option)
    else if test -z "$bare"; and string match -qr -- '^--[^=]+=' "$current"
        set before (string replace -r '=.*' '=' -- "$current")
        set value (string replace -r '^[^=]*=' '' -- "$current")
        set kind (__llamactl_kind $path (string replace '=' '' -- $before))
    else if test -z "$bare"; and string match -qr -- '^-' "$current"
        __llamactl_options $path
        return
    else
        __llamactl_commands $path
        set kind (__llamactl_kind $path $place)
    end
    switch "$kind"
        case 'words *'
            printf "$before%s\n" (string split ' ' -- $kind)[2..-1]
        case profiles environments
            # Reads local files only, never the network.
            for name in (command llamactl completion names $kind 2>/dev/null)
                printf '%s\n' "$before$name"
            end
        case path
            for file in (complete -C"'' $value")
                printf '%s\n' "$before$file"
            end
        case command
            complete -C"$current"
    end
end

complete -c llamactl -f -a '(__llamactl_complete)'
