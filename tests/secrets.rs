//! The values of `secrets` are read nowhere in what a run shows and keeps: output, logs, events, the
//! copy of the file, reasons; and what cannot be masked is as the documentation says.

mod support;

use std::fs;
use std::path::Path;

use support::{Outcome, Project, Running, wait_for};

const VIEWS: [&str; 6] = ["live", "group", "prefix", "stream", "failed", "none"];

/// A value that is listed, set in the environment of pyoco.
const TOKEN: &str = "tok-5f3a9c";

/// Requires that no file below this folder holds the value.
#[track_caller]
fn require_none(dir: &Path, value: &[u8]) {
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        let kind = path.symlink_metadata().expect("it is there").file_type();
        if kind.is_dir() {
            require_none(&path, value);
        } else if kind.is_file() {
            let bytes = fs::read(&path).expect("the file is ours");
            let found = memchr::memmem::find(&bytes, value);
            let shown = String::from_utf8_lossy(value);
            assert!(found.is_none(), "`{shown}` stands in {}", path.display());
        }
    }
}

/// Requires that neither stream holds the value, nor any file of the record.
#[track_caller]
fn require_hidden(project: &Project, outcome: &Outcome, value: &str) {
    assert!(!outcome.stdout.contains(value), "`{value}` in {outcome:?}");
    assert!(!outcome.stderr.contains(value), "`{value}` in {outcome:?}");
    if project.has(".pyoco") {
        require_none(&project.dir().join(".pyoco"), value.as_bytes());
    }
}

const EVERYWHERE: &str = r#"
secrets: [TOKEN, OWN, TASKS]
env: {OWN: own-77aa1b}
on_failure: isolate
tasks:
  out: {run: 'echo "out $TOKEN"; echo "err $OWN" >&2', description: has own-77aa1b}
  bad: {run: 'echo "at last $TOKEN $TASKS"; exit 3', env: {TASKS: of-a-task-1}}
  again: {run: 'echo "try $TOKEN"; exit 1', retry: {max: 1, delay: 1ms}}
  traced: {run: 'set -x; echo "$OWN" "$TOKEN"'}
  words: {cmd: [sh, -c, 'echo "$@"; exit 4', sh, own-77aa1b, of-a-task-1]}
  folder: {run: x, dir: /no/own-77aa1b/here}
  program: {cmd: [/no/own-77aa1b/program]}
  long: {cmd: [/no/program, PADDING]}
"#;

/// Returns the workflow with a value where the record's copy of an argument is cut.
fn everywhere() -> String {
    // The program takes 8 of 4096 bytes, so that the cut would fall into the value.
    let padding = "x".repeat(4096 - "/bin/false".len() - 5);
    let long = format!("/bin/false, {padding}own-77aa1b");
    EVERYWHERE.replace("/no/program, PADDING", &long)
}

#[test]
fn no_view_and_no_record_shows_a_value() {
    let mut project = Project::with(&everywhere());
    project.env("TOKEN", TOKEN);
    let values = [TOKEN, "own-77aa1b", "of-a-task-1", "own-7"];
    for view in VIEWS {
        // The last output of the first task to fail: with others beside it that could be any.
        for trace in ["cute", "plain"] {
            let outcome = project.run(&["run", "bad", "-o", view, "--trace", trace]).exits(1);
            values.iter().for_each(|value| require_hidden(&project, &outcome, value));
            outcome.complains("first failure: bad\n").complains("  | at last *** ***\n");
        }
        for trace in ["cute", "plain", "json"] {
            let outcome = project.run(&["run", "-o", view, "--trace", trace]).exits(1);
            values.iter().for_each(|value| require_hidden(&project, &outcome, value));
            if !["failed", "none"].contains(&view) {
                let both = outcome.stdout.clone() + &outcome.stderr;
                assert!(both.contains("out ***\n") && both.contains("err ***\n"), "{outcome:?}");
            }
        }
    }
    let record = project.record();
    // Between the two streams the order is that in which they were read.
    let mut traced = record.log("traced", 1);
    traced.sort_unstable();
    let mut expected = *b"+ echo *** ***\n*** ***\n";
    expected.sort_unstable();
    assert_eq!(traced, expected);
    assert_eq!(record.log("again", 2), b"try ***\n");
    assert_eq!(record.reason("folder"), "spawn(no such folder: /no/***/here)");
    assert_eq!(record.reason("program"), "spawn(not found: /no/***/program)");
    let of = |kind: &str, name: &str| {
        let found = record.events(kind).into_iter().find(|event| event["name"] == name);
        found.expect("it is there").clone()
    };
    assert_eq!(of("task_retrying", "again")["tail"], "try ***\n");
    assert_eq!(of("task_finished", "bad")["tail"], "at last *** ***\n");
    assert_eq!(of("task_finished", "bad")["bytes"], "at last tok-5f3a9c of-a-task-1\n".len());
    let long = of("task_started", "long");
    assert!(long["argv"][1].as_str().expect("a text").ends_with("xxx***"), "{long}");
    let copy = fs::read_to_string(record.dir.join("flow.yaml")).expect("there is a copy");
    assert!(copy.contains("env: {OWN: \"***\"}"), "{copy}");
}

#[test]
fn what_reads_a_record_shows_no_value() {
    let mut project = Project::with(&everywhere());
    project.env("TOKEN", TOKEN);
    project.run(&["run"]).exits(1);
    for args in [
        &["runs", "show", "latest"][..],
        &["runs", "show", "latest", "--json"],
        &["runs", "show", "latest", "--why", "bad"],
        &["runs", "logs", "latest"],
        &["runs", "logs", "latest", "bad"],
        &["runs", "list"],
        &["runs", "list", "--json"],
    ] {
        let outcome = project.run(args).exits(0);
        for value in [TOKEN, "own-77aa1b", "of-a-task-1"] {
            require_hidden(&project, &outcome, value);
        }
    }
    project.run(&["runs", "logs", "latest", "bad"]).says("at last *** ***");
    project.run(&["runs", "show", "latest"]).says("echo \"$@\"; exit 4' sh '***' '***'");
}

#[test]
fn what_shows_the_file_shows_no_value() {
    let mut project = Project::with(&everywhere());
    project.env("TOKEN", TOKEN);
    project.run(&["list"]).exits(0).says("has ***");
    project.run(&["graph", "--as", "json"]).exits(0).says("has ***");
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["graph"],
        &["graph", "--as", "json"],
        &["run", "--dry-run"],
        &["check"],
        &["check", "--json"],
    ] {
        let outcome = project.run(args).exits(0);
        require_hidden(&project, &outcome, "own-77aa1b");
    }
    project.file("bad.yaml", everywhere().replace("tasks:", "tasks:\n  x: {rnu: own-77aa1b}"));
    for args in [&["check", "bad.yaml"][..], &["check", "bad.yaml", "--json"], &["run", "bad.yaml"]]
    {
        let outcome = project.run(args).exits(2);
        require_hidden(&project, &outcome, "own-77aa1b");
    }
    project.run(&["run", "bad.yaml"]).complains("  x: {rnu: ***}");
}

#[test]
fn words_of_the_command_line_are_masked_in_the_record_and_reach_the_task() {
    let mut project =
        Project::with("secrets: [TOKEN]\ntasks: {a: 'printf \"%s|\" \"$@\" > got'}\n");
    project.env("TOKEN", TOKEN);
    let label = format!("who={TOKEN}");
    let outcome = project.run(&["run", "a", "--label", &label, "--", "x", TOKEN]).exits(0);
    assert_eq!(project.read("got"), format!("x|{TOKEN}|"));
    require_hidden(&project, &outcome, TOKEN);
    let record = project.record();
    let started = record.events("run_started")[0];
    assert_eq!((&started["args"][1], &started["labels"]["who"]), (&"***".into(), &"***".into()));
}

#[test]
fn a_file_whose_path_holds_a_value_is_kept_like_any_other() {
    let mut project = Project::new();
    project.file(
        &format!("{TOKEN}/f.yaml"),
        "secrets: [TOKEN]\nrecords: {keep_runs: 1}\ntasks: {a: pwd}\n",
    );
    project.env("TOKEN", TOKEN);
    let outcome = project.run(&["run", &format!("{TOKEN}/f.yaml")]).exits(0);
    require_hidden(&project, &outcome, TOKEN);
    assert!(outcome.stdout.ends_with("/***\n"), "{outcome:?}");
    let file = project.record().view.header().file.clone().expect("it is recorded");
    assert!(file.ends_with("/***/f.yaml"), "{file}");
    // Runs of one file are known by what is recorded of it.
    project.run(&["run", &format!("{TOKEN}/f.yaml")]).exits(0);
    assert_eq!(project.records().len(), 1);
}

#[test]
fn a_value_that_comes_byte_by_byte_is_masked() {
    // The pauses make reads of their own of the pieces, as far as the machine lets them.
    let bytes: String = TOKEN.chars().map(|c| format!("printf %s '{c}'; sleep 0.01; ")).collect();
    let mut project =
        Project::with(&format!("secrets: [TOKEN]\ntasks:\n  a: \"{bytes} echo; {bytes}\"\n"));
    project.env("TOKEN", TOKEN);
    for view in ["stream", "group", "prefix"] {
        let outcome = project.run(&["run", "-o", view]).exits(0);
        require_hidden(&project, &outcome, TOKEN);
        let prefix = if view == "prefix" { "a | " } else { "" };
        assert_eq!(outcome.stdout.trim_end(), format!("{prefix}***\n{prefix}***"), "{view}");
    }
    assert_eq!(project.record().log("a", 1), b"***\n***");
}

#[test]
fn a_prompt_appears_at_once_and_a_beginning_of_a_value_at_the_end() {
    let mut project = Project::with(
        "secrets: [TOKEN]\ntasks:\n  a: 'printf \"Password: \"; until [ -e go ]; do sleep 0.01; done; printf tok-5f'\n",
    );
    project.env("TOKEN", TOKEN);
    let mut running = project.spawn(&["run", "-o", "stream"]);
    running.wait_to_say("Password: ");
    project.file("go", "");
    assert_eq!(running.wait().exits(0).stdout.trim_end(), "Password: tok-5f");
    assert_eq!(project.record().log("a", 1), b"Password: tok-5f");
}

#[test]
fn nothing_is_written_down_while_a_task_runs_either() {
    let mut project = Project::with(
        "secrets: [TOKEN]\ntasks:\n  a: 'echo \"$TOKEN\"; echo up; until [ -e go ]; do sleep 0.01; done'\n",
    );
    project.env("TOKEN", TOKEN);
    let label = format!("{TOKEN}={TOKEN}");
    let mut running = project.spawn(&["run", "-o", "stream", "--label", &label]);
    running.wait_to_say("***\nup\n");
    require_none(&project.dir().join(".pyoco"), TOKEN.as_bytes());
    let reason = format!("because of {TOKEN}");
    // The second one changes nothing, and is masked like the first.
    for _ in 0..2 {
        project.run(&["runs", "cancel", "running", "--reason", &reason]).exits(0);
    }
    // Who asked could not know; the runner takes it out of the file as it reads it.
    let run = project.record().dir;
    wait_for("the cancel in the record", || {
        fs::read_to_string(run.join("events.jsonl")).expect("ours").contains("run_cancelling")
    });
    project.file("go", "");
    let outcome = running.wait();
    require_hidden(&project, &outcome, TOKEN);
    assert_eq!(project.record().events("run_cancelling")[0]["text"], "because of ***");
    let asked = fs::read_to_string(run.join("cancel")).expect("it was asked");
    assert!(asked.contains("because of **********"), "{asked}");
}

#[test]
fn every_line_of_a_key_is_masked_and_overlaps_leave_nothing() {
    let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nxyz\n7Zl9Qw==\n-----END KEY-----\n";
    let mut project = Project::with(
        r#"
secrets: [KEY, LEFT, RIGHT, LONG]
env: {LEFT: abcd, RIGHT: cdef, LONG: abcdefgh}
tasks:
  key: 'printf %s "$KEY"; printf "%s" "$KEY" | while read -r line; do echo "<$line>"; done'
  overlap: 'printf "abcdef abcdefg abcdefgh cdefabcd ab cd\n"'
"#,
    );
    project.env("KEY", key);
    let outcome = project.run(&["run", "-j1"]).exits(0);
    for line in ["BEGIN KEY", "MIIEowIBAAKCAQEA", "7Zl9Qw==", "END KEY", "cdef", "abcd"] {
        require_hidden(&project, &outcome, line);
    }
    let record = project.record();
    // A line of three bytes is left alone where it stands alone.
    assert_eq!(record.log("key", 1), b"***\n<***>\n<***>\n<xyz>\n<***>\n<***>\n");
    assert_eq!(record.log("overlap", 1), b"*** ***g *** *** ab cd\n");
}

#[test]
fn bytes_around_a_value_pass_unchanged() {
    let mut project =
        Project::with("secrets: [TOKEN, CR]\nenv: {CR: \"one\\rtwo-2\"}\ntasks: {a: cat bytes}\n");
    project.env("TOKEN", TOKEN);
    let noise: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let with = |token: &[u8]| {
        let mut bytes = Vec::new();
        // Values at many places of what is read at once, also across its ends.
        for n in 0..40 {
            bytes.extend_from_slice(&noise[..n * 1637]);
            bytes.extend_from_slice(token);
        }
        bytes
    };
    project.file("bytes", [with(TOKEN.as_bytes()), b"\none\rtwo-2|two-2\r\n".to_vec()].concat());
    let outcome = project.run(&["run", "-o", "stream"]).exits(0);
    let expected = [with(b"***"), b"\n***|***\r\n".to_vec()].concat();
    assert!(outcome.bytes == expected, "{} and {}", outcome.bytes.len(), expected.len());
    assert!(project.record().log("a", 1) == expected);
}

#[test]
fn without_a_record_the_console_is_masked_too() {
    let mut project = Project::with(&everywhere());
    project.env("TOKEN", TOKEN);
    let outcome = project.run(&["run", "--no-record"]).exits(1);
    require_hidden(&project, &outcome, TOKEN);
    assert!(outcome.stdout.contains("out ***"), "{outcome:?}");
    assert!(!project.has(".pyoco/runs"), "there is no record");
}

#[test]
fn what_has_no_value_or_a_short_one_is_said() {
    let mut project = Project::with(
        "secrets: [NONE, SHORT, OWN, EMPTY]\nenv: {OWN: abc}\ntasks: {a: 'echo $SHORT $OWN'}\n",
    );
    project.env("SHORT", "xyz").env("EMPTY", "");
    let outcome = project.run(&["run"]).exits(0).complains(
        "warning: there is nothing to mask for what is set nowhere: `NONE`; set it, or take it out of `secrets`",
    );
    let outcome = outcome.complains(
        "warning: what has less than 4 bytes in the environment is not masked: `SHORT`, `EMPTY`; use",
    );
    let short = "the file sets the secret `OWN` to less than 4 bytes, which are not masked";
    assert_eq!(outcome.complains(short).stdout, "xyz abc\n");
    project.run(&["check"]).exits(0).complains(short);
    project.run(&["check", "--strict"]).exits(2);
}

#[test]
fn names_stay_as_they_are_in_every_place() {
    let mut project = Project::with(&format!(
        "secrets: [TOKEN]\non_failure: isolate\ntasks:\n  {TOKEN}: 'exit 1'\n  after: {{run: x, needs: {TOKEN}}}\n"
    ));
    project.env("TOKEN", TOKEN);
    project.run(&["run"]).exits(1);
    let record = project.record();
    assert_eq!(record.reason("after"), format!("upstream({TOKEN})"));
    assert_eq!(record.view.first_failure(), Some(TOKEN));
    project.run(&["runs", "show", "latest", "--why", "after"]).exits(0).says(TOKEN);
}

#[test]
fn what_a_task_encodes_or_divides_between_its_streams_is_not_recognised() {
    let mut project = Project::with(
        "secrets: [TOKEN]\ntasks:\n  hex: 'printf %s \"$TOKEN\" | od -An -tx1'\n  half: 'printf 5f3a9c >&2; printf tok-; exit 1'\n",
    );
    project.env("TOKEN", TOKEN);
    let outcome = project.run(&["run", "-k", "-j1"]).exits(1);
    assert!(outcome.stdout.contains("74 6f 6b 2d"), "{outcome:?}");
    outcome.complains("5f3a9c").says("tok-");
}

#[test]
fn long_values_and_many_are_masked() {
    let long: String = (0..30_000u32).map(|n| format!("{n:x}")).collect();
    let long = &long[..100_000];
    let names: Vec<String> = (0..1000).map(|n| format!("S{n}")).collect();
    let flow = format!(
        "secrets: [LONG, {}]\ntasks:\n  a: 'echo \"$LONG\"; echo \"$LONG$LONG.\" >&2; echo \"$S7-$S999-$S1\"'\n",
        names.join(", ")
    );
    let mut project = Project::with(&flow);
    project.env("LONG", long);
    for (n, name) in names.iter().enumerate() {
        project.env(name, &format!("value-{n}-{}", n * 7919 % 1000));
    }
    let outcome = project.run(&["run", "-o", "stream"]).exits(0);
    assert_eq!(outcome.stdout, "***\n***-***-***\n");
    assert!(outcome.stderr.contains("\n***.\n"), "{}", &outcome.stderr[..500]);
    require_none(&project.dir().join(".pyoco"), &long.as_bytes()[..1000]);
}

#[test]
fn a_value_that_no_process_can_be_given_is_not_shown_either() {
    let value = "0123456789abcdef".repeat(1 << 16);
    let project =
        Project::with(&format!("secrets: [BIG]\nenv: {{BIG: {value}}}\ntasks: {{a: x}}\n"));
    let outcome = project.run(&["run"]).exits(2);
    require_hidden(&project, &outcome, &value[..1000]);
}

#[test]
fn a_toml_file_is_copied_without_values() {
    let project = Project::new();
    project.file(
        "f.toml",
        "secrets = ['T']\n[env]\nT = \"a \\u0071uoted one\"\n[tasks]\na = 'echo \"$T\"'\n",
    );
    let outcome = project.run(&["run", "f.toml"]).exits(0);
    require_hidden(&project, &outcome, "uoted");
    let copy = fs::read_to_string(project.record().dir.join("flow.toml")).expect("there is a copy");
    assert!(copy.contains("T = \"***\"\n"), "{copy}");
}

#[test]
fn an_inner_run_keeps_no_value_of_the_outer_ones_secrets() {
    let mut project =
        Project::with("secrets: [TOKEN]\ntasks: {a: '\"$PYOCO_EXE\" run inner.yaml'}\n");
    // As it is told their names it need not list them itself, nor a run inside of it.
    project.file("inner.yaml", "tasks: {b: '\"$PYOCO_EXE\" run innermost.yaml'}\n");
    let innermost = "secrets: [OTHER]\nenv: {OTHER: other-5f}\ntasks: {c: 'echo \"$TOKEN other-5f $PYOCO_SECRETS\"'}\n";
    project.file("innermost.yaml", innermost);
    project.env("TOKEN", TOKEN);
    let mut command = project.command(&["run", "--state-dir", "second"]);
    command.env_remove("PYOCO_STATE_DIR");
    let outcome = Running::spawn(command).wait().exits(0);
    assert!(!(outcome.stdout.clone() + &outcome.stderr).contains(TOKEN), "{outcome:?}");
    assert!(outcome.stdout.contains("*** *** OTHER,TOKEN\n"), "{outcome:?}");
    let runs = project.dir().join("second/runs");
    assert_eq!(fs::read_dir(runs).expect("there are some").count(), 3);
    require_none(&project.dir().join("second"), TOKEN.as_bytes());
    // Who lists nothing, and whose outer run does not, hands nothing on.
    project.file("pyoco.yaml", "tasks: {a: 'echo \"<$PYOCO_SECRETS>\"'}\n");
    project.run(&["run"]).exits(0).says("<>\n");
}

#[test]
fn the_look_at_what_hangs_shows_no_value() {
    // The second command line is read in part, with the end in the middle of the value; what is before
    // it is a value too, so that the end would be shown.
    let long = "L".repeat(4096 - "sh\0-c\0sleep 86400; :\0sh\0".len() - 7);
    let mut project = Project::with(&format!(
        r#"
secrets: [TOKEN, LONG]
on_failure: isolate
env: {{LONG: {long}}}
defaults: {{timeout: 1s}}
tasks:
  direct: {{cmd: [sh, -c, 'sleep 86400; :', "it's tok-5f 3a9c", x]}}
  cut: 'sh -c "sleep 86400; :" sh "$LONG $TOKEN"'
"#
    ));
    project.env("TOKEN", "it's tok-5f 3a9c");
    let outcome = project.run(&["run", "-o", "stream"]).exits(1);
    ["tok-5f", "it's", "it'\\''s", "LLLL"]
        .iter()
        .for_each(|v| require_hidden(&project, &outcome, v));
    if cfg!(all(target_os = "linux", not(pyoco_portable))) {
        let log = |name| String::from_utf8(project.record().log(name, 1)).expect("text");
        assert!(log("direct").contains("sh -c 'sleep 86400; :' '***' x"), "{}", log("direct"));
        assert!(log("cut").contains("sh -c 'sleep 86400; :' sh '***"), "{}", log("cut"));
        assert!(!log("cut").contains(" it"), "{}", log("cut"));
    }
}

#[test]
fn a_diagnostic_shows_no_value_of_the_environment() {
    let value = "sup3rs3cret-token-long-1";
    let mut project = Project::new();
    project.env("TOKEN", value);
    project
        .file("a.yaml", format!("secrets: [TOKEN]\ntasks: {{a: {{run: x, dri: \"{value}\"}}}}\n"));
    project.file("b.toml", format!("secrets = ['TOKEN']\n[tasks.a]\nrun = 'x'\n{value} = 1\n"));
    for file in ["a.yaml", "b.toml"] {
        for args in [
            &["run", file][..],
            &["run", "--dry-run", file],
            &["check", file],
            &["check", "--json", file],
            &["list", file],
            &["graph", file],
        ] {
            let outcome = project.run(args).exits(2);
            require_hidden(&project, &outcome, value);
        }
        project.run(&["check", file]).complains("***");
    }
    // Another value of the environment is no secret.
    project.env("OTHER", "dri");
    project.run(&["check", "a.yaml"]).complains("dri: \"***\"");
}

#[test]
fn the_name_of_a_dead_process_shows_no_beginning_of_a_value() {
    if !cfg!(all(target_os = "linux", not(pyoco_portable))) {
        return; // nowhere else are processes named by the first bytes of a file's name
    }
    let value = "sup3rs3cret-token-long-1";
    let mut project = Project::with(
        "secrets: [TOKEN]\ntasks:\n  a:\n    run: './\"$TOKEN\" & exec sleep 86400'\n    timeout: 2s\n",
    );
    std::os::unix::fs::symlink("/bin/true", project.dir().join(value)).expect("a link");
    project.env("TOKEN", value);
    let outcome = project.run(&["run", "-o", "stream"]).exits(1);
    require_hidden(&project, &outcome, &value[..8]);
    let log = String::from_utf8(project.record().log("a", 1)).expect("text");
    assert!(log.contains("[***]"), "{log}");
}

#[test]
fn a_file_that_is_broken_shows_no_value_either() {
    let mut project = Project::with("");
    project.env("TOKEN", TOKEN);
    project.file(
        "f.yaml",
        format!("secrets: [TOKEN, OWN]\nenv: {{OWN: own-77aa1b]\ntasks: {{a: 'echo {TOKEN}'}}\n"),
    );
    project.file("g.yaml", format!("secrets:\n  - TOKEN\ntasks:\n  a: @{TOKEN}\n"));
    project.file("f.toml", "secrets = [\"OWN\"]\n[env]\nOWN = own-77aa1b\n");
    for file in ["f.yaml", "g.yaml", "f.toml"] {
        for words in [&["check", file][..], &["check", "--format", "json", file], &["run", file]] {
            let outcome = project.run(words).exits(2);
            require_hidden(&project, &outcome, TOKEN);
            require_hidden(&project, &outcome, "77aa1b");
        }
        project.run(&["check", file]).exits(2).complains("***");
    }
}

#[test]
fn an_output_can_be_a_secret_from_the_end_of_its_task_on() {
    let project = Project::with(
        "
secrets: [tasks.login.outputs.token, tasks.ask.outputs.pin, HEADER]
tasks:
  login:
    outputs: [token]
    run: printf 'token=tok-%s\\n' 99aa77 >> \"$PYOCO_OUTPUT\"
  ask: {capture: pin, run: printf '%s%s' 1a2b 3c4d; echo shown >&2}
  use:
    needs: [login, ask]
    env: {T: '${{ tasks.login.outputs.token }}', HEADER: 'pre ${{ tasks.ask.outputs.pin }} post'}
    run: |
      case \"$T $HEADER\" in tok-9*7' pre '1*d' post') ;; *) exit 9 ;; esac
      echo \"token $T\"
      echo \"header $HEADER\" >&2
      exit 3
",
    );
    let run = project.run(&["run", "-j1"]).exits(1);
    assert_eq!(run.stdout, "token ***\n");
    assert!(run.stderr.contains("shown") && run.stderr.contains("header ***"), "{run:?}");
    for value in ["tok-99aa77", "1a2b3c4d"] {
        require_hidden(&project, &run, value);
    }
    let shown = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!(shown["tasks"][0]["outputs"]["token"], "***");
    assert_eq!(project.record().log("ask", 1), b"shown\n");
    // What names none is a mistake.
    let wrong = |entry: &str, expected: &str| {
        let project = Project::with(&format!(
            "secrets: [\"{entry}\"]\ntasks: {{login: {{outputs: [token], run: x}}}}\n"
        ));
        project.run(&["check"]).exits(2).complains(expected);
    };
    wrong("tasks.login.outputs.tokn", "`login` promises no output `tokn`; did you mean `token`?");
    wrong("tasks.logn.outputs.token", "unknown task `logn`; did you mean `login`?");
    wrong("tasks.login.token", "`tasks.login.token` is not an output of a task");
}

#[test]
fn what_a_task_printed_of_its_own_secret_leaves_the_log_at_its_end() {
    let print = r#"{outputs: [session], run: 'v=sess-9; v="$v"8765; echo "is $v"; echo "session=$v" >> "$PYOCO_OUTPUT"; echo "$v" >&2"#;
    let project = Project::with(&format!(
        "
on_failure: isolate
secrets: [tasks.good.outputs.session, tasks.bad.outputs.session, tasks.again.outputs.session]
records: {{max_log: 4MiB}}
tasks:
  good: {print}'}}
  bad: {print}; exit 3'}}
  again: {print}; exit 4', retry: {{max: 1, delay: 1ms}}}}
"
    ));
    let run = project.run(&["run", "-j1"]).exits(1);
    // On the console it was before anybody could know, but not in what comes after.
    assert!(run.stderr.contains("  | is ***\n"), "{run:?}");
    require_none(&project.dir().join(".pyoco"), b"sess-98765");
    assert_eq!(project.record().log("good", 1), b"is **********\n**********\n");
    let bad = project.run(&["runs", "show", "latest", "--task", "bad"]).exits(0);
    bad.says("  | is ***\n");
    let log = project.run(&["runs", "logs", "latest", "good"]).exits(0);
    assert!(log.stderr.is_empty(), "{log:?}");
}

#[test]
fn the_output_of_a_task_that_is_a_secret_is_withheld_and_that_is_said() {
    let project = Project::with(
        "
secrets: [tasks.ask.outputs.pin, tasks.bad.outputs.pin]
tasks:
  ask: {capture: pin, run: echo 1a2b3c4d}
  bad: {needs: ask, capture: pin, run: echo 5e6f7a8b; exit 3}
",
    );
    const WHY: &str =
        "withheld 9 bytes of standard output: what `capture` makes of it is a secret\n";
    let run = project.run(&["run"]).exits(1);
    assert!(run.stderr.contains(&format!("  {WHY}")), "{run:?}");
    let shown = project.run(&["runs", "show", "latest"]).exits(0);
    shown.says(&format!("  {WHY}"));
    for name in ["ask", "bad"] {
        let task = project.run(&["runs", "show", "latest", "--task", name]).exits(0);
        assert!(!task.stdout.contains("missing"), "{task:?}");
        task.says(&format!("  log       {WHY}"));
        let log = project.run(&["runs", "logs", "latest", name]).exits(0);
        assert_eq!((&*log.stdout, log.stderr), ("", format!("`{name}`: {WHY}")));
    }
    let json = project.run(&["runs", "show", "latest", "--json"]).exits(0).json();
    assert_eq!((&json["tasks"][0]["bytes"], &json["tasks"][0]["withheld"]), (&9.into(), &9.into()));
}
