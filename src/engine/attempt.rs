//! One attempt of a task, from its start to the moment when its process has exited and its output is
//! drained. Runs on a worker thread of its own.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duct::{Expression, Handle};
use rustix::process::Pid;
use tempfile::NamedTempFile;

use super::command::{Command, refusal};
use super::foreground::{Held, LOOK_AT_INTERACTIVE, LOOK_AT_OTHERS, Loan};
use super::group::stop_signal;
use super::local::Context;
use super::logs::Log;
use super::os::{self, ExitWatch};
use super::poll::readable;
use super::results::{self, Capture};
use super::signal_mask;
use crate::event::{MAX_TAIL, Measured, StoreError, Stream};
use crate::model::{Mask, MaskStream, Ms, Reason, TaskId, escape};
use crate::scheduler::{Ended, Input, Results, Started};

/// How long output may stay open after the process has exited.
const LEAK_GRACE: Ms = Ms::secs(1);
/// The same once everything was killed: there is at most a second for the whole end of the run.
const LEAK_GRACE_KILLED: Ms = Ms(200);
/// How often it is looked whether a group still has its grace; its end is noticed at once.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How many bytes a pipe holds, as long as nobody asked for a larger one.
const MAX_IN_PIPE: usize = 64 << 10;
/// The most that one event says of a command.
const MAX_ARGV: usize = 4096;
/// The longest reason: it is shown on one line.
const MAX_REASON: usize = 400;

/// Runs one attempt; reports its start and its end.
pub(super) fn run(run: &Context, task: TaskId, attempt: u32, buffer: &mut [u8]) {
    let ended = match start(run, task, attempt) {
        Ok(mut process) => {
            let (dir, output) =
                (std::mem::take(&mut process.dir), std::mem::take(&mut process.output));
            let globs = std::mem::take(&mut process.globs);
            let (measured, capture, log) = process.watch(run, buffer);
            let left = results::Left {
                globs: &globs,
                task,
                dir: &dir,
                output: &output,
                measured: &measured,
                capture,
            };
            let results = results::collect(run, left);
            // Before anybody is told that it has ended.
            run.hide_secrets(&log);
            Ended { task, attempt, not_started: None, measured, results }
        }
        Err(reason) => {
            let (measured, results) = (Measured::default(), Ok(Results::default()));
            Ended { task, attempt, not_started: Some(reason), measured, results }
        }
    };
    run.tell(Input::Ended(Box::new(ended)));
}

/// A process under way.
struct Process {
    task: TaskId,
    attempt: u32,
    pid: Pid,
    handle: Handle,
    exit: ExitWatch,
    pipes: Vec<(Stream, PipeReader)>,
    /// The folder that it runs in, and the file behind `$PYOCO_OUTPUT`.
    dir: PathBuf,
    output: PathBuf,
    globs: Vec<String>,
    /// The terminal, where the task has it.
    loan: Option<Loan>,
    /// The foreground, where it is to stay ours.
    held: Option<Held>,
    /// What the interpreter reads, perhaps as it goes: it goes away with the process.
    _script: Option<NamedTempFile>,
}

fn start(run: &Context, task: TaskId, attempt: u32) -> Result<Process, Reason> {
    let command = Command::prepare(run, task, attempt)?;
    let cannot = |error: io::Error| {
        Reason::spawn(cut(&run.mask.now().text(&refusal(&command.program, &error)), MAX_REASON))
    };
    let mut loan = Loan::prepare(run, task, attempt)?;
    let starting = match &mut loan {
        Some(loan) => loan.begin_start(run)?,
        None => run.groups.begin_start(),
    };
    let held = if loan.is_none() { Held::now(run) } else { None };
    // Without a terminal it gets what we were given to read.
    let is_reader = run.plan.flow.task(task).options.interactive;
    let (argv, (handle, pipes)) = launch(&command, loan.as_ref(), is_reader).map_err(cannot)?;
    let pid = handle.pids().first().and_then(|pid| Pid::from_raw(*pid as i32));
    let Some(pid) = pid else { return Err(Reason::spawn("no process")) };
    starting.entered(task, attempt, pid);
    if let Some(loan) = &mut loan {
        loan.is_held_by(run, pid);
    }
    let exit = match ExitWatch::new(pid) {
        Ok(exit) => exit,
        Err(error) => {
            run.groups.give_up(task, attempt, &handle);
            return Err(cannot(error));
        }
    };
    let (argv, argv_cut) = shown(argv, &run.mask.now());
    run.tell(Input::Started(Box::new(Started {
        task,
        attempt,
        pid: u32::try_from(pid.as_raw_nonzero().get()).ok(),
        argv,
        argv_cut,
        dir: Some(cut(&run.mask.now().text(&command.dir.to_string_lossy()), MAX_ARGV).to_owned()),
    })));
    let Command { dir, output, globs, script: _script, .. } = command;
    Ok(Process { task, attempt, pid, handle, exit, pipes, dir, output, globs, loan, held, _script })
}

/// A process with the other ends of the pipes that it writes to.
type Launched = (Handle, Vec<(Stream, PipeReader)>);

/// What is executed: the program, and after it its arguments.
type Argv<'c> = (&'c Path, &'c [OsString]);

/// Starts the process, without a shell in between where that would only execute it. Returns with it what
/// was executed.
fn launch<'c>(
    command: &'c Command,
    loan: Option<&Loan>,
    is_reader: bool,
) -> io::Result<(Argv<'c>, Launched)> {
    let launch = |program: &'c Path, words: &'c [OsString]| {
        let (expression, pipes) = expression(command, program, words, loan, is_reader)?;
        // So Ctrl-Z reaches it: pyoco keeps that signal from its threads, and the mask is inherited. A
        // start that sets it otherwise would have to fork.
        let _mask = signal_mask::unblock(&signal_mask::KEPT);
        Ok(((program, &words[1..]), (expression.start()?, pipes)))
    };
    let simple = command.simple.as_ref();
    match simple.map(|simple| launch(&simple.program, &simple.words)) {
        Some(Ok(launched)) => Ok(launched),
        Some(Err(_)) | None => launch(&command.program, &command.words),
    }
}

/// Returns what is started, with the other ends of its pipes: they end once it is dropped and all who
/// write have closed theirs.
fn expression(
    command: &Command,
    program: &Path,
    words: &[OsString],
    loan: Option<&Loan>,
    is_reader: bool,
) -> io::Result<(Expression, Vec<(Stream, PipeReader)>)> {
    let (name, dir) = (words[0].clone(), command.dir.clone());
    // As a text: of a path duct makes another one, and `$0` would be that.
    let expression = duct::cmd(program.as_os_str(), &words[1..])
        .full_env(command.env.iter().cloned())
        .unchecked()
        .before_spawn(move |command| {
            // Not by duct, for the same reason.
            command.current_dir(&dir).arg0(&name).process_group(0);
            Ok(())
        });
    match (loan, &command.stdin) {
        (Some(loan), _) => Ok((loan.attach(expression)?, Vec::new())),
        (None, Some(file)) => captured(expression.stdin_file(file.try_clone()?)),
        (None, None) if is_reader => captured(expression),
        (None, None) => captured(expression.stdin_null()),
    }
}

/// Lets what is started write into pipes; returns their other ends.
fn captured(expression: Expression) -> io::Result<(Expression, Vec<(Stream, PipeReader)>)> {
    let (out, out_writer) = io::pipe()?;
    let (err, err_writer) = io::pipe()?;
    let expression = expression.stdout_file(out_writer).stderr_file(err_writer);
    Ok((expression, vec![(Stream::Out, out), (Stream::Err, err)]))
}

/// Returns what the record says of it, and whether that is only a part.
fn shown((program, arguments): Argv<'_>, mask: &Mask) -> (Vec<String>, bool) {
    let words = std::iter::once(program.as_os_str()).chain(arguments.iter().map(|word| &**word));
    let (mut argv, mut room) = (Vec::new(), MAX_ARGV);
    for word in words {
        // First: of what is cut in the middle a part would be left.
        let word = mask.bytes(word.as_bytes());
        let word = String::from_utf8_lossy(&word);
        let kept = cut(&word, room);
        argv.push(kept.to_owned());
        room -= kept.len();
        if kept.len() < word.len() {
            return (argv, true);
        }
    }
    (argv, false)
}

/// Returns the beginning of `text`, at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

impl Process {
    /// Takes the output until the process has exited and its pipes are closed, or until they have
    /// been open for too long after that; then reaps it. A group that was asked to end is waited for
    /// until it is gone or was killed.
    fn watch(
        mut self,
        run: &Context,
        buffer: &mut [u8],
    ) -> (Measured, Option<Capture>, Vec<PathBuf>) {
        let mut output = Output::new(run, self.task, self.attempt);
        let mut exited_at: Option<Ms> = None;
        let look_every = self.look_every(run);
        let mut looked_at = Instant::now();
        let mut left = Left::Unseen;
        loop {
            if exited_at.is_some() && left.look(run, &self) {
                exited_at = Some(run.clock.ms()); // a look may take its time, and others come first
            }
            let at_most = match exited_at {
                None => look_every,
                Some(_) if left.is_there() => Some(LOOK_AGAIN),
                Some(_) if self.pipes.is_empty() => break,
                Some(at) => match leak_grace(run) - (run.clock.ms() - at) {
                    Ms(0) => {
                        self.take_the_rest(&mut output, buffer);
                        break;
                    }
                    left => Some(left.duration()),
                },
            };
            let mut descriptors: Vec<BorrowedFd<'_>> =
                self.pipes.iter().map(|(_, pipe)| pipe.as_fd()).collect();
            descriptors.extend(left.members().iter().map(AsFd::as_fd));
            if exited_at.is_none() {
                descriptors.push(self.exit.as_fd());
            }
            let Ok(ready) = readable(&descriptors, at_most) else { break };
            let mut index = 0;
            self.pipes.retain_mut(|(stream, pipe)| {
                let is_ready = ready[index];
                index += 1;
                !is_ready || output.take(*stream, pipe, buffer)
            });
            let mut has_ended = ready[index..].iter();
            left.retain(|| has_ended.next() == Some(&false));
            // What a kill leaves behind has its moment too.
            if left.is_there() || has_ended.next() == Some(&true) {
                exited_at = Some(run.clock.ms());
                if let Some(held) = self.held.take() {
                    held.keep(run, self.pid);
                }
                if let Some(mut loan) = self.loan.take() {
                    loan.ended(run, &os::peek_end(self.pid).unwrap_or_default());
                    drop(loan); // it is wanted back at once
                    run.groups.lost_terminal(self.task, self.attempt);
                }
            }
            let is_due = |every| looked_at.elapsed() >= every;
            if exited_at.is_none() && look_every.is_some_and(is_due) {
                self.look_whether_stopped(run);
                looked_at = Instant::now();
            }
        }
        self.finish(run, output)
    }

    /// Takes what lies in the pipes already: where the machine or the disk is slow, the time that output
    /// may stay open is over before it was all read.
    fn take_the_rest(&mut self, output: &mut Output<'_>, buffer: &mut [u8]) {
        self.pipes.retain_mut(|(stream, pipe)| {
            let mut n_reads = MAX_IN_PIPE.div_ceil(buffer.len()) + 1; // the end is one too
            while readable(&[pipe.as_fd()], Some(Duration::ZERO)).is_ok_and(|it| it == [true]) {
                if n_reads == 0 {
                    return true; // somebody writes on
                }
                n_reads -= 1;
                if !output.take(*stream, pipe, buffer) {
                    return false;
                }
            }
            true
        });
    }

    /// Returns how often it is to be looked whether the process was stopped: never without a terminal.
    fn look_every(&self, run: &Context) -> Option<Duration> {
        match (&run.terminal, &self.loan) {
            (None, _) => None,
            (Some(_), None) => Some(LOOK_AT_OTHERS),
            (Some(_), Some(_)) => Some(LOOK_AT_INTERACTIVE),
        }
    }

    /// Sees to a process that was stopped. The system stops the whole group of one that wants the
    /// terminal, so that the leader says it for all.
    fn look_whether_stopped(&mut self, run: &Context) {
        let Some(by) = stop_signal(self.pid) else { return };
        let wants_terminal = match &mut self.loan {
            Some(loan) => match loan.stopped(run, by) {
                Ok(()) => false,
                Err(reason) => {
                    run.console.notice(escape(reason.as_str()).into_owned());
                    true
                }
            },
            None => by == libc::SIGTTIN || by == libc::SIGTTOU,
        };
        if wants_terminal {
            run.tell(Input::WantsTerminal { task: self.task, attempt: self.attempt });
        }
    }

    /// Returns also the files of the log, where secrets are to be taken out of them.
    fn finish(
        self,
        run: &Context,
        mut output: Output<'_>,
    ) -> (Measured, Option<Capture>, Vec<PathBuf>) {
        output.end();
        let has_secret = run.plan.flow.has_secret_output(self.task);
        let log = if has_secret { output.log.files() } else { Vec::new() };
        let end = os::peek_end(self.pid).unwrap_or_default();
        let mut measured = Measured {
            exit_code: end.code,
            signal: end.signal,
            cpu_ms: end.cpu_ms,
            max_rss: end.max_rss,
            bytes: output.bytes,
            unkept: run.logs.close(run, &output.log),
            withheld: output.withheld,
            tail: output.tail(),
            leaked: Vec::new(),
        };
        if self.pipes.is_empty() {
            run.groups.reap(self.task, self.attempt, self.handle, self.exit);
        } else {
            let pipes: Vec<BorrowedFd<'_>> =
                self.pipes.iter().map(|(_, pipe)| pipe.as_fd()).collect();
            measured.leaked = run.groups.holders(self.pid, &pipes);
            run.groups.keep_leaked(self.task, self.attempt, self.handle);
            run.drains.add(self.pipes.into_iter().map(|(_, pipe)| pipe).collect());
        }
        (measured, output.capture, log)
    }
}

/// What is left of a group that was asked to end, and whose leader has exited.
enum Left {
    /// It was not looked, or it is of no interest: the group has no grace.
    Unseen,
    /// Some are there: these, as long as they have not ended. Where it is none, it is to be looked.
    There(Vec<OwnedFd>),
    /// Nobody: that is for ever.
    Gone,
}

impl Left {
    /// Looks whether the group has its grace still, and who is left of it, unless one is there who was
    /// so before: a look is dear. Returns whether it was looked.
    fn look(&mut self, run: &Context, process: &Process) -> bool {
        // Who was asked to end has time for it, whether or not the leader has gone before.
        if !run.groups.has_grace(process.task, process.attempt) {
            *self = Left::Unseen;
            return false;
        }
        if matches!(self, Left::Gone) || !self.members().is_empty() {
            return false;
        }
        *self = match run.groups.members(process.pid) {
            Ok(members) if members.is_empty() => Left::Gone,
            Ok(members) => Left::There(members),
            // Who cannot be watched is there all the same.
            Err(_) => Left::There(Vec::new()),
        };
        true
    }

    fn is_there(&self) -> bool {
        matches!(self, Left::There(_))
    }

    fn members(&self) -> &[OwnedFd] {
        match self {
            Left::There(members) => members,
            Left::Unseen | Left::Gone => &[],
        }
    }

    fn retain(&mut self, mut has_stayed: impl FnMut() -> bool) {
        match self {
            Left::There(members) => members.retain(|_| has_stayed()),
            Left::Unseen | Left::Gone => {}
        }
    }
}

fn leak_grace(run: &Context) -> Ms {
    if run.groups.is_killed() { LEAK_GRACE_KILLED } else { LEAK_GRACE }
}

/// The output of an attempt on its way into the log and to the console.
struct Output<'a> {
    run: &'a Context,
    log: Arc<Log>,
    /// For the two streams; `None` where nothing is masked.
    masks: Option<Box<[MaskStream; 2]>>,
    /// The standard output as a value, where it is one.
    capture: Option<Capture>,
    /// Whether that value is a secret, so that the standard output goes nowhere else.
    hides_stdout: bool,
    /// How many bytes the task put out, how many of them go nowhere, and how many are kept without
    /// secrets.
    bytes: u64,
    withheld: u64,
    n_kept: u64,
    tail: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(run: &'a Context, task: TaskId, attempt: u32) -> Output<'a> {
        let log = run.logs.open(run, task, attempt);
        let mask = run.mask.now();
        let masks = (!mask.is_empty()).then(|| Box::new([mask.stream(), mask.stream()]));
        let promises = run.plan.flow.task(task).options.promises.as_deref();
        let captured = promises.and_then(|promises| promises.capture.as_deref());
        let hides_stdout =
            captured.is_some_and(|output| run.plan.flow.is_secret_output(task, output));
        let capture = captured.map(|_| Capture::default());
        Output {
            run,
            log,
            masks,
            capture,
            hides_stdout,
            bytes: 0,
            withheld: 0,
            n_kept: 0,
            tail: Vec::new(),
        }
    }

    /// Reads once from a pipe that is ready; returns whether there can be more.
    fn take(&mut self, stream: Stream, pipe: &mut PipeReader, buffer: &mut [u8]) -> bool {
        match pipe.read(buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.bytes += n as u64;
                if let (Stream::Out, Some(capture)) = (stream, &mut self.capture) {
                    capture.take(&buffer[..n]);
                }
                match self.hides_stdout && stream == Stream::Out {
                    true => self.withheld += n as u64,
                    false => self.mask(stream, &buffer[..n]),
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(source) => {
                let path = self.run.plan.flow.task(self.log.task()).name().into();
                self.run.log_broke(&StoreError::Io { action: "read from", path, source });
                false
            }
        }
    }

    /// Keeps some output, without secrets.
    fn mask(&mut self, stream: Stream, bytes: &[u8]) {
        let Some(mut masks) = self.masks.take() else { return self.keep(stream, bytes) };
        match stream {
            Stream::Out => self.keep_pieces(stream, masks[0].push(bytes)),
            Stream::Err => self.keep_pieces(stream, masks[1].push(bytes)),
            Stream::Pyoco => unreachable!("BUG: a pipe that is none of the task's"),
        }
        self.masks = Some(masks);
    }

    /// Keeps what was held back because it might have become a secret: nothing follows.
    fn end(&mut self) {
        let Some(mut masks) = self.masks.take() else { return };
        self.keep_pieces(Stream::Out, masks[0].finish());
        self.keep_pieces(Stream::Err, masks[1].finish());
    }

    /// What was held back may be longer than what is read at once.
    fn keep_pieces(&mut self, stream: Stream, bytes: &[u8]) {
        bytes.chunks(2 * self.run.piece).for_each(|piece| self.keep(stream, piece));
    }

    fn keep(&mut self, stream: Stream, bytes: &[u8]) {
        self.n_kept += bytes.len() as u64;
        let recent = &bytes[bytes.len().saturating_sub(MAX_TAIL)..];
        let kept = self.tail.len().min(MAX_TAIL - recent.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(recent);
        self.log.keep(self.run, stream, bytes);
    }

    /// Returns the end of the output as text, at most [`MAX_TAIL`] bytes.
    fn tail(&self) -> Option<String> {
        if self.tail.is_empty() {
            return None;
        }
        let was_cut = self.n_kept > self.tail.len() as u64;
        let mut tail = &self.tail[..];
        // Where it was cut it begins in the middle of a line: better with the next one, if there is.
        if was_cut && let Some(end) = memchr::memchr(b'\n', tail).filter(|end| end + 1 < tail.len())
        {
            tail = &tail[end + 1..];
        }
        let text = String::from_utf8_lossy(tail);
        Some(text[text.ceil_char_boundary(text.len().saturating_sub(MAX_TAIL))..].to_owned())
    }
}
