# Completes pyoco in elvish: eval (pyoco completions elvish | slurp)
use str
set edit:completion:arg-completer[pyoco] = {|program @words|
    (external $program) __complete '--current='$words[-1] -- (all $words[..-1]) 2>/dev/null |
      from-lines | each {|line|
        var value about = (str:split "\t" $line)
        var suffix = ' '
        if (or (str:has-suffix $value =) (str:has-suffix $value /)) { set suffix = '' }
        if (eq $about '') {
            edit:complex-candidate $value &code-suffix=$suffix
        } else {
            edit:complex-candidate $value &code-suffix=$suffix &display=$value'  '$about
        }
    }
}
