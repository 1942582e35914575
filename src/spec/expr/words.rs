//! Words for messages: what other tools write and how it is written here, and how parts of an
//! expression are shown.

use super::parse::{Ast, Spanned};
use super::scope::Type;
use crate::model::expr::{Comparison, is_word};

/// Returns the operator that a word stands for in other languages.
pub(super) fn operator(word: &str) -> Option<&'static str> {
    match word {
        "and" | "AND" | "And" => Some("&&"),
        "or" | "OR" | "Or" => Some("||"),
        "not" | "NOT" | "Not" => Some("!"),
        "eq" | "is" => Some("=="),
        "ne" => Some("!="),
        _ => None,
    }
}

/// Says how a name with a root of another tool is written here.
pub(super) fn foreign_root(root: &str, steps: &[&str]) -> Option<String> {
    let last = steps.last().copied().unwrap_or("NAME");
    Some(match (root, steps) {
        ("github", ["event", ..]) => {
            "let a task's script read it from the file `$GITHUB_EVENT_PATH`".to_owned()
        }
        ("github", ["token"]) => {
            "name it in `secrets`, set it in the environment, and write `env.GITHUB_TOKEN`"
                .to_owned()
        }
        ("github", _) => {
            let variable = last.to_uppercase().replace('-', "_");
            format!("GitHub gives it to every step: write `env.GITHUB_{variable}`")
        }
        ("steps" | "needs" | "jobs", [task, "outputs", output]) => {
            format!("write `tasks.{task}.outputs.{output}`")
        }
        ("steps" | "needs" | "jobs", [task, "result" | "outcome" | "conclusion" | "status"]) => {
            format!("write `tasks.{task}.state`")
        }
        ("steps" | "needs" | "jobs", _) => {
            "write `tasks.NAME.state` or `tasks.NAME.outputs.OUTPUT`".to_owned()
        }
        ("inputs" | "vars" | "parameters", _) => format!("write `params.{last}`"),
        ("secrets", _) => {
            format!("name it in `secrets`, set it in the environment, and write `env.{last}`")
        }
        ("runner", ["os" | "arch"]) => format!("write `run.{last}`"),
        ("job" | "workflow", ["status"]) => "write `run.status`".to_owned(),
        ("runner" | "job" | "strategy" | "workflow", _) => {
            "here are `params`, `env`, `matrix`, `run` and `tasks`".to_owned()
        }
        _ => return None,
    })
}

/// Returns what a function of another tool is here.
pub(super) fn foreign_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "startsWith" | "startswith" | "hasPrefix" => "write `starts_with(a, b)`",
        "endsWith" | "endswith" | "hasSuffix" => "write `ends_with(a, b)`",
        "includes" | "in" => "write `contains(a, b)`",
        "coalesce" | "ifnull" => "write `default(a, b)`",
        "succeeded" => "write `success()`",
        "failed" => "write `failure()`",
        "canceled" | "isCancelled" => "write `cancelled()`",
        "format" | "join" | "concat" => {
            "write the parts side by side: `NAME: ${{ params.a }}-${{ params.b }}`"
        }
        "toJSON" | "fromJSON" | "hashFiles" | "exists" => {
            "let a task's script compute it, and use its output"
        }
        _ => return None,
    })
}

/// Returns the fact that a word after `tasks.T.` means.
pub(super) fn task_fact(word: &str) -> Option<&'static str> {
    Some(match word {
        "status" | "result" | "outcome" | "conclusion" => "state",
        "output" => "outputs",
        "code" | "exitcode" | "exitCode" | "exit" | "rc" => "exit_code",
        _ => return None,
    })
}

/// Says how to compare values of two types.
pub(super) fn mismatch(comparison: Comparison, sides: &[Spanned; 2], kinds: [Type; 2]) -> String {
    let (name, name_kind, literal) = match (&sides[0].ast, &sides[1].ast) {
        (_, Ast::Int(_) | Ast::Bool(_) | Ast::Text(_)) => (&sides[0], kinds[0], &sides[1]),
        _ => (&sides[1], kinds[1], &sides[0]),
    };
    match (name_kind, &literal.ast) {
        (Type::Text, Ast::Int(value)) => format!("write `'{value}'`"),
        (Type::Text, Ast::Bool(value)) => format!("write `'{value}'`"),
        (Type::Int, Ast::Text(text)) if text.parse::<i64>().is_ok() => format!("write `{text}`"),
        (Type::Int, Ast::Text(_) | Ast::Bool(_)) => "compare it with an integer".to_owned(),
        (Type::Bool, Ast::Text(_) | Ast::Int(_)) => {
            let is_true = match &literal.ast {
                Ast::Text(text) => {
                    !matches!(text.as_str(), "false" | "False" | "FALSE" | "no" | "0" | "")
                }
                Ast::Int(value) => *value != 0,
                _ => true,
            };
            let sign = if is_true == (comparison != Comparison::Unequal) { "" } else { "!" };
            format!("write `{sign}{}`", written(name))
        }
        _ => "compare values of the same type".to_owned(),
    }
}

/// The systems that `run.os` can be, the usual ones first.
pub(super) const SYSTEMS: &[&str] = &[
    "linux",
    "macos",
    "freebsd",
    "openbsd",
    "netbsd",
    "dragonfly",
    "solaris",
    "illumos",
    "android",
    "ios",
    "aix",
    "haiku",
    "windows",
];
/// The processors that `run.arch` can be, the usual ones first.
pub(super) const MACHINES: &[&str] = &[
    "x86_64",
    "aarch64",
    "x86",
    "arm",
    "riscv64",
    "powerpc64",
    "s390x",
    "loongarch64",
    "riscv32",
    "powerpc",
    "mips",
    "mips64",
    "sparc64",
    "sparc",
    "m68k",
    "hexagon",
];

/// Returns what a system or a processor of another tool is called here.
pub(super) fn machine(word: &str) -> Option<&'static str> {
    Some(match &*word.to_ascii_lowercase() {
        "darwin" | "osx" | "mac" => "macos",
        "win32" | "windows_nt" => "windows",
        "amd64" | "x64" | "x86-64" => "x86_64",
        "arm64" => "aarch64",
        "i386" | "i686" => "x86",
        _ => return None,
    })
}

/// Says what to do where values are ordered that are not integers.
pub(super) fn order(sides: &[Spanned; 2], kinds: [Type; 2]) -> String {
    let text = sides.iter().zip(kinds).find(|(_, kind)| *kind != Type::Int);
    match text.map(|(side, _)| (&side.ast, written(side))) {
        Some((Ast::Text(text), _)) if text.parse::<i64>().is_ok() && kinds.contains(&Type::Int) => {
            format!("write `{text}`")
        }
        Some((Ast::Path(root, steps), _)) if root.name == "params" => match steps.first() {
            Some(step) => format!("give `{}` the type `int`, or write `==` or `!=`", step.name),
            None => "write `==` or `!=`".to_owned(),
        },
        Some((Ast::Path(..), name)) => format!(
            "`{name}` is a text: write `==` or `!=`, or let a task's script compare the numbers"
        ),
        Some(_) | None => "write `==` or `!=`".to_owned(),
    }
}

pub(super) fn plural(kind: Type) -> &'static str {
    match kind {
        Type::Text => "texts",
        Type::Int => "integers",
        Type::Bool => "conditions",
        Type::List => "lists",
    }
}

/// Writes a part of an expression in messages.
pub(super) fn written(spanned: &Spanned) -> String {
    match &spanned.ast {
        Ast::Bool(value) => value.to_string(),
        Ast::Int(value) => value.to_string(),
        Ast::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Ast::Path(root, steps) => path(&root.name, steps.iter().map(|step| step.name.as_str())),
        Ast::Call(name, _) => format!("{}(…)", name.name),
        Ast::Not(_) | Ast::All(_) | Ast::Any(_) | Ast::Compare(..) => "(…)".to_owned(),
    }
}

/// Writes a path.
pub(super) fn path<'s>(root: &str, steps: impl IntoIterator<Item = &'s str>) -> String {
    let mut whole = root.to_owned();
    for step in steps {
        match is_word(step) {
            true => whole.push_str(&format!(".{step}")),
            false => whole.push_str(&format!("['{}']", step.replace('\'', "''"))),
        }
    }
    whole
}
