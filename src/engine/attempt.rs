//! One attempt of a task, from its start to the moment when its process has exited and its output is
//! drained. Runs on a worker thread of its own.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duct::Handle;
use rustix::process::Pid;
use tempfile::NamedTempFile;

use super::command::{Command, refusal};
use super::leaks::readable;
use super::local::Context;
use super::logs::Log;
use super::os::{self, ExitWatch};
use crate::event::{MAX_TAIL, Measured, StoreError, Stream};
use crate::model::{Reason, TaskId};
use crate::scheduler::{Ended, Input, Started};

/// How long output may stay open after the process has exited.
const LEAK_GRACE: Duration = Duration::from_secs(1);
/// The same once everything was killed: there is at most a second for the whole end of the run.
const LEAK_GRACE_KILLED: Duration = Duration::from_millis(200);
/// How often it is looked whether a group still has its grace; its end is noticed at once.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The most that one event says of a command.
const MAX_ARGV: usize = 4096;
/// The longest reason: it is shown on one line.
const MAX_REASON: usize = 400;

/// Runs one attempt; reports its start and its end.
pub(super) fn run(run: &Context, task: TaskId, attempt: u32, buffer: &mut [u8]) {
    let (not_started, measured) = match start(run, task, attempt) {
        Ok(process) => (None, process.watch(run, buffer)),
        Err(reason) => (Some(reason), Measured::default()),
    };
    run.tell(Input::Ended(Box::new(Ended { task, attempt, not_started, measured })));
}

/// A process under way.
struct Process {
    task: TaskId,
    attempt: u32,
    pid: Pid,
    handle: Handle,
    exit: ExitWatch,
    pipes: Vec<(Stream, PipeReader)>,
    /// What the interpreter reads, perhaps as it goes: it goes away with the process.
    _script: Option<NamedTempFile>,
}

fn start(run: &Context, task: TaskId, attempt: u32) -> Result<Process, Reason> {
    let mut command = Command::prepare(run, task, attempt)?;
    let (env, stdin) = (std::mem::take(&mut command.env), command.stdin.take());
    let program = command.program.clone();
    let cannot = |error: io::Error| Reason::spawn(cut(&refusal(&program, &error), MAX_REASON));
    let (out, out_writer) = io::pipe().map_err(cannot)?;
    let (err, err_writer) = io::pipe().map_err(cannot)?;
    let mut expression = duct::cmd(&command.program, &command.arguments)
        .dir(&command.dir)
        .full_env(env)
        .stdout_file(out_writer)
        .stderr_file(err_writer)
        .unchecked()
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
    expression = match stdin {
        Some(file) => expression.stdin_file(file),
        None => expression.stdin_null(),
    };
    let starting = run.groups.starting();
    let handle = expression.start().map_err(cannot)?;
    drop(expression); // it holds the write ends, and the pipes end only when all of those are closed
    let pid = handle.pids().first().and_then(|pid| Pid::from_raw(*pid as i32));
    let Some(pid) = pid else { return Err(Reason::spawn("no process")) };
    run.groups.enter(task, attempt, pid);
    drop(starting); // the table knows it now
    let exit = match ExitWatch::new(pid) {
        Ok(exit) => exit,
        Err(error) => {
            run.groups.give_up(task, attempt, &handle);
            return Err(cannot(error));
        }
    };
    let (argv, argv_cut) = argv(&command);
    run.tell(Input::Started(Box::new(Started {
        task,
        attempt,
        pid: u32::try_from(pid.as_raw_nonzero().get()).ok(),
        argv,
        argv_cut,
        dir: Some(cut(&command.dir.to_string_lossy(), MAX_ARGV).to_owned()),
    })));
    let pipes = vec![(Stream::Out, out), (Stream::Err, err)];
    Ok(Process { task, attempt, pid, handle, exit, pipes, _script: command.script })
}

fn argv(command: &Command) -> (Vec<String>, bool) {
    let program = command.program.as_os_str();
    let words = std::iter::once(program).chain(command.arguments.iter().map(|word| &**word));
    let (mut argv, mut room) = (Vec::new(), MAX_ARGV);
    for word in words {
        let word = word.to_string_lossy();
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
    fn watch(mut self, run: &Context, buffer: &mut [u8]) -> Measured {
        let mut output = Output::new(run, self.task, self.attempt);
        let mut exited_at: Option<Instant> = None;
        loop {
            // Who was asked to end has time for it, whether or not the leader has gone before.
            let has_grace = exited_at.is_some() && run.groups.has_grace(self.task, self.attempt);
            let members = if has_grace { os::members(self.pid) } else { Vec::new() };
            let at_most = match exited_at {
                None => None,
                Some(_) if !members.is_empty() => Some(LOOK_AGAIN),
                Some(_) if self.pipes.is_empty() => break,
                Some(at) => match leak_grace(run).checked_sub(at.elapsed()) {
                    Some(left) if !left.is_zero() => Some(left),
                    Some(_) | None => break,
                },
            };
            let mut descriptors: Vec<BorrowedFd<'_>> =
                self.pipes.iter().map(|(_, pipe)| pipe.as_fd()).collect();
            descriptors.extend(members.iter().map(AsFd::as_fd));
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
            // What a kill leaves behind has its moment too.
            if !members.is_empty() || (exited_at.is_none() && ready[index]) {
                exited_at = Some(Instant::now());
            }
        }
        self.finish(run, output)
    }

    fn finish(self, run: &Context, output: Output<'_>) -> Measured {
        let end = os::peek_end(self.pid).unwrap_or_default();
        let mut measured = Measured {
            exit_code: end.code,
            signal: end.signal,
            cpu_ms: end.cpu_ms,
            max_rss: end.max_rss,
            bytes: output.bytes,
            tail: output.tail(),
            leaked: Vec::new(),
        };
        run.logs.close(&output.log);
        if self.pipes.is_empty() {
            run.groups.reap(self.task, self.attempt, self.handle, self.exit);
        } else {
            let pipes: Vec<BorrowedFd<'_>> =
                self.pipes.iter().map(|(_, pipe)| pipe.as_fd()).collect();
            measured.leaked = os::holders(self.pid, &pipes);
            run.groups.keep_leaked(self.task, self.attempt, self.handle);
            run.drains.add(self.pipes.into_iter().map(|(_, pipe)| pipe).collect());
        }
        measured
    }
}

fn leak_grace(run: &Context) -> Duration {
    if run.groups.is_killed() { LEAK_GRACE_KILLED } else { LEAK_GRACE }
}

/// The output of an attempt on its way into the log and to the console.
struct Output<'a> {
    run: &'a Context,
    log: Arc<Log>,
    bytes: u64,
    tail: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(run: &'a Context, task: TaskId, attempt: u32) -> Output<'a> {
        let log = run.logs.open(run, task, attempt);
        Output { run, log, bytes: 0, tail: Vec::new() }
    }

    /// Reads once from a pipe that is ready; returns whether there can be more.
    fn take(&mut self, stream: Stream, pipe: &mut PipeReader, buffer: &mut [u8]) -> bool {
        match pipe.read(buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.keep(stream, &buffer[..n]);
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

    fn keep(&mut self, stream: Stream, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
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
        let was_cut = self.bytes > self.tail.len() as u64;
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
