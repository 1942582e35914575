//! The words of `pyoco run`, typed; and those that do not work yet, which are refused by name.

use std::path::PathBuf;
use std::str::FromStr;

use crate::cli::exit::Failure;
use crate::cli::params::{EnvArgs, ParamArgs};
use crate::model::{Ms, OnCancel, OnFailure, Slots, escape};
use crate::spec;
use crate::trace::mode::{ColourChoice, OutputView, Style};

/// The words of `pyoco run`.
#[derive(clap::Args, Debug)]
// The name of `words` below would come out torn where clap words the usage of a mistake.
#[command(override_usage = "pyoco run [OPTIONS] [FILE] [TASK]... [-- <ARG>...]")]
#[command(after_help = "Examples:
  pyoco run                            run pyoco.yaml, here or in a folder above
  pyoco run pipeline.yaml test lint    these tasks and all that they need
  pyoco run pipeline.yaml --no-cute -j 4 -k
  pyoco run pipeline.yaml test -- --verbose
  generate | pyoco run -

Exit code: 0 completed, 1 failed, 2 nothing was started, 128+n cancelled by signal n.")]
pub(crate) struct RunArgs {
    /// The file, then the tasks: the first word is the FILE if it ends in .yaml, .yml or .toml,
    /// holds a `/`, or is `-`
    #[arg(value_name = "FILE] [TASK")]
    pub(super) words: Vec<String>,

    /// Words for the tasks that are named, as "$@"
    #[arg(last = true, value_name = "ARG")]
    pub(super) args: Vec<String>,

    #[command(flatten)]
    pub(super) params: ParamArgs,

    #[command(flatten)]
    pub(super) env: EnvArgs,

    /// How many tasks run at once; 0: as many as there are processors [env: PYOCO_JOBS]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub(super) jobs: Option<u32>,

    /// After a failure go on with all that does not depend on it (--on-failure isolate)
    #[arg(short, long, conflicts_with = "on_failure")]
    pub(super) keep_going: bool,

    /// What a failure does to the rest, whatever the file says
    #[arg(long, value_name = "POLICY", value_parser = on_failure)]
    pub(super) on_failure: Option<OnFailure>,

    /// Only tasks that match; the others count as satisfied
    #[arg(long, value_name = "GLOB")]
    pub(super) only: Vec<String>,

    /// All tasks but those that match, which count as satisfied
    #[arg(long, value_name = "GLOB")]
    pub(super) skip: Vec<String>,

    /// Say what would run in which order, as `pyoco plan` does, and run nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,

    /// Silent unless something fails
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// One event a line, for logs: --trace plain [env: PYOCO_CUTE=0]
    #[arg(long, visible_alias = "non-cute", conflicts_with_all = ["cute", "trace"])]
    no_cute: bool,

    /// The friendly trace: --trace cute [env: PYOCO_CUTE=1]
    #[arg(long, conflicts_with = "trace")]
    cute: bool,

    /// How events are told: cute, plain, json
    #[arg(long, value_name = "STYLE")]
    trace: Option<Style>,

    /// What is shown of the tasks' output: live, group, prefix, stream, failed, none [env: PYOCO_OUTPUT_MODE]
    #[arg(short, long, value_name = "VIEW")]
    pub(super) output: Option<OutputView>,

    /// When to use colours: auto, always, never
    #[arg(long, value_name = "WHEN")]
    pub(super) color: Option<ColourChoice>,

    /// Note this in the record
    #[arg(long, value_name = "K=V", value_parser = label)]
    pub(super) label: Vec<(String, String)>,

    /// Keep no record of the run
    #[arg(long)]
    pub(super) no_record: bool,

    /// Bring every event to the disk before going on
    #[arg(long, conflicts_with = "no_record")]
    pub(super) durable: bool,

    /// Where records are kept [env: PYOCO_STATE_DIR] [default: `.pyoco` in the nearest folder, from this
    /// one upwards, that holds it, a `pyoco.yaml` or `.git`]
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,

    /// What the first Ctrl-C does to running tasks: finish, stop [env: PYOCO_ON_CANCEL]
    #[arg(long, value_name = "WHAT", value_parser = on_cancel)]
    pub(super) on_cancel: Option<OnCancel>,

    /// How long stopped tasks have before they are killed [env: PYOCO_GRACE] [default: 2s]
    #[arg(long, value_name = "DURATION")]
    pub(super) grace: Option<Ms>,

    /// How long all tasks may take together, `finally` apart
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    pub(super) timeout: Option<Ms>,

    /// Other slots for a pool of the file: `gpu=4` has the slots 0 to 3, `port=8001,8002` one slot for
    /// each text (`port=8001,` for one alone); may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = pool)]
    pub(super) pool: Vec<(String, Slots)>,

    #[command(flatten)]
    pub(super) later: LaterArgs,
}

impl RunArgs {
    /// Returns the style that a flag names.
    pub(super) fn style(&self) -> Option<Style> {
        match (self.trace, self.cute, self.no_cute) {
            (Some(style), _, _) => Some(style),
            (None, true, _) => Some(Style::Cute),
            (None, false, true) => Some(Style::Plain),
            (None, false, false) => None,
        }
    }

    /// Returns FILE, if the first word is one, and the tasks.
    pub(super) fn file_and_tasks(&self) -> (Option<&str>, &[String]) {
        match self.words.split_first() {
            Some((first, rest)) if is_file(first) => (Some(first), rest),
            _ => (None, &self.words),
        }
    }
}

/// Returns whether a word is a FILE. A `/` inside brackets belongs to a matrix value.
pub(crate) fn is_file(word: &str) -> bool {
    let outside = word.split_once('[').map_or(word, |(before, _)| before);
    word == "-"
        || outside.contains('/')
        || [".yaml", ".yml", ".toml"].iter().any(|ending| word.ends_with(ending))
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is empty; write it as KEY=VALUE".to_owned());
    }
    if key.len() > 128 || value.len() > 1024 {
        return Err("a key has at most 128 bytes and a value 1024".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads other slots for a pool.
pub(crate) fn pool(text: &str) -> Result<(String, Slots), String> {
    const WRITE: &str = "write it as NAME=N, or NAME=a,b for one slot with each of these texts";
    let (name, slots) = text.split_once('=').ok_or(WRITE)?;
    if name.is_empty() || slots.is_empty() {
        return Err(WRITE.to_owned());
    }
    Ok((name.to_owned(), spec::slots_of(slots)?))
}

/// Reads how many tasks run at once.
pub(crate) fn jobs(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| "write a number, or `0` for as many as there are processors".to_owned())
}

/// Reads a failure policy.
pub(super) fn on_failure(text: &str) -> Result<OnFailure, String> {
    match text {
        "stop" => Ok(OnFailure::Stop),
        "isolate" => Ok(OnFailure::Isolate),
        "kill" => Ok(OnFailure::Kill),
        _ => Err("write `stop`, `isolate` or `kill`".to_owned()),
    }
}

/// Reads what the first level of a cancel does to running tasks.
pub(super) fn on_cancel(text: &str) -> Result<OnCancel, String> {
    match text {
        "finish" => Ok(OnCancel::Finish),
        "stop" => Ok(OnCancel::Stop),
        _ => Err("write `finish` or `stop`".to_owned()),
    }
}

/// Reads how long a run may take.
fn timeout(text: &str) -> Result<Ms, String> {
    match parse(text)? {
        Ms(0) => {
            Err("nothing could end in time; write a longer one, or leave the flag out".to_owned())
        }
        timeout => Ok(timeout),
    }
}

/// Returns a setting: the flag's value, else that of the environment variable, where there is one
/// that is not empty.
pub(super) fn setting<T>(
    flag: Option<T>,
    variable: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    if flag.is_some() {
        return Ok(flag);
    }
    match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            let value = value.to_string_lossy();
            read(&value)
                .map(Some)
                .map_err(|error| Failure::new(format!("`{variable}={}`: {error}", escape(&value))))
        }
    }
}

/// Reads a value with its own words for what is wrong.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Flags that the format of the command line has and this version does not.
#[derive(clap::Args, Debug)]
pub(super) struct LaterArgs {
    #[arg(short, long, hide = true)]
    watch: bool,
    #[arg(long, hide = true)]
    restart: bool,
    #[arg(long, hide = true)]
    ci: Option<String>,
    #[arg(long, hide = true)]
    report: Vec<String>,
    #[arg(long, hide = true)]
    order: Option<String>,
    #[arg(long, hide = true)]
    executor: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true)]
    server: Option<Option<String>>,
    #[arg(long, hide = true)]
    detach: bool,
}

impl LaterArgs {
    /// Refuses the first flag that was given, and the variable that would have its effect.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        let given = [
            ("--watch", self.watch),
            ("--restart", self.restart),
            ("--ci", self.ci.is_some()),
            ("--report", !self.report.is_empty()),
            ("--order", self.order.is_some()),
            ("--executor", self.executor.is_some()),
            ("--server", self.server.is_some()),
            ("--detach", self.detach),
            (
                "PYOCO_EXECUTOR",
                std::env::var_os("PYOCO_EXECUTOR")
                    .is_some_and(|executor| !executor.is_empty() && executor != "local"),
            ),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((flag, _)) => Err(Failure::not_yet(flag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_may_be_a_file() {
        for file in ["a.yaml", "b.yml", "c.toml", "-", "./x", "/dev/fd/63", "dir/file"] {
            assert!(is_file(file), "{file}");
        }
        for task in ["test", "test[path=a/b]", "yaml", "a.yaml.bak"] {
            assert!(!is_file(task), "{task}");
        }
    }
}
