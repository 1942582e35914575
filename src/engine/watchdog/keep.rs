//! The watchdog's own side: listens to a run, and ends its tasks when the run is no more.

use std::collections::HashSet;
use std::io::{self, Read};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::protocol::Told;
use crate::engine::os::{self, Belonging};
use crate::model::RunId;

/// How often it is looked at what is not clear yet, and the pause between. A task whose start could
/// not be told of any more may still be on the way from a copy of pyoco to its program, and a member
/// of a group from one program to the next: that takes microseconds, or longer on a busy machine.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Whose tasks a watchdog ends.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The run.
    pub run_id: RunId,
    /// The number of the session of the process that runs it, and so of its tasks.
    pub session: i32,
}

/// Listens to a run until it is over, and returns. Where the run ends without saying so (nobody is
/// left who could write to `pipe`), kills the groups of its tasks first.
///
/// This is what the program does that [`Engine::with_watchdog`](crate::engine::Engine::with_watchdog)
/// starts. A group is killed only if it is known to be that of a task still, and not of somebody who
/// was given the same number since then.
///
/// # Errors
/// Where `pipe` cannot be read: then nobody knows whether the run has ended, and nothing is killed.
pub fn keep_watch(watched: Watched, mut pipe: impl Read) -> io::Result<()> {
    let mut told = Told::default();
    let mut buffer = [0; 4096];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => told.take(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if told.is_over {
            return Ok(());
        }
    }
    end_all(told, watched);
    Ok(())
}

fn end_all(mut told: Told, watched: Watched) {
    let mut known: HashSet<Pid> = told.groups.keys().copied().collect();
    for _ in 0..LOOKS {
        told.groups.retain(|leader, start| match os::belonging(*leader, *start, watched) {
            Belonging::Ours => {
                kill(*leader);
                os::kill_started_at(*leader, *start); // it may have gone to another group
                false
            }
            Belonging::Foreign => false,
            Belonging::Unclear => true,
        });
        if told.starting > 0 {
            for leader in os::untold_groups(watched, &known) {
                kill(leader);
                known.insert(leader);
                told.starting = told.starting.saturating_sub(1);
            }
        }
        if told.groups.is_empty() && told.starting == 0 {
            return;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

fn kill(leader: Pid) {
    // A group that has gone meanwhile is as good.
    let _ = kill_process_group(leader, Signal::KILL);
}
