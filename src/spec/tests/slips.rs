//! The usual slips of who writes YAML or TOML, each with its place and what to write.

use super::*;

#[test]
fn slips_in_yaml_are_told_with_what_to_write() {
    for (text, expected) in [
        (
            "tasks:\n  a: x\n  b: {run: y, needs: [a[py=3.12]]}\n",
            "3:23 yaml-syntax inside of `[ ]`, a text that holds `[` needs quotes; write `'a[py=3.12]'`",
        ),
        (
            "tasks:\n  b: {run: y, needs: [a[s=x], b]}\n",
            "2:23 yaml-syntax inside of `[ ]`, a text that holds `[` needs quotes; write `'a[s=x]'`",
        ),
        (
            "tasks:\n  b:\n    run: y\n    needs: [a[py=3.12]]\n",
            "4:13 yaml-syntax inside of `[ ]`, a text that holds `[` needs quotes; write `'a[py=3.12]'`",
        ),
        (
            "tasks:\n  a: {run: x, env: {A: ${{ params.x }}}}\n",
            "2:24 yaml-syntax inside of `{ }`, a text that holds `{` needs quotes; write `'${{ params.x }}'`",
        ),
        (
            "tasks:\n  a: {run: x, matrix: {host: ${{ params.hosts }}}}\n",
            "2:30 yaml-syntax inside of `{ }`, a text that holds `{` needs quotes; write `'${{ params.hosts }}'`",
        ),
        (
            "tasks:\n  a: {run: echo a: b}\n",
            "2:12 yaml-syntax inside of `{ }`, a text that holds `: ` needs quotes; write `'echo a: b'`",
        ),
        (
            "tasks:\n  a: {run: echo a: b, needs: x}\n",
            "2:12 yaml-syntax inside of `{ }`, a text that holds `: ` needs quotes; write `'echo a: b'`",
        ),
        (
            "secrets: [${X}]\ntasks:\n  a: x\n",
            "1:11 yaml-syntax inside of `[ ]`, a text that holds `{` needs quotes; write `'${X}'`",
        ),
        (
            "tasks:\n  a\n  b: x\n",
            "2:3 yaml-syntax a `:` is missing after `a`; write `a:`, and its value after it or on the lines below it",
        ),
        (
            "tasks:\n  b: x\n  a\n",
            "3:3 yaml-syntax a `:` is missing after `a`; write `a:`, and its value after it or on the lines below it",
        ),
        (
            "env:\n  GO ?= go\n  A: b\ntasks:\n  a: x\n",
            "2:3 yaml-syntax a `:` is missing after `GO`; write `GO: go`",
        ),
        (
            "tasks:\n  a:\n    run: |\n        echo a\n      echo b\n",
            "5:7 yaml-syntax this line is indented less than the first one of `run`; indent all lines of a text as far as its first line, or further",
        ),
        (
            "tasks:\n  a:\n    run: |\n    echo a\n    echo b\n",
            "4:5 yaml-syntax the text of `run` is not indented; indent it further than `run`",
        ),
        (
            "tasks:\n  a: run: x\n",
            "2:6 yaml-syntax a key cannot stand on the line of another one: `run`; write `a: {run: x}`, or `run: x` on a line below `a:`",
        ),
        (
            "tasks:\n  a: needs: b\n",
            "2:6 yaml-syntax a key cannot stand on the line of another one: `needs`; write `a: {needs: b}`, or `needs: b` on a line below `a:`",
        ),
        (
            "tasks:\n  a: 'echo x\n  b: 'echo y'\n",
            "2:6 yaml-syntax this quote is not closed on its line; write the `'` at the end of the text",
        ),
        (
            "tasks:\n  a: \"echo x\n  b: \"echo y\"\n",
            "2:6 yaml-syntax this quote is not closed on its line; write the `\"` at the end of the text",
        ),
        (
            "tasks:\n  a: {run: x, needs: [b, c\n  b: y\n",
            "2:22 yaml-syntax this `[` is not closed; write the `]` at the end of what belongs to it",
        ),
        (
            "tasks:\n  a: {run: x\n  b: y\n",
            "2:6 yaml-syntax this `{` is not closed; write the `}` at the end of what belongs to it",
        ),
        (
            "tasks:\n  a: {run: x\n  b: {run: y}\n",
            "2:6 yaml-syntax this `{` is not closed; write the `}` at the end of what belongs to it",
        ),
        (
            "tasks:\n  a: x\n\tb: y\n",
            "3:1 yaml-tab a tab cannot indent YAML; indent with spaces: two for each level",
        ),
        (
            "tasks:\n  a:\n    run: x\n\tneeds: b\n",
            "4:1 yaml-tab a tab cannot indent YAML; indent with spaces: two for each level",
        ),
        (
            "tasks:\n  a: {run: x needs: [b]}\n",
            "2:14 yaml-syntax a `,` is missing before `needs`; write `x, needs:`",
        ),
        (
            "tasks:\n  a: {run: x, timeout: 5m needs: b}\n",
            "2:27 yaml-syntax a `,` is missing before `needs`; write `5m, needs:`",
        ),
        (
            "tasks:\n  a: {run: x, if: !a && b}\n",
            "2:19 yaml-tag an `if` that begins with `!` needs quotes: in YAML `!` begins a tag; write `if: '!a && b'`",
        ),
        (
            "tasks:\n  a: &make all\n",
            "2:6 yaml-anchor `&make` is an anchor that no alias names, not part of the text; write `'&make all'`, or remove the anchor",
        ),
        (
            "tasks:\n  a: x\n  b: {run: x, env: {COUNT: {{ tasks.a.outputs.c }}}}\n",
            "3:28 yaml-key `{{` begins a map in a map; write `'${{ tasks.a.outputs.c }}'`",
        ),
        (
            "tasks:\n  b:\n    run: x\n    env:\n      COUNT: {{ tasks.a.outputs.c }}\n",
            "5:14 yaml-key `{{` begins a map in a map; write `${{ tasks.a.outputs.c }}`",
        ),
        (
            "tasks:\n  a: x\n   needs: b\n",
            "3:4 yaml-syntax `needs` cannot stand below `a`, which has its value already; write `a:`, and below it `run: x` and `needs`",
        ),
        (
            "tasks:\n  a: [ -f x ] && y\n",
            "2:15 yaml-syntax text follows the closing bracket; put a text that begins with `[` or `{` in quotes, or write it as a block below `|`",
        ),
        (
            "tasks:\n  a: @x\n",
            "2:6 yaml-syntax a value cannot begin with `@`; put the text in quotes: `'@x'`",
        ),
        (
            "tasks:\n  a: x: y: z\n",
            "2:6 yaml-syntax a text that holds `: ` needs quotes; write `a: 'x: y: z'`, or the text as a block below `|`",
        ),
        (
            "tasks:\n  a:x\n",
            "2:3 wrong-type `tasks` takes a map of names to tasks, not a single value; a blank is missing after the `:`: write `a: x`",
        ),
        ("tasks:\n  a:x\n  b: y\n", "2:3 yaml-syntax a blank is missing after `a:`; write `a: x`"),
        (
            "tasks: a: x\n",
            "1:8 yaml-syntax a key cannot stand on the line of another one: `a`; write `tasks: {a: x}`, or `a: x` on a line below `tasks:`",
        ),
        ("tasks:\n  a: {run: x}}\n", "2:14 yaml-syntax this bracket closes nothing; remove it"),
        (
            "tasks:\n  a: 'x' 'y'\n",
            "2:10 yaml-syntax text follows the closing quote; put the whole value in quotes: `\"'x' 'y'\"`",
        ),
        (
            "tasks\n  a: x\n",
            "1:1 yaml-syntax a `:` is missing after `tasks`; write `tasks:`, and its value after it or on the lines below it",
        ),
        (
            "name x\ntasks:\n  a: x\n",
            "1:1 yaml-syntax a `:` is missing after `name`; write `name: x`",
        ),
    ] {
        assert_eq!(short(text, Syntax::Yaml), [expected], "{text}");
    }
}

#[test]
fn slips_in_toml_are_told_with_what_to_write() {
    for (text, expected) in [
        (
            "[tasks.a]\nrun = echo hi\n",
            "2:7 toml-syntax a text needs quotes; write `run = 'echo hi'`",
        ),
        (
            "[tasks.a]\nrun = 'x\nneeds = 'b'\n",
            "2:7 toml-syntax this quote is not closed on its line; close it with `'`; a text of several lines stands between `'''`",
        ),
        (
            "[tasks.a]\nrun = \"x\nneeds = 'b'\n",
            "2:7 toml-syntax this quote is not closed on its line; close it with `\"`; a text of several lines stands between `'''`",
        ),
        (
            "[tasks.a\nrun = 'x'\n",
            "1:1 toml-syntax the header of this table is not closed; write `[tasks.a]`",
        ),
        (
            "[tasks.a]\nrun =\n",
            "2:6 toml-syntax `run` has no value; write `run = \"\"` for an empty text",
        ),
        (
            "tasks:\n  a: x\n",
            "1:6 toml-syntax TOML has `=` where YAML has `:`; name a file in YAML `*.yaml`, or write `key = \"value\"`",
        ),
        (
            "[tasks]\na: 1\n",
            "2:2 toml-syntax TOML has `=` where YAML has `:`; name a file in YAML `*.yaml`, or write `key = \"value\"`",
        ),
        (
            "[tasks.a]\nrun: 'x'\n",
            "2:4 toml-syntax TOML has `=` where YAML has `:`; name a file in YAML `*.yaml`, or write `key = \"value\"`",
        ),
        (
            "[tasks.a]\nrun = 'x\ny'\n",
            "2:7 toml-syntax this quote is not closed on its line; close it with `'`; a text of several lines stands between `'''`",
        ),
        (
            "[tasks.a]\nrun = \"x\ny\"\n",
            "2:7 toml-syntax this quote is not closed on its line; close it with `\"`; a text of several lines stands between `'''`",
        ),
        (
            "[tasks.a]\nrun = 'x'\n[tasks.a]\nneeds = 'b'\n",
            "3:8 duplicate-key the table `[tasks.a]` is there already; put the keys of both below one `[tasks.a]`",
        ),
        (
            "version: 3\n[tasks]\na = 'x'\n",
            "1:8 toml-syntax TOML has `=` where YAML has `:`; write `version = 3`",
        ),
        (
            "[tasks.a]\nrun = \"a\\d\"\n",
            "2:10 toml-syntax this escape does not exist; write `\\\\` for a backslash, or use single quotes, in which nothing is escaped",
        ),
        (
            "[tasks]\na = \"x\"y\"\n",
            "2:8 toml-syntax text follows the value; put the whole value in quotes: `'\"x\"y\"'`",
        ),
        (
            "[tasks]\na = 'x' needs = 'b'\n",
            "2:9 toml-syntax two entries stand on one line; write `needs = 'b'` on a line of its own",
        ),
        (
            "[tasks.a]\nrun = '''\nx\n",
            "2:7 toml-syntax these quotes are not closed; close them with `'''`",
        ),
        (
            "[tasks.a]\nrun = 'x'\nneeds = [b, c]\n",
            "3:10 toml-syntax a text needs quotes; write `'b'`",
        ),
        (
            "[tasks.a]\nrun = 'x'\nneeds = ['b', 'c'\n",
            "3:9 toml-syntax this `[` is not closed; write the `]` at the end of what belongs to it",
        ),
        (
            "[tasks.a]\nrun = 'x'\nenv = { A = 1\n",
            "3:7 toml-syntax this `{` is not closed; write the `}` at the end of what belongs to it",
        ),
        (
            "[tasks.a]\nrun = 'x'\nenv = { A: 1 }\n",
            "3:10 toml-syntax TOML has `=` where YAML has `:`; write `A = …`, and texts in quotes",
        ),
        (
            "[tasks.a]\nrun\n",
            "2:4 toml-syntax a `=` is missing after `run`; write `run = \"value\"`, one a line; tables begin with `[name]`",
        ),
        (
            "[tasks.a]\nrun = 'x'\n[tasks.a.env]\nA = yes\n",
            "4:5 toml-syntax a text needs quotes; write `A = 'yes'`",
        ),
        ("[tasks]\na = $HOME/x\n", "2:5 toml-syntax a text needs quotes; write `a = '$HOME/x'`"),
        (
            "[tasks]\na b = 'x'\n",
            "2:3 toml-syntax a `=` is missing after `a`; write `a = \"value\"`, one a line; tables begin with `[name]`",
        ),
        (
            "tasks.a = 'x'\n[tasks]\nb = 'y'\n",
            "2:2 duplicate-key the table `[tasks]` is there already; put the keys of both below one `[tasks]`",
        ),
        (
            "[tasks]\n a = \"x\"\n[tasks]\nb='y'\n",
            "3:2 duplicate-key the table `[tasks]` is there already; put the keys of both below one `[tasks]`",
        ),
        (
            "[tasks.a]\nrun = 'x'\ntimeout = 5m\n",
            "3:11 toml-syntax a text needs quotes; write `timeout = '5m'`",
        ),
        (
            "[tasks.a]\nrun = 'x'\ninteractive = True\n",
            "3:15 toml-syntax `True` is not a value of TOML; write `true` or `false`: `interactive = true`",
        ),
        ("[tasks.a]\nrun = ``x``\n", "2:7 toml-syntax a text needs quotes; write `run = '``x``'`"),
        (
            "[tasks.a]\nrun = \"\"\"x\n",
            "2:7 toml-syntax these quotes are not closed; close them with `\"\"\"`",
        ),
        (
            "[tasks.a]]\nrun='x'\n",
            "1:10 toml-syntax text follows the header of a table; write it on the next line",
        ),
        (
            "[[tasks.a]\nrun='x'\n",
            "1:1 toml-syntax the header of this table is not closed; write `[[tasks.a]]`",
        ),
        (
            "[tasks.a b]\nrun='x'\n",
            "1:1 toml-syntax the header of this table is not closed; a name with a blank or a sign in it stands in quotes",
        ),
    ] {
        assert_eq!(short(text, Syntax::Toml), [expected], "{text}");
    }
}

#[test]
fn a_second_key_of_toml_is_shown_beside_the_first_one() {
    for (text, first) in [
        ("[tasks.a]\nrun = 'x'\n[tasks.a]\nneeds = 'b'\n", "1:1\n"),
        ("[tasks.a]\nrun = 'x'\nrun = 'y'\n", "2:1\n"),
    ] {
        let report = said(text, Syntax::Toml);
        assert!(report.contains(&format!("::: f.toml:{first}")), "{report}");
        assert!(
            report.contains("first here") && report.ends_with("1 error in f.toml\n"),
            "{report}"
        );
    }
}

#[test]
fn what_a_remedy_repeats_of_the_file_is_no_secret() {
    for text in [
        "secrets: [TOKEN]\nenv: {TOKEN: hunter{two}, X: y}\ntasks: {a: x}\n",
        "secrets: [TOKEN]\nenv:\n  TOKEN: 'hunter'two'\ntasks: {a: x}\n",
        "secrets: [TOKEN]\nenv:\n  TOKEN: hunter: two\ntasks: {a: x}\n",
        "secrets: [TOKEN]\nenv:\n  TOKEN: @hunter # two\ntasks: {a: x}\n",
    ] {
        let report = said(text, Syntax::Yaml);
        assert!(report.contains("E0009") && !report.contains("hunter"), "{report}");
    }
    let report = said("secrets = ['T']\nenv.T = hunter\n[tasks]\na = 'x'\n", Syntax::Toml);
    assert!(report.contains("E0017") && !report.contains("hunter"), "{report}");
}
