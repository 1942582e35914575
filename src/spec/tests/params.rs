//! `params`, `env_file` and `inherit_env`: what a file may say of them, in both syntaxes.

use super::*;
use crate::model::{InheritEnv, Param, ParamValue};

fn params(text: &str, syntax: Syntax) -> Vec<Param> {
    let source = source(text, syntax);
    let loaded = load(&source);
    assert!(loaded.diagnostics.is_empty(), "{text}\n{:?}", loaded.diagnostics);
    loaded.flow.expect("a flow").params().to_vec()
}

#[test]
fn a_bare_default_gives_the_type() {
    let check = |yaml: &str, toml: &str, kind: &str, value: &str| {
        for (text, syntax) in [(yaml, Syntax::Yaml), (toml, Syntax::Toml)] {
            let file = match syntax {
                Syntax::Yaml => format!("params:\n  p: {text}\ntasks: {{a: x}}\n"),
                Syntax::Toml => format!("params.p = {text}\n[tasks]\na = \"x\"\n"),
            };
            let params = params(&file, syntax);
            let shown = params[0].value().expect("a value").to_string();
            assert_eq!((params[0].kind().word(), &*shown), (kind, value), "{file}");
        }
    };
    check("4", "4", "int", "4");
    check("0", "0", "int", "0");
    check("true", "true", "bool", "true");
    check("text", "\"text\"", "string", "text");
    check("'4'", "\"4\"", "string", "4");
    check("3.10", "3.10", "string", "3.10");
    check("[a, 010]", "[\"a\", \"010\"]", "list", "a\n010");
    check("[]", "[]", "list", "");
    check("\"\"", "\"\"", "string", "");
    check("{default: 3}", "{ default = 3 }", "int", "3");
    check(
        "{values: [a, b], default: b}",
        "{ values = [\"a\", \"b\"], default = \"b\" }",
        "enum",
        "b",
    );
    check("{type: string, default: 4}", "{ type = \"string\", default = 4 }", "string", "4");
    check("{description: x}", "{ description = \"x\" }", "string", "");
    check("{type: list}", "{ type = \"list\" }", "list", "");
    check("{type: int, default: '007'}", "{ type = \"int\", default = \"007\" }", "int", "7");
    // What YAML alone can write so.
    for (text, value) in [("010", "010"), ("0x1f", "0x1f"), ("1e3", "1e3"), ("no", "no")] {
        let params = params(&format!("params: {{p: {text}}}\ntasks: {{a: x}}\n"), Syntax::Yaml);
        assert_eq!(params[0].value(), Some(&ParamValue::Text(value.into())), "{text}");
    }
}

fn wrong(param: &str, expected: &str) {
    lines(&format!("params:\n  p: {param}\ntasks: {{a: x}}\n"), &[expected]);
}

#[test]
fn a_wrong_declaration_says_what_to_write() {
    wrong(
        "",
        "2:3 no-value the param `p` has no default; write `p: \"\"` for an empty text, or `p: {required: true}` where the caller must set it",
    );
    wrong(
        "{typ: int, default: 3}",
        "2:7 unknown-key unknown key `typ` in a param; did you mean `type`?; write `type`",
    );
    wrong(
        "{type: integer, default: 3}",
        "2:13 wrong-value `type` cannot be `integer`; did you mean `int`?; write `type: int`",
    );
    wrong(
        "{type: int, default: many}",
        "2:27 param the default of `p`: `many` is not a whole number; write digits alone, for example `8`",
    );
    wrong(
        "{type: int, default: 99999999999999999999}",
        "2:27 param the default of `p`: `99999999999999999999` is too large a number; the largest is `9223372036854775807`",
    );
    wrong(
        "{type: bool, default: yes}",
        "2:28 param the default of `p`: `yes` is neither `true` nor `false`; write `true` or `false`",
    );
    wrong(
        "{type: int}",
        "2:3 param the param `p` has no default; give it one: `default: …`, or write `required: true`",
    );
    wrong(
        "{type: enum, default: a}",
        "2:3 param the param `p` is an enum without `values`; list what it may be: `values: [debug, release]`",
    );
    wrong(
        "{type: int, values: [1], default: 1}",
        "2:18 param `values` has no meaning for a param of type `int`; write `type: enum`, or remove `values`",
    );
    wrong(
        "{values: [], default: a}",
        "2:7 empty `values` of the param `p` is empty; list what it may be: `values: [debug, release]`",
    );
    wrong(
        "{values: [a, a], default: a}",
        "2:19 twice `a` is there twice in `values`; remove one of the two",
    );
    wrong(
        "{values: [debug, release], default: debgu}",
        "2:42 param the default of `p`: `debgu` is not one of its values; did you mean `debug`?; the values are `debug`, `release`",
    );
    wrong(
        "{required: true, default: 3}",
        "2:23 param the param `p` is required, and so its default has no use; remove `default` or `required`",
    );
    wrong(
        "{type: list, default: a}",
        "2:28 param the param `p` is a list, and its default is a single value; write `default: [a]`",
    );
    wrong(
        "[a, \"\"]",
        "2:10 param the param `p`: an item of the list is empty; each item is one line of text",
    );
    wrong(
        "[a, {b: c}]",
        "2:10 wrong-type an item of the param `p` cannot be a map; write one text for each",
    );
    wrong(
        "\"${{ env.X }}\"",
        "2:6 expression `${{ … }}` has no meaning in `p`; write the value itself: expressions stand in `if`, `env`, `env_file`, `dir`, `timeout`, `pool`, `artifacts`, and as a whole list in `matrix`",
    );
    lines(
        "params:\n  1p: x\ntasks: {a: x}\n",
        &[
            "2:3 param-name the param's name `1p` does not begin with a letter; use letters, digits, `_`, `-` and `.`, beginning with a letter",
        ],
    );
    lines(
        "params:\n  'a b': x\ntasks: {a: x}\n",
        &[
            "2:3 param-name the param's name `a b` holds a character that it may not; use letters, digits, `_`, `-` and `.`, beginning with a letter",
        ],
    );
    lines(
        "params:\n  a-b: x\n  a.B: x\ntasks: {a: x}\n",
        &[
            "3:3 param-name the params `a-b` and `a.B` would both be `PYOCO_PARAM_A_B`; give one of them another name",
        ],
    );
}

#[test]
fn what_must_be_set_is_an_error_only_where_the_file_is_run() {
    let text = "params: {p: {required: true, values: [a, b]}}\ntasks: {a: x}\n";
    let source = source(text, Syntax::Yaml);
    assert_eq!(load(&source).diagnostics[0].message(), "the param `p` must be set");
    let look = Settings { purpose: Purpose::Look, ..Settings::default() };
    let loaded = load_with(&source, &look);
    assert!(loaded.diagnostics.is_empty());
    assert_eq!(loaded.flow.expect("a flow").params()[0].value(), None);
}

#[test]
fn inherited_variables_are_all_none_or_named() {
    let of = |text: &str| {
        let source = source(&format!("inherit_env: {text}\ntasks: {{a: x}}\n"), Syntax::Yaml);
        load(&source).flow.expect("a flow").inherit_env
    };
    assert_eq!(of("true"), InheritEnv::All);
    assert_eq!(of("false"), InheritEnv::Only([].into()));
    assert_eq!(of("[CI, TERM]"), InheritEnv::Only(["CI".into(), "TERM".into()].into()));
    let check = |text: &str, expected: &str| {
        lines(&format!("inherit_env: {text}\ntasks: {{a: x}}\n"), &[expected]);
    };
    check(
        "yes",
        "1:14 wrong-value `inherit_env` takes `true` or `false`, not `yes`; write `inherit_env: true`",
    );
    check(
        "[CI_*]",
        "1:15 env-name `CI_*` cannot be the name of an environment variable; name each variable that tasks see, without patterns",
    );
    check("[A, A]", "1:18 named-twice `A` is there twice in `inherit_env`; remove one of the two");
}

#[test]
fn a_file_of_variables_is_a_path() {
    let check = |text: &str, expected: &str| {
        lines(&format!("env_file: {text}\ntasks: {{a: x}}\n"), &[expected]);
    };
    check(
        "[]",
        "1:11 empty `env_file` is empty; write a path, for example `env_file: .env`, or remove the key",
    );
    check(
        "\"\"",
        "1:11 empty a path in `env_file` is empty; write a path, for example `env_file: .env`, or remove the key",
    );
    check(
        "{a: b}",
        "1:11 wrong-type `env_file` takes a path or a list of paths, not a map; for example `env_file: [base.env?, local.env?]`",
    );
    check(
        "none",
        "1:11 env-file cannot read `none`: there is no such file; make it, or mark it as one that may be absent: `none?`",
    );
}
