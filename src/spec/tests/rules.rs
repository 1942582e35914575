//! Rules of the chapter on the workflow file that hold for many keys: where no expression stands, names,
//! what is there twice, what can never be, and what is shown of a value.

use super::*;

#[test]
fn an_expression_in_a_word_of_a_shell_or_in_a_name_is_refused() {
    let shell = "`${{ … }}` has no meaning in `shell`";
    let place = |said: &[String]| {
        said.iter().map(|line| line.split(';').next().map(str::to_owned)).collect::<Vec<_>>()
    };
    let check = |text: &str, syntax, expected: &str| {
        assert_eq!(place(&short(text, syntax)), [Some(expected.to_owned())], "{text}");
    };
    check(
        "tasks: {a: {run: x, shell: [sh, '{0}', '${{ run.id }}']}}\n",
        Syntax::Yaml,
        &format!("1:40 expression {shell}"),
    );
    check(
        "defaults: {shell: [sh, '{0}', '${{ run.id }}']}\ntasks: {a: x}\n",
        Syntax::Yaml,
        &format!("1:31 expression {shell}"),
    );
    check(
        "[tasks.a]\nrun = 'x'\nshell = ['sh', '{0}', '${{ run.id }}']\n",
        Syntax::Toml,
        &format!("3:23 expression {shell}"),
    );
    lines(
        "env: {'${{ run.id }}': x}\npools: {p: 1}\ntasks: {a: {run: x, pool: {'${{ params.p }}': 1, p: 1}}}\n",
        &[
            "1:7 expression `${{ … }}` has no meaning in the name of a variable; write the name itself: an expression may stand in the value",
            "3:28 expression `${{ … }}` has no meaning in the name of a pool; write a list, which has a slot of each: `pool: [\"${{ params.NAME }}\"]`",
        ],
    );
}

#[test]
fn a_variable_has_a_name_that_programs_can_read() {
    let wrong = |name: &str| format!("`{name}` cannot be the name of an environment variable");
    for name in ["A B", "1A", "é", "a$"] {
        let said = short(&format!("env: {{'{name}': x}}\ntasks: {{a: x}}\n"), Syntax::Yaml);
        assert!(said[0].starts_with(&format!("1:7 env-name {}", wrong(name))), "{said:?}");
        let said = short(&format!("inherit_env: ['{name}']\ntasks: {{a: x}}\n"), Syntax::Yaml);
        assert!(said[0].starts_with(&format!("1:15 env-name {}", wrong(name))), "{said:?}");
    }
    lines(
        "env: {_a: x, a.b: x, npm-x: x}\ninherit_env: ['BASH_FUNC_f%%', LC_ALL]\ntasks: {a: x}\n",
        &[],
    );
}

#[test]
fn one_state_is_asked_of_one_member_or_of_all() {
    let file = |condition: &str| {
        format!(
            "tasks:\n  t: {{run: x, matrix: {{s: [a, b], o: [l, m]}}}}\n  u: {{run: x, needs: t, if: \"{condition} == 'FAILED'\"}}\n"
        )
    };
    lines(&file("tasks.t.state"), &[]);
    lines(&file("tasks['t[s=a,o=l]'].state"), &[]);
    lines(
        &file("tasks['t[s=a]'].state"),
        &[
            "3:36 many-members `t[s=a]` has 2 members, each with a state of its own; name one: `tasks['t[s=a,o=l]'].state`, `tasks['t[s=a,o=m]'].state`; `tasks.t.state` is that of all members",
        ],
    );
}

#[test]
fn a_key_without_a_value_belongs_to_a_task_that_has_one() {
    lines(
        "default: ['t[py]']\nsecrets: [\"tasks['t[py]'].outputs.o\"]\ntasks:\n  t: {run: x, outputs: [o], matrix: {py: [3.11, 3.12]}}\n",
        &[
            "1:11 unknown-task `t[py]` leaves open which `py` is meant; write `t[py=3.11]`, or `t` for all members",
            "2:11 unknown-task `t[py]` leaves open which `py` is meant; write `t[py=3.11]`, or `t` for all members",
        ],
    );
}

#[test]
fn a_number_that_is_too_large_is_no_text() {
    let said = short("params: {n: 99999999999999999999}\ntasks: {a: x}\n", Syntax::Yaml);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`99999999999999999999` is too large a number"), "{said:?}");
    lines("params: {n: '99999999999999999999', m: 0123456789012345678901}\ntasks: {a: x}\n", &[]);
}

#[test]
fn what_is_there_twice_and_adds_nothing_is_a_warning() {
    lines(
        "secrets: [FOO, FOO, tasks.a.outputs.o, tasks.a.outputs.o]\ntasks:\n  a: {run: x, outputs: [o], ok_codes: [0, 3, 3], retry: {max: 1, codes: [4, 4]}}\n",
        &[
            "1:16 named-twice `FOO` is there twice in `secrets`; remove one of the two",
            "1:40 named-twice `tasks.a.outputs.o` is there twice in `secrets`; remove one of the two",
            "3:46 named-twice `3` is there twice in `ok_codes`; remove one of the two",
            "3:77 named-twice `4` is there twice in `codes`; remove one of the two",
        ],
    );
}

#[test]
fn a_retry_that_never_comes_is_a_warning() {
    task(
        "{run: x, ok_codes: [0, 3], retry: {max: 1, codes: [3, 4]}}",
        &[
            "3:56 no-effect `3` stands in `ok_codes`, and so is never retried; remove it from one of the two",
        ],
    );
    task(
        "{run: x, retry: {max: 0, delay: 1s}}",
        &[
            "3:27 no-effect `max` is 0: the other keys of `retry` have no effect; write how many further attempts there are, or `retry: 0` alone",
        ],
    );
    task("{run: x, retry: {max: 0}}", &[]);
    // What `defaults` says is for other tasks as well.
    lines("defaults: {retry: {max: 1, codes: [3]}}\ntasks: {a: {run: x, ok_codes: [0, 3]}}\n", &[]);
}

#[test]
fn an_if_that_can_never_be_true_is_a_warning() {
    let never = "constant-condition this is always false: the task never runs";
    let check = |condition: &str, help: &str| {
        lines(
            &format!("tasks:\n  a: x\n  b: {{run: x, needs: a, if: \"{condition}\"}}\n"),
            &[&format!("3:30 {never}; {help}")],
        );
    };
    check(
        "!success()",
        "without its needs the task is skipped before this is asked: write `if: failure()`, or put it in `finally`",
    );
    let cancelled = "after a cancel nothing starts but `finally`: put the task there";
    check("cancelled()", cancelled);
    check("cancelled() && env.X == 'a'", cancelled);
    lines(
        "tasks: {a: {run: x, if: failure()}}\n",
        &[&format!(
            "1:25 {never}; it needs no task that could fail: write `needs: NAME`, or put it in `finally`"
        )],
    );
}

#[test]
fn an_if_that_may_be_true_is_none() {
    for condition in [
        "success()",
        "always()",
        "!cancelled()",
        "failure()",
        "failure() || cancelled()",
        "!success() || failure()",
        "!success() && always()",
        "always() && env.X == ''",
        "success() && env.X == ''",
    ] {
        lines(&format!("tasks:\n  a: x\n  b: {{run: x, needs: a, if: \"{condition}\"}}\n"), &[]);
        lines(&format!("tasks: {{a: x}}\nfinally: {{b: {{run: x, if: \"{condition}\"}}}}\n"), &[]);
    }
    for condition in ["!success()", "cancelled()", "failure()"] {
        lines(&format!("tasks: {{a: x}}\nfinally: {{b: {{run: x, if: \"{condition}\"}}}}\n"), &[]);
    }
    lines("graph: a >> b\ntasks:\n  a: x\n  b: {run: x, if: failure()}\n", &[]);
    // Another run may have members.
    lines(
        "params: {l: {type: list}}\ngraph: \"a >> b\"\ntasks:\n  a: {run: x, matrix: {k: '${{ params.l }}'}}\n  b: {run: x, if: failure()}\n",
        &[],
    );
}

#[test]
fn the_timeout_of_the_run_knows_no_environment() {
    let said = short("timeout: '${{ env.T }}'\ntasks: {a: x}\n", Syntax::Yaml);
    assert_eq!(
        said,
        ["1:15 not-here `env` is not known in `timeout`; `timeout` takes `params`, `run`"]
    );
    task("{run: x, timeout: '${{ env.T }}'}", &[]);
    lines("defaults: {timeout: '${{ env.T }}'}\ntasks: {a: x}\n", &[]);
}

#[test]
fn a_timeout_of_zero_is_none_with_a_unit_either() {
    let zero = "wrong-value `timeout` is zero: nothing could end in time; write a longer time, or remove the key for none";
    task("{run: x, timeout: 0}", &[&format!("3:23 {zero}")]);
    task("{run: x, timeout: 0s}", &[&format!("3:23 {zero}")]);
}

#[test]
fn all_that_is_wrong_with_one_value_is_told() {
    let said = short("env: {O: '${{ params.zz }} ${{ 1 == }}'}\ntasks: {a: x}\n", Syntax::Yaml);
    let kinds: Vec<_> =
        said.iter().map(|line| line.split(' ').nth(1).unwrap_or_default()).collect();
    assert_eq!(kinds, ["unknown-name", "expression-syntax"], "{said:?}");
}

#[test]
fn the_words_of_a_diagnostic_are_not_taken_for_a_value() {
    let text = "params: {x: secret, y: 1}\nsecrets: [params.x, params.y]\ntasks: {a: {run: x, needs: secret}}\n";
    let said = said(text, Syntax::Yaml);
    assert!(said.contains("the file sets the secret `params.y` to less"), "{said}");
    assert!(said.contains("or take the name out of `secrets`"), "{said}");
    assert!(said.contains("2 | secrets: [params.x, params.y]"), "{said}");
    assert!(said.contains("unknown task `***`"), "{said}");
    assert!(!said.contains("needs: secret"), "{said}");
}

#[test]
fn a_long_value_is_shown_by_its_ends_and_no_part_of_a_secret() {
    let long = "q".repeat(100_000);
    for text in [
        format!("on_failure: {long}\ntasks: {{a: x}}\n"),
        format!("tasks: {{a: {{run: x, needs: {long}}}}}\n"),
        format!("tasks: {{a: {{run: x, outputs: {long}}}}}\n"),
    ] {
        for line in short(&text, Syntax::Yaml) {
            assert!(line.len() < 400 && line.contains("qqq … qqq"), "{line}");
        }
    }
    let secret: String = (0..3000).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect();
    let text = format!(
        "params: {{s: {secret}}}\nsecrets: [params.s]\non_failure: {secret}\ntasks: {{a: x}}\n"
    );
    let said = short(&text, Syntax::Yaml);
    assert!(said[0].contains("`on_failure` cannot be `***`"), "{said:?}");
}
