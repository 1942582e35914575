//! The plain style: logfmt, one event a line, no escape sequence, no emoji, no carriage return.
//! Tools read it, so a line is only ever extended at its end.

use super::words::{self, logfmt};
use crate::event::{Event, Line, RunView, TaskFinished};
use crate::model::{Reason, TaskState};

/// Returns an event as a line of logfmt, without a newline; `None` where it has none.
pub fn line(view: &RunView, line: &Line) -> Option<String> {
    match &line.event {
        Event::RunStarted(started) => {
            let run_id = started.run_id.map_or(String::new(), |id| format!(" run_id={id}"));
            Some(format!("INFO pyoco start flow={}{run_id}", logfmt(&started.flow)))
        }
        Event::TaskStarted(started) => Some(format!(
            "INFO pyoco start node={} attempt={}",
            logfmt(&started.name),
            started.attempt
        )),
        Event::TaskRetrying(retrying) => Some(format!(
            "WARN pyoco retry node={} attempt={} reason={} after_ms={}",
            logfmt(&retrying.name),
            retrying.attempt,
            logfmt(retrying.reason.as_str()),
            retrying.after.0
        )),
        Event::TaskFinished(finished) => ended(view, finished),
        Event::RunCancelling(cancelling) => Some(format!(
            "WARN pyoco cancelling level={} by={}",
            cancelling.level,
            logfmt(&cancelling.by)
        )),
        Event::RunFinished(finished) => Some(format!(
            "INFO pyoco end flow={} status={} dur_ms={}",
            logfmt(&view.header().flow),
            finished.status,
            words::run_took(view).0
        )),
        Event::TasksDeclared(_)
        | Event::RunNoted(_)
        | Event::TaskQueued(_)
        | Event::TaskStopping(_)
        | Event::TaskOutput(_)
        | Event::TaskArtifact(_)
        | Event::ArtifactHashed(_)
        | Event::Unknown => None,
    }
}

fn ended(view: &RunView, finished: &TaskFinished) -> Option<String> {
    let name = logfmt(&finished.name);
    let took = words::took(view, finished.task);
    let took = took.map_or(String::new(), |took| format!(" dur_ms={}", took.0));
    match finished.state {
        TaskState::Succeeded => Some(format!("INFO pyoco end node={name}{took}")),
        TaskState::Failed => {
            let why = words::reason_of(finished).as_ref().map_or(String::new(), failure);
            Some(format!("ERROR pyoco error node={name}{why}{took}"))
        }
        TaskState::Cancelled => Some(format!("WARN pyoco cancelled node={name}")),
        TaskState::Skipped => {
            let reason = finished.reason.as_ref().map_or("", Reason::as_str);
            Some(format!("INFO pyoco skip node={name} reason={}", logfmt(reason)))
        }
        TaskState::Pending | TaskState::Queued | TaskState::Running => None,
    }
}

/// Returns why a task failed as a field: an exit code and a signal have one of their own.
fn failure(reason: &Reason) -> String {
    match (reason.kind(), reason.argument()) {
        (kind @ ("exit" | "signal"), Some(value)) => format!(" {kind}={}", logfmt(value)),
        _ => format!(" reason={}", logfmt(reason.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::line;

    #[test]
    fn every_kind_of_line() {
        let expected = "\
INFO pyoco start flow=release run_id=0195a1b2-0000-7000-8000-00001a2b3c4d
INFO pyoco start node=build attempt=1
INFO pyoco end node=build dur_ms=1204
INFO pyoco start node=test attempt=1
WARN pyoco retry node=test attempt=1 reason=exit(2) after_ms=1000
INFO pyoco start node=test attempt=2
ERROR pyoco error node=test exit=2 dur_ms=1310
INFO pyoco start node=oom attempt=1
ERROR pyoco error node=oom signal=SIGKILL dur_ms=310
INFO pyoco start node=slow attempt=1
ERROR pyoco error node=slow reason=timeout dur_ms=500
ERROR pyoco error node=lost reason=\"spawn(no such file `np m`)\"
INFO pyoco skip node=pack reason=upstream(test)
INFO pyoco skip node=\"a b\" reason=not_selected
WARN pyoco cancelling level=drain by=SIGINT
WARN pyoco cancelled node=serve
INFO pyoco end flow=release status=FAILED dur_ms=12400
";
        assert_eq!(Story::of_everything().told(line), expected);
    }
}
