//! `pyoco runs logs`: the output of a run's tasks, also while it grows.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::names::find;
use super::output::{Output, Reader, Style};
use super::{IdArgs, StateArgs, text};
use crate::cli::exit::{Exit, Failure, written};
use crate::cli::say::say;
use crate::cli::tips::whole;
use crate::event::{RunLog, RunView, StateStore, Stream, TaskView};
use crate::model::{RunId, TaskId, TaskState, escape};
use crate::record::{AttemptLog, End, JsonlStore, Piece, Seen};
use crate::trace::withheld;

/// How often new output is looked for: a follower is promised 100 ms.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The words of `pyoco runs logs`.
#[derive(Args, Debug)]
#[command(after_help = "Example: pyoco runs logs latest test --tail 50\n\
                        Example: pyoco runs logs running -f --as prefix")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    id: IdArgs,
    /// The task, or a matrix with its members; without one all tasks
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Go on until the run has ended
    #[arg(short, long)]
    follow: bool,
    /// Only the last N lines of each task
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    tail: Option<u64>,
    /// Which attempt [default: the last one]
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    attempt: Option<u32>,
    /// Only what the tasks wrote there, or what pyoco itself has to say: what ran at a timeout
    #[arg(long, value_name = "STREAM")]
    stream: Option<StreamWord>,
    /// Begin every line with its time
    #[arg(long)]
    timestamps: bool,
    /// Only tasks that failed
    #[arg(long)]
    failed: bool,
    /// Bytes as they came, lines with their task's name, or a block a task [default: raw for one
    /// task, else group, or prefix where a run under way is followed]
    #[arg(long = "as", value_name = "VIEW")]
    view: Option<ViewWord>,
    #[command(flatten)]
    state: StateArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StreamWord {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Pyoco's own words: the processes at a timeout.
    Pyoco,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ViewWord {
    /// Bytes as they came.
    Raw,
    /// Every line with its task's name.
    Prefix,
    /// A block a task.
    Group,
}

/// Does it.
pub(super) fn main(args: &LogsArgs) -> Result<Exit, Failure> {
    let store = args.state.store()?;
    let run_id = args.id.resolve(&store)?;
    let log = store.open(run_id)?;
    let mut follower = Follower::new(args, &store, run_id, log.as_ref())?;
    if args.follow {
        return follower.follow();
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = follower.step(&mut out).and_then(|()| follower.finish(&mut out));
    written(result.and_then(|()| out.flush()))
}

/// The output of a run, as far as it was printed.
struct Follower<'a> {
    args: &'a LogsArgs,
    store: &'a JsonlStore,
    run_id: RunId,
    run_dir: PathBuf,
    log: &'a dyn RunLog,
    view: RunView,
    seen: Seen,
    /// The tasks that were asked for, in file order; `None`: all.
    only: Option<Vec<TaskId>>,
    shape: ViewWord,
    reader: Reader,
    feeds: BTreeMap<Attempt, Feed>,
}

/// A task and the number of its attempt.
type Attempt = (TaskId, u32);

/// The output of one attempt.
struct Feed {
    log: AttemptLog,
    output: Output,
    /// Whether all of it was printed.
    done: bool,
}

impl<'a> Follower<'a> {
    fn new(
        args: &'a LogsArgs,
        store: &'a JsonlStore,
        run_id: RunId,
        log: &'a dyn RunLog,
    ) -> Result<Follower<'a>, Failure> {
        let record = store.load(run_id)?;
        text::warn_of(&record);
        let only = args.task.as_deref().map(|name| find(&record.view, name)).transpose()?;
        if let (Some(name), Some(ids), Some(attempt), false) =
            (&args.task, &only, args.attempt, args.follow)
        {
            let tasks: Vec<&TaskView> = ids.iter().filter_map(|id| record.view.task(*id)).collect();
            if !tasks.iter().flat_map(|task| &task.attempts).any(|known| known.number == attempt) {
                let n = tasks.iter().map(|task| task.attempts.len()).max().unwrap_or(0);
                let name = escape(name);
                return Err(Failure::new(format!(
                    "task `{name}` has no attempt {attempt}: there were {n}"
                )));
            }
        }
        let shape = args.view.unwrap_or(match only.as_deref() {
            Some([_]) => ViewWord::Raw,
            // A block comes at its task's end; who follows wants to see what happens now.
            Some(_) | None if args.follow && !record.seen.is_over() => ViewWord::Prefix,
            Some(_) | None => ViewWord::Group,
        });
        let reader = match (console::user_attended(), console::colors_enabled()) {
            (false, _) => Reader::Program,
            (true, true) => Reader::ColourTerminal,
            (true, false) => Reader::PlainTerminal,
        };
        Ok(Follower {
            args,
            store,
            run_id,
            run_dir: store.run_dir(run_id),
            log,
            view: record.view,
            seen: record.seen,
            only,
            shape,
            reader,
            feeds: BTreeMap::new(),
        })
    }

    fn follow(&mut self) -> Result<Exit, Failure> {
        loop {
            let over = self.seen.is_over();
            let mut out = io::BufWriter::new(io::stdout().lock());
            let result = self.step(&mut out);
            let result = if over { result.and_then(|()| self.finish(&mut out)) } else { result };
            let result = result.and_then(|()| out.flush());
            if result.is_err() || over {
                if self.seen == Seen::Lost {
                    say(format_args!("run {} is LOST: its runner is gone", self.run_id.short()));
                }
                return written(result);
            }
            drop(out);
            self.look()?;
        }
    }

    /// Waits a little, and takes in what the run has done meanwhile.
    fn look(&mut self) -> Result<(), Failure> {
        let has_more = self.log.wait(self.view.seq(), LOOK_EVERY)?;
        let view = &mut self.view;
        if has_more {
            self.log.read(view.seq() + 1, &mut |line| view.apply(&line))?;
        }
        self.seen = match view.status() {
            status if status.is_final() => Seen::Known(status),
            _ if has_more => self.seen,
            _ => self.store.liveness(self.run_id, view)?,
        };
        if self.seen.is_over() {
            self.log.read(view.seq() + 1, &mut |line| view.apply(&line))?;
            view.settle();
        }
        Ok(())
    }

    /// Prints what is new.
    fn step(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.add_feeds();
        let mut feeds = std::mem::take(&mut self.feeds);
        let mut open = feeds.iter_mut().filter(|(_, feed)| !feed.done);
        let result = open.try_for_each(|(attempt, feed)| {
            let ended = self.has_ended(*attempt);
            // A block comes whole, once there is no more to come.
            if self.shape == ViewWord::Group && !ended && self.args.follow {
                return Ok(());
            }
            self.print(*attempt, feed, ended, out)
        });
        self.feeds = feeds;
        result
    }

    /// Ends lines that will never be ended by their task.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for feed in self.feeds.values_mut() {
            feed.output.finish(out)?;
        }
        Ok(())
    }

    /// Makes feeds for attempts that have begun since.
    fn add_feeds(&mut self) {
        let mut new = Vec::new();
        for (id, task) in self.view.iter() {
            let wanted = self.only.as_ref().is_none_or(|only| only.binary_search(&id).is_ok())
                && (!self.args.failed || task.state() == TaskState::Failed);
            if !wanted {
                continue;
            }
            for number in task.attempts.iter().map(|attempt| attempt.number) {
                let chosen = match self.args.attempt {
                    Some(chosen) => chosen == number,
                    None => self.is_followed(id, number),
                };
                if chosen && !self.feeds.contains_key(&(id, number)) {
                    new.push((id, number));
                }
            }
        }
        for attempt in new {
            let feed = self.feed(attempt);
            self.feeds.insert(attempt, feed);
        }
    }

    /// Returns whether this is the last attempt of its task, or comes after one that is followed:
    /// one that came and went between two looks is not left out.
    fn is_followed(&self, id: TaskId, number: u32) -> bool {
        let last = self.view.task(id).and_then(TaskView::last);
        let has_earlier = || self.feeds.range((id, 0)..(id, number)).next().is_some();
        last.is_some_and(|last| last.number == number) || (self.args.follow && has_earlier())
    }

    fn feed(&self, attempt: Attempt) -> Feed {
        let (task, number) = attempt;
        let prefix = (self.shape == ViewWord::Prefix)
            .then(|| format!("{} | ", escape(self.view.task(task).map_or("", |task| &task.name))));
        let style = Style {
            prefix,
            timestamps: self.view.started().filter(|_| self.args.timestamps),
            stream: self.args.stream.map(|stream| match stream {
                StreamWord::Out => Stream::Out,
                StreamWord::Err => Stream::Err,
                StreamWord::Pyoco => Stream::Pyoco,
            }),
            reader: self.reader,
        };
        let skip =
            self.args.tail.map_or(0, |tail| self.n_lines(attempt, &style).saturating_sub(tail));
        let log = AttemptLog::new(&self.run_dir, task, number);
        Feed { log, output: Output::new(style, skip), done: false }
    }

    fn has_ended(&self, (task, number): Attempt) -> bool {
        let Some(task) = self.view.task(task) else { return true };
        let attempt = task.attempts.iter().find(|known| known.number == number);
        self.seen.is_over()
            || task.state().is_final()
            || attempt.is_some_and(|attempt| attempt.ended.is_some())
    }

    /// Prints what an attempt has to say that was not printed.
    fn print(
        &self,
        attempt: Attempt,
        feed: &mut Feed,
        ended: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let end = if ended { End::Reached } else { End::Open };
        let (output, log) = (&mut feed.output, &mut feed.log);
        let mut unwritten = None;
        let mut head = match self.shape {
            ViewWord::Group => Some(self.block_head(attempt)),
            ViewWord::Raw | ViewWord::Prefix => None,
        };
        let read = log.advance(end, &mut |piece| {
            let head = head.take().unwrap_or_default();
            let written = out.write_all(head.as_bytes()).and_then(|()| output.piece(piece, out));
            written.map_err(|error| {
                let kind = error.kind();
                unwritten = Some(error);
                kind.into()
            })
        });
        if let Some(error) = unwritten {
            return Err(error);
        }
        let is_broken = read.is_err();
        if let Err(error) = read {
            // What cannot be read of one task hides nothing of the others.
            let name = self.view.task(attempt.0).map_or("", |task| &task.name);
            let (name, error) = (escape(name), error.to_string());
            say(format_args!("warning: cannot read the output of `{name}`: {}", escape(&error)));
        }
        if ended || is_broken {
            output.finish(out)?;
            feed.done = true;
        }
        if ended && !is_broken {
            self.warn_of_loss(attempt, log);
        }
        if self.shape == ViewWord::Group && output.is_open() {
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Says on standard error what of the output was not kept, or was kept once and is there no more.
    fn warn_of_loss(&self, (id, number): Attempt, log: &AttemptLog) {
        let Some(task) = self.view.task(id) else { return };
        let attempt = task.attempts.iter().find(|known| known.number == number);
        let name = escape(&task.name);
        if let Some(withheld) = attempt.and_then(|attempt| withheld(&attempt.measured)) {
            say(format_args!("`{name}`: {withheld}"));
        }
        let unkept = text::unkept(attempt, log, &format!(" of `{name}`"));
        if let Some(unkept) = &unkept {
            say(format_args!("warning: {unkept} could not be kept"));
        }
        // Where it was not kept there need not be any of it.
        let printed = attempt.filter(|_| unkept.is_none()).map_or(0, |it| it.measured.logged());
        if let Some(loss) = log.loss(printed) {
            let loss = text::loss(loss);
            say(format_args!("warning: {loss} of the log of `{name}` are missing"));
        }
    }

    fn block_head(&self, (task, number): Attempt) -> String {
        let Some(task) = self.view.task(task) else { return String::new() };
        let mut head = format!("=== {}  {}", escape(&task.name), text::state_of(task).0);
        if let Some(reason) = &task.reason {
            head.push_str(&format!("  {}", escape(reason.as_str())));
        }
        if task.attempts.len() > 1 {
            head.push_str(&format!("  attempt {number} of {}", task.attempts.len()));
        }
        head.push('\n');
        head
    }

    /// Returns how many lines an attempt's output has now.
    fn n_lines(&self, attempt: Attempt, style: &Style) -> u64 {
        let mut log = AttemptLog::new(&self.run_dir, attempt.0, attempt.1);
        let mut output = Output::new(style.clone(), u64::MAX);
        let end = if self.has_ended(attempt) { End::Reached } else { End::Open };
        // What cannot be read is met again, and told, when it is printed.
        let _ = log.advance(end, &mut |piece: Piece<'_>| output.piece(piece, &mut io::sink()));
        if end == End::Reached {
            let _ = output.finish(&mut io::sink());
        }
        output.lines()
    }
}
