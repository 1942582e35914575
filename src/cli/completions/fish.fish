# Completes pyoco in fish: pyoco completions fish > ~/.config/fish/completions/pyoco.fish
function __pyoco_complete
    set -l words (commandline -opc)
    # The word as it stands, with its quotes, perhaps not closed yet.
    set -l current (commandline -ct | string replace -r '^["\']' '' | string replace -ra '\\\\(.)' '$1')
    set -l program $words[1]
    type -q -f -- $program; or set program pyoco
    command $program __complete "--current=$current" -- $words[2..-1] 2>/dev/null
end
complete -c pyoco -f -k -a '(__pyoco_complete)'
