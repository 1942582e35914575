//! What a task finds when it runs: its group, streams, descriptors, signals and interpreter; and what
//! becomes of one that cannot be started.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use support::{Project, Running, same};

fn stdout(flow: &str) -> String {
    Project::with(flow).run(&["run", "-j1"]).exits(0).stdout
}

#[test]
fn each_task_leads_a_group_of_its_own() {
    let outcome = stdout("tasks:\n  a: ps -o pid=,pgid= -p $$\n  b: ps -o pid=,pgid= -p $$\n");
    let lines: Vec<Vec<&str>> = outcome.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!((lines[0][0], lines[1][0]), (lines[0][1], lines[1][1]), "{outcome}");
    assert_ne!(lines[0][1], lines[1][1]);
}

#[test]
fn standard_input_is_empty_or_the_text_of_the_task() {
    let project = Project::with(
        "
tasks:
  none: 'cat; readlink /proc/self/fd/0'
  text: {run: cat, stdin: \"a\\nb \\u00e9\\nno end\"}
  words: {cmd: [cat], stdin: ''}
",
    );
    // The caller's input is not theirs.
    let outcome = project.run_with_input(&["run", "-j1"], b"the caller's\n").exits(0);
    assert_eq!(outcome.stdout, "/dev/null\na\nb é\nno end");
}

#[test]
fn a_long_text_on_standard_input_is_whole() {
    let text = "0123456789abcde ".repeat(20_000);
    let flow = format!("tasks:\n  count: {{run: wc -c, stdin: '{text}'}}\n");
    assert_eq!(stdout(&flow).trim(), text.len().to_string());
}

#[test]
fn a_task_sees_its_three_streams_and_what_the_caller_left_open() {
    let list = "ls /proc/self/fd | tr '\\n' ' '";
    let project = Project::with(&format!("tasks:\n  fds: {list}\n"));
    let run = |script: &str| {
        let mut command = project.command_of("/bin/sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
        Running::spawn(command).wait().exits(0).stdout
    };
    // What this very test was given is handed on too, so that the two are compared.
    assert_eq!(run("exec \"$0\" run"), run(list));
    let handed = run("exec 7>handed; exec \"$0\" run");
    assert_eq!(handed, run(&format!("exec 7>handed; {list}")));
    assert!(handed.contains("7 "), "{handed}");
}

#[test]
fn signals_are_as_a_task_expects_them() {
    let show = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
    let project = Project::with(&format!("tasks:\n  a: {show}\n"));
    let run = |trap: &str| {
        let mut command = project.command_of("/bin/sh");
        command.args(["-c", &format!("{trap}; exec \"$0\" run -q -o stream")]);
        command.arg(env!("CARGO_BIN_EXE_pyoco"));
        let shown = Running::spawn(command).wait().exits(0).stdout;
        let mask = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
            // 32 and 33 are the C library's own; its `posix_spawn` ignores them in every child.
            u64::from_str_radix(line.trim(), 16).expect("a mask") & !(0b11 << 31)
        };
        (mask("SigBlk:"), mask("SigIgn:"))
    };
    assert_eq!(run(":"), (0, 0));
    // `nohup`: these three stay ignored where the caller wants it so.
    assert_eq!(run("trap '' HUP INT QUIT"), (0, 0b111));
    assert_eq!(run("trap '' TERM CHLD PIPE USR1 USR2 TSTP TTIN TTOU WINCH URG"), (0, 0));
}

#[test]
fn a_blocked_mask_is_not_handed_on() {
    let project = Project::with("tasks:\n  a: grep SigBlk /proc/self/status\n");
    let script = "
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
os.execv(sys.argv[1], ['pyoco', 'run'])
";
    let mut command = project.command_of("python3");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pyoco")]);
    let outcome = Running::spawn(command).wait().exits(0);
    assert_eq!(outcome.stdout, format!("SigBlk:\t{:016x}\n", 0));
}

#[test]
fn what_holds_the_output_open_ends_the_task_with_its_own_code() {
    for (name, leave) in [("group", "sleep 86400 &"), ("session", "setsid sleep 86400 &")] {
        let project = Project::with(&format!(
            "tasks:\n  leaks: '{leave} echo $! > pid; echo done; exit 3'\n  after: {{run: 'true', \
             needs: leaks}}\n"
        ));
        let outcome = project.run(&["run"]).exits(1);
        let pid = project.read("pid").trim().to_owned();
        // It is left alone at a normal end; this test has to take it down.
        let alive = std::path::Path::new("/proc").join(&pid).exists();
        let kill = Running::spawn({
            let mut command = project.command_of("kill");
            command.args(["-9", &pid]);
            command
        });
        kill.wait().exits(0);
        assert!(alive, "{name}: what was left behind was not left alone");
        let record = project.record();
        same(&record.ends(), "leaks FAILED exit(3)\nafter SKIPPED upstream(leaks)\n");
        let end = &record.events("task_finished")[0];
        assert!(end["ms"].as_u64() >= Some(1000), "{end}");
        assert_eq!(record.log("leaks", 1), b"done\n");
        if support::SEES_PROCESSES {
            assert_eq!(end["leaked"].to_string(), format!("[{pid}]"), "{name}");
            outcome.complains(&format!("left behind by leaks: process {pid}"));
        }
    }
}

#[test]
fn what_was_left_behind_may_go_on_writing_until_the_run_ends() {
    // The leaked loop dies of SIGPIPE where nobody drains its output: then `progress` stands still.
    let project = Project::with(
        "
tasks:
  leaks: '(trap \"\" HUP; while ! [ -e stop ]; do echo x || touch broken; touch progress; done; touch stopped) &'
  watches:
    needs: leaks
    run: |
      rm -f progress; while ! [ -e progress ]; do sleep 0.01; done
      rm -f progress; while ! [ -e progress ]; do sleep 0.01; done
      touch stop; while ! [ -e stopped ]; do sleep 0.01; done
",
    );
    project.run(&["run", "-o", "none"]).exits(0);
    assert!(!project.has("broken"));
}

#[test]
fn output_after_the_exit_still_counts() {
    // The grandchild's `cat` ends when its parent, which holds the other end, has gone.
    let project = Project::with(
        "tasks:\n  a: 'mkfifo gone; (cat gone; echo late) & exec 7>gone; echo early'\n",
    );
    project.run(&["run"]).exits(0).says("early\nlate\n");
    assert_eq!(project.record().log("a", 1), b"early\nlate\n");
    assert!(project.record().events("task_finished")[0].get("leaked").is_none());
}

#[test]
fn what_cannot_be_started_fails_with_a_reason() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  missing: {cmd: [no-such-program-here, x]}
  missing-path: {cmd: [./no/such]}
  no-dir: {run: 'true', dir: nowhere}
  file-dir: {run: 'true', dir: plain}
  folder: {cmd: [./folder]}
  plain: {cmd: [./plain]}
  on-path: {cmd: [plain], env: {PATH: .}}
  no-interpreter: {cmd: [./orphan]}
  no-shell: {run: 'echo hi', shell: fish, env: {PATH: /nowhere}}
  no-format: {cmd: [./garbage]}
  after: {run: 'true', needs: missing}
",
    );
    project.file("plain", "no program");
    project.file("folder/x", "");
    for (name, text) in [("orphan", "#!/no/such/interpreter\n"), ("garbage", "\0\0\0garbage")] {
        let path = project.file(name, text);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("ours");
    }
    let outcome = project.run(&["run", "-j1"]).exits(1);
    same(
        &project.redact(&project.record().ends()),
        "missing FAILED spawn(not found: no-such-program-here)
missing-path FAILED spawn(not found: ./no/such)
no-dir FAILED spawn(no such folder: [DIR]/nowhere)
file-dir FAILED spawn(no folder: [DIR]/plain)
folder FAILED spawn(a folder: ./folder)
plain FAILED spawn(not executable: ./plain)
on-path FAILED spawn(not executable: plain)
no-interpreter FAILED spawn(no interpreter for [DIR]/orphan: `#!/no/such/interpreter`)
no-shell FAILED spawn(not found: fish)
no-format FAILED spawn(neither a program nor a script with a `#!` line: [DIR]/garbage)
after SKIPPED upstream(missing)
",
    );
    outcome.complains("first failure: missing\n  ended: spawn not found: no-such-program-here");
}

#[test]
fn a_nul_that_no_program_can_be_given_is_found_before_anything_runs() {
    let project = Project::with(
        "tasks:\n  first: touch ran\n  nul: {cmd: [echo, \"a\\0b\"], needs: first}\n",
    );
    for command in ["check", "run"] {
        let outcome = project.run(&[command]).exits(2);
        outcome.complains("`cmd` holds a NUL character, which no program can be given");
    }
    assert!(!project.has("ran"), "a task ran");
}

#[test]
fn too_much_for_the_system_is_a_reason_too() {
    // Each alone would do; all of them are more than the system takes, however large its stack is.
    let long = "x".repeat(100 << 10);
    let words = vec![&*long; 80].join(", ");
    let variables: Vec<String> = (0..80).map(|n| format!("V{n}: {long}")).collect();
    let variables = variables.join(", ");
    let project = Project::with(&format!(
        "on_failure: isolate\ntasks:\n  env: {{run: 'true', env: {{{variables}}}}}\n  \
         word: {{cmd: [echo, {words}]}}\n  fine: 'true'\n"
    ));
    project.run(&["run"]).exits(1);
    let reason = "spawn(arguments and environment are too long for the system)";
    let expected = format!("env FAILED {reason}\nword FAILED {reason}\nfine SUCCEEDED\n");
    same(&project.record().ends(), &expected);
}

#[test]
fn a_run_whose_folder_is_taken_away_goes_on() {
    let project = Project::with(
        "
tasks:
  thief: rm -rf \"$PYOCO_RUN_DIR\"; echo gone
  script: {run: echo script, shell: [sh, '{0}'], needs: thief}
  input: {run: cat, stdin: input, needs: script}
",
    );
    let outcome = project.run(&["run"]).exits(0).says("gone\nscript\ninput");
    outcome.complains("warning: this run has no complete record");
    assert!(project.private_files().is_empty());
}

#[test]
fn without_a_folder_for_temporary_files_only_what_needs_one_fails() {
    let mut project = Project::with("tasks:\n  a: {run: cat, stdin: input}\n");
    project.env("TMPDIR", "/no/such/folder");
    assert_eq!(project.run(&["run"]).exits(0).stdout, "input");
    let outcome = project.run(&["run", "--no-record"]).exits(2);
    let outcome = outcome.complains("cannot make a private folder in `/no/such/folder`");
    outcome.complains("nothing was run; set `TMPDIR` to a folder that can be written to\n");
}

#[test]
fn descriptors_that_run_out_fail_tasks_and_nothing_else() {
    // Each task that can be started ends only once another could not.
    let script = "until grep -q 'FAILE[D]' \"$PYOCO_RUN_DIR/events.jsonl\"; do sleep 0.01; done";
    let tasks: String = (0..40).map(|n| format!("  t{n}: {script}\n")).collect();
    let project = Project::with(&format!("jobs: 40\non_failure: isolate\ntasks:\n{tasks}"));
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "ulimit -n 24; exec \"$0\" run -q", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(1);
    let record = project.record();
    let reasons: Vec<String> = (0..40).map(|n| record.reason(&format!("t{n}"))).collect();
    let is_known = |reason: &String| reason.is_empty() || reason.contains("Too many open files");
    assert!(reasons.iter().all(is_known), "{reasons:?}");
    assert!(reasons.iter().any(String::is_empty), "some of them ran");
}

#[test]
fn the_memory_of_pyoco_is_not_that_of_its_tasks() {
    let project = Project::new();
    // A large file makes pyoco itself large.
    let padding = format!("# {}\n", "x".repeat(100)).repeat(200_000);
    project.file(
        "pyoco.yaml",
        format!(
            "{padding}tasks:\n  small: 'true'\n  large: head -c 90M /dev/zero | tail -c 90M | wc\n"
        ),
    );
    project.run(&["run", "-q"]).exits(0);
    let record = project.record();
    let peak = |name: &str| {
        let ends = record.events("task_finished").into_iter().find(|end| end["name"] == name);
        ends.expect("it has ended")["max_rss"].as_u64()
    };
    assert!(peak("small").is_none_or(|peak| peak < 16 << 20), "{:?}", peak("small"));
    // Elsewhere than on Linux it is unknown.
    assert!(peak("large").is_none_or(|peak| peak > 80 << 20), "{:?}", peak("large"));
}

#[test]
fn many_jobs_get_the_descriptors_that_the_system_would_give() {
    // Each ends once all have started.
    let script =
        "touch ready.$PYOCO_TASK; until [ \"$(ls ready.* | wc -l)\" -eq 30 ]; do sleep 0.02; done";
    let tasks: String = (0..30).map(|n| format!("  t{n}: {script}\n")).collect();
    let project = Project::with(&format!("jobs: 30\ntasks:\n{tasks}"));
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "ulimit -S -n 40; exec \"$0\" run -q", env!("CARGO_BIN_EXE_pyoco")]);
    Running::spawn(command).wait().exits(0);
}

#[test]
fn a_limit_of_file_sizes_costs_output_and_not_the_run() {
    let project =
        Project::with("tasks: {a: 'yes | head -c 100000; echo end', b: {needs: a, run: 'echo b'}}");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "ulimit -f 20; exec \"$0\" run", env!("CARGO_BIN_EXE_pyoco")]);
    let outcome = Running::spawn(command).wait().exits(0);
    assert!(outcome.stdout.ends_with("end\nb\n"), "{outcome:?}");
    outcome.complains("output is not kept");
}

#[test]
fn long_scripts_go_through_a_file() {
    let after = |padding: &str, last: &str| {
        format!("    run: |\n{}      {last}\n", format!("      {padding}\n").repeat(12_000))
    };
    let script = |last: &str| after("# padding", last);
    let project = Project::with(&format!(
        "tasks:\n  sh:\n{}  bash:\n    shell: bash\n{}  python:\n    shell: python\n{}  \
         node:\n    shell: node\n{}  fails:\n    fail: continue\n{}",
        script("echo sh \"$#\""),
        script("echo \"bash ${BASH_VERSION:+yes}\"; false | cat || echo pipefail"),
        script("print('python')"),
        after("// padding", "console.log('node')"),
        script("false; echo not reached"),
    ));
    let outcome = project.run(&["run", "-j1"]).exits(0);
    assert_eq!(outcome.stdout, "sh 0\nbash yes\npipefail\npython\nnode\n");
    // The private file is gone with its task.
    let record = project.record();
    let files = std::fs::read_dir(&record.dir).expect("the folder is there");
    let names = files.map(|file| file.expect("an entry").file_name().into_string().expect("UTF-8"));
    assert!(names.into_iter().all(|name| !name.starts_with("script-")));
}

#[test]
fn every_shell_has_its_way() {
    let mut project = Project::with(
        r#"
tasks:
  sh: 'false | true; echo "sh $0"; (exit 0); test -z "${X+x}"'
  bash: {run: 'echo bash ${BASH_VERSION:+yes}; false | cat || echo pipefail', shell: bash}
  python: {run: "import sys\nprint('python', sys.argv)", shell: python}
  node: {run: 'console.log("node", [1].map(x => x + 1)[0])', shell: node}
  zsh: {run: 'echo script', shell: zsh}
  fish: {run: 'echo script', shell: fish}
  pwsh: {run: 'echo script', shell: pwsh}
  words: {run: 'echo "from $(basename $0 | cut -c1-7)"', shell: [sh, -u, '{0}']}
  inside: {run: 'x', shell: [echo, 'file={0}.']}
"#,
    );
    // Stand-ins, so that the test needs no shell that is not there.
    for name in ["zsh", "fish", "pwsh"] {
        let text = "#!/bin/sh\nlast=; for word; do last=$word; done\n\
                    echo \"${0##*/} ${last##*.}\" \"$(($# - 1))\"\n";
        let path = project.file(&format!("bin/{name}"), text);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("ours");
    }
    let path = std::env::var("PATH").expect("it is set");
    project.env("PATH", &format!("{}:{path}", project.dir().join("bin").display()));
    let outcome = project.run(&["run", "-j1"]).exits(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[..5], ["sh /bin/sh", "bash yes", "pipefail", "python ['-c']", "node 2"]);
    assert_eq!(lines[5..8], ["zsh echo script 4", "fish echo script 1", "pwsh ps1 4"]);
    assert_eq!(lines[8], "from script-");
    assert!(lines[9].starts_with("file=/") && lines[9].ends_with('.'), "{outcome:?}");
}

#[test]
fn a_script_stops_at_its_first_failure() {
    let project = Project::with(
        "
on_failure: isolate
tasks:
  sh: 'false; echo reached'
  bash: {run: 'false | true; echo reached', shell: bash}
",
    );
    let outcome = project.run(&["run", "-j1"]).exits(1);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_script_and_a_command_are_passed_byte_for_byte() {
    let project = Project::with(
        r#"
tasks:
  run: |
    printf '%s\n' '${{ params.x }} $(x) `y` %d \n' "é	tab" 'a
    b'
  cmd: {cmd: [printf, '%s|', '$HOME', '*', '${{ x }}', '', 'a b', "\u00e9\n"]}
"#,
    );
    let outcome = project.run(&["run", "-j1"]).exits(0);
    assert_eq!(
        outcome.stdout,
        "${{ params.x }} $(x) `y` %d \\n\né\ttab\na\nb\n$HOME|*|${{ x }}||a b|é\n|"
    );
}

#[test]
fn a_program_with_a_slash_starts_at_the_folder_of_the_task() {
    let project = Project::with("tasks:\n  a: {cmd: [./tool, x], dir: sub}\n");
    let path = project.file("sub/tool", "#!/bin/sh\npwd; echo \"$0 $1\"\n");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("ours");
    let outcome = project.run(&["run"]).exits(0);
    let text = project.redact(&outcome.stdout);
    assert!(text.starts_with("[DIR]/sub\n") && text.ends_with("tool x\n"), "{text}");
}

#[test]
fn the_process_of_a_task_is_in_the_record() {
    let project =
        Project::with("tasks:\n  a: {run: 'echo $$', dir: sub}\n  b: {cmd: [echo, x y]}\n");
    project.file("sub/.keep", "");
    let outcome = project.run(&["run", "-j1"]).exits(0);
    let record = project.record();
    let started = record.events("task_started");
    assert_eq!(outcome.stdout, format!("{}\nx y\n", started[0]["pid"]));
    assert_eq!(started[0]["argv"], serde_json::json!(["/bin/sh", "-e", "-c", "echo $$"]));
    let dir = started[0]["dir"].as_str().expect("it is told");
    assert_eq!(project.redact(dir), "[DIR]/sub");
    assert_eq!(started[1]["argv"][1], "x y");
}

#[test]
fn a_run_without_streams_runs_all_the_same() {
    let project = Project::with("tasks:\n  a: 'echo out; echo err >&2; ls -l /proc/self/fd/0'\n");
    let mut command = project.command_of("/bin/sh");
    command.args(["-c", "exec \"$0\" run <&- >&- 2>&-", env!("CARGO_BIN_EXE_pyoco")]);
    command.process_group(0);
    Running::spawn(command).wait().exits(0);
    let log = String::from_utf8(project.record().log("a", 1)).expect("text");
    assert!(
        log.contains("out\n") && log.contains("err\n") && log.contains("-> /dev/null\n"),
        "{log}"
    );
}
