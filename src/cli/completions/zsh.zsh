#compdef pyoco
# Completes pyoco in zsh: source <(pyoco completions zsh), after compinit; or as the file _pyoco in a
# folder of $fpath.
_pyoco() {
    local program="${(Q)words[1]}" value about line
    local -a closed closed_lines open open_lines
    (( $+commands[$program] )) || [[ -x $program ]] || program=pyoco
    while IFS=$'\t' read -r value about; do
        line="$value${about:+  -- $about}"
        if [[ $value == *[=/] ]]; then
            open+=("$value") open_lines+=("$line")
        else
            closed+=("$value") closed_lines+=("$line")
        fi
    done < <("$program" __complete "--current=${(Q)PREFIX}" -- "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)
    # In the order in which they come, the newest run first: `_describe` would sort what is alike.
    local -i found=1
    (( $#closed )) && compadd -l -V pyoco -d closed_lines -a closed && found=0
    (( $#open )) && compadd -l -V pyoco -S '' -d open_lines -a open && found=0
    return found
}
if [[ "${funcstack[1]}" == _pyoco ]]; then
    _pyoco "$@"
else
    compdef _pyoco pyoco
fi
