//! What a path means: the root, and what stands after it.

use super::check::Checker;
use super::parse::Step;
use super::scope::{Field, Points, Problem, Root, Type};
use super::words::{self, path};
use crate::model::expr::{Name, RunFact, StateFunction};
use crate::spec::hints::{choices, quoted_list, suggest};

const UNKNOWN: &str = "unknown-name";

type Place = (usize, usize);
type Named = Option<(Name, Type)>;

impl Checker<'_> {
    /// Finds what a path names.
    pub(super) fn name(&mut self, root: &Step, steps: &[Step], place: Place) -> Named {
        let Some(known) = Root::NAMED.into_iter().find(|known| known.word() == root.name) else {
            self.unknown_root(root, steps, place);
            return None;
        };
        self.allowed(known, root, steps.first())?;
        let Some(first) = steps.first() else {
            let help = format!("write `{}`", example(known));
            self.error(UNKNOWN, place, format!("`{}` alone is not a value", root.name), help);
            return None;
        };
        if known == Root::Tasks {
            return self.task_name(first, &steps[1..], place);
        }
        if let Some(second) = steps.get(1) {
            let all = steps.iter().map(|step| step.name.as_str());
            let joined = all.collect::<Vec<_>>().join(".");
            let before = path(&root.name, [first.name.as_str()]);
            let message = format!("`{before}` has no parts");
            let help = format!("a name with a `.` is written `{}['{joined}']`", root.name);
            self.error(UNKNOWN, second.place, message, help);
            return None;
        }
        match known {
            Root::Params => self.param(first),
            Root::Env => self.variable(first),
            Root::Matrix => self.matrix_key(first),
            Root::Run => self.run_fact(first),
            Root::Tasks | Root::States => unreachable!("BUG: these were looked at before"),
        }
    }

    /// Refuses a root that this key does not know.
    pub(super) fn allowed(&mut self, root: Root, step: &Step, first: Option<&Step>) -> Option<()> {
        if self.scope.allows(root) {
            return Some(());
        }
        let key = self.scope.key().word();
        let known = Root::NAMED.into_iter().filter(|root| self.scope.allows(*root));
        let known: Vec<&str> = known.map(Root::word).collect();
        let name = match root {
            Root::States => format!("{}()", step.name),
            Root::Params | Root::Env | Root::Matrix | Root::Run | Root::Tasks => step.name.clone(),
        };
        // What a task knows and the file does not can be said in the task.
        let in_task = self.scope.is_outside() && self.scope.key().allows(root);
        let (message, help) = match (in_task, root, first) {
            (false, ..) => (
                format!("`{name}` is not known in `{key}`"),
                format!("`{key}` takes {}", quoted_list(&known)),
            ),
            (true, Root::Tasks, Some(task)) => (
                format!("`{name}` is not known in the file's `{key}`"),
                format!("move it to `{key}` of a task that needs `{}`", task.name),
            ),
            (true, Root::Matrix, _) => (
                format!("`{name}` is not known in the file's `{key}`"),
                format!("move it to `{key}` of a task that has the matrix"),
            ),
            (true, ..) => (
                format!("`{name}` is not known in the file's `{key}`"),
                format!("move it to `{key}` of a task"),
            ),
        };
        self.error("not-here", step.place, message, help);
        None
    }

    fn param(&mut self, step: &Step) -> Named {
        if let Some(kind) = self.scope.param(&step.name) {
            return Some((Name::Param(step.name.as_str().into()), kind));
        }
        if self.scope.is_in_doubt(Root::Params, &step.name) {
            return None;
        }
        let known = self.scope.params();
        let (message, help) = unknown("param", &step.name, &known, || {
            format!("declare it: `params: {{{}: DEFAULT}}`", step.name)
        });
        self.error(UNKNOWN, step.place, message, help);
        None
    }

    fn matrix_key(&mut self, step: &Step) -> Named {
        let known = self.scope.matrix();
        if known.contains(&step.name.as_str()) {
            return Some((Name::Matrix(step.name.as_str().into()), Type::Text));
        }
        if self.scope.is_in_doubt(Root::Matrix, &step.name) {
            return None;
        }
        let (message, help) = match known.is_empty() {
            true => (
                "this task has no `matrix`".to_owned(),
                format!("give it one: `matrix: {{{}: [a, b]}}`", step.name),
            ),
            false => unknown("matrix key", &step.name, &known, String::new),
        };
        self.error(UNKNOWN, step.place, message, help);
        None
    }

    fn variable(&mut self, step: &Step) -> Named {
        let name = step.name.as_str();
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`{}` names no variable", path("env", [name]));
            self.error(UNKNOWN, step.place, message, "write `env.NAME`");
            return None;
        }
        let Some(own) = name.strip_prefix("PYOCO_") else {
            return Some((Name::Env(name.into()), Type::Text));
        };
        let fact = RunFact::ALL.into_iter().find(|fact| {
            fact.name().to_uppercase() == own && !matches!(fact, RunFact::Id | RunFact::Os)
        });
        let help = match (own, fact) {
            ("RUN_ID", _) => "write `run.id`".to_owned(),
            (_, Some(fact)) => format!("write `run.{}`", fact.name()),
            (_, None) => match (own.strip_prefix("PARAM_"), own.strip_prefix("MATRIX_")) {
                (Some(param), _) => format!("write `params.{}`", param.to_lowercase()),
                (None, Some(key)) => format!("write `matrix.{}`", key.to_lowercase()),
                (None, None) => "let the task's script read it".to_owned(),
            },
        };
        self.error(UNKNOWN, step.place, "`env` holds no `PYOCO_` variables", help);
        None
    }

    fn run_fact(&mut self, step: &Step) -> Named {
        if let Some(fact) = RunFact::ALL.into_iter().find(|fact| fact.name() == step.name) {
            return Some((Name::Run(fact), Type::Text));
        }
        let known = RunFact::ALL.map(RunFact::name);
        let (message, help) = match step.name.as_str() {
            "state" | "outcome" | "result" => {
                (format!("unknown name `run.{}`", step.name), "write `run.status`".to_owned())
            }
            name => unknown("name", name, &known, String::new),
        };
        self.error(UNKNOWN, step.place, message, help);
        None
    }

    /// `tasks.T.state`, `tasks.T.exit_code`, `tasks.T.outputs.O`.
    fn task_name(&mut self, task: &Step, rest: &[Step], place: Place) -> Named {
        let steps: Vec<&str> = rest.iter().map(|step| step.name.as_str()).collect();
        let problem = |problem: Problem, field: &Step| {
            let Problem { points, code, message, help } = problem;
            let place = match points {
                Points::Task => task.place,
                Points::Field => field.place,
            };
            (code, place, message, help)
        };
        let named = match &steps[..] {
            ["state"] => match self.scope.tasks(&task.name) {
                Ok(tasks) => Ok((Name::State(tasks), Type::Text)),
                Err(wrong) => Err(problem(wrong, &rest[0])),
            },
            ["exit_code"] => match self.scope.task(&task.name, Field::ExitCode) {
                Ok(id) => Ok((Name::ExitCode(id), Type::Int)),
                Err(wrong) => Err(problem(wrong, &rest[0])),
            },
            ["outputs", output] => match self.scope.task(&task.name, Field::Output(output)) {
                Ok(id) => Ok((Name::Output(id, (*output).into()), Type::Text)),
                Err(wrong) => Err(problem(wrong, &rest[1])),
            },
            steps => Err(self.odd_task_name(task, rest, steps, place)),
        };
        match named {
            Ok(named) => Some(named),
            Err((code, place, message, help)) => {
                self.error(code, place, message, help);
                None
            }
        }
    }

    /// Says how to name what a task has.
    fn odd_task_name(
        &self,
        task: &Step,
        rest: &[Step],
        steps: &[&str],
        place: Place,
    ) -> (&'static str, Place, String, String) {
        let name = task.name.as_str();
        let write = |steps: &[&str]| {
            format!("write `{}`", path("tasks", [name].into_iter().chain(steps.iter().copied())))
        };
        let dotted = match steps {
            [more @ .., "outputs", _] if !more.is_empty() => more.len(),
            [more @ .., "state" | "exit_code"] => more.len(),
            _ => 0,
        };
        let known = ["state", "exit_code", "outputs"];
        let (place, message, help) = match steps {
            [] => {
                let help = format!("{}, `.exit_code` or `.outputs.NAME`", write(&["state"]));
                (place, format!("`{}` alone is not a value", path("tasks", [name])), help)
            }
            ["outputs"] => {
                let message = "`outputs` alone is not a value".to_owned();
                (rest[0].place, message, write(&["outputs", "NAME"]))
            }
            [..] if dotted > 0 => {
                let joined = [&[name], &steps[..dotted]].concat().join(".");
                let written = path("tasks", [&[joined.as_str()], &steps[dotted..]].concat());
                let help = format!("a task's name with a `.` in it is written `{written}`");
                (rest[0].place, format!("a task has no `{}`", steps[0]), help)
            }
            ["state" | "exit_code", ..] => {
                let message = format!("`{}` has no parts", path("tasks", [name, steps[0]]));
                (rest[1].place, message, write(&steps[..1]))
            }
            ["outputs", output, ..] => {
                let message = format!("the output `{output}` has no parts");
                (rest[2].place, message, write(&steps[..2]))
            }
            [first, after @ ..] => {
                let near = words::task_fact(first).or_else(|| suggest(first, known.into_iter()));
                let help = match near {
                    Some(near) => write(&[&[near], after].concat()),
                    None => format!("a task has {}", quoted_list(&known)),
                };
                (rest[0].place, format!("a task has no `{first}`"), help)
            }
        };
        (UNKNOWN, place, message, help)
    }

    fn unknown_root(&mut self, root: &Step, steps: &[Step], place: Place) {
        let name = root.name.as_str();
        let roots = Root::NAMED.map(Root::word);
        let after: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        if let Some(help) = words::foreign_root(name, &after) {
            self.error(UNKNOWN, root.place, format!("`{name}` is not known here"), help);
            return;
        }
        if let [field, ..] = &*after
            && matches!(*field, "state" | "exit_code" | "outputs")
            && self.scope.allows(Root::Tasks)
            && self.scope.is_task(name)
        {
            let help = format!("write `{}`", path("tasks", [name].into_iter().chain(after)));
            self.error(UNKNOWN, root.place, format!("unknown name `{name}`"), help);
            return;
        }
        let near = suggest(name, roots.into_iter());
        if !steps.is_empty() {
            let (message, help) = match near {
                Some(near) => {
                    let message = format!("unknown name `{name}`; did you mean `{near}`?");
                    (message, format!("write `{}`", path(near, after)))
                }
                None => (
                    format!("unknown name `{name}`"),
                    format!("a name begins with {}", quoted_list(&roots)),
                ),
            };
            self.error(UNKNOWN, root.place, message, help);
            return;
        }
        let lower = name.to_lowercase();
        let function = StateFunction::ALL.into_iter().find(|function| function.name() == lower);
        let help = match (&*lower, function) {
            ("null" | "nil" | "none" | "undefined", _) => {
                "what is absent is an empty text: compare with `''`".to_owned()
            }
            ("true" | "yes" | "on", _) => "write `true`".to_owned(),
            ("false" | "no" | "off", _) => "write `false`".to_owned(),
            (_, Some(function)) => format!("it is a function: write `{}()`", function.name()),
            ("on_failure" | "failed", _) => "write `failure()`".to_owned(),
            ("on_success" | "succeeded", _) => "write `success()`".to_owned(),
            ("on_cancel" | "canceled", _) => "write `cancelled()`".to_owned(),
            _ if self.scope.param(name).is_some() => format!("write `{}`", path("params", [name])),
            _ if self.scope.matrix().contains(&name) => {
                format!("write `{}`", path("matrix", [name]))
            }
            _ => format!("a text stands in single quotes: `'{name}'`"),
        };
        self.error(UNKNOWN, place, format!("`{name}` is not a name"), help);
    }
}

/// Returns a name with this root.
fn example(root: Root) -> &'static str {
    match root {
        Root::Params => "params.NAME",
        Root::Env => "env.NAME",
        Root::Matrix => "matrix.KEY",
        Root::Run => "run.id",
        Root::Tasks => "tasks.NAME.state",
        Root::States => "success()",
    }
}

/// Words what is said of an unknown name.
fn unknown(
    noun: &str,
    name: &str,
    known: &[&str],
    none: impl FnOnce() -> String,
) -> (String, String) {
    match suggest(name, known.iter().copied()) {
        Some(near) => {
            (format!("unknown {noun} `{name}`; did you mean `{near}`?"), format!("write `{near}`"))
        }
        None if known.is_empty() => (format!("unknown {noun} `{name}`"), none()),
        None => (format!("unknown {noun} `{name}`"), choices(noun, &format!("{noun}s"), known)),
    }
}
