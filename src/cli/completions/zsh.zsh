#compdef pyoco
# Completes pyoco in zsh: source <(pyoco completions zsh), after compinit; or as the file _pyoco in a
# folder of $fpath.
_pyoco() {
    local program="${(Q)words[1]}" value about
    local -a closed open
    (( $+commands[$program] )) || [[ -x $program ]] || program=pyoco
    while IFS=$'\t' read -r value about; do
        value="${value//:/\\:}${about:+:$about}"
        if [[ ${value%%:*} == *[=/] ]]; then open+=("$value"); else closed+=("$value"); fi
    done < <("$program" __complete "--current=${(Q)PREFIX}" -- "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)
    local -i found=1
    (( $#closed )) && _describe -V pyoco closed && found=0
    (( $#open )) && _describe -V pyoco open -S '' && found=0
    return found
}
if [[ "${funcstack[1]}" == _pyoco ]]; then
    _pyoco "$@"
else
    compdef _pyoco pyoco
fi
