# Completions of llamactl for bash 3.2 and later, with the bash-completion package or without it.
# Generated from the table of commands; `llamactl completion bash` prints it.

# Sets commands, options and kind for the option or argument number $2 of the command $1.
__llamactl_row() {
    commands='' options='' kind=''
    case $1 in
#ROWS#
    esac
}

# Prints the stored names of a kind, one per line. Reads local files only, never the network.
__llamactl_names() {
    command llamactl completion names "$1" 2>/dev/null
}

# Adds the candidates on standard input, one per line, that begin with $2 to COMPREPLY, prefixed with $1.
__llamactl_offer() {
    local typed=$2 quoted='' cut='' name i
    if [[ $typed == [\"\']* ]]; then
        quoted=${typed:0:1} typed=${typed:1}
    else
        typed=${typed//\\/}
        # Readline replaces only the text after the last word break; with `@`, including the break.
        for ((i = 0; i < ${#1} + ${#typed}; i++)); do
            name=$1$typed
            [[ $COMP_WORDBREAKS == *"${name:i:1}"* ]] || continue
            case ${name:i:1} in
            [:=]) cut=${name:0:i+1} ;;
            @) cut=${name:0:i} ;;
            esac
        done
    fi
    while IFS= read -r name; do
        [[ $name && ${name:0:${#typed}} == "$typed" ]] || continue
        if [[ $quoted ]]; then
            # Names with characters that are special inside quotes are not offered.
            [[ $name == *[\"\'\\\$\!\`]* ]] && continue
        else
            name=$1$name
            name=${name:${#cut}}
            printf -v name %q "$name"
        fi
        COMPREPLY[${#COMPREPLY[@]}]=$name
    done
}

_llamactl() {
    COMPREPLY=()
    local commands options kind
    local IFS=$' \t\n' words at i n=-1 word gap rest=${COMP_LINE:0:COMP_POINT}
    words=() at=()
    # Bash also splits words at `:`, `=` and `@`; here only whitespace separates them.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[!$' \t\n']*}
        rest=${rest:${#gap}}
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then word=$rest; fi
        rest=${rest#"$word"}
        if ((i == 0)) || [[ $gap ]]; then
            n=$((n + 1))
            words[n]=$word at[n]=$i
        else
            words[n]=${words[n]}$word
        fi
    done

    local path=llamactl option='' bare='' count=0 name found cur=${words[n]}
    for ((i = 1; i < n; i++)); do
        word=${words[i]}
        if [[ $option ]]; then
            option=''
        elif [[ -z $bare && $word == -- ]]; then
            bare=1
        elif [[ -z $bare && $word == -?* ]]; then
            __llamactl_row "$path" "$word"
            if [[ $kind ]]; then option=$word; fi
        else
            __llamactl_row "$path" "$((count + 1))"
            if [[ -z $commands ]]; then
                if [[ $kind == command ]]; then
                    __llamactl_command "${at[i]}" other
                    return
                fi
                count=$((count + 1))
                continue
            fi
            found=''
            case "$path $word" in
#ALIASES#
            esac
            for name in $commands; do
                if [[ $name == "$word" ]]; then
                    found=$name
                    break
                fi
                # A unique prefix of a group's name is accepted.
                if [[ $path == llamactl && $name == "$word"* ]]; then found=${found:+?}${found:-$name}; fi
            done
            path="$path ${found:-?}"
        fi
    done

    local before=''
    if [[ $option ]]; then
        __llamactl_row "$path" "$option"
    elif [[ -z $bare && $cur == --*=* ]]; then
        before=${cur%%=*}=
        cur=${cur#*=}
        __llamactl_row "$path" "${before%=}"
    elif [[ -z $bare && $cur == -* ]]; then
        __llamactl_row "$path" ''
        kind="words $options"
    else
        __llamactl_row "$path" "$((count + 1))"
        if [[ $commands ]]; then kind="words $commands"; fi
    fi

    if [[ $kind != path ]]; then compopt +o default 2>/dev/null; fi
    case $kind in
    words\ *) __llamactl_offer "$before" "$cur" < <(printf '%s\n' ${kind#words }) ;;
    profiles | environments) __llamactl_offer "$before" "$cur" < <(__llamactl_names "$kind") ;;
    command) __llamactl_command "${at[n]}" first ;;
    esac
}

# Completes another program's command line, which begins at word $1.
__llamactl_command() {
    compopt -o default 2>/dev/null
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif [[ $2 == first ]]; then
        local IFS=$'\n'
        COMPREPLY=($(compgen -c -- "$cur"))
    fi
}

complete -o default -F _llamactl llamactl
