//! `pyoco completions SHELL`: a script for the shell, which asks `pyoco __complete` at every TAB.
//!
//! The script knows nothing of the commands, so that what is proposed is always that of the program
//! that is called: commands and flags out of clap's own tree, and what the workflow file and the
//! records hold now. The hook never runs a task, never writes, and says nothing where something is
//! wrong: there are no proposals then.
//!
//! clap's own dynamic engine is marked unstable, and a program that is installed with newer
//! libraries than it was made with must still build.

mod hook;
mod line;
mod live;
mod tree;
mod words;

use std::io::Write;

use clap::ValueEnum;

use super::exit::{Exit, Failure, written};

pub(crate) use hook::{main as hook, words as hook_words};

const HELP: &str = "\
Examples:
  source <(pyoco completions bash)        in ~/.bashrc
  source <(pyoco completions zsh)         in ~/.zshrc, after compinit
  pyoco completions fish > ~/.config/fish/completions/pyoco.fish
  pyoco completions powershell | Out-String | Invoke-Expression
                                          in $PROFILE
  eval (pyoco completions elvish | slurp)
                                          in ~/.config/elvish/rc.elv";

/// The words of `pyoco completions`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: ForShell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ForShell {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
    Elvish,
}

/// Does it.
pub(crate) fn main(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let script = match args.shell {
        ForShell::Bash => include_str!("bash.sh"),
        ForShell::Zsh => include_str!("zsh.zsh"),
        ForShell::Fish => include_str!("fish.fish"),
        ForShell::PowerShell => include_str!("powershell.ps1"),
        ForShell::Elvish => include_str!("elvish.elv"),
    };
    written(std::io::stdout().write_all(script.as_bytes()))
}
