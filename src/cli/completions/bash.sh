# Completes pyoco in bash: source <(pyoco completions bash)
_pyoco() {
    local program="$1" value _about
    type -P "$program" >/dev/null || program=pyoco
    COMPREPLY=()
    # The line and not the words: bash takes `=` and `:` for ends of words.
    while IFS=$'\t' read -r value _about; do
        COMPREPLY+=("$value")
    done < <("$program" __complete "--line=${COMP_LINE:0:COMP_POINT}" "--breaks=$COMP_WORDBREAKS" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _pyoco pyoco 2>/dev/null || complete -F _pyoco pyoco
