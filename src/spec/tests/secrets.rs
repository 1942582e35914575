//! The key `secrets`: its names, the values that the file sets, and that nothing shows these.

use super::*;
use crate::model::Mask;

#[test]
fn entries_are_names_of_variables() {
    let check = |entry: &str, expected: &str| {
        lines(&format!("secrets: [{entry}]\ntasks: {{a: x}}\n"), &[&format!("1:11 {expected}")]);
    };
    check(
        "params.token",
        "secret-name the file has no param `token`; declare it: `params: {token: {required: true}}`",
    );
    check("tasks.login.outputs.token", "unknown-task unknown task `login`; the only task is `a`");
    check(
        "'$TOKEN'",
        "secret-name `$TOKEN` is not the name of an environment variable; write the name alone: `TOKEN`",
    );
    check(
        "env.TOKEN",
        "secret-name `env.TOKEN` is not the name of an environment variable; write the name alone: `TOKEN`",
    );
    check(
        "'${{ env.TOKEN }}'",
        "secret-name `${{ env.TOKEN }}` is not the name of an environment variable; write the name alone: `TOKEN`",
    );
    // What was meant may be a name or the secret itself: it is not said again.
    check(
        "'a secret'",
        "secret-name an entry of `secrets` is not the name of an environment variable; name variables, whose values are then masked: `secrets: [TOKEN]`; a name has letters, digits and `_`",
    );
    let no_name = "secret-name an entry of `secrets` is not the name of an environment variable; name variables, whose values are then masked: `secrets: [TOKEN]`; a name has letters, digits and `_`";
    ["~", "null", "[x]", "{a: b}", "\"\"", "7"].iter().for_each(|entry| check(entry, no_name));
    let top = |value: &str, expected: &str| {
        lines(&format!("secrets: {value}\ntasks: {{a: x}}\n"), &[&format!("1:10 {expected}")]);
    };
    top(
        "TOKEN",
        "wrong-type `secrets` takes a list of names, not a single value; write `secrets: [TOKEN]`",
    );
    top("{A: b}", "wrong-type `secrets` takes a list of names, not a map; write `secrets: [A]`");
    flow("secrets: []\ntasks: {a: x}\n", Syntax::Yaml);
    flow("secrets: [_A.b-C9]\ntasks: {a: x}\n", Syntax::Yaml);
}

#[test]
fn values_come_from_every_env_of_the_file() {
    let text = "
secrets: [A, B]
env: {A: top-value, OTHER: not-a-secret}
defaults: {env: {A: default-value}}
x-own: &own {B: own-value}
tasks:
  a: {run: x, env: {A: task-value}}
  b: {run: x, env: *own}
";
    let flow = flow(text, Syntax::Yaml);
    let values = |at: usize| -> Vec<&str> {
        flow.secrets().0[at].values.iter().map(|value| &**value).collect()
    };
    assert_eq!(values(0), ["top-value", "default-value", "task-value"]);
    assert_eq!(values(1), ["own-value"]);
    let mask = flow.secrets().mask([("B", "inherited"), ("C", "not-listed")]);
    assert_eq!(mask.text("top-value own-value inherited not-listed"), "*** *** *** not-listed");
    let built = FlowBuilder::new("b")
        .env("A", "hunter2")
        .secrets(["A"])
        .task(TaskBuilder::run("a", "x"))
        .build()
        .expect("it is sound");
    assert_eq!(built.secrets().0[0].values, ["hunter2".into()]);
}

#[test]
fn short_values_and_names_with_a_value_are_warned_of() {
    lines(
        "secrets: [A, B]\nenv: {A: abc, B: build}\nname: x-build\ntasks: {build: x, a: x}\n",
        &[
            "1:11 secret-short the file sets the secret `A` to less than 4 bytes, which are not masked; use a longer value, or take the name out of `secrets`",
            "3:7 secret-in-name the name of the flow holds the value of a secret, and is not masked; rename it",
            "4:9 secret-in-name the name of a task holds the value of a secret, and is not masked; rename it",
        ],
    );
}

#[test]
fn no_diagnostic_shows_a_value() {
    check(
        "secrets: [T]\nenv: {T: hunter2, U: \"hunt\\x65r2\"}\ntasks:\n  hunter2: {run: x, timeout: hunter2}\n  b: {run: hunter2, fail: hunter2-x}\n",
        "
warning[W0013]: the name of a task holds the value of a secret, and is not masked
 --> f.yaml:4:3
  |
4 |   ***: {run: x, timeout: ***}
  |   ^^^
  |
  = help: rename it

error[E0108]: `***` is not a duration
 --> f.yaml:4:30
  |
4 |   ***: {run: x, timeout: ***}
  |                          ^^^
  |
  = help: write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`

error[E0104]: `fail` cannot be `***-x`
 --> f.yaml:5:27
  |
5 |   b: {run: ***, fail: ***-x}
  |                       ^^^^^
  |
  = help: it is one of `stop`, `isolate`, `kill`, `continue`

error: 2 errors, 1 warning in f.yaml
",
    );
    // However it is written at the place where it is set.
    let text = "secrets: [T]\nenv: {T: \"hunt\\x65r2\", U: ~}\ntasks: {a: x}\n";
    assert!(said(text, Syntax::Yaml).contains("\n2 | env: {T: ***, U: ~}\n"));
    let json = short(
        "secrets: [T]\nenv: {T: hunter2}\ntasks: {a: {run: x, dir: hunter2, shell: hunter2}}\n",
        Syntax::Yaml,
    );
    assert_eq!(json.len(), 1);
    assert!(json[0].contains("`shell` cannot be `***`"), "{json:?}");
}

#[test]
fn the_copy_of_a_file_holds_no_value_however_it_is_written() {
    let copy = |text: &str, syntax, values: &[&str]| {
        let copy = masked_source(text.as_bytes(), syntax, &Mask::new(values));
        String::from_utf8(copy).expect("it is text")
    };
    let yaml = |text: &str, values: &[&str], expected: &str| {
        let copy = copy(text, Syntax::Yaml, values);
        assert_eq!(copy, expected);
        serde_yaml::from_str::<serde_json::Value>(&copy).expect("it is YAML still");
    };
    yaml("# tok-1\na: tok-1 # b\nb: x tok-1\n", &["tok-1"], "# ***\na: \"***\" # b\nb: x ***\n");
    yaml("a: \"t\\x6fk-1\\n\"\nb: 1\n", &["tok-1"], "a: \"***\\n\"\nb: 1\n");
    yaml("a: >-\n  one two\n  three\n\nb: 1\n", &["one two three"], "a: >-\n  ***\n\nb: 1\n");
    yaml("a: one two\n  three\nb: 1\n", &["one two three"], "a: \"***\"\nb: 1\n");
    yaml("a: |\n  first\n  second\nb: 1\n", &["first\nsecond"], "a: |\n  ***\n  ***\nb: 1\n");
    yaml("tok-1: {k: [tok-1]}\n", &["tok-1"], "\"***\": {k: [\"***\"]}\n");
    yaml("a: &x 'it''s me'\nb: *x\n", &["it's me"], "a: &x \"***\"\nb: *x\n");
    let toml = |text: &str, values: &[&str], expected: &str| {
        let copy = copy(text, Syntax::Toml, values);
        assert_eq!(copy, expected);
        copy.parse::<::toml::Table>().expect("it is TOML still");
    };
    toml("a = 'tok-1' # tok-1\n", &["tok-1"], "a = '***' # ***\n");
    toml("a = \"t\\u006fk-1\"\nb = 1\n", &["tok-1"], "a = \"***\"\nb = 1\n");
    toml("a = \"\"\"\none \\\n  two\"\"\"\n", &["one two"], "a = \"***\"\n");
    // What is no workflow file is masked as it stands.
    assert_eq!(copy("{tok-1", Syntax::Yaml, &["tok-1"]), "{***");
}
