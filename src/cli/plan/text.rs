//! A plan for people: a line for each task, the members of a matrix on one, in waves of what can run
//! side by side.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::path::{Component, Path};
use std::time::SystemTime;

use super::Report;
use super::why::{Entry, Fate};
use crate::cli::runs::ago;
use crate::model::expr::Condition;
use crate::model::{Flow, Mask, Member, Ms, Task, TaskId, Wall, escape, one_line};

/// The most names that one line shows.
const MAX_NAMES: usize = 6;

/// The most tasks of the critical path that are shown.
const MAX_PATH: usize = 20;

/// How much of an `if` and of a path is shown, in columns.
const MAX_CONDITION: usize = 80;

/// The widest column of names: a longer one moves its own line alone.
const WIDEST: usize = 40;

/// Tasks that stand on one line.
struct Row<'r> {
    wave: Option<u32>,
    number: usize,
    ids: Vec<TaskId>,
    entries: Vec<&'r Entry<'r>>,
}

/// Returns the plan as text.
pub(super) fn render(report: &Report<'_>, limit: usize) -> String {
    let plan = report.plan;
    let n_runs = report.forecast.order.len();
    let mut text = format!(
        "{}: {n_runs} of {} tasks would run, at most {} at once\n",
        escape(plan.flow.name()),
        report.entries.len(),
        plan.jobs
    );
    let sizes = sizes(report);
    let rows = running(report);
    let shown = &rows[..rows.len().min(limit)];
    let widest = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or(0).min(WIDEST)
    };
    let width = widest(&mut shown.iter().map(|row| name_of(row, &sizes)));
    let time_width = widest(&mut shown.iter().map(|row| time_of(report, row)));
    let has_times = report.n_known() > 0;
    let mut wave = None;
    for row in shown {
        if row.wave != wave {
            wave = row.wave;
            let n = rows.iter().filter(|other| other.wave == wave);
            let n: usize = n.map(|row| row.ids.len()).sum();
            let side_by_side = if n > 1 { format!(": {n} side by side") } else { String::new() };
            let _ = writeln!(text, "wave {}{side_by_side}", wave.unwrap_or_default());
        }
        let time = match has_times {
            true => format!("  {:>time_width$}", time_of(report, row)),
            false => String::new(),
        };
        let name = name_of(row, &sizes);
        let notes = notes(report, row).join("; ");
        let line = format!("{:>4}  {name:width$}{time}  {notes}", row.number);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let not_run = left_out(report);
    let n_all = rows.len().max(not_run.len());
    more(&mut text, rows.len(), limit, n_all);
    if !not_run.is_empty() {
        would_not(report, &not_run, &sizes, limit, &mut text);
        more(&mut text, not_run.len(), limit, n_all);
    }
    critical(report, &mut text);
    expected(report, &mut text);
    text
}

/// Says how many rows of a list are not shown, and with which limit all of both lists are.
fn more(text: &mut String, n_rows: usize, limit: usize, n_all: usize) {
    if n_rows > limit {
        let _ = writeln!(text, "… and {} more; --limit {n_all} shows all", n_rows - limit);
    }
}

/// Returns how many members each matrix of the file has.
fn sizes<'r>(report: &'r Report<'_>) -> HashMap<&'r str, usize> {
    let mut sizes = HashMap::new();
    for member in report.entries.iter().filter_map(|entry| entry.task.member()) {
        *sizes.entry(member.group()).or_default() += 1;
    }
    sizes
}

/// Returns the rows of what would run, wave by wave, in each the first to start first.
fn running<'r>(report: &'r Report<'r>) -> Vec<Row<'r>> {
    let mut entry_of: Vec<Option<&Entry<'_>>> = vec![None; report.times.len()];
    for entry in &report.entries {
        if let Some(id) = entry.id {
            entry_of[id.index()] = Some(entry);
        }
    }
    let mut rows: Vec<Row<'r>> = Vec::new();
    let mut places: HashMap<(&str, Option<u32>, &str), usize> = HashMap::new();
    for (number, &id) in report.forecast.order.iter().enumerate() {
        let Some(entry) = entry_of[id.index()] else { continue };
        let wave = report.forecast.waves[id.index()];
        let place = entry.task.member().map(|member| {
            let next = rows.len();
            *places.entry((member.group(), wave, entry.fate.word())).or_insert(next)
        });
        match place.filter(|place| *place < rows.len()) {
            Some(place) => {
                rows[place].ids.push(id);
                rows[place].entries.push(entry);
            }
            None => {
                rows.push(Row { wave, number: number + 1, ids: vec![id], entries: vec![entry] });
            }
        }
    }
    rows.sort_by_key(|row| (row.wave, row.number));
    rows
}

/// Returns the name of a row: `test`, `test[py,os] ×6`, `test[py,os] ×4 of 6`.
fn name_of(row: &Row<'_>, sizes: &HashMap<&str, usize>) -> String {
    group_name(row.entries[0].task, row.entries.len(), sizes)
}

fn group_name(task: &Task, n: usize, sizes: &HashMap<&str, usize>) -> String {
    let Some(member) = task.member().filter(|_| n > 1) else {
        return escape(task.name()).into_owned();
    };
    let keys: Vec<&str> = member.values().iter().map(|(key, _)| &**key).collect();
    let all = sizes.get(member.group()).copied().unwrap_or(n);
    let of = if n == all { String::new() } else { format!(" of {all}") };
    escape(&format!("{}[{}] ×{n}{of}", member.group(), keys.join(","))).into_owned()
}

/// Returns how long the tasks of a row take: one time, or from the shortest to the longest.
fn time_of(report: &Report<'_>, row: &Row<'_>) -> String {
    let times = row.ids.iter().map(|id| report.times[id.index()]);
    let known: Vec<Ms> = times.flatten().collect();
    match (known.iter().min(), known.iter().max()) {
        (Some(least), Some(most)) if least.to_string() != most.to_string() => {
            format!("{least}–{most}")
        }
        (Some(one), _) => one.to_string(),
        (None, _) => "?".to_owned(),
    }
}

/// Returns why a row stands where it stands.
fn notes(report: &Report<'_>, row: &Row<'_>) -> Vec<String> {
    let (plan, id) = (report.plan, row.ids[0]);
    let mut notes = Vec::new();
    let task = plan.flow.task(id);
    let flow = &plan.flow;
    if !flow.needs(id).is_empty() {
        notes.push(format!("after {}", needed(flow, &row.ids, &|id| flow.needs(id))));
    }
    if !flow.needs_any(id).is_empty() {
        let needed = needed(flow, &row.ids, &|id| flow.needs_any(id));
        notes.push(format!("after one of {needed}"));
    }
    if report.is_maybe(id) {
        notes.push(format!("if its `if` holds then{}", condition(task, &report.mask)));
    }
    notes.extend(outside(task, &report.mask).map(|dir| format!("in `{dir}`")));
    if task.is_finally() {
        notes.insert(0, "finally".to_owned());
    }
    let jobs = plan.jobs_of(id);
    if task.options().interactive {
        notes.push("runs alone".to_owned());
    } else if jobs > 1 {
        notes.push(format!("holds {jobs} of {} slots", plan.jobs));
    }
    for (pool, count) in task.options().pools.iter() {
        let pool = &plan.pools[pool.index()];
        notes.push(format!("holds {count} of {} `{}`", pool.slots.count(), escape(&pool.name)));
    }
    match &row.entries[0].fate {
        Fate::Named => notes.push("named".to_owned()),
        Fate::Only => notes.push("matches `--only`".to_owned()),
        Fate::Default => notes.push("in `default`".to_owned()),
        Fate::NeededBy(_) => notes.push(format!("needed by {}", needers(flow, row))),
        Fate::All
        | Fate::Finally
        | Fate::NotOnly
        | Fate::Skip(_)
        | Fate::IfIsFalse
        | Fate::OnlyAfterFailure
        | Fate::Upstream
        | Fate::NotSelected => {}
    }
    notes
}

/// Returns the folder of a task that leads out of that of the file.
fn outside(task: &Task, mask: &Mask) -> Option<String> {
    let dir = task.options().dir.as_ref()?.constant()?;
    let leads_out = leads_out(Path::new(dir));
    leads_out.then(|| one_line(&mask.text(dir), MAX_CONDITION))
}

/// Returns whether a path that starts at a folder leaves it.
fn leads_out(path: &Path) -> bool {
    let mut depth = 0_i64;
    path.components().any(|component| {
        match component {
            Component::RootDir | Component::Prefix(_) => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
        }
        depth < 0
    })
}

/// Returns which tasks the members of a row are needed by.
fn needers(flow: &Flow, row: &Row<'_>) -> String {
    let by: BTreeSet<TaskId> =
        row.entries.iter().filter_map(|entry| entry.fate.needed_by()).collect();
    names(flow, &by.into_iter().collect::<Vec<_>>())
}

/// Returns the first of these tasks by name, the members of a matrix under one, and how many more
/// there are.
fn names(flow: &Flow, ids: &[TaskId]) -> String {
    let group = |id: &TaskId| flow.task(*id).member().map(|member| member.group());
    let mut names: Vec<String> = Vec::new();
    let mut at = 0;
    while at < ids.len() && names.len() < MAX_NAMES {
        let own = group(&ids[at]);
        let n = ids[at..].iter().take_while(|id| own.is_some() && group(id) == own).count().max(1);
        names.push(group_name(flow.task(ids[at]), n, &HashMap::new()));
        at += n;
    }
    let text = names.join(", ");
    if at == ids.len() { text } else { format!("{text} and {} more", ids.len() - at) }
}

/// Returns what the members of a row need. Where each needs its own, a matrix is named as in `needs`:
/// by the keys whose values are those of the member itself.
fn needed<'f>(flow: &'f Flow, ids: &[TaskId], needs: &dyn Fn(TaskId) -> &'f [TaskId]) -> String {
    let first = needs(ids[0]);
    if ids.iter().all(|id| needs(*id) == first) {
        return names(flow, first);
    }
    let shared = shared_keys(flow, ids, needs);
    let mut texts: Vec<String> = Vec::new();
    let mut rest: Vec<TaskId> = Vec::new();
    let all: BTreeSet<TaskId> = ids.iter().flat_map(|id| needs(*id)).copied().collect();
    for id in all {
        let member = flow.task(id).member().map(Member::group);
        match shared.iter().find(|(group, keys)| Some(*group) == member && !keys.is_empty()) {
            Some((group, keys)) => {
                let text = escape(&format!("{group}[{}]", keys.join(","))).into_owned();
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
            None => rest.push(id),
        }
    }
    if !rest.is_empty() {
        texts.push(names(flow, &rest));
    }
    texts.join(", ")
}

/// Returns for each matrix among what these members need the keys in whose values each of them agrees
/// with all that it needs.
fn shared_keys<'f>(
    flow: &'f Flow,
    ids: &[TaskId],
    needs: &dyn Fn(TaskId) -> &'f [TaskId],
) -> Vec<(&'f str, Vec<&'f str>)> {
    let mut shared: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in ids {
        let Some(own) = flow.task(*id).member() else { continue };
        for other in needs(*id).iter().filter_map(|need| flow.task(*need).member()) {
            let agree = |key: &&str| own.value(key).is_some_and(|v| other.value(key) == Some(v));
            match shared.iter_mut().find(|(group, _)| *group == other.group()) {
                Some((_, keys)) => keys.retain(agree),
                None => {
                    let keys = other.values().iter().map(|(key, _)| &**key);
                    shared.push((other.group(), keys.filter(agree).collect()));
                }
            }
        }
    }
    shared
}

/// Returns the rows of what would not run.
fn left_out<'r>(report: &'r Report<'r>) -> Vec<Row<'r>> {
    let mut rows: Vec<Row<'r>> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for entry in report.entries.iter().filter(|entry| !entry.fate.runs()) {
        let next = rows.len();
        let place = entry
            .task
            .member()
            .map(|member| *places.entry((member.group(), entry.fate.word())).or_insert(next));
        match place.filter(|place| *place < next) {
            Some(place) => rows[place].entries.push(entry),
            None => {
                rows.push(Row { wave: None, number: 0, ids: Vec::new(), entries: vec![entry] });
            }
        }
    }
    rows
}

/// Lists what would not run, and why.
fn would_not(
    report: &Report<'_>,
    rows: &[Row<'_>],
    sizes: &HashMap<&str, usize>,
    limit: usize,
    text: &mut String,
) {
    let names: Vec<String> = rows.iter().take(limit).map(|row| name_of(row, sizes)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(WIDEST);
    text.push_str("would not run:\n");
    for (row, name) in rows.iter().zip(&names) {
        let _ = writeln!(text, "      {name:width$}  {}", why_not(row.entries[0], &report.mask));
    }
}

fn why_not(entry: &Entry<'_>, mask: &Mask) -> String {
    match &entry.fate {
        Fate::NotOnly => "does not match `--only`; counts as satisfied".to_owned(),
        Fate::Skip(glob) => {
            format!("left out by `--skip {}`; counts as satisfied", escape(glob))
        }
        Fate::IfIsFalse => format!("its `if` does not hold{}", condition(entry.task, mask)),
        Fate::OnlyAfterFailure => {
            format!("only after a failure or a cancel{}", condition(entry.task, mask))
        }
        Fate::Upstream => "nothing that it needs one of would run".to_owned(),
        Fate::NotSelected => "not part of the selection".to_owned(),
        Fate::Named
        | Fate::Only
        | Fate::Default
        | Fate::All
        | Fate::NeededBy(_)
        | Fate::Finally => String::new(),
    }
}

/// Returns the text of a task's `if`, behind a colon.
fn condition(task: &Task, mask: &Mask) -> String {
    let text = mask.text(task.condition().map_or("", Condition::text));
    if text.is_empty() { String::new() } else { format!(": {}", one_line(&text, MAX_CONDITION)) }
}

/// Names the critical path, where there is a choice.
fn critical(report: &Report<'_>, text: &mut String) {
    let path = &report.forecast.critical;
    if path.len() < 2 {
        return;
    }
    let name = |id: &TaskId| escape(report.plan.flow.task(*id).name()).into_owned();
    let (first, last) = match path.len() > MAX_PATH {
        true => (&path[..MAX_PATH / 2], &path[path.len() - MAX_PATH / 2..]),
        false => (&path[..], &path[..0]),
    };
    let mut names: Vec<String> = first.iter().map(name).collect();
    if !last.is_empty() {
        names.push(format!("… {} more …", path.len() - first.len() - last.len()));
        names.extend(last.iter().map(name));
    }
    let ms = report.critical_ms();
    let n_known = path.iter().filter(|id| report.times[id.index()].is_some()).count();
    let takes = match n_known {
        0 => format!("{} tasks", path.len()),
        n if n == path.len() => ms.to_string(),
        n => format!("{ms} and more: {n} of {} known", path.len()),
    };
    let _ = writeln!(text, "critical path ({takes}): {}", names.join(" → "));
}

/// Says how long it would take, and how much of that is known.
fn expected(report: &Report<'_>, text: &mut String) {
    let n_tasks = report.forecast.order.len();
    let (n_known, n_runs) = (report.n_known(), report.history.n_runs);
    let plan = report.plan;
    if n_tasks == 0 {
        return; // no `if` holds
    }
    let is_known = n_known == n_tasks;
    let least = if is_known { "" } else { "at least " };
    let runs = if n_runs == 1 { "1 run".to_owned() } else { format!("{n_runs} runs") };
    if n_runs == 0 {
        text.push_str("expected: unknown, no COMPLETED run of this flow is on record\n");
    } else if n_known == 0 {
        let _ = writeln!(text, "expected: unknown, {runs} on record know none of these tasks");
    } else {
        let last = report.history.last.map_or(String::new(), |last| {
            match &*ago(last, Wall::from(SystemTime::now())) {
                "now" => ", the last one just now".to_owned(),
                ago => format!(", the last one {ago}"),
            }
        });
        let total = report.forecast.total;
        let _ = write!(text, "expected: {least}{total} with -j {}; ", plan.jobs);
        let _ = writeln!(text, "{n_known} of {n_tasks} tasks known from {runs}{last}");
        if let Some(timeout) = plan.timeout.filter(|timeout| *timeout < total) {
            let _ = writeln!(text, "  that is more than the run's timeout of {timeout}");
        }
    }
    if !is_known && n_known > 0 {
        let unknown: Vec<TaskId> =
            report.runs().filter(|id| report.times[id.index()].is_none()).collect();
        let _ = writeln!(text, "  unknown: {}", names(&plan.flow, &unknown));
    }
    simulated(report, text);
}

/// Says how long it would take with other numbers of jobs.
fn simulated(report: &Report<'_>, text: &mut String) {
    let (n_known, n_tasks) = (report.n_known(), report.forecast.order.len());
    let digits = report.simulated.iter().map(|total| total.jobs.to_string().len()).max();
    let width = digits.unwrap_or(0);
    for total in &report.simulated {
        let takes = match n_known {
            0 => format!("{} steps, if all take equally long", total.steps),
            n if n == n_tasks => total.ms.to_string(),
            _ => format!("at least {}", total.ms),
        };
        let _ = writeln!(text, "  -j {:width$}  {takes}", total.jobs);
    }
}
