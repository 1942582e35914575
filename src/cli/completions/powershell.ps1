# Completes pyoco in PowerShell: pyoco completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName pyoco -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    # What ends before the cursor is a word of its own, unless it is the one to complete.
    $words = @($commandAst.CommandElements |
        Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($null -ne $_.Value) { [string]$_.Value } else { $_.ToString() } })
    $current = $wordToComplete.Trim("'", '"')
    & $commandAst.CommandElements[0].ToString() __complete "--current=$current" -- @words 2>$null |
        ForEach-Object {
            $value, $about = $_ -split "`t", 2
            $text = if ($value -match '^[\w./=:+-]+$') { $value } else { "'" + $value.Replace("'", "''") + "'" }
            if (-not $about) { $about = $value }
            [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $about)
        }
}
