//! The tasks of a run that a word on the command line means: the words are those of `needs`.

use crate::cli::exit::Failure;
use crate::event::RunView;
use crate::model::{EntryName, TaskId, escape};

/// Finds a task by its name, all members of a matrix by the name that they have in the file, or some of
/// them by their values; else says which one may be meant.
pub(super) fn find(view: &RunView, word: &str) -> Result<Vec<TaskId>, Failure> {
    if let Some(id) = view.find(word) {
        return Ok(vec![id]);
    }
    let members = members(view, word);
    if !members.is_empty() {
        return Ok(members);
    }
    let near = view
        .tasks()
        .iter()
        .map(|task| (strsim::damerau_levenshtein(&task.name, word), &task.name))
        .filter(|(distance, near)| *distance <= (near.chars().count().max(3)) / 3)
        .min_by_key(|(distance, _)| *distance);
    let message = format!("unknown task `{}`", escape(word));
    Err(match near {
        Some((_, near)) => Failure::new(format!("{message}; did you mean `{}`?", escape(near))),
        None => Failure::new(message).hint("`pyoco runs show ID` lists the tasks of the run"),
    })
}

/// A record tells of members by their names alone.
fn members(view: &RunView, word: &str) -> Vec<TaskId> {
    let Ok(wanted) = EntryName::parse(word) else { return Vec::new() };
    let is_meant = |name: &str| {
        name.starts_with(wanted.base)
            && EntryName::parse(name).is_ok_and(|member| {
                let has =
                    |key: &(&str, Option<String>)| key.1.is_some() && member.keys.contains(key);
                member.base == wanted.base && wanted.keys.iter().all(has)
            })
    };
    view.iter().filter(|(_, task)| is_meant(&task.name)).map(|(id, _)| id).collect()
}
