//! Chooses how a run is shown, from flags, environment and what the streams lead to. Pure: all of
//! these come in as values.
//!
//! A flag goes before the environment, the environment before the default. The default is cute, and
//! plain where `CI` is set, standard error is no terminal, or `TERM` is `dumb`.

use std::fmt;
use std::str::FromStr;

use super::screen::{Kind, Surface};

/// How events are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// For people.
    #[default]
    Cute,
    /// As logfmt.
    Plain,
    /// As the record's own lines, on standard output.
    Json,
}

/// What is shown of the output of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputView {
    /// As `Group`, with the live view below it where standard error is a terminal.
    Live,
    /// One block a task, when it ends; a task that runs alone streams.
    #[default]
    Group,
    /// Each line behind the name of its task.
    Prefix,
    /// As it comes.
    Stream,
    /// Only of failed tasks, at their end.
    Failed,
    /// Nothing.
    None,
}

/// When colours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    /// On a terminal, or as the environment says.
    #[default]
    Auto,
    /// On both streams.
    Always,
    /// On none.
    Never,
}

/// A word that is none of those that a setting has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said())]
pub struct BadChoice {
    /// The flag or variable.
    pub setting: &'static str,
    /// What it was given.
    pub value: String,
    /// What it takes.
    pub known: &'static str,
}

impl BadChoice {
    /// What is wrong with a flag names it and its value already.
    fn said(&self) -> String {
        let BadChoice { setting, value, known } = self;
        match setting.starts_with("--") {
            true => format!("it takes {known}"),
            false => format!("`{value}` is not a value of {setting}; it takes {known}"),
        }
    }
}

/// The words of each choice, in the order in which they are shown.
const STYLES: [(&str, Style); 3] =
    [("cute", Style::Cute), ("plain", Style::Plain), ("json", Style::Json)];
const VIEWS: [(&str, OutputView); 6] = [
    ("live", OutputView::Live),
    ("group", OutputView::Group),
    ("prefix", OutputView::Prefix),
    ("stream", OutputView::Stream),
    ("failed", OutputView::Failed),
    ("none", OutputView::None),
];
const COLOURS: [(&str, ColourChoice); 3] = [
    ("auto", ColourChoice::Auto),
    ("always", ColourChoice::Always),
    ("never", ColourChoice::Never),
];

fn pick<T: Copy>(words: &[(&str, T)], text: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

impl FromStr for Style {
    type Err = BadChoice;
    fn from_str(text: &str) -> Result<Style, BadChoice> {
        pick(&STYLES, text).ok_or_else(|| bad("--trace", text, "`cute`, `plain` or `json`"))
    }
}

impl FromStr for OutputView {
    type Err = BadChoice;
    fn from_str(text: &str) -> Result<OutputView, BadChoice> {
        pick(&VIEWS, text).ok_or_else(|| bad("--output", text, KNOWN_VIEWS))
    }
}

impl FromStr for ColourChoice {
    type Err = BadChoice;
    fn from_str(text: &str) -> Result<ColourChoice, BadChoice> {
        pick(&COLOURS, text).ok_or_else(|| bad("--color", text, "`auto`, `always` or `never`"))
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(&STYLES, *self))
    }
}

impl fmt::Display for OutputView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(word(&VIEWS, *self))
    }
}

const KNOWN_VIEWS: &str = "`live`, `group`, `prefix`, `stream`, `failed` or `none`";

fn bad(setting: &'static str, value: &str, known: &'static str) -> BadChoice {
    BadChoice { setting, value: value.to_owned(), known }
}

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// A terminal.
    Terminal,
    /// A pipe or a socket.
    Pipe,
    /// A file, a device, or closed.
    Other,
}

impl Descriptor {
    /// Returns what a descriptor of this process is.
    pub fn of(fd: impl rustix::fd::AsFd) -> Descriptor {
        use rustix::fs::FileType;
        if rustix::termios::isatty(&fd) {
            return Descriptor::Terminal;
        }
        match rustix::fs::fstat(&fd).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Fifo | FileType::Socket) => Descriptor::Pipe,
            // The kinds of files are the system's, not ours.
            Ok(_) | Err(_) => Descriptor::Other,
        }
    }
}

/// What the flags of `pyoco run` say, where they say something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// `--trace`, `--cute` (cute), `--no-cute` (plain).
    pub style: Option<Style>,
    /// `--output`.
    pub output: Option<OutputView>,
    /// `--color`.
    pub colour: Option<ColourChoice>,
    /// `--quiet`.
    pub quiet: bool,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How events are told.
    pub style: Style,
    /// What is shown of the output of tasks.
    pub output: OutputView,
    /// Whether events are told at all.
    pub quiet: bool,
    /// Standard output.
    pub out: Surface,
    /// Standard error.
    pub err: Surface,
}

/// Chooses. `env` returns the value of an environment variable; `out` and `err` are what standard
/// output and standard error are.
///
/// # Errors
/// Where a variable has a value that it does not take.
pub fn choose(
    flags: &Flags,
    env: &dyn Fn(&str) -> Option<String>,
    out: Descriptor,
    err: Descriptor,
) -> Result<Choice, BadChoice> {
    let is_dumb = env("TERM").as_deref() == Some("dumb");
    let is_ci = is_on(env("CI"));
    let is_terminal = err == Descriptor::Terminal;
    let cute = match env("PYOCO_CUTE").as_deref() {
        None | Some("") => !is_ci && is_terminal && !is_dumb,
        Some("1") => true,
        Some("0") => false,
        Some(other) => return Err(bad("PYOCO_CUTE", other, "`0` or `1`")),
    };
    let from_env = match env("PYOCO_OUTPUT_MODE").as_deref() {
        None | Some("") => None,
        Some(text) => {
            Some(pick(&VIEWS, text).ok_or_else(|| bad("PYOCO_OUTPUT_MODE", text, KNOWN_VIEWS))?)
        }
    };
    let default = if flags.quiet {
        OutputView::Failed
    } else if is_terminal && !is_ci && !is_dumb && out != Descriptor::Pipe {
        // What reads a pipe, `less` or `grep`, most likely writes to that terminal too.
        OutputView::Live
    } else {
        OutputView::Group
    };
    // `--quiet` is a flag that names a view, and so goes before the environment.
    let from_env = from_env.filter(|_| !flags.quiet);
    let surface = |descriptor| surface(descriptor, flags.colour.unwrap_or_default(), env);
    Ok(Choice {
        style: flags.style.unwrap_or(if cute { Style::Cute } else { Style::Plain }),
        output: flags.output.or(from_env).unwrap_or(default),
        quiet: flags.quiet,
        out: surface(out),
        err: surface(err),
    })
}

/// Returns what a stream leads to, and whether colours are shown on it.
fn surface(
    descriptor: Descriptor,
    colour: ColourChoice,
    env: &dyn Fn(&str) -> Option<String>,
) -> Surface {
    // The outer pyoco makes the bytes harmless for the log itself.
    let is_inner = env("PYOCO_RUN_ID").is_some();
    let kind = match descriptor {
        Descriptor::Terminal => Kind::Terminal,
        Descriptor::Pipe if is_on(env("CI")) && !is_inner => Kind::CiLog,
        Descriptor::Pipe | Descriptor::Other => Kind::Raw,
    };
    Surface { kind, colour: has_colour(kind, colour, env) }
}

fn has_colour(kind: Kind, choice: ColourChoice, env: &dyn Fn(&str) -> Option<String>) -> bool {
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        ColourChoice::Auto if env("NO_COLOR").is_some_and(|value| !value.is_empty()) => false,
        ColourChoice::Auto if is_on(env("CLICOLOR_FORCE")) || is_on(env("FORCE_COLOR")) => true,
        ColourChoice::Auto => match kind {
            Kind::Terminal => env("TERM").as_deref() != Some("dumb"),
            // The pages of these show colours; of others nobody knows.
            Kind::CiLog => is_on(env("GITHUB_ACTIONS")) || is_on(env("GITLAB_CI")),
            Kind::Raw => false,
        },
    }
}

/// Returns whether a variable that is a switch is on.
fn is_on(value: Option<String>) -> bool {
    value.is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_with(
        flags: Flags,
        env: &[(&str, &str)],
        out: Descriptor,
        err: Descriptor,
    ) -> Result<Choice, BadChoice> {
        let env = |name: &str| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        choose(&flags, &env, out, err)
    }

    /// One stream kind for both; returns the choice as words.
    fn check(flags: Flags, env: &[(&str, &str)], both: Descriptor, expected: &str) {
        let choice = choose_with(flags, env, both, both).expect("the values are good");
        let colour = if choice.err.colour { "colour" } else { "mono" };
        let told = format!("{} {} {:?} {colour}", choice.style, choice.output, choice.err.kind);
        assert_eq!(told, expected, "{flags:?} {env:?} {both:?}");
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_the_default() {
        use Descriptor::{Other, Pipe, Terminal};
        let none = Flags::default();
        check(none, &[], Terminal, "cute live Terminal colour");
        check(none, &[], Pipe, "plain group Raw mono");
        check(none, &[("CI", "true")], Terminal, "plain group Terminal colour");
        check(none, &[("CI", "false")], Terminal, "cute live Terminal colour");
        check(none, &[("CI", "1")], Pipe, "plain group CiLog mono");
        check(none, &[("CI", "1"), ("GITHUB_ACTIONS", "true")], Pipe, "plain group CiLog colour");
        check(none, &[("CI", "1"), ("PYOCO_RUN_ID", "x")], Pipe, "plain group Raw mono");
        check(none, &[("CI", "1")], Other, "plain group Raw mono");
        check(none, &[("TERM", "dumb")], Terminal, "plain group Terminal mono");
        check(none, &[("PYOCO_CUTE", "1")], Pipe, "cute group Raw mono");
        check(none, &[("PYOCO_CUTE", "0")], Terminal, "plain live Terminal colour");
        check(none, &[("PYOCO_OUTPUT_MODE", "none")], Terminal, "cute none Terminal colour");
        check(
            none,
            &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")],
            Terminal,
            "cute live Terminal mono",
        );
        check(none, &[("FORCE_COLOR", "1")], Pipe, "plain group Raw colour");
        let cute = Flags { style: Some(Style::Cute), ..none };
        check(cute, &[("PYOCO_CUTE", "0"), ("CI", "1")], Pipe, "cute group CiLog mono");
        let stream = Flags { output: Some(OutputView::Stream), ..none };
        check(stream, &[("PYOCO_OUTPUT_MODE", "none")], Pipe, "plain stream Raw mono");
        let always = Flags { colour: Some(ColourChoice::Always), ..none };
        check(always, &[("NO_COLOR", "1")], Pipe, "plain group Raw colour");
        let quiet = Flags { quiet: true, ..none };
        check(quiet, &[("PYOCO_OUTPUT_MODE", "stream")], Terminal, "cute failed Terminal colour");
        check(Flags { quiet: true, ..stream }, &[], Terminal, "cute stream Terminal colour");
        let view = |out| choose_with(none, &[], out, Terminal).expect("nothing is set").output;
        assert_eq!([Terminal, Other].map(view), [OutputView::Live; 2]);
        assert_eq!(view(Pipe), OutputView::Group);
    }

    #[test]
    fn bad_values_name_their_setting() {
        let none = Flags::default();
        let told = |name, value| {
            let env = [(name, value)];
            let choice = choose_with(none, &env, Descriptor::Pipe, Descriptor::Pipe);
            choice.expect_err("the value is bad").to_string()
        };
        assert_eq!(
            told("PYOCO_CUTE", "yes"),
            "`yes` is not a value of PYOCO_CUTE; it takes `0` or `1`"
        );
        assert_eq!(
            told("PYOCO_OUTPUT_MODE", "all"),
            "`all` is not a value of PYOCO_OUTPUT_MODE; it takes `live`, `group`, `prefix`, \
             `stream`, `failed` or `none`"
        );
        assert!("rainbow".parse::<ColourChoice>().is_err());
        assert!("pretty".parse::<Style>().is_err());
        assert!("all".parse::<OutputView>().is_err());
    }
}
