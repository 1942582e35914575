//! `matrix`, and the entries that name its members.

use super::*;

fn wrong(matrix: &str, expected: &[&str]) {
    let text =
        format!("params: {{l: [a, b], w: 4}}\ntasks:\n  t:\n    run: x\n    matrix: {matrix}\n");
    lines(&text, expected);
}

#[test]
fn a_wrong_matrix_says_what_to_write() {
    wrong(
        "3",
        &[
            "5:13 wrong-type `matrix` takes a map of names to lists, not a single value; write `matrix: {name: [a, b]}`",
        ],
    );
    wrong("{}", &["5:13 empty the matrix of `t` is empty; write `matrix: {name: [a, b]}`"]);
    wrong(
        "{py: 3.12}",
        &["5:18 wrong-type `py` takes a list of values, not a single value; write `py: [3.12]`"],
    );
    wrong(
        "{py: []}",
        &[
            "5:14 empty `py` has no values, and so the task no members; list its values, or remove it",
        ],
    );
    wrong("{py: [a, a]}", &["5:22 twice `a` is there twice in `py`; remove one of the two"]);
    wrong(
        "{py: [a, null]}",
        &["5:22 no-value a value of `py` is empty; write `\"\"` for an empty text"],
    );
    wrong(
        "{py: [a, [b]]}",
        &["5:22 wrong-type a value of `py` cannot be a list; write one text for each"],
    );
    wrong(
        "{'1x': [a]}",
        &[
            "5:14 matrix-key `1x` cannot be a key of a matrix; use letters, digits, `_`, `-` and `.`, beginning with a letter",
        ],
    );
    wrong(
        "{a-b: [a], a.B: [b]}",
        &[
            "5:24 matrix-key the keys `a-b` and `a.B` would both be `PYOCO_MATRIX_A_B`; give one of them another name",
        ],
    );
    wrong(
        "{x: [a], exclude: 3}",
        &[
            "5:31 wrong-type `exclude` takes a list of maps, not a single value; write `exclude: [{key: value}]`",
        ],
    );
    wrong(
        "{x: [a], exclude: [{y: a}]}",
        &["5:32 matrix-key the matrix has no key `y`; the only key is `x`"],
    );
    wrong(
        "{x: [abcd, b], exclude: [{x: abce}]}",
        &["5:38 matrix `x` is never `abce`; did you mean `abcd`?; the values are `abcd`, `b`"],
    );
    wrong(
        "{x: [a], exclude: [{x: a}]}",
        &["5:13 matrix no member of the matrix of `t` is left; take something out of `exclude`"],
    );
    wrong(
        "{x: [a], y: [b], include: [{x: c}]}",
        &["5:40 matrix this member has no `y`; give it one: `y: VALUE`"],
    );
    wrong(
        "{x: [a], include: [{x: a}]}",
        &["5:13 matrix the member `x=a` is there twice; remove one of the two"],
    );
    wrong(
        "{x: \"${{ params.m }}\"}",
        &["5:29 unknown-name unknown param `m`; the params are `l`, `w`"],
    );
    wrong(
        "{x: \"${{ params.w }}\"}",
        &[
            "5:22 expression-type `params.w` is not a list; declare it as one: `params: {w: {type: list}}`",
        ],
    );
    wrong(
        "{x: \"a ${{ params.l }}\"}",
        &[
            "5:24 expression-type a value of `matrix` is a whole list; write a list, or `${{ params.NAME }}` of a `list` param, and nothing beside it",
        ],
    );
}

#[test]
fn an_entry_that_names_no_member_says_why() {
    let check = |needs: &str, expected: &str| {
        let text = format!(
            "tasks:\n  t: {{run: x, matrix: {{py: ['3.11', '3.12'], os: [linux, mac], exclude: [{{py: '3.11', os: mac}}]}}}}\n  a: x\n  u: {{run: x, needs: [\"{needs}\"]}}\n"
        );
        lines(&text, &[&format!("4:23 unknown-task {expected}")]);
    };
    check(
        "t[py=3.13]",
        "`t` has no member with `py=3.13`; did you mean `3.11`?; the values of `py` are `3.11`, `3.12`",
    );
    check(
        "t[oss=mac]",
        "the matrix of `t` has no key `oss`; did you mean `os`?; the keys are `py`, `os`",
    );
    check(
        "t[py=3.11,os=mac]",
        "`t` has no member with `py=3.11,os=mac`; it may be excluded there: name another one, or take it out of `exclude`",
    );
    check(
        "t[py]",
        "`t[py]` means the `py` of `u` itself, which has none; write a value (`t[py=…]`), or `t` for all of them, or give `u` a matrix with `py`",
    );
    check("a[py=1]", "`a` has no matrix, and so no member `a[py=1]`; write `a`");
    check("tt[py=1]", "unknown task `tt`; did you mean `t`?; write `t`");
    check(
        "t[py",
        "`t[py`: the `[` is not closed; a member is written `test[py=3.12]`; quote it in a YAML list",
    );
}

#[test]
fn values_are_their_source_text_in_both_syntaxes() {
    let names = |text: &str, syntax: Syntax| -> Vec<String> {
        let loaded = load(&source(text, syntax));
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let flow = loaded.flow.expect("a flow");
        flow.tasks().iter().map(|task| task.name().to_owned()).collect()
    };
    let yaml =
        names("tasks:\n  t: {run: x, matrix: {v: [3.10, 010, no, 'a,b', \"\"]}}\n", Syntax::Yaml);
    assert_eq!(yaml, ["t[v=3.10]", "t[v=010]", "t[v=no]", "t[v=\"a,b\"]", "t[v=\"\"]"]);
    let toml = names(
        "[tasks.t]\nrun = \"x\"\nmatrix = { v = [3.10, true, \"x\"], include = [{ v = 7 }] }\n",
        Syntax::Toml,
    );
    assert_eq!(toml, ["t[v=3.10]", "t[v=true]", "t[v=x]", "t[v=7]"]);
}
