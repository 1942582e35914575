//! What the caller of a file gives it: params, and variables for its tasks.

mod support;

use support::{Project, Running, same};

/// Requires that no record holds the value.
#[track_caller]
fn requires_none(project: &Project, value: &str) {
    let state_dir = project.dir().join(".pyoco");
    let found = std::process::Command::new("grep").arg("-rlF").arg(value).arg(state_dir).output();
    let found = found.expect("grep runs").stdout;
    assert!(found.is_empty(), "`{value}` in {}", String::from_utf8_lossy(&found));
}

const FILE: &str = "
params:
  mode: {type: enum, values: [debug, release], default: debug, description: What to build}
  workers: 4
  dry: false
  tag: '1.10'
  hosts: []
  who: {required: true}
tasks:
  show: |
    echo \"$PYOCO_PARAM_MODE $PYOCO_PARAM_WORKERS $PYOCO_PARAM_DRY $PYOCO_PARAM_TAG $PYOCO_PARAM_WHO\"
    printf '%s\\n' \"<$PYOCO_PARAM_HOSTS>\"
";

#[test]
fn tasks_see_defaults_and_what_was_chosen() {
    let project = Project::with(FILE);
    let run = project.run(&["run", "-p", "who=me"]).exits(0);
    assert_eq!(run.stdout, "debug 4 false 1.10 me\n<>\n");
    let args =
        ["-p", "mode=release", "-p", "workers=007", "--param", "dry=true", "-p", "hosts=a,b"];
    let run = project.run(&[&["run", "-p", "who=a=b"], &args[..]].concat()).exits(0);
    assert_eq!(run.stdout, "release 7 true 1.10 a=b\n<a\nb>\n");
    // The record keeps them, and `runs show` tells them.
    assert_eq!(project.record().events("run_started")[0]["params"]["workers"], "7");
    project.run(&["runs", "show", "latest"]).exits(0).says("mode=release");
    // One that was given twice is the later one.
    let run = project.run(&["run", "-p", "who=a", "-p", "who=b"]).exits(0);
    assert!(run.stdout.starts_with("debug 4 false 1.10 b\n"), "{run:?}");
}

#[test]
fn flag_beats_file_and_file_beats_environment() {
    let project = Project::with(FILE);
    project.file("some.yaml", "who: file\nworkers: 2\nhosts: [x, y]\n");
    project.file("some.toml", "who = \"toml\"\nhosts = [\"x\"]\n");
    project.file("some.json", "{\"who\": \"json\", \"dry\": true}");
    let run = |args: &[&str]| {
        let mut command = project.command(&[&["run"], args].concat());
        command.env("PYOCO_PARAM_WHO", "env").env("PYOCO_PARAM_WORKERS", "9");
        command.env("PYOCO_PARAM_UNKNOWN", "from an outer run");
        Running::spawn(command).wait().exits(0).stdout
    };
    assert_eq!(run(&[]), "debug 9 false 1.10 env\n<>\n");
    assert_eq!(run(&["--params-file", "some.yaml"]), "debug 2 false 1.10 file\n<x\ny>\n");
    assert_eq!(run(&["--params-file", "some.toml"]), "debug 9 false 1.10 toml\n<x>\n");
    assert_eq!(run(&["--params-file", "some.json"]), "debug 9 true 1.10 json\n<>\n");
    let both = ["-p", "who=flag", "--params-file", "some.yaml"];
    assert_eq!(run(&both), "debug 2 false 1.10 flag\n<x\ny>\n");
}

#[test]
fn a_list_comes_from_commas_lines_or_a_file() {
    let project = Project::with("params: {l: [x]}\ntasks: {a: 'echo \"$PYOCO_PARAM_L\"'}\n");
    let run = |value: &str| project.run(&["run", "-p", &format!("l={value}")]).exits(0).stdout;
    assert_eq!(run("a,b c"), "a\nb c\n");
    assert_eq!(run("a,b\nc\n"), "a,b\nc\n");
    assert_eq!(run(""), "\n");
    project.file("names", "one\r\n\ntwo,three\n");
    assert_eq!(run("@names"), "one\ntwo,three\n");
    let wrong = project.run(&["run", "-p", "l=@none"]).exits(2);
    wrong.complains("`-p l=…`: `none`: there is no such file");
    project.run(&["run", "-p", "l=a,,b"]).exits(2).complains("an item of the list is empty");
}

#[test]
fn a_long_list_is_not_exported_and_said_so() {
    let project = Project::with("params: {l: []}\ntasks: {a: 'echo \"${PYOCO_PARAM_L-none}\"'}\n");
    project.file("names", "0123456789\n".repeat(12_000).as_str());
    let run = project.run(&["run", "-p", "l=@names"]).exits(0);
    assert_eq!(run.stdout, "none\n");
    run.complains("the param `l` is longer than 100 KiB: tasks do not see it as `PYOCO_PARAM_L`");
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let project = Project::with(FILE);
    let wrong = project.run(&[
        "run",
        "-p",
        "mode=relese",
        "-p",
        "workers=many",
        "-p",
        "dry=yes",
        "-p",
        "wokers=1",
    ]);
    let outcome = wrong.exits(2);
    for text in [
        "`-p mode=…`: `relese` is not one of its values; did you mean `release`?",
        "the values are `debug`, `release`",
        "`-p workers=…`: `many` is not a whole number",
        "`-p dry=…`: `yes` is neither `true` nor `false`",
        "`-p wokers=…`: the file has no param `wokers`; did you mean `workers`?",
        "the param `who` must be set",
        "give `-p who=TEXT`, or set `PYOCO_PARAM_WHO` in the environment",
    ] {
        assert!(outcome.stderr.contains(text), "{text}\n{outcome:?}");
    }
    assert!(project.records().is_empty(), "nothing ran");
    project.run(&["run", "-p", "who"]).exits(2).complains("write it as NAME=VALUE");
    project.file("p.yaml", "who: me\nworkers: [1]\ndry: {a: b}\n");
    let outcome = project.run(&["run", "--params-file", "p.yaml"]).exits(2);
    outcome.complains("p.yaml:3:1: `dry` cannot hold a map");
    project.file("p.yaml", "who: me\nworkers: [1]\nx: 1\n");
    let outcome = project.run(&["run", "--params-file", "p.yaml"]).exits(2);
    outcome.complains("p.yaml:2:1: `workers` takes one value, not a list");
    project.file("p.yaml", "who: [me\n");
    project.run(&["run", "--params-file", "p.yaml"]).exits(2).complains("p.yaml:");
    let outcome = project.run(&["run", "--params-file", "none.yaml"]).exits(2);
    outcome.complains("none.yaml: there is no such file");
}

#[test]
fn list_shows_params_and_check_needs_none_of_them() {
    let project = Project::with(FILE);
    let list = project.run(&["list"]).exits(0);
    same(
        &list.stdout,
        "show

params
  -p mode=debug|release (debug)  What to build
  -p workers=N (4)
  -p dry=true|false (false)
  -p tag=TEXT (1.10)
  -p hosts=A,B (empty)
  -p who=TEXT (required)
",
    );
    project.run(&["check"]).exits(0);
    project.run(&["check", "-p", "workers=x"]).exits(2).complains("not a whole number");
    let json = project.run(&["list", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["params"][0]["values"], serde_json::json!(["debug", "release"]));
    assert_eq!(json["params"][5]["required"], true);
}

#[test]
fn a_param_can_be_secret() {
    let project = Project::with(
        "secrets: [params.token]\nparams: {token: {required: true}, other: x}\ntasks: {a: 'echo \"<$PYOCO_PARAM_TOKEN>\"'}\n",
    );
    let run = project.run(&["run", "-p", "token=hunter22"]).exits(0);
    assert_eq!(run.stdout, "<***>\n");
    requires_none(&project, "hunter22");
    let wrong = project.run(&["run", "-p", "token=hunter22", "-p", "other2=hunter22"]).exits(2);
    assert!(!wrong.stderr.contains("hunter22"), "{wrong:?}");
    let project = Project::with("secrets: [params.tokn]\nparams: {token: x}\ntasks: {a: 'true'}\n");
    project.run(&["check"]).exits(2).complains("did you mean `params.token`?");
}

#[test]
fn variables_come_in_the_documented_order() {
    let order = "
env_file: [low.env, 'none.env?']
env: {C: flow, D: flow, E: flow, F: flow, G: flow, H: flow}
defaults: {env: {D: defaults, E: defaults, F: defaults, G: defaults, H: defaults}}
tasks:
  a:
    env_file: task.env
    env: {F: task, G: task, H: task}
    run: echo \"$A $B $C $D $E $F $G $H\"
";
    let project = Project::with(order);
    project.file("low.env", "A=low\nB=low\nC=low\n");
    project.file("task.env", "E=file\nF=file\nG=file\nH=file\n");
    project.file("over.env", "G=over\nH=over\n");
    let mut command = project.command(&["run", "--env-file", "over.env", "-e", "H=flag"]);
    command.env("B", "caller").env("C", "caller");
    let run = Running::spawn(command).wait().exits(0);
    assert_eq!(run.stdout, "low caller flow defaults file task over flag\n");
}

#[test]
fn a_file_of_variables_is_wrong_at_its_line() {
    let project = Project::with("env_file: vars\ntasks: {a: 'true'}\n");
    let outcome = project.run(&["check"]).exits(2);
    outcome.complains("cannot read `vars`: there is no such file").complains("`vars?`");
    project.file("vars", "A=1\nnonsense\nB='x\n");
    let outcome = project.run(&["run"]).exits(2);
    outcome.complains("vars:2: the line has no `=`").complains("vars:3: the value is not closed");
    project.run(&["run", "--env-file", "vars"]).exits(2);
    project.file("vars", "A=1\n");
    let outcome = project.run(&["run", "--env-file", "absent"]).exits(2);
    outcome.complains("--env-file: cannot read `absent`: there is no such file");
    project.run(&["run", "--env-file", "absent?"]).exits(0);
}

#[test]
fn a_secret_of_a_file_of_variables_is_masked() {
    let project = Project::with(
        "secrets: [TOKEN, KEY]\nenv_file: .env\ntasks: {a: 'echo \"$TOKEN $KEY\"'}\n",
    );
    project.file(".env", "TOKEN=hunter22\n");
    let run = project.run(&["run", "-e", "KEY=secret77"]).exits(0);
    assert_eq!(run.stdout, "*** ***\n");
    requires_none(&project, "hunter22");
    requires_none(&project, "secret77");
}

#[test]
fn tasks_inherit_what_the_file_says() {
    let env = |inherit: &str| {
        let project = Project::with(&format!("inherit_env: {inherit}\ntasks: {{a: env}}\n"));
        let mut command = project.command(&["run"]);
        command.env("MINE", "1").env("OTHER", "1").env("HOME", "/home/me");
        let run = Running::spawn(command).wait().exits(0);
        let has = |name: &str| run.stdout.lines().any(|line| line.starts_with(&format!("{name}=")));
        assert!(has("PATH") && has("HOME") && has("PYOCO_TASK"), "{run:?}");
        (has("MINE"), has("OTHER"))
    };
    assert_eq!(env("true"), (true, true));
    assert_eq!(env("false"), (false, false));
    assert_eq!(env("[]"), (false, false));
    assert_eq!(env("[MINE]"), (true, false));
}

#[test]
fn an_if_that_did_not_hold_is_told_with_what_it_asked() {
    let project = Project::with(
        "
params: {channel: {type: enum, values: [beta, stable], default: beta}, hosts: {type: list, default: [a, b c]}}
tasks:
  a: 'exit 3'
  b: {run: 'true', needs: a, if: always()}
  publish: {run: 'true', needs: b, if: params.channel == 'stable' && tasks.a.exit_code == 0}
  after: {run: 'true', needs: publish}
"
        .replace("'exit 3'", "{run: 'exit 3', ok_codes: [3]}")
        .as_str(),
    );
    project.run(&["run", "-q"]).exits(0);
    let told = "\
SKIPPED publish  condition
  its `if` did not hold: params.channel == 'stable' && tasks.a.exit_code == 0
    params.channel is `beta`
    tasks.a.exit_code is `3`
";
    // What the file says by now counts for nothing.
    project.file("pyoco.yaml", "tasks: {publish: x}\n");
    let outcome = project.run(&["runs", "show", "latest", "--why", "publish"]).exits(0);
    assert_eq!(outcome.stdout, told);
    project.run(&["runs", "show", "latest"]).exits(0).says("channel=beta  hosts=a,b c\n");
}
