#compdef llamactl
# Completions of llamactl for zsh.
# Generated from the table of commands; `llamactl completion zsh` prints it.

# Offers the stored names of a kind. Reads local files only, never the network.
_llamactl_names() {
    local -a names expl
    names=(${(f)"$(command llamactl completion names $1 2>/dev/null)"})
    _wanted $1 expl $1 compadd -a names
}

# Completes the arguments of the command $1.
_llamactl_row() {
    # Not `commands`: that is zsh's table of programs.
    local -a rows
    case $1 in
#ROWS#
    esac
}

# Completes a group: its options, then one of its commands, then that command's arguments.
_llamactl_group() {
    local curcontext=$curcontext state state_descr line ret=1 word
    local -a name
    local -A opt_args
    local group=$1
    shift
    _arguments -C -s -S "$@" '1: :->command' '*:: :->below' && ret=0
    case $state in
    command) _describe -t commands command rows && ret=0 ;;
    below)
        word=$words[1]
        case "$group $word" in
#ALIASES#
        esac
        name=(${(M)${rows%%:*}:#$word})
        # A unique prefix of a group's name is accepted.
        if (( ! $#name )) && [[ $group == llamactl ]]; then
            name=(${(M)${rows%%:*}:#${word}*})
        fi
        if (( $#name == 1 )); then
            _llamactl_row "$group $name" && ret=0
        fi
        ;;
    esac
    return ret
}

_llamactl() {
    _llamactl_row llamactl
}

if [[ $funcstack[1] == _llamactl ]]; then
    _llamactl "$@"
elif (( $+functions[compdef] )); then
    compdef _llamactl llamactl
fi
