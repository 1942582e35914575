//! Expressions through the binary: `if` under every policy, values that tasks hand on, the environment,
//! `finally`, matrices, and what is said where they are wrong.

mod support;

use rustix::process::Signal;
use support::{Project, same, wait_for_file};

#[test]
fn values_are_handed_on_and_the_environment_is_built_of_them() {
    let project = Project::with(
        "
params: {who: world}
env:
  GREETING: hello ${{ params.who }} on ${{ run.os }}
  PATH: ./bin:${{ env.PATH }}
defaults: {env: {LEVEL: 'd:${{ env.GREETING }}'}}
tasks:
  build:
    outputs: [version, notes]
    run: |
      echo version=1.2 >> \"$PYOCO_OUTPUT\"
      printf 'notes<<END\\nline 1\\nline 2\\nEND\\n' >> \"$PYOCO_OUTPUT\"
  who: {capture: name, run: echo '  me  '}
  show:
    needs: [build, who]
    env:
      V: ${{ tasks.build.outputs.version }}-${{ tasks.who.outputs.name }}
      NOTES: ${{ tasks.build.outputs.notes }}
      GREETING: ${{ env.GREETING }}!
      NONE: <${{ env.NOT_SET_ANYWHERE }}>
      RUN: ${{ run.id }}
    dir: ${{ run.file_dir }}/${{ params.who }}
    run: |
      echo \"$V $GREETING $LEVEL $NONE ${PATH%%:*}\"
      echo \"$NOTES\"
      test \"$RUN\" = \"$PYOCO_RUN_ID\"
      pwd | sed 's,.*/,,'
",
    );
    std::fs::create_dir(project.dir().join("world")).expect("a folder");
    let os = std::env::consts::OS;
    let run = project.run(&["run", "-j1", "-q", "--output", "group"]).exits(0);
    let expected = format!(
        "  me  \n1.2-me hello world on {os}! d:hello world on {os} <> ./bin\nline 1\nline 2\nworld\n"
    );
    assert_eq!(run.stdout, expected);
}

/// A failure, and tasks that ask for it in their own ways.
const AFTER: &str = "
tasks:
  good: 'true'
  bad: exit 3
  plain: {needs: bad, run: 'true'}
  free: {needs: good, run: 'true'}
  on_failure: {needs: [good, bad], if: failure(), run: 'true'}
  any_way: {needs: [bad], if: always(), run: 'true'}
  not_failed: {needs: [good, bad], if: '!failure()', run: 'true'}
  by_code: {needs: bad, if: \"failure() && tasks.bad.exit_code == 3\", run: 'true'}
  by_state: {needs: bad, if: \"always() && tasks.bad.state == 'SUCCEEDED'\", run: 'true'}
  after_skip: {needs: by_state, if: always(), run: 'true'}
  cancelled: {needs: bad, if: cancelled(), run: 'true'}
finally:
  was_good: {if: success(), run: 'true'}
  was_bad: {if: failure(), run: 'true'}
  was_cancelled: {if: cancelled(), run: 'true'}
  rollback: {if: '!success()', run: 'true'}
  by_status: {if: \"run.status == 'FAILED' && tasks.bad.exit_code == 3\", run: 'true'}
";

#[test]
fn tasks_that_ask_for_failures_run_under_every_policy() {
    for policy in ["stop", "isolate", "kill"] {
        let project = Project::with(AFTER);
        project.run(&["run", "-j1", "--on-failure", policy]).exits(1);
        let stopped = match policy {
            "isolate" => "free SUCCEEDED\n",
            _ => "free SKIPPED stopped_by(bad)\n",
        };
        let ends = project.record().ends();
        same(
            &ends,
            &format!(
                "good SUCCEEDED
bad FAILED exit(3)
plain SKIPPED upstream(bad)
{stopped}on_failure SUCCEEDED
any_way SUCCEEDED
not_failed SKIPPED condition
by_code SUCCEEDED
by_state SKIPPED condition
after_skip SUCCEEDED
cancelled SKIPPED condition
was_good SKIPPED condition
was_bad SUCCEEDED
was_cancelled SKIPPED condition
rollback SUCCEEDED
by_status SUCCEEDED
"
            ),
        );
    }
}

#[test]
fn a_skipped_task_satisfies_those_that_need_it() {
    let project = Project::with(
        "
params: {deploy: false, mode: {values: [a, b], default: a}}
tasks:
  one: {if: params.deploy, run: 'true'}
  two: {needs: one, run: 'true'}
  three: {needs: one, if: \"tasks.one.state == 'SKIPPED' && tasks.one.exit_code == -1\", run: 'true'}
  four: {if: \"params.mode == 'b' || params.deploy\", run: 'true'}
",
    );
    project.run(&["run"]).exits(0);
    let ends = project.record().ends();
    assert_eq!(
        ends,
        "one SKIPPED condition\ntwo SUCCEEDED\nthree SUCCEEDED\nfour SKIPPED condition\n"
    );
    project.run(&["run", "-p", "deploy=true"]).exits(0);
    let ends = project.record().ends();
    assert_eq!(ends, "one SUCCEEDED\ntwo SUCCEEDED\nthree SKIPPED condition\nfour SUCCEEDED\n");
}

#[test]
fn after_a_cancel_nothing_starts_but_finally() {
    let project = Project::with(
        "
tasks:
  slow: ': > ready; while [ ! -e go ]; do sleep 0.01; done'
  clean: {needs: slow, if: always(), run: 'true'}
finally:
  undo: {if: '!success()', run: 'echo \"$PYOCO_STATUS\"'}
  told: {if: cancelled(), run: 'true'}
  failed: {if: failure(), run: 'true'}
",
    );
    let running = project.spawn(&["run"]);
    wait_for_file(&project.dir().join("ready"));
    running.signal(Signal::INT);
    support::wait_for("the cancel", || {
        project.records().first().is_some_and(|record| !record.events("run_cancelling").is_empty())
    });
    project.file("go", "");
    running.wait().dies_of(2);
    same(
        &project.record().ends(),
        "slow SUCCEEDED
clean CANCELLED cancelled
undo SUCCEEDED
told SUCCEEDED
failed SKIPPED condition
",
    );
}

#[test]
fn an_output_that_is_missing_fails_the_task_that_uses_it() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  off: {if: 'false', outputs: [v], run: 'true'}
  user: {needs: off, env: {V: '${{ tasks.off.outputs.v }}'}, run: 'true'}
  guarded: {needs: off, if: \"tasks.off.state == 'SUCCEEDED' && tasks.off.outputs.v == 'x'\", run: 'true'}
  asking: {needs: off, if: \"tasks.off.outputs.v == 'x'\", run: 'true'}
finally:
  last: {env: {V: '${{ tasks.off.outputs.v }}'}, run: 'echo \"<$V>\"'}
",
    );
    let run = project.run(&["run", "-j1"]).exits(1);
    assert_eq!(run.stdout, "<>\n");
    same(
        &project.record().ends(),
        "off SKIPPED condition
user FAILED missing_output(off.v)
guarded SKIPPED condition
asking FAILED missing_output(off.v)
last SUCCEEDED
",
    );
}

#[test]
fn a_selected_task_may_not_use_an_output_of_one_that_is_left_out() {
    let project = Project::with(
        "
tasks:
  a: {outputs: [v], run: 'echo v=1 >> \"$PYOCO_OUTPUT\"'}
  b: {needs: a, env: {V: '${{ tasks.a.outputs.v }}'}, run: 'echo \"<$V>\"'}
  c: 'true'
finally:
  d: {env: {V: '${{ tasks.a.outputs.v }}'}, run: 'echo \"end <$V>\"'}
",
    );
    let outcome = project.run(&["run", "--only", "b"]).exits(2);
    outcome.complains("`b` uses the output `v` of `a`, which is left out by `--only` or `--skip`");
    assert!(project.records().is_empty());
    assert_eq!(project.run(&["run", "--only", "c"]).exits(0).stdout, "end <>\n");
    // Tasks that are no part of the run at all: their numbers are not those of the file.
    assert_eq!(project.run(&["run", "c"]).exits(0).stdout, "end <>\n");
    assert_eq!(project.run(&["run", "b", "-j1"]).exits(0).stdout, "<1>\nend <1>\n");
}

#[test]
fn a_time_or_folder_that_turns_out_wrong_fails_the_task() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  a: {outputs: [limit, none], run: 'printf \"limit=soon\\nnone=\\n\" >> \"$PYOCO_OUTPUT\"'}
  late: {needs: a, timeout: '${{ tasks.a.outputs.limit }}', run: 'true'}
  lost: {needs: a, dir: '${{ tasks.a.outputs.none }}', run: 'true'}
  gone: {needs: a, dir: 'x${{ tasks.a.outputs.none }}', run: 'true'}
",
    );
    project.run(&["run", "-j1"]).exits(1);
    same(
        &project.record().ends(),
        "a SUCCEEDED
late FAILED expression(timeout)
lost FAILED expression(dir)
gone FAILED spawn(no such folder: [DIR]/x)
"
        .replace("[DIR]", &project.dir().display().to_string())
        .as_str(),
    );
    let project = Project::with(
        "params: {limit: 100ms}\ntasks: {a: {timeout: '${{ params.limit }}', run: exec sleep 86400}}\n",
    );
    project.run(&["run"]).exits(1);
    assert_eq!(project.record().ends(), "a FAILED timeout\n");
    project
        .run(&["check", "-p", "limit=soon"])
        .exits(2)
        .complains("is `soon`, which is not a duration");
}

#[test]
fn members_use_their_own_values_and_those_of_their_likes() {
    let project = Project::with(
        "
tasks:
  trim:
    matrix: {sample: [a, b]}
    outputs: [file]
    run: echo \"file=$PYOCO_MATRIX_SAMPLE.txt\" >> \"$PYOCO_OUTPUT\"
  align:
    needs: 'trim[sample]'
    matrix: {sample: [a, b], mode: [x, y]}
    if: matrix.mode != 'y' || matrix.sample == 'b'
    env: {FILE: \"${{ tasks['trim[sample]'].outputs.file }} ${{ matrix.mode }}\"}
    run: echo \"$FILE\"
  all: {needs: [trim, align], env: {S: '${{ tasks.align.state }}'}, run: 'echo \"$S\"'}
",
    );
    let run = project.run(&["run", "-j1"]).exits(0);
    assert_eq!(run.stdout, "a.txt x\nb.txt x\nb.txt y\nSUCCEEDED\n");
    assert_eq!(project.record().reason("align[sample=a,mode=y]"), "condition");
}

#[test]
fn a_list_without_values_makes_a_task_without_members() {
    let project = Project::with(
        "
params: {samples: []}
tasks:
  trim: {matrix: {sample: '${{ params.samples }}'}, run: 'exit 9'}
  one: {needs: 'trim[sample=a]', run: 'true'}
  all: {needs: trim, run: 'true'}
  align: {needs: 'trim[sample]', matrix: {sample: '${{ params.samples }}'}, run: 'exit 9'}
",
    );
    project.run(&["run"]).exits(0);
    same(
        &project.record().ends(),
        "trim SKIPPED condition\none SUCCEEDED\nall SUCCEEDED\nalign SKIPPED condition\n",
    );
}

#[test]
fn check_finds_what_can_be_wrong_in_expressions() {
    let check = |task: &str, expected: &str| {
        let project = Project::with(&format!(
            "params: {{mode: {{values: [fast, slow], default: fast}}, n: 4}}\ntasks:\n  a: {{outputs: [v], run: x}}\n  other: x\n  m: {{matrix: {{py: ['3.11', '3.12']}}, outputs: [w], run: x}}\n  t:\n    needs: [a, m]\n    run: x\n    {task}\n"
        ));
        let outcome = project.run(&["check"]).exits(2);
        assert!(outcome.stderr.contains(expected), "{task}\n{expected}\n{}", outcome.stderr);
    };
    check(
        "if: tasks.other.state == 'SUCCEEDED'",
        "`t` does not wait for `other`, and so cannot know how it ended",
    );
    check("if: tasks.a.outputs.x == 'b'", "`a` promises no output `x`");
    check("if: tasks.m.outputs.w == 'b'", "`m` has 2 members, each with outputs of its own");
    check("if: tasks['m[py=3.13]'].state == 'FAILED'", "`m` has no member with `py=3.13`");
    check(
        "if: tasks.t.state == 'FAILED'",
        "`t` asks about itself, and cannot know how it will end",
    );
    check("if: params.mod == 'fast'", "unknown param `mod`; did you mean `mode`?");
    check("if: params.mode == 'quick'", "quick");
    check("if: params.n == '4'", "4");
    check("if: ${{ params.n == 4 }}", "if");
    check("env: {X: '${{ matrix.py }}'}", "matrix");
    check("timeout: '${{ run.id '", "${{");
    let project = Project::with("tasks: {a: {if: 'true', run: x}}\n");
    project.run(&["check"]).exits(0).complains("warning");
}
