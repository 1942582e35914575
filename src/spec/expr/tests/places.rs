//! Mistakes at their places in a file.

use super::*;
use crate::model::Syntax;
use crate::spec::tree::{Entry, Kind};
use crate::spec::{toml, yaml};

/// Reads a file whose last key is an `if` or a variable; returns what each mistake points at.
fn pointed(file: &str, syntax: Syntax) -> Vec<&str> {
    let mut found = Diagnostics::default();
    let tree = match syntax {
        Syntax::Yaml => yaml::read(file, &mut found),
        Syntax::Toml => toml::read(file, &mut found),
    };
    let tree = tree.expect("it can be read");
    let [.., Entry { key, value: node, .. }] = tree.map().expect("it is a map") else {
        panic!("it has a key");
    };
    let text = node.scalar().expect("it is a text");
    let mut mistakes = Vec::new();
    if key == "if" {
        let parsed: Result<Spanned, _> = parse_if(text);
        match parsed {
            Ok(parsed) => drop(check_if(&parsed, &Double { key: Key::If }, &mut mistakes)),
            Err(found) => mistakes = found,
        }
    } else {
        let parsed: Parsed<'_> = parse_template(text, &mut mistakes);
        drop(check_template(&parsed, &Double { key: Key::Env }, &mut mistakes));
    }
    report(mistakes, Some(file), node, &mut found);
    let spans = found.sorted().into_iter().map(|diagnostic| diagnostic.labels[0].0);
    spans.map(|span| &file[span.start as usize..span.end as usize]).collect()
}

#[test]
fn a_mistake_points_at_its_bytes_in_the_file() {
    let check = |file: &str, expected: &[&str]| {
        assert_eq!(pointed(file, Syntax::Yaml), expected, "{file}");
    };
    check("if: params.aa == 'x' || params.bb == 'x'\n", &["aa", "bb"]);
    check("if: params.t == 'x' &&\n  params.bb == 'x'\n", &["bb"]);
    check("if: 'params.t == ''a'' || params.bb == '''''\n", &["bb"]);
    check("if: '''zebra'' == params.mode'\n", &["''zebra''"]);
    check("if: 'params.mode == ''zebra'''\n", &["''zebra''"]);
    check("if: \"params.t == '\\u00e9\\n' || params.bb == '\\x27\\x27'\"\n", &["bb"]);
    check("if: \"\\\"a\\\" == params.t\"\n", &["\\\"a\\\""]);
    check("if: \"params.t\\\n    == 3\"\n", &["3"]);
    check("if: >\n  params.t == 'é'\n    && params.bb == 'x'\n  && params.b\n", &["bb"]);
    check("if: |-\n  params.t ==\n    3\n", &["3"]);
    check("if: !!str params.bb\n", &["bb"]);
    check("x: &a params.aa == 'b'\nif: *a\n", &["aa"]);
    check("if: params.t ==\n", &[""]);
    check("A: a ${{ params.aa }} b ${{ github.sha }}\n", &["aa", "github"]);
    check("A: |\n  a ${{ params.t }}\n\n  b ${{ params.t\n", &["${{"]);
    check("A: 'it''s ${{ }}'\n", &["${{ }}"]);
    let check = |file: &str, expected: &[&str]| {
        assert_eq!(pointed(file, Syntax::Toml), expected, "{file}");
    };
    check("if = \"params.t == '\\u00e9' || params.bb == 'x'\"\n", &["bb"]);
    check("if = 'params.aa'\n", &["aa"]);
    check("if = \"\"\"\nparams.t == 'a' ||\n  params.bb\"\"\"\n", &["bb"]);
    check("if = \"\"\"'zebra' == params.mode\"\"\"\n", &["'zebra'"]);
    check("if = '''\nparams.mode == 'zebra'\n'''\n", &["'zebra'"]);
}

#[test]
fn a_flow_made_in_code_has_no_places() {
    let mut found = Diagnostics::default();
    let node = Node { span: Span::NONE, kind: Kind::Null };
    let mistakes = vec![Mistake::error("code", (0, 1), "message", "help")];
    report(mistakes, None, &node, &mut found);
    let said = found.sorted();
    assert_eq!((said[0].labels.len(), &*said[0].message()), (0, "message"));
}

#[test]
fn keys_know_roots() {
    let check = |key: Key, expected: &str| {
        let roots = Root::NAMED.into_iter().chain([Root::States]).filter(|root| key.allows(*root));
        let roots: Vec<&str> = roots.map(Root::word).collect();
        assert_eq!(roots.join(" "), expected, "{}", key.word());
    };
    let all = "params env matrix run tasks success()";
    check(Key::If, all);
    check(Key::Env, all);
    check(Key::Dir, all);
    check(Key::Timeout, all);
    check(Key::Artifacts, "params env matrix run");
    check(Key::EnvFile, "params matrix run");
    check(Key::Pool, "params matrix run");
    check(Key::FlowEnvFile, "params run");
    check(Key::Matrix, "params");
}
