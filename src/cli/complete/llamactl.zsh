#compdef llamactl
# Completions of llamactl for zsh.
# Made from the program's table of commands; `llamactl completion zsh` prints it.

# The stored names of a kind, one a line: from this machine's files, never from a server.
_llamactl_names() {
    local -a names expl
    names=(${(f)"$(command llamactl completion names $1 2>/dev/null)"})
    _wanted $1 expl $1 compadd -a names
}

# The arguments of a command, with its name first.
_llamactl_row() {
    # Not `commands`: that is zsh's own table of programs.
    local -a rows
    case $1 in
#ROWS#
    esac
}

# What leads on: options of the group $1, then one of its commands, then what belongs to that.
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
        # The beginning of a group's name will do where only one begins so.
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
