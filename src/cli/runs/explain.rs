//! Says in words how a task's last attempt ended.

use crate::event::TaskView;
use crate::model::{Size, escape, signal_name};

/// Returns how the last attempt ended: `exit 137 = SIGKILL, often out of memory; peak 3.9 GiB`.
pub(super) fn explain_exit(task: &TaskView) -> String {
    let measured = task.last().map(|attempt| &attempt.measured);
    let reason = task.reason.as_ref().or(task.last().and_then(|last| last.reason.as_ref()));
    let peak = measured.and_then(|m| m.max_rss).map(|bytes| format!("; peak {}", Size(bytes)));
    let peak = peak.unwrap_or_default();
    let program = task.last().and_then(|last| last.argv.first()).map_or("", String::as_str);
    if let Some(reason) = reason.filter(|reason| matches!(reason.kind(), "timeout" | "spawn")) {
        return escape(reason.as_str()).into_owned();
    }
    match (measured.and_then(|m| m.exit_code), measured.and_then(|m| m.signal)) {
        (_, Some(9)) => format!("SIGKILL, often out of memory{peak}"),
        (_, Some(signal)) => format!("{}{peak}", signal_name(signal)),
        (Some(126), None) => format!("exit 126 = not executable: {}", escape(program)),
        (Some(127), None) => "exit 127 = not found".to_owned(),
        (Some(137), None) => format!("exit 137 = SIGKILL, often out of memory{peak}"),
        (Some(code @ 129..=192), None) => {
            format!("exit {code} = {}{peak}", signal_name(code - 128))
        }
        (Some(code), None) => format!("exit {code}"),
        (None, None) => reason.map(|r| escape(r.as_str()).into_owned()).unwrap_or_default(),
    }
}
