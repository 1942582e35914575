//! Every key of the table with every kind of wrong value: each is refused with a place and a way out, in
//! both syntaxes, or stands in the list of what is taken, with the reason.

use super::*;
use crate::spec::keys::{KEYS, Key, Place, Type};

/// A value that is wrong for most keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    List,
    Nested,
    Map,
    EmptyText,
    EmptyList,
    EmptyMap,
    ListOfEmpty,
    Twins,
    Number,
    NumberAsText,
    Truth,
    Nothing,
    Word,
    Control,
    Nul,
    Huge,
    Expression,
}

impl Wrong {
    const ALL: [Wrong; 17] = [
        Wrong::List,
        Wrong::Nested,
        Wrong::Map,
        Wrong::EmptyText,
        Wrong::EmptyList,
        Wrong::EmptyMap,
        Wrong::ListOfEmpty,
        Wrong::Twins,
        Wrong::Number,
        Wrong::NumberAsText,
        Wrong::Truth,
        Wrong::Nothing,
        Wrong::Word,
        Wrong::Control,
        Wrong::Nul,
        Wrong::Huge,
        Wrong::Expression,
    ];

    /// Writes the value; `None` where the syntax has no such thing.
    fn written(self, syntax: Syntax) -> Option<String> {
        let map = |text: &str| match syntax {
            Syntax::Yaml => format!("{{b: {text}}}"),
            Syntax::Toml => format!("{{ b = {text} }}"),
        };
        Some(match self {
            Wrong::List => "[\"qq\", \"rr\"]".to_owned(),
            Wrong::Nested => "[[\"qq\"]]".to_owned(),
            Wrong::Map => map("\"qq\""),
            Wrong::EmptyText => "\"\"".to_owned(),
            Wrong::EmptyList => "[]".to_owned(),
            Wrong::EmptyMap => "{}".to_owned(),
            Wrong::ListOfEmpty => "[\"\"]".to_owned(),
            Wrong::Twins => "[\"qq\", \"qq\"]".to_owned(),
            Wrong::Number => "10".to_owned(),
            Wrong::NumberAsText => "\"10\"".to_owned(),
            Wrong::Truth => "true".to_owned(),
            Wrong::Nothing if syntax == Syntax::Toml => return None,
            Wrong::Nothing => "~".to_owned(),
            Wrong::Word => "\"qq\"".to_owned(),
            Wrong::Control => "\"q\\u0007\\u001bq\"".to_owned(),
            Wrong::Nul => "\"q\\u0000q\"".to_owned(),
            Wrong::Huge if syntax == Syntax::Toml => format!("\"{}\"", "q".repeat(1 << 16)),
            Wrong::Huge => format!("\"{}\"", "q".repeat(1 << 20)),
            Wrong::Expression => "\"${{ params.none }}\"".to_owned(),
        })
    }
}

/// Writes a file with a key in a place; `lines` are the key and its value.
fn file(place: Place, key: &str, lines: &str, syntax: Syntax) -> String {
    let is_own = |names: &[&str]| names.contains(&key);
    match syntax {
        Syntax::Yaml => {
            let inner = |n: usize| lines.replace('\n', &format!("\n{}", " ".repeat(n)));
            let run = if is_own(&["run", "cmd"]) { "description: x" } else { "run: x" };
            match place {
                Place::Top if is_own(&["tasks"]) => format!("{lines}\n"),
                Place::Top => format!("{lines}\ntasks: {{a: x}}\n"),
                Place::Task => format!("tasks:\n  a:\n    {run}\n    {}\n", inner(4)),
                Place::Defaults => format!("defaults:\n  {}\ntasks: {{a: x}}\n", inner(2)),
                Place::Records => format!("records:\n  {}\ntasks: {{a: x}}\n", inner(2)),
                Place::Param => format!("params:\n  p:\n    {}\ntasks: {{a: x}}\n", inner(4)),
                Place::Retry | Place::Kill | Place::Resources => {
                    let max =
                        if place == Place::Retry && key != "max" { "\n      max: 1" } else { "" };
                    let map = map_name(place);
                    format!("tasks:\n  a:\n    run: x\n    {map}:{max}\n      {}\n", inner(6))
                }
            }
        }
        Syntax::Toml => {
            let run = if is_own(&["run", "cmd"]) { "description = 'x'" } else { "run = 'x'" };
            match place {
                Place::Top if is_own(&["tasks"]) => format!("{lines}\n"),
                Place::Top => format!("{lines}\n[tasks]\na = 'x'\n"),
                Place::Task => format!("[tasks.a]\n{run}\n{lines}\n"),
                Place::Defaults => format!("[defaults]\n{lines}\n[tasks]\na = 'x'\n"),
                Place::Records => format!("[records]\n{lines}\n[tasks]\na = 'x'\n"),
                Place::Param => format!("[params.p]\n{lines}\n[tasks]\na = 'x'\n"),
                Place::Retry | Place::Kill | Place::Resources => {
                    let max = if place == Place::Retry && key != "max" { "max = 1\n" } else { "" };
                    format!("[tasks.a]\nrun = 'x'\n[tasks.a.{}]\n{max}{lines}\n", map_name(place))
                }
            }
        }
    }
}

fn map_name(place: Place) -> &'static str {
    match place {
        Place::Retry => "retry",
        Place::Kill => "kill",
        Place::Resources => "resources",
        Place::Top | Place::Task | Place::Defaults | Place::Records | Place::Param => {
            unreachable!("it is none of a task")
        }
    }
}

/// Returns the line of a key with a value.
fn line(key: &str, value: &str, syntax: Syntax) -> String {
    match syntax {
        Syntax::Yaml => format!("{key}: {value}"),
        Syntax::Toml => format!("{key} = {value}"),
    }
}

/// Loads a file, and holds what is said of it against what must hold of all that is said; returns whether
/// it is refused.
fn is_refused(text: &str, syntax: Syntax) -> bool {
    let source = source(text, syntax);
    let loaded = load(&source);
    let shown = &text[..text.len().min(200)];
    for one in &loaded.diagnostics {
        assert!(!one.labels.is_empty(), "no place: {one}\n{shown}");
        assert!(
            one.help_lines().next().is_some_and(|help| !help.is_empty()),
            "no help: {one}\n{shown}"
        );
        assert!(!one.message().is_empty() && one.message().len() < 10_000, "{one}\n{shown}");
        let said = one.message();
        assert!(
            !said.ends_with('.') && !said.contains(['\u{7}', '\u{1b}', '\0']),
            "{one}\n{shown}"
        );
    }
    if text.len() < 100_000 {
        let report = report(Some(&source), &loaded.diagnostics, false);
        assert!(report.len() < 60_000, "{} bytes\n{shown}", report.len());
    }
    loaded.flow.is_none()
}

/// Returns whether a key takes such a value, and rightly so: a plain scalar is its text; an empty map or
/// list says nothing, as the key's absence does, where that means something; of a name that is listed
/// twice the second mention changes nothing; what is only shown or fed to a program may hold anything.
fn takes(key: &Key, wrong: Wrong) -> bool {
    use Wrong::{
        Control, EmptyList, EmptyMap, EmptyText, Expression, Huge, List, Map, Nul, Number,
        NumberAsText, Truth, Twins, Word,
    };
    let right: &[Wrong] = match (key.takes, key.name) {
        // A long script goes to its shell as a file.
        (Type::Text, "run") => &[Number, NumberAsText, Truth, Word, Control, Huge, Expression],
        (Type::Text, "dir") => &[Number, NumberAsText, Truth, Word, Control],
        (Type::Text, _) => &[EmptyText, Number, NumberAsText, Truth, Word, Control, Nul, Huge],
        (Type::FlowName, _) => &[Number, NumberAsText, Truth, Word],
        (Type::Params | Type::Env, _) => &[Map, EmptyMap],
        (Type::Inherited, _) => &[List, EmptyList, Twins, Truth],
        (Type::EnvNames, _) => &[List, EmptyList, Twins],
        (Type::Names, _) => &[EmptyList],
        (Type::Notation, _) => &[EmptyText],
        (Type::Tasks | Type::Finally, _) => &[Map],
        (Type::Int(..) | Type::Ints(..) | Type::Factor | Type::Retry, _) => &[Number],
        (Type::WordList, "cmd") => &[List, Twins],
        (Type::Bool, "required") => &[], // nobody sets it here
        (Type::Condition | Type::Bool, _) => &[Truth],
        (Type::Tags, _) => &[List, EmptyList],
        (Type::OutputNames | Type::Globs, _) => &[List],
        (Type::OutputName, _) => &[Truth, Word],
        // One that is too long for a variable is not exported, with a warning.
        (Type::ParamDefault, _) => {
            &[List, EmptyText, EmptyList, Twins, Number, NumberAsText, Truth, Word, Control, Huge]
        }
        (Type::Defaults | Type::Pools | Type::Records | Type::Resources | Type::Kill, _) => {
            &[EmptyMap]
        }
        (
            Type::Version
            | Type::Words(_)
            | Type::WordList
            | Type::Duration
            | Type::Timeout
            | Type::Shell
            | Type::Signal
            | Type::Size
            | Type::Matrix
            | Type::Paths
            | Type::Pool,
            _,
        ) => &[],
    };
    right.contains(&wrong)
}

#[test]
fn every_wrong_value_of_every_key_is_refused_or_is_right() {
    let mut broken = Vec::new();
    for key in KEYS {
        for place in key.places {
            for syntax in [Syntax::Yaml, Syntax::Toml] {
                for wrong in Wrong::ALL {
                    let Some(value) = wrong.written(syntax) else { continue };
                    let text = file(*place, key.name, &line(key.name, &value, syntax), syntax);
                    if is_refused(&text, syntax) == takes(key, wrong) {
                        broken.push(format!("{place:?}.{} {wrong:?} {syntax:?}", key.name));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_key_stands_once_and_in_its_own_letters() {
    for key in KEYS {
        for place in key.places {
            for syntax in [Syntax::Yaml, Syntax::Toml] {
                let one = line(key.name, "1", syntax);
                let twice = file(*place, key.name, &format!("{one}\n{one}"), syntax);
                let said = short(&twice, syntax);
                assert!(
                    said.iter().any(|said| said.contains(" duplicate-key ")),
                    "{twice}\n{said:?}"
                );
                assert!(is_refused(&twice, syntax));
                let upper = key.name.to_uppercase();
                let text = file(*place, key.name, &line(&upper, "1", syntax), syntax);
                let said = short(&text, syntax);
                let expected = format!("did you mean `{}`?", key.name);
                assert!(said.iter().any(|said| said.contains(&expected)), "{text}\n{said:?}");
                assert!(is_refused(&text, syntax));
            }
        }
    }
}

#[test]
fn what_no_program_can_be_given_for_its_length_is_refused() {
    let long = "q".repeat(128 << 10);
    let check = |text: String, line: &str| {
        let said = short(&text, Syntax::Yaml);
        assert_eq!(said, [line], "{}", &text[..60]);
    };
    check(
        format!("tasks: {{a: {{cmd: [echo, {long}]}}}}\n"),
        "1:25 too-long a word of `cmd` is longer than 128 KiB, and so too long for any program; let the task read it from a file",
    );
    check(
        format!("tasks: {{a: {{run: x, shell: [sh, '{{0}}', {long}]}}}}\n"),
        "1:40 too-long a word of `shell` is longer than 128 KiB, and so too long for any program; let the task read it from a file",
    );
    check(
        format!("env: {{A: {long}}}\ntasks: {{a: x}}\n"),
        "1:10 too-long `A` is longer than 128 KiB, and so too long for any program; let the task read it from a file",
    );
    check(
        format!("tasks: {{a: {{run: x, dir: {}}}}}\n", &long[..5000]),
        "1:26 too-long `dir` is longer than any path can be; write a shorter path",
    );
    flow(&format!("env: {{A: {}}}\ntasks: {{a: x}}\n", &long[..100_000]), Syntax::Yaml);
}

#[test]
fn names_that_differ_in_case_alone_are_two_unless_they_share_a_variable() {
    let two = |text: &str| assert_eq!(short(text, Syntax::Yaml), Vec::<String>::new(), "{text}");
    two("tasks: {Build: x, build: {run: y, needs: Build}}\n");
    two("env: {Path: x, PATH: y}\ntasks: {a: x}\n");
    two("tasks: {a: {run: x, outputs: [O, o]}}\n");
    let one = |text: &str, name: &str| {
        let said = short(text, Syntax::Yaml);
        let expected = format!("would both be `{name}`");
        assert!(said.iter().any(|said| said.contains(&expected)), "{said:?}");
    };
    one("params: {P: 1, p: 2}\ntasks: {a: x}\n", "PYOCO_PARAM_P");
    one("tasks: {a: {run: x, matrix: {K: [a], k: [b]}}}\n", "PYOCO_MATRIX_K");
    one("pools: {G: 1, g: 2}\ntasks: {a: {run: x, pool: [G, g]}}\n", "PYOCO_POOL_G");
}
