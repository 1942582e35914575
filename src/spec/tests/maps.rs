//! `finally`, the limits of a run, and the small maps: what is wrong with them.

use super::*;

#[test]
fn the_two_parts_of_a_file_do_not_need_each_other() {
    let elsewhere = |place: &str, key: &str| {
        format!(
            "{place} finally `clean` stands in `finally`, and `{key}` names tasks of `tasks`; remove \
             the name: what stands in `finally` runs after all of `tasks` anyway, and its own order \
             is written as `needs` there"
        )
    };
    let check = |text: &str, place: &str, key: &str| lines(text, &[&elsewhere(place, key)]);
    check("default: [clean]\ntasks: {a: x}\nfinally: {clean: y}\n", "1:11", "default");
    check("tasks: {a: {run: x, needs: clean}}\nfinally: {clean: y}\n", "1:28", "needs");
    check("graph: a >> clean\ntasks: {a: x}\nfinally: {clean: y}\n", "1:13", "graph");
    lines(
        "tasks: {a: x}\nfinally: {clean: {run: y, needs: a}}\n",
        &[
            "2:34 finally a task of `finally` cannot need `a`, which stands in `tasks`; remove the name: `finally` runs after all of `tasks` anyway",
        ],
    );
    // The same list, shared by an anchor, is right in one part and wrong in the other.
    lines(
        "tasks: {a: x, b: {run: x, needs: &l [a]}}\nfinally: {clean: {run: y, needs: *l}}\n",
        &[
            "1:38 finally a task of `finally` cannot need `a`, which stands in `tasks`; remove the name: `finally` runs after all of `tasks` anyway",
        ],
    );
    // Beside a `graph` the needs of `finally` are not a second graph.
    flow(
        "graph: a >> b\ntasks: {a: x, b: x}\nfinally: {c: y, d: {run: y, needs: c}}\n",
        Syntax::Yaml,
    );
    lines(
        "tasks: {a: x}\nfinally: {a: x}\n",
        &[
            "2:11 task-name `a` is a task of `tasks` and of `finally`; give one of them another name",
        ],
    );
    lines(
        "tasks: {a: x}\nfinally:\n",
        &[
            "2:1 empty `finally` is empty: nothing would run at the end; write below it, say, `  clean: rm -rf build`, or remove the key",
        ],
    );
    lines(
        "tasks: {a: x}\nfinally: [a]\n",
        &[
            "2:10 wrong-type `finally` takes a map of names to tasks, not a list; write each task as `name: SCRIPT`, as below `tasks`",
        ],
    );
}

#[test]
fn limits_have_units() {
    lines(
        "timeout: 0s\ngrace: 5\nrecords: {keep_runs: 0, keep_for: 3, max_log: 64, keep: 3}\ntasks: {a: x}\n",
        &[
            "1:10 wrong-value `timeout` is zero: nothing could end in time; write a longer time, or remove the key for none",
            "2:8 duration `5` is not a duration; give it a unit: `5s` for seconds, `5m` for minutes",
            "3:22 wrong-value `keep_runs` takes a whole number from 1 to 1000000; for example `keep_runs: 20`",
            "3:35 duration `3` is not a duration; give it a unit: `3s` for seconds, `3m` for minutes",
            "3:47 size `64` is not a size; give it a unit: `64B` for bytes, `64MiB` for 1024 times 1024 of them",
            "3:51 unknown-key unknown key `keep` in `records`; the keys in `records` are `keep_runs`, `keep_for`, `max_log`",
        ],
    );
    lines(
        "records: 5\ntasks: {a: x}\n",
        &[
            "1:10 wrong-type `records` takes a map with `keep_runs`, `keep_for` and `max_log`, not a single value; write `records: {keep_runs: 20, max_log: 256MiB}`",
        ],
    );
}

#[test]
fn a_task_is_stopped_by_a_signal_that_ends_it() {
    task(
        "run: x\nkill: 5s",
        &[
            "4:11 wrong-type `kill` takes a map with `signal` and `after`, not a single value; write `kill: {after: 5s}`",
        ],
    );
    task(
        "run: x\nkill: SIGINT",
        &[
            "4:11 wrong-type `kill` takes a map with `signal` and `after`, not a single value; write `kill: {signal: SIGINT}`",
        ],
    );
    task(
        "run: x\nkill: {signal: int, after: x}",
        &[
            "4:20 wrong-value `int` is not a signal that may stop a task; write `signal: INT`",
            "4:32 duration `x` is not a duration; write numbers with units: `250ms`, `10s`, `10m`, `1h30m`, `7d`",
        ],
    );
    task(
        "run: x\nkill: {signal: STOP}\non_cancel: abort",
        &[
            "4:20 wrong-value `STOP` is not a signal that may stop a task; it is one of `TERM`, `INT`, `HUP`, `QUIT`, `USR1`, `USR2`, `ABRT`, `KILL`",
            "5:16 wrong-value `on_cancel` cannot be `abort`; it is one of `finish`, `stop`",
        ],
    );
}

#[test]
fn interactive_is_yes_or_no_and_reads_the_terminal() {
    let takes = "wrong-value `interactive` takes `true` or `false`";
    let check = |value: &str, help: &str| {
        task(&format!("run: x\ninteractive: {value}"), &[&format!("4:18 {takes}, {help}")]);
    };
    check("yes", "not `yes`; write `interactive: true`");
    check("'true'", "not a text; write it without quotes: `interactive: true`");
    check("3", "not `3`; write `interactive: true`, or remove the key");
    check("[true]", "not a list; write `interactive: true`, or remove the key");
    task(
        "run: x\ninteractive: true\nstdin: y",
        &[
            "5:5 stdin-with-interactive `stdin` has no meaning beside `interactive`, which reads the terminal; remove one of the two",
        ],
    );
}
