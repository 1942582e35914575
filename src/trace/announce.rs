//! What is said at once when tasks are, or may soon be, stopped: who is still running, and what comes next.

use super::words;
use crate::model::{Level, Ms};
use crate::scheduler::Announced;

/// The most names that an announcement carries.
const MAX_NAMES: usize = 8;

/// Returns the text for what was just announced, as a line without its newline; `running` are the names
/// of the tasks that have a process.
pub fn announcement(what: Announced, running: &[String]) -> String {
    let names = words::names(running.iter().map(String::as_str), MAX_NAMES);
    let tasks = words::count(running.len(), "task", "tasks");
    match what {
        Announced::Cancel { level: Level::Drain, n_asked, .. } if n_asked > 0 => {
            let asked = words::count(n_asked, "task", "tasks");
            let others = match running.len().saturating_sub(n_asked) {
                0 => String::new(),
                others => format!(", {others} may finish"),
            };
            format!(
                "pyoco: cancelling: nothing new starts, {asked} asked to end{others}; \
                 press Ctrl-C again to stop: {names}"
            )
        }
        Announced::Cancel { level, grace, n_asked: _ } => cancel(level, grace, &tasks, &names),
        Announced::FinallyGoesOn { left } => {
            let names = if names.is_empty() { names } else { format!(": {names}") };
            format!("pyoco: stopping: `finally` has {left} left; press Ctrl-C again to kill{names}")
        }
        Announced::RunTimeout if running.is_empty() => {
            "pyoco: timeout of the run: nothing is running".to_owned()
        }
        Announced::RunTimeout => {
            format!("pyoco: timeout of the run: {tasks} asked to end: {names}")
        }
    }
}

/// Words a level of a cancel; `names` is empty where nothing runs.
fn cancel(level: Level, grace: Ms, tasks: &str, names: &str) -> String {
    match (level, names.is_empty()) {
        (Level::Drain, false) => format!(
            "pyoco: cancelling: nothing new starts, {tasks} may finish; \
             press Ctrl-C again to stop: {names}"
        ),
        (Level::Drain, true) => {
            "pyoco: cancelling: nothing new starts, and nothing is running".to_owned()
        }
        (Level::Stop, false) => format!(
            "pyoco: stopping: {tasks} asked to end, killed in {grace}; \
             press Ctrl-C again to kill: {names}"
        ),
        (Level::Stop, true) => "pyoco: stopping: nothing is running".to_owned(),
        (Level::Kill, false) => format!("pyoco: killing {tasks}: {names}"),
        (Level::Kill, true) => "pyoco: killing: nothing is running".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_says_who_runs_and_what_comes_next() {
        let two = ["build".to_owned(), "serve\x1b[2J".to_owned()];
        let told = |level, running: &[String]| {
            announcement(Announced::Cancel { level, grace: Ms(2000), n_asked: 0 }, running)
        };
        assert_eq!(
            told(Level::Drain, &two),
            "pyoco: cancelling: nothing new starts, 2 tasks may finish; \
             press Ctrl-C again to stop: build, serve\\x1b[2J"
        );
        assert_eq!(
            told(Level::Stop, &two),
            "pyoco: stopping: 2 tasks asked to end, killed in 2.0 s; \
             press Ctrl-C again to kill: build, serve\\x1b[2J"
        );
        let some = Announced::Cancel { level: Level::Drain, grace: Ms(2000), n_asked: 1 };
        assert_eq!(
            announcement(some, &two),
            "pyoco: cancelling: nothing new starts, 1 task asked to end, 1 may finish; \
             press Ctrl-C again to stop: build, serve\\x1b[2J"
        );
        assert_eq!(told(Level::Kill, &two[..1]), "pyoco: killing 1 task: build");
        for level in [Level::Drain, Level::Stop, Level::Kill] {
            assert!(told(level, &[]).ends_with("nothing is running"));
        }
        assert_eq!(
            announcement(Announced::FinallyGoesOn { left: Ms(8000) }, &two[..1]),
            "pyoco: stopping: `finally` has 8.0 s left; press Ctrl-C again to kill: build"
        );
        let many: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
        assert!(told(Level::Drain, &many).ends_with("t6, t7 and 12 more"));
    }
}
