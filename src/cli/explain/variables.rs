//! The environment variables of pyoco's own, in words.

use crate::spec::Explained;

/// What every task finds in its environment.
pub(super) const OF_TASKS: &[Explained] = &[
    (
        "PYOCO_OUTPUT",
        "The file to which a task appends its outputs: `name=value`, or `name<<WORD`, lines and `WORD`.",
    ),
    ("PYOCO_CANCEL_FILE", "A path that exists from the moment a cancel is asked."),
    ("PYOCO_RUN_ID", "The id of the run."),
    ("PYOCO_RUN_DIR", "The folder of the run's record."),
    ("PYOCO_FILE_DIR", "The workflow file's folder."),
    ("PYOCO_CALLER_DIR", "The folder that pyoco was called in."),
    ("PYOCO_EXE", "This program, for runs inside of tasks."),
    ("PYOCO_FLOW", "The flow's name."),
    ("PYOCO_TASK", "The task's name."),
    ("PYOCO_ATTEMPT", "The number of the attempt, from 1."),
    ("PYOCO_MATRIX_NAME", "The value that this member of the matrix has for the key `name`."),
    ("PYOCO_POOL_NAME", "The slots of the pool `name` that the task holds, joined by `,`."),
    ("PYOCO_STATUS", "In `finally`: the status of the run when the last of `tasks` ended."),
    ("PYOCO_FAILED_TASKS", "In `finally`: the names of the tasks that failed, one a line."),
];

/// What pyoco reads from its own environment; those of the first lines tasks see, too.
pub(super) const READ: &[Explained] = &[
    (
        "PYOCO_PARAM_NAME",
        "The value of the param `name`, where `-p` does not set it; tasks see each param so.",
    ),
    (
        "PYOCO_STATE_DIR",
        "The folder of the records (`--state-dir`); tasks see it as an absolute path.",
    ),
    ("PYOCO_JOBS", "How many tasks run at once (`--jobs`); 0 is the number of processors."),
    ("PYOCO_CUTE", "`0` or `1`: the plain or the cute trace."),
    ("PYOCO_OUTPUT_MODE", "The view of what tasks print (`--output`)."),
    ("PYOCO_ON_CANCEL", "What the first Ctrl-C does to every task (`--on-cancel`)."),
    ("PYOCO_GRACE", "The deadline of level stop (`--grace`)."),
    (
        "PYOCO_EXECUTOR",
        "Where tasks run (`--executor`): `local`; another one does not work yet in this version.",
    ),
    (
        "PYOCO_SERVER",
        "The server that `--server` without a URL means, which does not work yet in this version.",
    ),
    ("PYOCO_TOKEN", "The token for it, which does not work yet in this version."),
    ("CI", "Neither empty nor `0` nor `false`: the plain trace, and a pipe is taken for a CI log."),
    ("TERM", "`dumb`: the plain trace, no colours and no live view."),
    ("NO_COLOR", "Not empty: no colours."),
    ("CLICOLOR_FORCE", "Neither empty nor `0`: colours also where there is no terminal."),
    ("FORCE_COLOR", "The same."),
    ("PYOCO_PARENT_RUN", "Set by pyoco for runs inside of tasks: the id of the outer run."),
    (
        "PYOCO_PARENT_GRACE",
        "The same: how long a stop of the outer run leaves the inner one at most.",
    ),
    (
        "PYOCO_SECRETS",
        "The same: the names of the outer run's secrets, whose values the inner one masks too.",
    ),
];

/// All of them.
pub(super) const ALL: [Explained; OF_TASKS.len() + READ.len()] = {
    let mut all = [("", ""); OF_TASKS.len() + READ.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OF_TASKS.len() { OF_TASKS[at] } else { READ[at - OF_TASKS.len()] };
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn names(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                names(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for part in text.split("\"PYOCO_").skip(1) {
                let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
                let end = part.find(|c| !is_name(c)).unwrap_or(part.len());
                if part[end..].starts_with('"') {
                    found.push(format!("PYOCO_{}", &part[..end]));
                }
            }
        }
    }

    #[test]
    fn every_variable_of_the_sources_is_explained() {
        let mut found = Vec::new();
        for dir in ["src/engine", "src/cli", "src/trace", "src/record", "src/scheduler"] {
            names(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut found);
        }
        assert!(found.len() > 15, "{found:?}");
        for name in &found {
            let name = if name.ends_with('_') { format!("{name}NAME") } else { name.clone() };
            let is_known = name == "PYOCO_NAME" || ALL.iter().any(|(known, _)| *known == name);
            assert!(is_known, "{name} is not explained");
        }
    }
}
