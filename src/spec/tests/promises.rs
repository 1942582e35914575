//! `outputs`, `capture` and `artifacts`.

use super::*;

#[test]
fn what_a_task_promises_is_read_in_both_syntaxes() {
    let yaml = "tasks:\n  a:\n    run: x\n    outputs: [version, long-name, Version]\n    capture: version\n    artifacts: ['dist/*.txt', /tmp/x, '../y/**']\n  b: x\n";
    let toml = "[tasks.a]\nrun = 'x'\noutputs = ['version', 'long-name', 'Version']\ncapture = 'version'\nartifacts = ['dist/*.txt', '/tmp/x', '../y/**']\n[tasks]\nb = 'x'\n";
    for (text, syntax) in [(yaml, Syntax::Yaml), (toml, Syntax::Toml)] {
        let flow = flow(text, syntax);
        let boxed = |words: &[&str]| words.iter().copied().map(Box::from).collect();
        let expected = Promises {
            outputs: boxed(&["version", "long-name", "Version"]),
            capture: Some("version".into()),
            artifacts: ["dist/*.txt", "/tmp/x", "../y/**"].map(Template::from).into(),
        };
        let promises = flow.task(TaskId(0)).options.promises.as_deref();
        assert_eq!(promises, Some(&expected));
        assert_eq!(expected.names().collect::<Vec<_>>(), ["version", "long-name", "Version"]);
        assert!(flow.task(TaskId(1)).options.promises.is_none());
    }
}

#[test]
fn a_captured_value_is_promised_too() {
    let promises = Promises { capture: Some("v".into()), ..Promises::default() };
    assert_eq!(promises.names().collect::<Vec<_>>(), ["v"]);
    assert!(promises.has("v") && !promises.has("w"));
}

#[test]
fn wrong_names_are_explained() {
    let form = "use letters, digits, `_` and `-`, and begin with a letter or `_`";
    task(
        "run: x\noutputs: [1x, a.b, '', 'a b', '${{ x }}', ok, ok]\ncapture: \"a\\e\"",
        &[
            &format!("4:15 output-name `1x` cannot be the name of an output; {form}"),
            &format!("4:19 output-name `a.b` cannot be the name of an output; {form}"),
            &format!("4:24 output-name `` cannot be the name of an output; {form}"),
            &format!("4:28 output-name `a b` cannot be the name of an output; {form}"),
            "4:35 expression `${{ … }}` has no meaning in `outputs`; write the value itself: expressions stand in `if`, `env`, `env_file`, `dir`, `timeout`, `pool`, `artifacts`, and as a whole list in `matrix`",
            "4:51 twice `ok` is there twice in `outputs`; remove one of the two",
            &format!("5:14 output-name `a\u{1b}` cannot be the name of an output; {form}"),
        ],
    );
    let long = "x".repeat(129);
    task(
        &format!("run: x\ncapture: {long}"),
        &[&format!(
            "4:14 output-name `{} … {}` cannot be the name of an output; use at most 128 characters",
            &long[..45],
            &long[..12],
        )],
    );
}

#[test]
fn wrong_types_are_explained() {
    task(
        "run: x\noutputs: v\ncapture: [v]\nartifacts: dist",
        &[
            "4:14 wrong-type `outputs` takes a list, not a single value; write `outputs: [v]`",
            "5:14 wrong-type `capture` takes the name of one output, not a list; write `capture: v`",
            "6:16 wrong-type `artifacts` takes a list, not a single value; write `artifacts: [\"dist\"]`",
        ],
    );
    task(
        "run: x\noutputs: []\nartifacts: []",
        &[
            "4:14 empty `outputs` is empty; name one at least, or remove the key",
            "5:16 empty `artifacts` is empty; name one at least, or remove the key",
        ],
    );
    assert_eq!(
        short("[tasks.a]\nrun = 'x'\noutputs = {a = 1}\ncapture = ''\n", Syntax::Toml),
        [
            "3:11 wrong-type `outputs` takes a list, not a map; write `outputs = [\"a\"]`",
            "4:11 output-name `` cannot be the name of an output; use letters, digits, `_` and `-`, and begin with a letter or `_`",
        ]
    );
}

#[test]
fn wrong_globs_are_explained() {
    task(
        "run: x\nartifacts:\n- dist/\n- 'a**'\n- 'x[1'\n- '*.{a,b}'\n- '${{ params.x }}'\n- x\n- x",
        &[
            "5:7 glob the glob `dist/` names a folder; write `dist/**` for the files below it",
            "6:7 glob the glob `a**` has a `**` that does not stand alone between slashes; write `*` within a name, or `**/` for any number of folders",
            "7:7 glob the glob `x[1` has a `[` that begins no class of characters; write `[abc]` or `[a-z]`; `[[]` is the bracket itself",
            "8:7 glob the glob `*.{a,b}` has alternatives in braces, which globs here do not know; write an entry for each of them; `[{]` is the brace itself",
            "9:19 unknown-name unknown param `x`; declare it: `params: {x: DEFAULT}`",
            "11:7 twice `x` is there twice in `artifacts`; remove one of the two",
        ],
    );
}

#[test]
fn what_goes_to_the_terminal_cannot_be_captured() {
    task(
        "run: x\ninteractive: true\ncapture: v",
        &[
            "5:5 capture-with-interactive `capture` has no meaning beside `interactive`, whose output goes to the terminal; remove `capture`, name `v` in `outputs`, and let the task write it to `$PYOCO_OUTPUT`",
        ],
    );
    lines(
        "defaults: {outputs: [x]}\ntasks: {a: x}\n",
        &["1:12 unknown-key unknown key `outputs` in `defaults`; `outputs` stands in a task"],
    );
}
