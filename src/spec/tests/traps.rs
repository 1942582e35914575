//! Where YAML reads something else than its author meant: here every such text means what it says, or is
//! refused with the mend; and the same in TOML.

use super::*;
use crate::model::ParamValue;

/// Returns what a text without quotes is as a variable, as a param, as a value of a matrix, as a script,
/// and as the script of a task with keys.
fn meanings(plain: &str, syntax: Syntax) -> [String; 5] {
    let file = match syntax {
        Syntax::Yaml => format!(
            "env:\n  A: {plain}\nparams:\n  p: {plain}\ntasks:\n  a: {plain}\n  b:\n    run: {plain}\n    \
             matrix: {{k: [{plain}]}}\n"
        ),
        Syntax::Toml => format!(
            "env.A = {plain}\nparams.p = {plain}\n[tasks]\na = {plain}\n[tasks.b]\nrun = {plain}\n\
             matrix = {{ k = [{plain}] }}\n"
        ),
    };
    let flow = flow(&file, syntax);
    let script = |id| match flow.task(TaskId(id)).work() {
        Work::Run(script) => script.to_string(),
        Work::Cmd(_) => panic!("it is a script"),
    };
    let [(_, value)] = &*flow.task(TaskId(0)).options.env else { panic!("one variable") };
    [
        value.constant().expect("it holds no expression").to_owned(),
        flow.params()[0].value().expect("it has a default").to_string(),
        flow.task(TaskId(1)).name().trim_start_matches("b[k=").trim_end_matches(']').to_owned(),
        script(0),
        script(1),
    ]
}

#[test]
fn a_text_without_quotes_is_its_own_text() {
    for plain in [
        "3.10",
        "0x1f",
        "0o17",
        "010",
        "1e3",
        "1_000",
        "+1",
        "-1",
        ".5",
        ".inf",
        ".nan",
        "1.0",
        "on",
        "off",
        "yes",
        "no",
        "y",
        "n",
        "Yes",
        "NO",
        "True",
        "FALSE",
        "true",
        "false",
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        "12:30:45",
        "1:2",
        "nil",
        "none",
        "undefined",
        "<<",
    ] {
        assert_eq!(meanings(plain, Syntax::Yaml), [plain; 5], "{plain}");
    }
    for plain in [
        "3.10",
        "0x1f",
        "0o17",
        "0b1",
        "1e3",
        "1_000",
        "+1",
        "-1",
        "inf",
        "nan",
        "1.0",
        "true",
        "false",
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        "12:30:45",
    ] {
        assert_eq!(meanings(plain, Syntax::Toml), [plain; 5], "{plain}");
    }
    let kind = |text: &str| {
        let flow = flow(&format!("params: {{p: {text}}}\ntasks: {{a: x}}\n"), Syntax::Yaml);
        flow.params()[0].value().cloned()
    };
    for text in ["3.10", "010", "1e3", "yes", "True", "2024-01-01", "-1", "1_000", "0x1f"] {
        assert_eq!(kind(text), Some(ParamValue::Text(text.into())), "{text}");
    }
}

#[test]
fn nothing_is_no_text() {
    for nothing in ["~", "null", "Null", "NULL", "", "# x"] {
        let text = format!("env:\n  A: {nothing}\ntasks: {{a: x}}\n");
        let said = short(&text, Syntax::Yaml);
        assert!(
            said.len() == 1 && said[0].contains("`A` has no value; write `A: \"\"`"),
            "{said:?}"
        );
        let text = format!("params:\n  p: {nothing}\ntasks: {{a: x}}\n");
        let said = short(&text, Syntax::Yaml);
        assert!(said.len() == 1 && said[0].contains("has no default; write `p: \"\"`"), "{said:?}");
        let text = format!("tasks:\n  a:\n    run: {nothing}\n");
        let said = short(&text, Syntax::Yaml);
        assert!(
            said.len() == 1 && said[0].contains("`run` has no value; write `run: SCRIPT`"),
            "{said:?}"
        );
        let text = format!("tasks:\n  a: {nothing}\n");
        let said = short(&text, Syntax::Yaml);
        assert!(
            said.len() == 1 && said[0].contains("nothing to do; write `a: SCRIPT`"),
            "{said:?}"
        );
    }
    task(
        "run: x\nmatrix: {k: [a, ~]}",
        &["4:21 no-value a value of `k` is empty; write `\"\"` for an empty text"],
    );
    let report = said("env:\n  A: #fff\ntasks: {a: x}\n", Syntax::Yaml);
    assert!(report.contains("a text that begins with `#` needs quotes"), "{report}");
    for nothing in ["null", "no", "~", "", "on", "010", "yes"] {
        let said = short(&format!("env.A = {nothing}\n[tasks]\na = \"x\"\n"), Syntax::Toml);
        assert!(said.len() == 1, "{said:?}");
        let help = match nothing {
            "" => "write `env.A = \"\"` for an empty text".to_owned(),
            nothing => format!("write `env.A = '{nothing}'`"),
        };
        assert!(said[0].ends_with(&help), "{said:?}");
    }
    let said = short("env.A = True\n[tasks]\na = \"x\"\n", Syntax::Toml);
    assert!(said[0].contains("write `true` or `false`"), "{said:?}");
}

#[test]
fn a_script_that_begins_with_a_sign_of_yaml_is_itself_or_is_refused_with_the_mend() {
    let script = |line: &str| match flow(&format!("tasks:\n  a: {line}\n"), Syntax::Yaml).tasks()[0]
        .work()
    {
        Work::Run(script) => script.to_string(),
        Work::Cmd(_) => panic!("it is a script"),
    };
    for line in [
        "$HOME/bin/x",
        "~/bin/x",
        "-x",
        "--help",
        ":a",
        "echo a:b",
        "echo a#b",
        "<in cat",
        "=x",
        "(x)",
        "./x",
        "a, b",
        "echo [a] {b}",
        "echo \"a\" 'b'",
        "echo a & b",
        "test ! -e x",
        "echo *",
        "\\x",
        "echo ${{ github.sha }}",
        "x; y",
        "^x",
        "/bin/x",
    ] {
        assert_eq!(script(line), line);
    }
    let quotes = "needs quotes";
    for (line, mend) in [
        ("! grep x", quotes),
        ("!x y", quotes),
        ("*.txt", "begins with `*` in quotes"),
        ("* x", "begins with `&` or `*` in quotes"),
        ("& x", "begins with `&` or `*` in quotes"),
        ("&& x", "write `'&& x'`"),
        ("&1 x", "write `'&1 x'`"),
        ("%x", "put the text in quotes: `'%x'`"),
        ("@echo off", "put the text in quotes: `'@echo off'`"),
        ("`x`", "put the text in quotes: `'`x`'`"),
        ("? x", "put the text in quotes"),
        (", x", "put the text in quotes"),
        ("- x", "put other text in quotes"),
        ("| grep x", "begins with `|` or `>` in quotes"),
        ("> out", "begins with `|` or `>` in quotes"),
        (">out", "begins with `|` or `>` in quotes"),
        ("[ -f x ] && y", "begins with `[` or `{` in quotes"),
        ("[[ -f x ]] && y", "begins with `[` or `{` in quotes"),
        ("[ -f x ]", "begins with `[` needs quotes"),
        ("{ x; } > y", "begins with `[` or `{` in quotes"),
        ("{{ x }}", "begins with `{{` needs quotes"),
        ("\"$x\" y", "put the whole value in quotes"),
        ("'x' | y", "put the whole value in quotes"),
        ("#!/bin/sh", "begins with `#` needs quotes"),
        ("echo a: b", "or the text as a block below `|`"),
        ("curl -H 'a: b'", "or the text as a block below `|`"),
        ("key:", "or the text as a block below `|`"),
    ] {
        for file in [format!("tasks:\n  a: {line}\n"), format!("tasks:\n  a:\n    run: {line}\n")] {
            let report = said(&file, Syntax::Yaml);
            assert!(report.contains(mend), "{line}: {report}");
        }
        let toml = said(&format!("[tasks]\na = {line}\n"), Syntax::Toml);
        let is_told = ["needs quotes", "in quotes", "not closed", "has no value"]
            .iter()
            .any(|mend| toml.contains(mend));
        assert!(is_told, "{line}: {toml}");
    }
}

#[test]
fn a_block_is_its_lines() {
    let script = |text: &str| match flow(text, Syntax::Yaml).tasks()[0].work() {
        Work::Run(script) => script.to_string(),
        Work::Cmd(_) => panic!("it is a script"),
    };
    let head = "tasks:\n  a: ";
    let check = |block: &str, expected: &str| {
        assert_eq!(script(&format!("{head}{block}")), expected, "{block}");
        let long = format!("tasks:\n  a:\n    run: {}", block.replace("\n    ", "\n      "));
        assert_eq!(script(&long), expected, "{long}");
    };
    check("|\n    x: #y\n      z\n\n    w\n", "x: #y\n  z\n\nw\n");
    check("|-\n    x\n    y\n", "x\ny");
    check("|+\n    x\n\n", "x\n\n");
    check(">\n    x\n    y\n\n    z\n", "x y\nz\n");
    check(">-\n    x\n    y\n", "x y");
    check("| # all\n    - x\n    * y\n", "- x\n* y\n");
    check("x\n    y\n", "x y"); // a text without quotes is folded
    let toml = |text: &str| match flow(&format!("[tasks]\na = {text}\n"), Syntax::Toml).tasks()[0]
        .work()
    {
        Work::Run(script) => script.to_string(),
        Work::Cmd(_) => panic!("it is a script"),
    };
    assert_eq!(toml("\"\"\"\nx\n  y\n\"\"\""), "x\n  y\n");
    assert_eq!(toml("'''\n$x \\n\n'''"), "$x \\n\n");
    assert_eq!(toml("\"\"\"x \\\n   y\"\"\""), "x y");
}

#[test]
fn what_stands_twice_or_cannot_be_a_key_is_refused() {
    let twice = "duplicate-key the key `k` is there already; keep one of the two";
    for yaml in [
        "env: {k: 1, k: 1}\ntasks: {a: x}\n",
        "params: {k: 1, k: 2}\ntasks: {a: x}\n",
        "tasks: {a: {run: x, matrix: {k: [a], k: [b]}}}\n",
        "tasks: {k: x, k: y}\n",
        "tasks: {k: x, \"k\": y}\n",
    ] {
        let said = short(yaml, Syntax::Yaml);
        assert!(said.len() == 1 && said[0].ends_with(twice), "{said:?}");
    }
    for toml in [
        "env = { k = 1, k = 1 }\n[tasks]\na = \"x\"\n",
        "[params]\nk = 1\nk = 2\n[tasks]\na = \"x\"\n",
        "[tasks.a]\nrun = \"x\"\nmatrix = { k = [\"a\"], k = [\"b\"] }\n",
        "[tasks]\nk = \"x\"\n\"k\" = \"y\"\n",
        "[tasks.k]\nrun = \"x\"\n[tasks.k]\nrun = \"y\"\n",
    ] {
        let said = short(toml, Syntax::Toml);
        assert!(said.iter().all(|said| said.contains("duplicate-key the ")), "{said:?}");
        assert!(!said.is_empty(), "{toml}");
    }
    // A key is its text, too; as a name it is refused where the name is.
    let flow = flow("env: {_1: a, true: b, on: d}\ntasks: {yes: x, null: y}\n", Syntax::Yaml);
    let names: Vec<&str> = flow.tasks()[0].options.env.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["_1", "true", "on"]);
    assert_eq!((flow.tasks()[0].name(), flow.tasks()[1].name()), ("yes", "null"));
    lines(
        "env: {[a]: b}\nparams: {1: x}\ntasks: {~: x}\n",
        &[
            "1:7 yaml-key a key must be a word or a text; write `key: value`",
            "2:10 param-name the param's name `1` does not begin with a letter; use letters, digits, `_`, `-` and `.`, beginning with a letter",
            "3:9 task-name the task's name `~` does not begin with a letter; begin it with a letter or `_`",
        ],
    );
}

#[test]
fn documents_tabs_and_merges() {
    let second =
        "a second YAML document begins here; a workflow file holds one document: remove the `---`";
    lines("tasks: {a: x}\n---\n", &[&format!("2:1 second-document {second}")]);
    lines("tasks: {a: x}\n...\n---\na: b\n", &[&format!("3:1 second-document {second}")]);
    flow("%YAML 1.2\n--- # the only one\ntasks: {a: x}\n...\n", Syntax::Yaml);
    let tab = "yaml-tab a tab cannot indent YAML; indent with spaces: two for each level";
    lines("tasks:\n  a: |\n\techo x\n", &[&format!("3:1 {tab}")]);
    lines("env:\n\tA: 1\ntasks: {a: x}\n", &[&format!("2:1 {tab}")]);
    lines("tasks:\n  a:\n  \trun: x\n", &[&format!("3:3 {tab}")]);
    assert_eq!(meanings("x\ty", Syntax::Yaml)[3], "x\ty");
    lines(
        "tasks:\n a: x\n  b: y\n",
        &[
            "3:4 yaml-syntax this line does not fit the indentation above it; give all keys of one map the same indentation, further in than the key above them",
        ],
    );
    let merged =
        flow("x-e: &e {A: 1, B: 2}\ntasks: {a: {run: x, env: {<<: *e, B: 3}}}\n", Syntax::Yaml);
    let env = &merged.tasks()[0].options.env;
    let env: Vec<_> = env.iter().map(|(name, value)| (&**name, value.constant())).collect();
    assert_eq!(env, [("B", Some("3")), ("A", Some("1"))]);
    lines(
        "env: {<<: 3}\ntasks: {a: x}\n",
        &[
            "1:11 yaml-merge `<<` takes a map, or a list of maps; write `<<: *name`, where `&name` stands before a map",
        ],
    );
    lines(
        "tasks:\n  a: &name x\n",
        &[
            "2:6 yaml-anchor `&name` is an anchor that no alias names, not part of the text; write `'&name x'`, or remove the anchor",
        ],
    );
    flow("tasks:\n  a: &name x\n  b: *name\n", Syntax::Yaml);
}

#[test]
fn what_is_nearly_true_or_false_is_told_which() {
    let check = |written: &str, mend: &str| {
        let said = short(&format!("inherit_env: {written}\ntasks: {{a: x}}\n"), Syntax::Yaml);
        assert!(said[0].contains(&format!("write `inherit_env: {mend}`")), "{said:?}");
    };
    check("no", "false");
    check("Off", "false");
    check("FALSE", "false");
    check("'no'", "false");
    check("yes", "true");
    check("True", "true");
}
