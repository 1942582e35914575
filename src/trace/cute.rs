//! The cute style: the lines for people. What they say stands in one place each, here.

use super::words;
use crate::event::{Event, Line, RunView, TaskFinished};
use crate::model::{RunStatus, TaskState, escape};

/// Returns what an event says to people, without a newline; `None` where it says nothing.
pub fn line(view: &RunView, line: &Line) -> Option<String> {
    match &line.event {
        Event::RunStarted(started) => {
            let run_id = started.run_id.map_or(String::new(), |id| format!(" run_id={id}"));
            Some(format!("🐇 pyoco > start flow={}{run_id}", escape(&started.flow)))
        }
        Event::TaskStarted(started) => Some(format!("🏃 start node={}", escape(&started.name))),
        Event::TaskRetrying(retrying) => Some(format!(
            "🔁 retry node={} in {} {}",
            escape(&retrying.name),
            retrying.after,
            escape(retrying.reason.as_str())
        )),
        Event::TaskFinished(finished) => ended(view, finished),
        Event::RunCancelling(cancelling) => {
            let by = cancelling.by.as_str();
            let by = if by.is_empty() { String::new() } else { format!(" by={}", escape(by)) };
            Some(format!("🛑 cancelling … level={}{by}", cancelling.level))
        }
        Event::RunFinished(finished) => {
            let word = match finished.status {
                RunStatus::Completed => "🥕 done",
                RunStatus::Failed => "💥 failed",
                RunStatus::Cancelled => "🛑 cancelled",
                RunStatus::Pending | RunStatus::Running | RunStatus::Cancelling => return None,
            };
            let flow = escape(&view.header().flow);
            Some(format!("{word} flow={flow} ({})", words::run_took(view)))
        }
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

/// Returns the line that stands for several more tasks which ended in the same way and never ran.
pub(super) fn more(state: TaskState, reason_kind: &str, n_tasks: usize) -> String {
    let (emoji, word) = match state {
        TaskState::Cancelled => ("🛑", "cancelled"),
        TaskState::Skipped
        | TaskState::Pending
        | TaskState::Queued
        | TaskState::Running
        | TaskState::Succeeded
        | TaskState::Failed => ("⏭️", "skip"),
    };
    let tasks = words::count(n_tasks, "more task", "more tasks");
    format!("{emoji} {word} {tasks} {}", escape(reason_kind)).trim_end().to_owned()
}

fn ended(view: &RunView, finished: &TaskFinished) -> Option<String> {
    let name = escape(&finished.name);
    match finished.state {
        TaskState::Succeeded => Some(match words::took(view, finished.task) {
            Some(took) => format!("✅ done node={name} ({took})"),
            None => format!("✅ done node={name}"),
        }),
        TaskState::Failed => {
            let failure = words::failure(words::reason_of(finished).as_ref());
            Some(format!("💥 error node={name} {failure}"))
        }
        TaskState::Cancelled => Some(format!("🛑 cancelled node={name}")),
        TaskState::Skipped => Some(match &finished.reason {
            Some(reason) => format!("⏭️ skip node={name} {}", escape(reason.as_str())),
            None => format!("⏭️ skip node={name}"),
        }),
        TaskState::Pending | TaskState::Queued | TaskState::Running => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::line;

    #[test]
    fn every_kind_of_line() {
        let story = Story::of_everything();
        let expected = "\
🐇 pyoco > start flow=release run_id=0195a1b2-0000-7000-8000-00001a2b3c4d
🏃 start node=build
✅ done node=build (1.2 s)
🏃 start node=test
🔁 retry node=test in 1.0 s exit(2)
🏃 start node=test
💥 error node=test exit 2
🏃 start node=oom
💥 error node=oom signal SIGKILL
🏃 start node=slow
💥 error node=slow timeout
💥 error node=lost spawn no such file `np m`
⏭️ skip node=pack upstream(test)
⏭️ skip node=a b not_selected
🛑 cancelling … level=drain by=SIGINT
🛑 cancelled node=serve
💥 failed flow=release (12.4 s)
";
        assert_eq!(story.told(line), expected);
    }

    #[test]
    fn ends() {
        use crate::model::RunStatus;
        let cases = [
            (RunStatus::Completed, "🥕 done flow=release (12.4 s)\n"),
            (RunStatus::Failed, "💥 failed flow=release (12.4 s)\n"),
            (RunStatus::Cancelled, "🛑 cancelled flow=release (12.4 s)\n"),
        ];
        for (status, expected) in cases {
            let told = Story::ending(status).told(line);
            assert!(told.ends_with(expected), "{told}");
        }
    }
}
