//! An expression beside what is said of it.

mod mistakes;
mod places;
mod properties;

use std::sync::Arc;

use super::*;
use crate::model::TaskId;
use crate::spec::hints::{quoted_list, suggest};

/// A flow with params, a task with a matrix, and tasks before it: `build` with the output `version`,
/// `a.b`, and `test` with a matrix. `#3` is the task with this id.
struct Double {
    key: Key,
}

const PARAMS: [(&str, Type); 8] = [
    ("mode", Type::Text),
    ("t", Type::Text),
    ("x.y", Type::Text),
    ("n", Type::Int),
    ("b", Type::Bool),
    ("deploy-all", Type::Bool),
    ("l", Type::List),
    ("hosts", Type::List),
];

impl Scope for Double {
    fn key(&self) -> Key {
        self.key
    }

    fn param(&self, name: &str) -> Option<Type> {
        PARAMS.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }

    fn params(&self) -> Vec<&str> {
        PARAMS.map(|(name, _)| name).into()
    }

    fn param_values(&self, name: &str) -> Option<Vec<&str>> {
        (name == "mode").then(|| vec!["fast", "slow"])
    }

    fn matrix(&self) -> Vec<&str> {
        vec!["m", "os"]
    }

    fn matrix_values(&self, key: &str) -> Option<Vec<&str>> {
        (key == "os").then(|| vec!["linux", "macos"])
    }

    fn tasks(&self, written: &str) -> Result<Arc<[TaskId]>, Problem> {
        let ids: &[u32] = match written {
            "build" => &[0],
            "test" => &[1, 2],
            "test[py=3.12]" => &[1],
            "a.b" => &[3],
            _ => {
                let ids = written.split(',').map(|id| id.strip_prefix('#')?.parse().ok());
                let ids: Option<Vec<u32>> = ids.collect();
                let Some(ids) = ids else { return Err(unknown_task(written)) };
                return Ok(ids.into_iter().map(TaskId).collect());
            }
        };
        Ok(ids.iter().copied().map(TaskId).collect())
    }

    fn task(&self, written: &str, field: Field<'_>) -> Result<TaskId, Problem> {
        let tasks = self.tasks(written)?;
        let [task] = *tasks else {
            return Err(Problem {
                points: Points::Task,
                code: "matrix-task",
                message: format!("`{written}` has members, each with values of its own"),
                help: format!("write one of {}", quoted_list(&["test[py=3.12]", "test[py=3.13]"])),
            });
        };
        match field {
            Field::Output(output) if written == "build" && output != "version" => Err(Problem {
                points: Points::Field,
                code: "unknown-output",
                message: format!("`build` promises no output `{output}`"),
                help: "it promises `version`".to_owned(),
            }),
            Field::Output(_) | Field::ExitCode => Ok(task),
        }
    }
}

fn unknown_task(written: &str) -> Problem {
    let near = suggest(written, ["build", "test", "a.b"].into_iter());
    Problem {
        points: Points::Task,
        code: "unknown-task",
        message: format!("unknown task `{written}`"),
        help: near.map_or(String::new(), |near| format!("write `{near}`")),
    }
}

/// Shows mistakes, one a line, as `at+length code message; help`.
fn shown(mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| {
        let Mistake { at, length, severity, code, message, help } = mistake;
        let mark = match severity {
            Severity::Error => "",
            Severity::Warning => "warning ",
        };
        format!("{at}+{length} {mark}{code} {message}; {help}")
    };
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Shows what an `if` means: the expression, or what is wrong with it.
fn condition(text: &str) -> String {
    let mut mistakes = Vec::new();
    let checked = match parse_if(text) {
        Ok(parsed) => check_if(&parsed, &Double { key: Key::If }, &mut mistakes),
        Err(found) => return shown(&found),
    };
    let whole = checked.map(|condition| condition.expr().to_string());
    [whole.unwrap_or_default(), shown(&mistakes)].join("\n").trim_matches('\n').to_owned()
}

/// Shows what a value of a key means: the template, or what is wrong with it.
fn value(key: Key, text: &str) -> String {
    let mut mistakes = Vec::new();
    let parsed = parse_template(text, &mut mistakes);
    if !mistakes.is_empty() {
        return shown(&mistakes);
    }
    let scope = Double { key };
    let whole = match key {
        Key::Matrix => check_matrix(&parsed, &scope, &mut mistakes).map(|param| param.to_string()),
        Key::If
        | Key::Env
        | Key::EnvFile
        | Key::FlowEnvFile
        | Key::Dir
        | Key::Timeout
        | Key::FlowTimeout
        | Key::Pool
        | Key::Artifacts => {
            check_template(&parsed, &scope, &mut mistakes).map(|template| template.to_string())
        }
    };
    [whole.unwrap_or_default(), shown(&mistakes)].join("\n").trim_matches('\n').to_owned()
}
