//! What stands at the end of a run: the first task that really failed, with what it ran, how it ended
//! and what it said last; then the rest, a line each; then how to look at it again.
//!
//! Free text, the same in every style. No line begins with text of a task, also not behind spaces:
//! GitHub takes a line for a command when `::` is the first thing on it that is no space.

use super::explain::{explain_exit, withheld};
use super::sanitise::last_lines;
use super::words;
use crate::event::{AttemptView, RunView, TaskView};
use crate::model::{Reason, RunStatus, TaskState, escape, shell_word, without_commands};

/// How many lines of output and of a script are shown.
const MAX_LINES: usize = 10;
/// How many lines of pyoco's own words on a task are shown.
const MAX_OWN_LINES: usize = 16;
/// How many characters of one such line are shown.
const MAX_WIDTH: usize = 300;
/// How many other failed tasks have a line of their own.
const MAX_FAILED: usize = 8;
/// How many names stand in one line.
const MAX_NAMES: usize = 8;

/// How a summary is written.
#[derive(Clone, Copy, Debug)]
pub struct SummaryOptions<'a> {
    /// Whether the run has a record to look at.
    pub record: bool,
    /// Whether nothing is said of a run in which nothing failed.
    pub quiet: bool,
    /// Whether colours are shown.
    pub colour: bool,
    /// The PATH in which a program near to a missing one is looked for.
    pub path: &'a str,
    /// What pyoco itself has to say of the first task that failed: the processes at its timeout.
    pub own_words: &'a str,
}

/// Returns what is to be said of a run that has ended, in lines; empty where that is nothing.
pub fn summary(view: &RunView, options: &SummaryOptions<'_>) -> String {
    let mut told = String::new();
    let has_failed = view.counts().failed > 0 || view.status() == RunStatus::Failed;
    if has_failed {
        failures(view, options, &mut told);
    }
    if view.status() != RunStatus::Completed && (has_failed || !options.quiet) {
        not_run(view, &mut told);
    }
    if has_failed || !options.quiet {
        leaks(view, &mut told);
        if options.record
            && let Some(run_id) = view.run_id()
        {
            told.push_str(&format!("pyoco runs show {}\n", run_id.short()));
        }
    }
    told
}

fn failures(view: &RunView, options: &SummaryOptions<'_>, told: &mut String) {
    let failed = || view.tasks().iter().filter(|task| task.state() == TaskState::Failed);
    let first = view.first_failure();
    let root = failed().find(|task| Some(&*task.name) == first).or_else(|| failed().next());
    // A run can fail by itself.
    let timed_out = view.reason() == Some(&Reason::TIMEOUT);
    if timed_out {
        told.push_str(&format!("the run failed: timeout after {}\n", words::run_took(view)));
    }
    let Some(root) = root else { return };
    let mut others: Vec<&TaskView> = failed().filter(|task| !std::ptr::eq(*task, root)).collect();
    if view.status() == RunStatus::Completed || timed_out {
        // All of them were allowed to, or are not why the run failed.
        others.insert(0, root);
    } else {
        root_cause(root, options, told);
        own_words(root, view, options, told);
    }
    others.sort_by_key(|task| task.ended);
    let also =
        if view.status() == RunStatus::Completed { "failed, as it may" } else { "also failed" };
    for task in others.iter().take(MAX_FAILED) {
        let how = explain_exit(task, options.path);
        told.push_str(&format!("{also}: {}: {how}\n", escape(&task.name)));
    }
    if others.len() > MAX_FAILED {
        told.push_str(&format!("{also}: {} more\n", others.len() - MAX_FAILED));
    }
}

fn root_cause(task: &TaskView, options: &SummaryOptions<'_>, told: &mut String) {
    let (on, off) = if options.colour { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    let attempts = match task.attempts.len() {
        0 | 1 => String::new(),
        n_attempts => format!(" (after {n_attempts} attempts)"),
    };
    told.push_str(&format!("{on}first failure: {}{off}{attempts}\n", escape(&task.name)));
    told.push_str(&format!("  ended: {}\n", explain_exit(task, options.path)));
    let Some(last) = task.last() else { return };
    let command = command(last);
    match &command[..] {
        [] => {}
        [line] => told.push_str(&format!("  command: {line}\n")),
        lines => {
            told.push_str("  command:\n");
            lines.iter().for_each(|line| told.push_str(&format!("  $ {line}\n")));
        }
    }
    if let Some(withheld) = withheld(&last.measured) {
        told.push_str(&format!("  {withheld}\n"));
    }
    let tail = last.measured.tail.as_deref().unwrap_or_default();
    let lines = last_lines(tail.as_bytes(), MAX_LINES, options.colour);
    if !lines.is_empty() {
        told.push_str("  last output:\n");
        for line in lines {
            let line = format!("  | {}\n", cut(&line));
            told.push_str(&without_commands(&line));
        }
    }
}

/// The processes of a task at its timeout, as they stand in its log.
fn own_words(task: &TaskView, view: &RunView, options: &SummaryOptions<'_>, told: &mut String) {
    let mut lines = options.own_words.lines();
    let Some(head) = lines.next() else { return };
    // A line that is ours, so that the task's last output and this are told apart.
    let head = head.strip_prefix("pyoco: ").unwrap_or(head);
    told.push_str(&format!("  {}\n", cut(&escape(head))));
    for line in lines.by_ref().take(MAX_OWN_LINES) {
        let line = line.strip_prefix("  ").unwrap_or(line);
        told.push_str(&format!("  | {}\n", cut(&escape(line))));
    }
    if lines.next().is_some() {
        let rest = view.run_id().filter(|_| options.record).map(|run_id| {
            let name = shell_word(&task.name);
            format!(": pyoco runs logs {} {} --stream pyoco", run_id.short(), escape(&name))
        });
        told.push_str(&format!("  | … and more{}\n", rest.unwrap_or_default()));
    }
}

/// Returns the command of an attempt for people: the script's first lines where a shell ran one, else
/// the words.
fn command(attempt: &AttemptView) -> Vec<String> {
    let argv = &attempt.argv;
    let Some(program) = argv.first() else { return Vec::new() };
    let program = program.rsplit('/').next().unwrap_or_default();
    let is_shell = matches!(program, "sh" | "bash" | "zsh" | "fish" | "dash" | "python3" | "node");
    let flag = argv.iter().position(|word| matches!(word.as_str(), "-c" | "-e"));
    // `sh -e -c SCRIPT`: the script stands behind the last of the flags.
    let script = argv.iter().position(|word| word == "-c").or(flag).and_then(|at| argv.get(at + 1));
    if let (true, Some(script)) = (is_shell, script) {
        let lines: Vec<&str> = script.lines().filter(|line| !line.trim().is_empty()).collect();
        let mut shown: Vec<String> =
            lines.iter().take(MAX_LINES).map(|line| cut(&escape(line))).collect();
        if lines.len() > MAX_LINES {
            shown.push(format!("… and {} more lines", lines.len() - MAX_LINES));
        }
        return shown;
    }
    let words: Vec<_> = argv.iter().map(|word| shell_word(word)).collect();
    vec![cut(&escape(&words.join(" ")))]
}

/// Returns the beginning of a line that is too long to be read.
fn cut(line: &str) -> String {
    match line.char_indices().nth(MAX_WIDTH) {
        None => line.to_owned(),
        Some((at, _)) if line[..at].contains('\x1b') => format!("{}\x1b[0m…", &line[..at]),
        Some((at, _)) => format!("{}…", &line[..at]),
    }
}

/// One line for all tasks that were skipped or stopped, by what happened to them and why.
fn not_run(view: &RunView, told: &mut String) {
    let mut groups: Vec<(TaskState, &str, Vec<&str>)> = Vec::new();
    for task in view.tasks() {
        let state = task.state();
        if !matches!(state, TaskState::Skipped | TaskState::Cancelled) {
            continue;
        }
        let reason = task.reason.as_ref().map_or("", |reason| reason.as_str());
        // Reasons name tasks, and so may be as many as there are tasks: by kind beyond a handful.
        let same =
            |group: &&mut (TaskState, &str, Vec<&str>)| group.0 == state && group.1 == reason;
        let kind = reason.split('(').next().unwrap_or_default();
        let is_full = groups.len() >= 4;
        if let Some(group) = groups.iter_mut().find(same) {
            group.2.push(&task.name);
        } else if !is_full {
            groups.push((state, reason, vec![&task.name]));
        } else if let Some(group) = groups.iter_mut().find(|g| g.0 == state && g.1 == kind) {
            group.2.push(&task.name);
        } else {
            groups.push((state, kind, vec![&task.name]));
        }
    }
    if groups.is_empty() {
        return;
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(state, reason, names)| {
            let word = if *state == TaskState::Skipped { "skipped" } else { "cancelled" };
            let reason = if reason.is_empty() || *reason == "cancelled" {
                String::new()
            } else {
                format!(" {}", escape(reason))
            };
            let listed = words::names(names.iter().copied(), MAX_NAMES);
            format!("{} {word}{reason}: {listed}", names.len())
        })
        .collect();
    told.push_str(&format!("not run or stopped: {}\n", groups.join("; ")));
}

fn leaks(view: &RunView, told: &mut String) {
    let leaked = |task: &&TaskView| task.attempts.iter().any(|a| !a.measured.leaked.is_empty());
    let mut tasks = view.tasks().iter().filter(leaked);
    for task in tasks.by_ref().take(MAX_FAILED) {
        let pids: Vec<String> = task
            .attempts
            .iter()
            .flat_map(|attempt| &attempt.measured.leaked)
            .take(MAX_NAMES)
            .map(u32::to_string)
            .collect();
        let name = escape(&task.name);
        told.push_str(&format!("left behind by {name}: process {}\n", pids.join(", ")));
    }
    let more = tasks.count();
    if more > 0 {
        told.push_str(&format!(
            "left behind by {}: processes\n",
            words::count(more, "more task", "more tasks")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::*;
    use crate::event::Measured;
    use crate::model::Reason;

    const OPTIONS: SummaryOptions<'_> =
        SummaryOptions { record: true, quiet: false, colour: false, path: "", own_words: "" };

    fn failed() -> Story {
        let mut story = Story::new(&["build", "test", "lint", "pack", "ship", "serve"]);
        story.start_argv("build", 1, vec!["make".into(), "a b".into()]);
        story.after(10).end("build", 1, TaskState::Succeeded, None);
        let script = "set -u\n\nnpn test\n".to_owned();
        story.start_argv("test", 1, vec!["/bin/sh".into(), "-e".into(), "-c".into(), script]);
        story.start("lint", 1);
        let tail = "one\n::error::two\n\x1b[2Jthree\r\nsh: 1: npn: not found\n".to_owned();
        let measured = Measured { tail: Some(tail), leaked: vec![123, 124], ..Measured::default() };
        story.after(300);
        story.end_measured("test", 1, TaskState::Failed, Some(Reason::exit(127)), measured);
        story.end("pack", 0, TaskState::Skipped, Some(Reason::upstream("test")));
        story.end("ship", 0, TaskState::Skipped, Some(Reason::upstream("test")));
        story.end("serve", 1, TaskState::Cancelled, Some(Reason::stopped_by("test")));
        story.end("lint", 1, TaskState::Failed, Some(Reason::exit(1)));
        story.finish(RunStatus::Failed, Some("test"));
        story
    }

    #[test]
    fn the_root_cause_comes_first() {
        let expected = "\
first failure: test
  ended: 127 = not found: npn
  command:
  $ set -u
  $ npn test
  last output:
  | one
  | ::error::two
  | \\x1b[2Jthree
  | sh: 1: npn: not found
also failed: lint: exit 1
not run or stopped: 2 skipped upstream(test): pack, ship; 1 cancelled stopped_by(test): serve
left behind by test: process 123, 124
pyoco runs show 1a2b3c4d
";
        assert_eq!(summary(&failed().view(), &OPTIONS), expected);
        let quiet = SummaryOptions { quiet: true, record: false, ..OPTIONS };
        let without = expected.replace("pyoco runs show 1a2b3c4d\n", "");
        assert_eq!(summary(&failed().view(), &quiet), without);
    }

    #[test]
    fn a_timeout_shows_what_ran() {
        let mut story = Story::new(&["a b"]);
        story.start_argv("a b", 1, vec!["sleep".into(), "1d".into()]);
        story.end("a b", 1, TaskState::Failed, Some(Reason::TIMEOUT));
        story.finish(RunStatus::Failed, Some("a b"));
        let lines: String = (2..20).map(|n| format!("  {n}\n")).collect();
        let own_words = &format!("pyoco: timeout: 1\x1b[2J\n{lines}");
        let options = SummaryOptions { own_words, ..OPTIONS };
        let shown: String = (2..18).map(|n| format!("  | {n}\n")).collect();
        let expected = format!(
            "first failure: a b\n  ended: timeout after 0 ms\n  command: sleep 1d\n  timeout: 1\\x1b[2J\n\
             {shown}  | … and more: pyoco runs logs 1a2b3c4d 'a b' --stream pyoco\n\
             pyoco runs show 1a2b3c4d\n"
        );
        assert_eq!(summary(&story.view(), &options), expected);
        let told = summary(&story.view(), &SummaryOptions { record: false, ..options });
        assert!(told.ends_with("  | 17\n  | … and more\n"), "{told}");
    }

    #[test]
    fn success_is_short() {
        let view = Story::ending(RunStatus::Completed).view();
        assert_eq!(summary(&view, &OPTIONS), "pyoco runs show 1a2b3c4d\n");
        assert_eq!(summary(&view, &SummaryOptions { record: false, ..OPTIONS }), "");
        assert_eq!(summary(&view, &SummaryOptions { quiet: true, ..OPTIONS }), "");
    }

    #[test]
    fn a_failure_that_may_be_is_one_line() {
        let mut story = Story::new(&["lint"]);
        story.start("lint", 1);
        story.end("lint", 1, TaskState::Failed, Some(Reason::exit(1)));
        story.finish(RunStatus::Completed, None);
        let expected = "failed, as it may: lint: exit 1\npyoco runs show 1a2b3c4d\n";
        assert_eq!(summary(&story.view(), &OPTIONS), expected);
    }

    #[test]
    fn ten_thousand_skipped_tasks_share_a_line() {
        let names: Vec<String> = (0..10_000).map(|n| format!("t{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut story = Story::new(&names);
        story.start("t0", 1);
        story.end("t0", 1, TaskState::Failed, Some(Reason::exit(1)));
        for pair in names.windows(2) {
            story.end(pair[1], 0, TaskState::Skipped, Some(Reason::upstream(pair[0])));
        }
        story.finish(RunStatus::Failed, Some("t0"));
        let told = summary(&story.view(), &OPTIONS);
        let expected = "\
first failure: t0
  ended: exit 1
  command: make t0
not run or stopped: 1 skipped upstream(t0): t1; 1 skipped upstream(t1): t2; \
1 skipped upstream(t2): t3; 1 skipped upstream(t3): t4; \
9995 skipped upstream: t5, t6, t7, t8, t9, t10, t11, t12 and 9987 more
pyoco runs show 1a2b3c4d
";
        assert_eq!(told, expected);
    }
}
