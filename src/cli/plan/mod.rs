//! `pyoco plan`: what would run, in which order and why, and how long it would take.
//!
//! It is a rehearsal by the scheduler itself with the times that the records know. Nothing is run and
//! nothing is written.

mod json;
mod text;
mod why;

use std::io::Write;
use std::num::NonZero;

use super::exit::{Exit, Failure, written};
use super::load::{caller_env, coloured, load_for};
use super::params::ParamArgs;
use super::run::{Wanted, is_file, jobs, pool, selected};
use super::runs::StateArgs;
use crate::engine::processors;
use crate::graph::Selection;
use crate::model::{Flow, Ms, Slots, TaskId};
use crate::record::{History, JsonlStore};
use crate::scheduler::{Forecast, Plan, forecast, simulate};
use crate::spec::{Purpose, Source};

use why::{Entry, entries};

/// How many lines of tasks are shown where nobody says another number.
const LIMIT: usize = 200;

/// The words of `pyoco plan`.
#[derive(clap::Args, Debug)]
#[command(override_usage = "pyoco plan [OPTIONS] [FILE] [TASK]...")]
#[command(after_help = "Examples:
  pyoco plan                             what `pyoco run` would do
  pyoco plan ci.yaml test -j 4           with these words on the command line
  pyoco plan --simulate 1,2,4,8          how long it would take with other numbers of jobs
  pyoco plan --json | jq -r '.critical_path.tasks[]'")]
pub(crate) struct PlanArgs {
    /// The file, then the tasks: the first word is the FILE if it ends in .yaml, .yml or .toml,
    /// holds a `/`, or is `-`
    #[arg(value_name = "FILE] [TASK")]
    words: Vec<String>,

    #[command(flatten)]
    params: ParamArgs,

    /// How many tasks run at once; 0: as many as there are processors [env: PYOCO_JOBS]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    jobs: Option<u32>,

    /// Only tasks that match; the others count as satisfied
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,

    /// All tasks but those that match, which count as satisfied
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,

    /// Other slots for a pool of the file; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = pool)]
    pool: Vec<(String, Slots)>,

    /// Also say how long it would take with so many jobs
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = jobs)]
    simulate: Vec<u32>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    /// At most so many lines of tasks, and as many of those left out; in JSON so many tasks [default:
    /// 200; in JSON all]
    #[arg(long, value_name = "N")]
    limit: Option<NonZero<usize>>,

    #[command(flatten)]
    state: StateArgs,
}

/// Does it.
pub(crate) fn main(args: &PlanArgs) -> Result<Exit, Failure> {
    let (file, targets) = match args.words.split_first() {
        Some((first, rest)) if is_file(first) => (Some(first.as_str()), rest),
        _ => (None, &*args.words),
    };
    let store = args.state.store()?;
    let (source, flow) = load_for(file, targets, &args.params.settings(Purpose::Run)?, coloured())?;
    let selection = selection(targets, &args.only, &args.skip);
    let wanted = Wanted { selection: &selection, jobs: args.jobs, pools: &args.pool };
    let plan = selected(&wanted, &flow)?;
    let report = Report::new(&flow, &plan, &selection, &source, &store, &args.simulate)?;
    let limit = args.limit.map(NonZero::get);
    let text = match args.json {
        true => json::render(&report, limit.unwrap_or(usize::MAX)),
        false => text::render(&report, limit.unwrap_or(LIMIT)),
    };
    written(std::io::stdout().write_all(text.as_bytes()))
}

/// Prints what `pyoco run --dry-run` does: the same.
pub(crate) fn dry_run(
    flow: &Flow,
    plan: &Plan,
    selection: &Selection,
    source: &Source,
    store: &JsonlStore,
) -> Result<Exit, Failure> {
    let report = Report::new(flow, plan, selection, source, store, &[])?;
    written(std::io::stdout().write_all(text::render(&report, LIMIT).as_bytes()))
}

/// Returns what the words of the command line choose.
pub(crate) fn selection(targets: &[String], only: &[String], skip: &[String]) -> Selection {
    Selection { targets: targets.to_vec(), only: only.to_vec(), skip: skip.to_vec() }
}

/// All that there is to say of a plan.
struct Report<'p> {
    plan: &'p Plan,
    /// All tasks of the file, those that are no part of the run too.
    entries: Vec<Entry<'p>>,
    forecast: Forecast,
    history: History,
    /// By task: how long it takes, where that is known.
    times: Vec<Option<Ms>>,
    simulated: Vec<Total>,
}

/// How long a run would take with so many jobs.
struct Total {
    jobs: u32,
    ms: Ms,
    /// How many tasks it would be one after the other, if each took as long as any.
    steps: u64,
}

impl<'p> Report<'p> {
    fn new(
        flow: &'p Flow,
        plan: &'p Plan,
        selection: &'p Selection,
        source: &Source,
        store: &JsonlStore,
        others: &[u32],
    ) -> Result<Report<'p>, Failure> {
        // As they stand in the records.
        let mask = flow.secrets().mask(caller_env());
        let history = match store.state_dir().exists() {
            true => History::read(store, &mask.text(flow.name()), &mask.text(&source.path))?,
            false => History::default(),
        };
        let times: Vec<Option<Ms>> =
            plan.flow.tasks().iter().map(|task| history.of(task.name())).collect();
        let known = |id: TaskId| times[id.index()];
        let forecast = forecast(plan, known);
        let simulated = others.iter().map(|jobs| {
            let jobs = if *jobs == 0 { processors() } else { *jobs };
            let other = Plan { jobs, ..plan.clone() };
            let ms = simulate(&other, |id| known(id).unwrap_or_default()).total;
            Total { jobs, ms, steps: simulate(&other, |_| Ms(1)).total.0 }
        });
        let simulated = simulated.collect();
        let entries = entries(flow, plan, selection, &forecast);
        Ok(Report { plan, entries, forecast, history, times, simulated })
    }

    /// Returns the tasks that would run.
    fn runs(&self) -> impl Iterator<Item = TaskId> {
        self.forecast.order.iter().copied()
    }

    /// Returns of how many tasks that would run the time is known.
    fn n_known(&self) -> usize {
        self.runs().filter(|id| self.times[id.index()].is_some()).count()
    }

    /// Returns how long the tasks of the critical path take, as far as it is known.
    fn critical_ms(&self) -> Ms {
        let times = self.forecast.critical.iter().filter_map(|id| self.times[id.index()]);
        times.fold(Ms(0), |sum, ms| sum + ms)
    }

    /// Returns whether a task runs only where its `if` holds, which nobody can know before.
    fn is_maybe(&self, id: TaskId) -> bool {
        let condition = self.plan.flow.task(id).condition();
        condition.is_some_and(|condition| condition.where_all_goes_well().is_none())
    }
}
