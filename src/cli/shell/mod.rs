//! `pyoco shell`: the caller's shell in the place of a task, to try by hand what the task does.
//!
//! Nothing is run and nothing recorded. The shell takes the place of this process, so that the
//! terminal, its signals and the exit code are the shell's own.

mod earlier;
mod print;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::exit::{Exit, Failure};
use super::load::{caller_dir, caller_env, coloured, load};
use super::params::{EnvArgs, ParamArgs};
use super::run::selection_failure;
use super::runs::StateArgs;
use super::say::say;
use crate::engine::{Place, Placed, Surroundings, processors};
use crate::event::StateStore;
use crate::graph::{Selection, select};
use crate::model::expr::{Name, RunFact};
use crate::model::{Flow, MASKED, Reason, Task, TaskId, escape};
use crate::record::{JsonlStore, Summary};
use crate::scheduler::Plan;
use crate::spec::Purpose;
use earlier::Earlier;

const HELP: &str = "\
Examples:
  pyoco shell build                       where `build` runs, with all that it sees
  pyoco shell deploy --run latest         with the params and the outputs of the latest run
  pyoco shell 'test[os=linux]' -p mode=fast
  eval \"$(pyoco shell build --print)\"     in the shell that you are in

Without --run there is no run: `PYOCO_RUN_ID` is not set. A task that holds slots of a pool sees the
first ones, be they free or not. `PYOCO_OUTPUT` is a file of its own in the folder for temporary
files.";

/// The shell of those who have chosen none.
const SHELL: &str = "/bin/sh";
/// The most members of a matrix that a hint names.
const MAX_MEMBERS: usize = 20;
/// Among how many of the newest runs one of the flow is looked for.
const MAX_RUNS: usize = 1000;

/// The words of `pyoco shell`.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ShellArgs {
    /// The task; of a matrix one member, as `pyoco list --json` names it.
    task: String,
    /// The workflow file. Without one that of the run, or it is searched in this folder and above.
    file: Option<String>,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    env: EnvArgs,
    /// With the params and the outputs of this run: its id, `latest`, `failed`.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// Print the lines that bring a shell there, and start none.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    state: StateArgs,
}

/// Does it; returns only where no shell was to be started.
pub(crate) fn main(args: &ShellArgs) -> Result<Exit, Failure> {
    if args.file.as_deref() == Some("-") && !args.print {
        return Err(Failure::new("the file cannot come from standard input: the shell reads it")
            .hint("write the file to the disk, or use `--print`"));
    }
    let caller_dir = caller_dir()?;
    let store = args.state.store()?;
    let earlier = args.run.as_deref().map(|id| Earlier::read(&store, id)).transpose()?;
    let mut settings = args.params.settings(Purpose::Run)?;
    let file = match (&args.file, &earlier) {
        (Some(file), _) => Some(file.clone()),
        (None, Some(earlier)) => earlier.file(),
        (None, None) => None,
    };
    if let Some(earlier) = &earlier {
        let params = earlier.params(file.as_deref(), &caller_dir, &settings);
        settings.params.splice(0..0, params); // what the caller says comes later, and wins
    }
    let (source, flow) = load(file.as_deref(), &settings, coloured())?;
    if let Some(earlier) = &earlier {
        earlier.require_flow(&flow)?;
    }
    let (mut plan, task) = plan(&flow, &args.task).map_err(|failure| match &earlier {
        Some(earlier) if args.file.is_none() => of_run(failure, earlier, &source.path),
        Some(_) | None => failure,
    })?;
    plan.env = args.env.variables()?.into();
    if earlier.is_none() {
        require_nothing_of_a_run(&plan.flow, task, &source.path, &store)?;
    }
    let surroundings = Surroundings {
        env: std::env::vars_os().collect(),
        caller_dir,
        state_dir: Some(store.state_dir().to_owned()),
        exe: std::env::current_exe().ok(),
    };
    let output = output_file()?;
    let place = Place {
        plan: plan.clone(),
        task,
        surroundings,
        earlier: earlier.as_ref().map(|earlier| (earlier.view(), earlier.dir())),
        output: output.path(),
    };
    let placed = place.find().map_err(|reason| refusal(&args.task, &reason, &earlier))?;
    placed.notices.iter().for_each(|notice| say(format_args!("warning: {notice}")));
    if let Some(earlier) = &earlier {
        note_masked(&placed, earlier);
    }
    // From here on it is the shell's: nobody is left to remove it.
    output.keep().map_err(|error| unmakeable(&error.error))?;
    let task = plan.flow.task(task);
    if args.print { print::main(&placed) } else { enter(&placed, &plan.flow, task, &earlier) }
}

/// Returns a plan with the task, and its id there.
fn plan(flow: &Flow, name: &str) -> Result<(Plan, TaskId), Failure> {
    let selection = Selection { targets: vec![name.to_owned()], ..Selection::default() };
    let selected = select(flow, &selection).map_err(|error| selection_failure(&error, flow))?;
    let plan = Plan::of(selected, processors());
    let named: Vec<TaskId> = plan.flow.ids().filter(|id| plan.targeted[id.index()]).collect();
    let [task] = named[..] else {
        let names = named.iter().take(MAX_MEMBERS).map(|id| escape(plan.flow.task(*id).name()));
        let names = names.collect::<Vec<_>>().join("\n");
        let failure = Failure::new(format!("`{}` is {} tasks", escape(name), named.len()));
        return Err(failure.hint(format!("name one of them:\n{names}")));
    };
    Ok((plan, task))
}

/// Adds of which file a run is, which the caller may not have meant.
fn of_run(failure: Failure, earlier: &Earlier, path: &str) -> Failure {
    let path = escape(path);
    let of = format!("run {} is of `{path}`; name the FILE for another", earlier.short());
    let hint = failure.hint.iter().cloned().chain([of]).collect::<Vec<_>>().join("\n");
    failure.hint(hint)
}

/// Refuses a task whose place only a run can tell.
fn require_nothing_of_a_run(
    flow: &Flow,
    id: TaskId,
    path: &str,
    store: &JsonlStore,
) -> Result<(), Failure> {
    let task = flow.task(id);
    let options = task.options();
    let templates = options.env.iter().map(|(_, template)| template).chain(&options.dir);
    let name_of = |id| flow.named(id).map_or("", |id| flow.task(id).name());
    let used = templates.flat_map(|template| template.names()).find_map(|name| match name {
        Name::Output(of, output) => {
            Some(format!("the output `{}` of `{}`", escape(output), escape(name_of(*of))))
        }
        Name::State(of) => {
            let of = of.first().map_or("", |of| name_of(*of));
            Some(format!("how `{}` has ended", escape(of)))
        }
        Name::ExitCode(of) => Some(format!("the exit code of `{}`", escape(name_of(*of)))),
        Name::Run(RunFact::Id) => Some("the id of its run".to_owned()),
        Name::Run(
            RunFact::Status | RunFact::FileDir | RunFact::CallerDir | RunFact::Os | RunFact::Arch,
        )
        | Name::Param(_)
        | Name::Env(_)
        | Name::Matrix(_)
        | Name::Call(_) => None,
    });
    match used {
        None => Ok(()),
        Some(used) => {
            let name = escape(task.name());
            Err(Failure::new(format!("`{name}` uses {used}, which only a run can tell")).hint(
                match last_run(flow, path, store) {
                    Some(run) => format!("take it from one: `pyoco shell {name} --run {run}`"),
                    None => "no run of this flow is on record: run it first".to_owned(),
                },
            ))
        }
    }
}

/// Returns the newest run of a flow of the file with this path.
fn last_run(flow: &Flow, path: &str, store: &JsonlStore) -> Option<String> {
    let mask = flow.secrets().mask(caller_env());
    let (name, path) = (mask.text(flow.name()), mask.text(path)); // as they stand in the records
    let ids = store.list().ok()?.into_iter().take(MAX_RUNS);
    let mut runs = ids.filter_map(|run_id| store.summary(run_id).ok());
    let is_ours =
        |run: &Summary| run.header.flow == *name && run.header.file.as_deref() == Some(&*path);
    runs.find(is_ours).map(|run| run.run_id.short())
}

/// Says why a task could not start.
fn refusal(task: &str, reason: &Reason, earlier: &Option<Earlier>) -> Failure {
    let reason = reason.as_str();
    let plain = reason.strip_prefix("spawn(").and_then(|rest| rest.strip_suffix(')'));
    let (task, reason) = (escape(task), escape(plain.unwrap_or(reason)));
    let failure = Failure::new(format!("`{task}` cannot start: {reason}"));
    let Some(earlier) = earlier else { return failure };
    let id = earlier.short();
    failure.hint(format!("`pyoco runs show {id}` tells what that run left behind"))
}

/// Makes the file behind `$PYOCO_OUTPUT`, for its owner alone.
fn output_file() -> Result<tempfile::NamedTempFile, Failure> {
    let file = tempfile::Builder::new().prefix("pyoco-output-").tempfile();
    file.map_err(|error| unmakeable(&error))
}

fn unmakeable(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot make the file for `PYOCO_OUTPUT`: {error}"))
        .hint("set `TMPDIR` to a folder that can be written to")
}

/// Says once that a record has no values of secrets.
fn note_masked(placed: &Placed, earlier: &Earlier) {
    let is_masked = |text: &OsString| text.to_string_lossy().contains(MASKED);
    let names: Vec<_> = placed.env.iter().filter(|(_, value)| is_masked(value)).collect();
    if earlier.has_masked() && !names.is_empty() {
        let names: Vec<_> = names
            .iter()
            .map(|(name, _)| format!("`{}`", escape(&name.to_string_lossy())))
            .collect();
        say(format_args!(
            "warning: run {} keeps no values of secrets: they are `{MASKED}` in {}",
            earlier.short(),
            names.join(", ")
        ));
    }
}

/// Becomes the shell.
fn enter(
    placed: &Placed,
    flow: &Flow,
    task: &Task,
    earlier: &Option<Earlier>,
) -> Result<Exit, Failure> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = PathBuf::from(shell.unwrap_or_else(|| SHELL.into()));
    let after = earlier.as_ref().map(|earlier| format!(" after run {}", earlier.short()));
    let way_out = if std::io::stdin().is_terminal() { "; `exit` leaves" } else { "" };
    say(format_args!(
        "pyoco: task {} of {}{}, in {}{way_out}",
        escape(task.name()),
        escape(flow.name()),
        after.unwrap_or_default(),
        shown(&placed.dir),
    ));
    let error = Command::new(&shell).env_clear().envs(&placed.env).current_dir(&placed.dir).exec();
    if let Some(output) = placed.env.get(&OsString::from("PYOCO_OUTPUT")) {
        let _ = std::fs::remove_file(output); // it is empty, and ours
    }
    Err(Failure::new(format!("cannot start the shell `{}`: {error}", shown(&shell)))
        .hint("set `SHELL` to the path of a shell"))
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}
