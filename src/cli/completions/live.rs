//! What the workflow file, the records and the folders hold now. Whatever cannot be read holds
//! nothing; nothing is run, written or waited for.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{Proposal, Said};
use crate::cli::explain;
use crate::cli::load::{caller_env, file_or_found, shown};
use crate::cli::run::is_file;
use crate::event::StateStore;
use crate::model::{Flow, Member, ParamKind};
use crate::record::{JsonlStore, Summary, find_state_dir, resolve};
use crate::spec::{self, Purpose, Settings};

/// A larger file takes longer than a person waits at a key.
const MAX_FILE: u64 = 4 << 20;
/// How many of the newest runs are proposed.
const MAX_RUNS: usize = 20;

/// Returns whether a file of this name may be a workflow.
pub(super) fn is_workflow(name: &str) -> bool {
    [".yaml", ".yml", ".toml"].iter().any(|ending| name.ends_with(ending))
}

/// Returns the folders that may be meant, and the files whose names are wanted.
pub(super) fn files(current: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Proposal> {
    let (folder, start) = match current.rfind('/') {
        Some(at) => current.split_at(at + 1),
        None => ("", current),
    };
    let Ok(entries) = fs::read_dir(if folder.is_empty() { "." } else { folder }) else {
        return Vec::new();
    };
    let mut found: Vec<Proposal> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let is_hidden = name.starts_with('.') && !start.starts_with('.');
            if is_hidden || !name.starts_with(start) {
                return None;
            }
            if entry.path().is_dir() {
                return Some((format!("{folder}{name}/"), String::new()));
            }
            is_wanted(&name).then(|| (format!("{folder}{name}"), String::new()))
        })
        .collect();
    found.sort();
    found
}

/// Returns what `run` takes: a file as its first word, or tasks.
pub(super) fn file_or_task(said: &Said, current: &str) -> Vec<Proposal> {
    let mut proposals = tasks(said, current);
    if said.positionals.is_empty() {
        proposals.extend(files(current, is_workflow));
    }
    proposals
}

/// Returns the tasks; a matrix by its name, and its members once that was typed.
pub(super) fn tasks(said: &Said, current: &str) -> Vec<Proposal> {
    let Some(flow) = flow(said) else { return Vec::new() };
    let flow = shown(&flow);
    let mut names = HashSet::new();
    let tasks = flow.tasks().iter().filter_map(|task| {
        let group = task.member().map(Member::group);
        let name = match group {
            Some(group) if !current.starts_with(&format!("{group}[")) => group,
            Some(_) | None => task.name(),
        };
        let is_new = names.insert(name.to_owned());
        is_new.then(|| (name.to_owned(), about(task.description())))
    });
    tasks.collect()
}

/// Returns the tasks, each member of a matrix by its own name.
pub(super) fn members(said: &Said) -> Vec<Proposal> {
    let Some(flow) = flow(said) else { return Vec::new() };
    let flow = shown(&flow);
    let tasks = flow.tasks().iter();
    tasks.map(|task| (task.name().to_owned(), about(task.description()))).collect()
}

/// Returns the params, and the values of the one whose name was typed.
pub(super) fn params(said: &Said, current: &str) -> Vec<Proposal> {
    let Some(flow) = flow(said) else { return Vec::new() };
    let flow = shown(&flow);
    let Some((name, _)) = current.split_once('=') else {
        let params = flow.params().iter();
        return params.map(|p| (format!("{}=", p.name()), about(p.description()))).collect();
    };
    let Some(param) = flow.params().iter().find(|param| param.name() == name) else {
        return Vec::new();
    };
    let values: Vec<String> = match param.kind() {
        ParamKind::Enum(values) => values.iter().map(|value| value.to_string()).collect(),
        ParamKind::Bool => vec!["true".to_owned(), "false".to_owned()],
        ParamKind::String | ParamKind::Int | ParamKind::List => Vec::new(),
    };
    values.into_iter().map(|value| (format!("{name}={value}"), String::new())).collect()
}

/// Returns the pools.
pub(super) fn pools(said: &Said) -> Vec<Proposal> {
    let Some(flow) = flow(said) else { return Vec::new() };
    let pools = flow.pools().iter();
    pools.map(|pool| (format!("{}=", pool.name), format!("{} slots", pool.slots.count()))).collect()
}

/// Returns the words that name runs, and the newest runs.
pub(super) fn runs(said: &Said) -> Vec<Proposal> {
    let summaries = summaries(said);
    if summaries.is_empty() {
        return Vec::new();
    }
    let words = [
        ("latest", "the newest run"),
        ("failed", "the newest that failed"),
        ("running", "the one under way"),
    ];
    let words = words.map(|(word, about)| (word.to_owned(), about.to_owned()));
    words.into_iter().chain(summaries.iter().map(run)).collect()
}

/// Returns the word that names the run under way, and the newest runs that are.
pub(super) fn open_runs(said: &Said) -> Vec<Proposal> {
    let is_open = |summary: &&Summary| !summary.seen.is_over();
    let runs: Vec<Proposal> = summaries(said).iter().filter(is_open).map(run).collect();
    let word = ("running".to_owned(), "the one under way".to_owned());
    if runs.is_empty() { runs } else { [word].into_iter().chain(runs).collect() }
}

fn run(summary: &Summary) -> Proposal {
    (summary.run_id.short(), format!("{} {}", summary.header.flow, summary.seen))
}

/// Returns what `explain` knows, each word with what it means; a variable also as a shell has it.
pub(super) fn explained(current: &str) -> Vec<Proposal> {
    let dollar = if current.starts_with('$') { "$" } else { "" };
    let words = explain::words().into_iter();
    words.map(|(word, about)| (format!("{dollar}{word}"), about.to_owned())).collect()
}

/// Returns the names of the flows that were run of late.
pub(super) fn flow_names(said: &Said) -> Vec<Proposal> {
    let mut names: Vec<String> =
        summaries(said).into_iter().map(|summary| summary.header.flow).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| (name, String::new())).collect()
}

/// Returns the tasks of the run that the line names.
pub(super) fn tasks_of_run(said: &Said) -> Vec<Proposal> {
    let (Some(store), Some(id)) = (store(said), said.positionals.first()) else {
        return Vec::new();
    };
    let record = resolve(&store, id).ok().and_then(|run_id| store.load(run_id).ok());
    let tasks = record.iter().flat_map(|record| record.view.tasks());
    tasks.map(|task| (task.name.to_string(), task.state().to_string())).collect()
}

fn about(description: Option<&str>) -> String {
    description.unwrap_or_default().to_owned()
}

fn summaries(said: &Said) -> Vec<Summary> {
    let Some(store) = store(said) else { return Vec::new() };
    let mut ids = store.list().unwrap_or_default();
    ids.sort_by_key(|run_id| std::cmp::Reverse(run_id.to_string())); // an id begins with its time
    ids.iter().take(MAX_RUNS).filter_map(|run_id| store.summary(*run_id).ok()).collect()
}

fn store(said: &Said) -> Option<JsonlStore> {
    let here = std::env::current_dir().ok()?;
    let flag = said.value("state_dir").map(PathBuf::from);
    let variable = std::env::var_os("PYOCO_STATE_DIR").map(PathBuf::from);
    Some(JsonlStore::new(find_state_dir(flag.as_deref(), variable.as_deref(), &here)))
}

/// Loads the file of the line, or the one that is found.
fn flow(said: &Said) -> Option<Flow> {
    let here = std::env::current_dir().ok()?;
    let word = match said.commands.first().map(String::as_str) {
        Some("run") => said.positionals.first().filter(|word| is_file(word)),
        Some("shell") => said.positionals.get(1),
        Some(_) | None => said.positionals.first(),
    };
    let file = file_or_found(word.map(String::as_str), &here).ok()?;
    // Neither standard input nor a pipe: what is read of them is gone for the command.
    let facts = fs::metadata(Path::new(&here).join(&file)).ok()?;
    if file == "-" || !facts.is_file() || facts.len() > MAX_FILE {
        return None;
    }
    let source = spec::read(&file, &here).ok()?;
    let settings = Settings {
        purpose: Purpose::Look,
        env: caller_env().collect(),
        caller_dir: Some(here),
        params: Vec::new(),
    };
    spec::load_with(&source, &settings).flow
}
