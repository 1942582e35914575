//! What is warned of, and much more of what is not.

use super::words::{Use, path, uses};
use crate::model::Syntax;
use crate::spec::tests::source;
use crate::spec::{Purpose, Settings, load_with};

/// Returns `name: message; help` of what is said of a file.
fn said(text: &str) -> Vec<String> {
    let settings = Settings { purpose: Purpose::Check, ..Settings::default() };
    let loaded = load_with(&source(text, Syntax::Yaml), &settings);
    let line = |one: &crate::spec::Diagnostic| {
        let help: Vec<_> = one.help_lines().collect();
        format!("{}: {}; {}", one.name(), one.message(), help.join("; "))
    };
    loaded.diagnostics.iter().map(line).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(said(text), expected, "\n{text}");
}

#[test]
fn plain_words_are_paths() {
    for (word, expected) in [
        ("a.txt", Some("a.txt")),
        ("./out/a", Some("out/a")),
        ("dist/app-1.2.tgz", Some("dist/app-1.2.tgz")),
        ("über/maß.txt", Some("über/maß.txt")),
        ("out", None),
        ("3.14", None),
        ("/tmp/a.txt", None),
        ("../a.txt", None),
        ("a/../b.txt", None),
        ("$DIR/a.txt", None),
        ("*.txt", None),
        ("-o.txt", None),
        ("a.txt\"", None),
        (".env", None),
        ("dir/", None),
        ("https://a.b/c", None),
    ] {
        assert_eq!(path(word), expected, "{word}");
    }
}

#[test]
fn the_files_of_a_script_are_found() {
    let check = |script: &str, written: &[&str], named: &[&str]| {
        let all = uses(script);
        let of = |is_written: bool| -> Vec<&str> {
            let paths = all.iter().filter_map(|one| match one {
                Use::Written(path) => is_written.then_some(*path),
                Use::Named(path) => (!is_written).then_some(*path),
            });
            paths.collect()
        };
        assert_eq!((&*of(true), &*of(false)), (written, named), "{script:?}");
    };
    check("make > a.txt", &["a.txt"], &[]);
    check("make >>a.txt 2>&1", &["a.txt"], &[]);
    check("make 2> err.log >| out.log", &["err.log", "out.log"], &[]);
    check("sort < in.txt > 'out.txt'", &["out.txt"], &["in.txt"]);
    check("cat a.txt | grep b.c && wc \"d.e\"", &[], &["a.txt", "b.c", "d.e"]);
    check("echo made a.txt; echo x > b.txt", &["b.txt"], &[]);
    check("if [ -e a.txt ]; then cat b.txt; fi", &[], &["b.txt"]);
    check("# cat a.txt\nls b.txt # c.txt", &[], &["b.txt"]);
    check("cat <<EOF > a.txt\nsee b.txt\n > c.txt\nEOF\ncat d.txt", &["a.txt"], &["d.txt"]);
    check("cat <<-'END' >a.txt\n\tb.txt\n\tEND\nrun < c.txt", &["a.txt"], &["c.txt"]);
    check("make > \"$OUT/a.txt\" > /dev/null > $X.txt", &[], &[]);
    check("awk '$1 > 2.5' data.csv", &[], &["data.csv"]);
    check("cd sub && make > a.txt", &[], &[]);
    check("make -C sub > a.txt", &[], &[]);
    check("(pushd x; make > a.txt)", &[], &[]);
    check("rm -f a.txt; mkdir -p b/c; touch d.e", &[], &[]);
    check("tool --in=a.txt -d @b.json C=d.txt", &[], &["a.txt", "b.json"]);
    check("OUT=a.txt sh b.sh", &[], &["b.sh"]);
    check("cat <<EOF", &[], &[]);
    check("'", &[], &[]);
    check("\\", &[], &[]);
    check("a\\\nb.txt", &[], &[]);
    check("cat a.txt\\\n b.txt", &[], &["b.txt"]);
}

#[test]
fn a_missing_edge_is_named_with_both_tasks() {
    check(
        "tasks:\n  count: wc -l x > counts.txt\n  report: cat counts.txt\n",
        &[
            "missing-edge: `report` names `counts.txt`, which `count` writes, and does not wait for it; \
           write `needs: count` in `report`",
        ],
    );
    check(
        "tasks:\n  a: ls\n  pack: {run: make, artifacts: [dist/app.tgz]}\n  up: {cmd: [scp, ./dist/app.tgz, host], needs: a}\n",
        &[
            "missing-edge: `up` names `dist/app.tgz`, which `pack` writes, and does not wait for it; \
           add `pack` to `needs` of `up`",
        ],
    );
    check(
        "graph: a >> b; c\ntasks: {a: make > o.txt, b: ls, c: cat o.txt}\n",
        &["missing-edge: `c` names `o.txt`, which `a` writes, and does not wait for it; \
           add the line `a >> c` to `graph`"],
    );
    check(
        "tasks: {a: ls}\nfinally:\n  b: make > o.txt\n  c: cat o.txt\n",
        &["missing-edge: `c` names `o.txt`, which `b` writes, and does not wait for it; \
           write `needs: b` in `c`"],
    );
}

#[test]
fn what_is_in_order_has_no_missing_edge() {
    for text in [
        "tasks:\n  a: make > o.txt\n  b: {run: cat o.txt, needs: a}\n",
        "tasks:\n  a: make > o.txt\n  m: {run: ls, needs: a}\n  b: {run: cat o.txt, needs: m}\n",
        "tasks:\n  b: cat o.txt\n  a: {run: make > o.txt, needs: b}\n",
        "tasks:\n  a: make > o.txt\n  b: {run: cat o.txt, needs_any: [a]}\n",
        // Each its own file of this name.
        "tasks:\n  a: make > o.txt; cat o.txt\n  b: make > o.txt; cat o.txt\n",
        "tasks:\n  a: echo 1 >> all.log\n  b: echo 2 >> all.log\n",
        "tasks:\n  a: make > o.txt\n  c: rm -f o.txt\n",
        "tasks:\n  a: make > o.txt\nfinally:\n  c: cat o.txt\n",
        "tasks:\n  a: {run: make > o.txt, dir: /}\n  b: cat o.txt\n",
        // One of several writers is waited for.
        "tasks:\n  a: make > o.txt\n  b: make again > o.txt\n  c: {run: cat o.txt, needs: b}\n",
    ] {
        check(text, &[]);
    }
}

#[test]
fn ordinary_pipelines_are_left_alone() {
    for text in include_str!("pipelines.txt").split("\n=====\n") {
        check(text, &[]);
    }
}

#[test]
fn params_and_outputs_that_nothing_uses() {
    check(
        "params: {mode: fast, level: 3}\ntasks:\n  a: make \"$PYOCO_PARAM_LEVEL\"\n",
        &["unused-param: nothing uses the param `mode`; write `$PYOCO_PARAM_MODE` in a script or \
           `params.mode` in an expression, or remove it"],
    );
    // A longer name is another one.
    assert_eq!(said("params: {a: x}\ntasks:\n  t: echo $PYOCO_PARAM_AB\n").len(), 1);
    for used in [
        "  t: env | grep PYOCO_PARAM",
        "  t: env | grep ^PYOCO_PARAM_",
        "  t: {run: ls, if: \"params['a'] == 'x'\"}",
        "  t: {run: ls, env: {X: '${{ params.a }}'}}",
        "  t: {cmd: [sh, -c, 'echo $PYOCO_PARAM_A']}",
    ] {
        check(&format!("params: {{a: x}}\ntasks:\n{used}\n"), &[]);
    }
    check("params: {a: [x, y]}\ntasks:\n  t: {run: ls, matrix: {k: '${{ params.a }}'}}\n", &[]);
    check(
        "tasks:\n  a: {run: make, outputs: [x, y]}\n  b: {run: ls, needs: a, if: \"tasks.a.outputs.x != ''\"}\n",
        &["unused-output: no task uses the output `y` of `a`; write `tasks.a.outputs.y` in an \
           expression, or remove it"],
    );
    // For the record.
    check("tasks:\n  a: {run: make, outputs: [x, y]}\n", &[]);
    check("tasks:\n  a: {run: make, outputs: [x, y]}\n  b: {run: ls, needs: a}\n", &[]);
}

#[test]
fn folders_that_are_not_there() {
    check(
        "tasks:\n  a: {run: make, dir: srcc/app}\n",
        &["no-folder: the folder `srcc/app` that `a` is to run in is not there; no task before \
           seems to make it; write a path from the workflow file's folder on, or make the folder in a task that this \
           one needs"],
    );
    for text in [
        "tasks:\n  a: {run: make, dir: /}\n",
        "tasks:\n  a: {run: make, dir: .}\n",
        "tasks:\n  c: git clone https://host/x/app.git\n  a: {run: make, dir: app, needs: c}\n",
        "tasks:\n  c: {run: make, artifacts: [app/**]}\n  a: {run: make, dir: app, needs: c}\n",
        "params: {d: app}\ntasks:\n  a: {run: make, dir: '${{ run.caller_dir }}/${{ params.d }}'}\n",
        "tasks:\n  a: {run: make, dir: nowhere, if: \"env.X == ''\"}\n",
    ] {
        check(text, &[]);
    }
}

#[test]
fn a_large_file_is_looked_through_in_bounds() {
    let mut text = "tasks:\n  t0: make > f0.txt\n".to_owned();
    for at in 1..20_000 {
        text.push_str(&format!(
            "  t{at}: {{run: 'cat f{}.txt > f{at}.txt', needs: t{}}}\n",
            at / 2,
            at - 1
        ));
    }
    check(&text, &[]);
}

/// Holds `line:column name` and the first remedy of all that is said against what is expected.
fn places(text: &str, syntax: Syntax, expected: &[(&str, &str)]) {
    let settings = Settings { purpose: Purpose::Check, ..Settings::default() };
    let source = source(text, syntax);
    let loaded = load_with(&source, &settings);
    let json = crate::spec::report_json(Some(&source), &loaded.diagnostics);
    let all = json.as_array().expect("an array").iter().map(|one| {
        let place = &one["places"][0];
        let name = one["name"].as_str().expect("a name");
        let help = one["help"][0].as_str().expect("a remedy").to_owned();
        (format!("{}:{} {name}", place["line"], place["column"]), help)
    });
    let all: Vec<_> = all.collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(place, help)| (&**place, &**help)).collect();
    assert_eq!(all, expected, "\n{text}");
}

#[test]
fn lines_of_a_script_that_become_one() {
    for (text, place) in [
        ("tasks:\n  a:\n    run:\n      touch a\n      echo b\n", "5:7 folded-script"),
        ("tasks:\n  a:\n    run: >\n      npm ci\n      npm test\n", "5:7 folded-script"),
        ("tasks:\n  a:\n    run: make \\\n      all\n", "4:7 folded-script"),
        ("tasks:\n  a:\n    run: 'touch a\n      make b'\n", "4:7 folded-script"),
        ("tasks:\n  a:\n    run: a &&\n      b\n      cd x\n", "5:7 folded-script"),
    ] {
        let help = "write `run: |`, and the script below it";
        places(text, Syntax::Yaml, &[(place, help)]);
    }
}

#[test]
fn a_key_that_became_a_part_of_the_script() {
    let one = "write `a: {run: make}`, or `run: make` on a line below it";
    places("tasks:\n  a:\n    run:make\n", Syntax::Yaml, &[("3:5 key-in-script", one)]);
    places(
        "tasks:\n  a: {run: cmd:x}\n",
        Syntax::Yaml,
        &[("2:12 key-in-script", "write `cmd: x`")],
    );
}

#[test]
fn names_in_the_way_of_another_tool() {
    let check = |task: &str, place: &str, help: &str| {
        let text = format!(
            "params: {{x: 1, l: [a]}}\ntasks:\n  u: echo $PYOCO_PARAM_X $PYOCO_PARAM_L\n  a: {task}\n"
        );
        places(&text, Syntax::Yaml, &[(place, help)]);
    };
    check("echo {{ params.x }}", "4:11 near-expression", "write \"$PYOCO_PARAM_X\"");
    check("echo \"$params.x\"", "4:12 near-expression", "write \"$PYOCO_PARAM_X\"");
    check("{run: ls, env: {A: '${params.x}'}}", "4:26 near-expression", "write `${{ params.x }}`");
    check(
        "{run: ls, matrix: {k: [a]}, env: {A: '{{matrix.k}}'}}",
        "4:44 near-expression",
        "write `${{ matrix.k }}`",
    );
    check(
        "{run: ls, matrix: {k: [params.l]}}",
        "4:29 near-expression",
        "write `k: ${{ params.l }}`",
    );
}

#[test]
fn what_no_shell_expands() {
    let check = |value: &str, help: &str| {
        let text = format!("tasks:\n  a: {{run: ls, env: {{A: '{value}'}}}}\n");
        let place = 26 + value.find('$').expect("a sign");
        places(&text, Syntax::Yaml, &[(&format!("2:{place} unexpanded"), help)]);
    };
    check("$HOME/x", "write `${{ env.HOME }}/x`");
    check("a:${HOME}", "write `a:${{ env.HOME }}`");
    check("${TAG:-latest}", "write `${{ default(env.TAG, 'latest') }}`");
    check("$(pwd)/x", "let the script do it, or a task before `capture` it");
}

#[test]
fn variables_that_are_not_what_they_seem() {
    places(
        "tasks:\n  a: {run: ls, env: {H: x, U: '${{ env.H }}'}}\n",
        Syntax::Yaml,
        &[("2:36 own-map", "set `H` in `env` at the top of the file")],
    );
    let known = "env: {H: x}\ntasks:\n  a: {run: ls, env: {H: y, U: '${{ env.H }}'}}\n";
    places(known, Syntax::Yaml, &[]);
    places(
        "secrets: [API_TOKN]\nenv: {API_TOKEN: k3y5k3y5}\ntasks: {a: make}\n",
        Syntax::Yaml,
        &[("1:11 unset-secret", "write `API_TOKEN`; what it holds is not masked as it is")],
    );
    places(
        "[tasks.a]\nrun = 'x'\n[tasks.a.env]\nA = 'b'\nneeds = 'b'\n[tasks.b]\nrun = 'y'\n",
        Syntax::Toml,
        &[("5:1 toml-key-in-env", "write it above the header of `env`, or `env` as `env = { … }`")],
    );
}

#[test]
fn what_needs_github_or_a_shell() {
    places(
        "tasks:\n  a: {run: 'echo v=1 >> $GITHUB_OUTPUT', outputs: [v]}\n",
        Syntax::Yaml,
        &[("2:26 other-output-file", "write `$PYOCO_OUTPUT`, which takes the same lines")],
    );
    for (words, place, help) in [
        ("make all", "2:13", "write `cmd: [make, all]`, or `run: make all`"),
        ("cd, x", "2:13", "write `run: cd x`"),
        ("ls, $HOME/x", "2:17", "write `run: ls $HOME/x`"),
        ("a, '&&', b", "2:16", "write `run: a && b`"),
    ] {
        let text = format!("tasks:\n  a: {{cmd: [{words}]}}\n");
        places(&text, Syntax::Yaml, &[(&format!("{place} no-shell"), help)]);
    }
}
