//! A simple command is executed without a shell in between, and nothing else changes by that: scripts of
//! all kinds are run by pyoco and by `sh -e -c`, and must do the same.

mod support;

use std::fmt::Write;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use support::{Project, Record};

/// What a script can begin with: programs of all kinds, what a shell has for its own, and what is not there.
const HEADS: [&str; 22] = [
    "./show",
    "sub/show",
    "show",
    "$PWD/show",
    "./fail",
    "signal",
    "noexec",
    "./noexec",
    "./nobang",
    "nobang",
    "./badbang",
    "./crlf",
    "sub",
    "./sub",
    "/",
    "missing",
    "./missing",
    "both",
    "echo",
    "A=b show",
    "true",
    "./show;",
];

/// What can follow.
const TAILS: [&str; 22] = [
    "",
    "a  b\tc",
    "'a  b' \"c d\" 'e'\"f\"g",
    "'' \"\" ''a",
    "'$HOME' \"it's\" '\"'",
    "\"$NAME\" $NAME ${NAME}",
    "$NAME",
    "*.txt ?.txt [ab].txt",
    "'*.txt' \"*\"",
    "~ ~/x a~ a=~",
    "a=b A=B --x=y",
    "a\\ b \\' \\$NAME",
    "a # b",
    "a#b",
    "; ./show b",
    "&& ./show b || ./show c",
    "> /dev/null",
    "2>&1",
    "{a,b} {}",
    "a,b:c@d%e+f^g!h",
    "`./show x` $(./show y)",
    "-n -- - +",
];

/// Scripts that are more than a first word and some others.
const SCRIPTS: [&str; 30] = [
    "./show a\n",
    "\n\n  ./show a \n\n",
    "./show a\n./show b",
    "./fail\n./show b",
    "./show 'a\nb'",
    "./show \"a\nb\" c",
    "f() { ./show f \"$1\"; }; f x",
    "show() { echo function; }; show",
    "if ./show a; then ./show b; fi",
    "for x in 1 2; do ./show $x; done",
    "while false; do :; done",
    "case a in a) ./show a;; esac",
    "! ./show a",
    "{ ./show a; }",
    "(./show a)",
    "./show a | cat",
    "./show a & wait",
    "exec ./show a",
    "command show a",
    "cd sub\n./show",
    "set -- x y; ./show \"$@\"",
    "./fail || ./show after",
    "PATH=/nowhere show a",
    "PATH=$PWD/sub:$PATH show a",
    "exit 7",
    "kill -TERM $$",
    "sh -c 'exit 126'",
    "sh -c 'kill -KILL $$'",
    "pwd",
    "/bin/pwd",
];

/// The programs that scripts find.
fn project() -> Project {
    let project = Project::new();
    let show = "#!/bin/sh\nprintf '%s\\n' \"$0\"\nfor x; do printf '[%s]\\n' \"$x\"; done\necho \"$PWD $(pwd -P)\"\n";
    let files = [
        ("show", show, 0o755),
        ("sub/show", show, 0o755),
        ("fail", "#!/bin/sh\necho to-stderr >&2\nexit 3\n", 0o755),
        ("signal", "#!/bin/sh\nkill -TERM $$\n", 0o755),
        ("noexec", "#!/bin/sh\n", 0o644),
        ("nobang", "echo \"no bang $0 $*\"\n", 0o755),
        ("badbang", "#!/no/such/interpreter\n", 0o755),
        ("crlf", "#!/bin/sh\r\necho x\r\n", 0o755),
        ("both", "#!/bin/sh\necho later\n", 0o644),
        ("bin/both", "#!/bin/sh\necho found\n", 0o755),
        ("a.txt", "", 0o644),
        ("b.txt", "", 0o644),
    ];
    for (name, text, mode) in files {
        let path = project.file(name, text);
        let mode = Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("the file is ours");
    }
    project
}

fn scripts() -> Vec<String> {
    let pairs =
        HEADS.iter().flat_map(|head| TAILS.iter().map(move |tail| format!("{head} {tail}")));
    pairs.chain(SCRIPTS.iter().map(ToString::to_string)).collect()
}

/// Runs all scripts by pyoco; returns the record.
fn by_pyoco(project: &Project, scripts: &[String], path: &str) -> Record {
    let mut flow = String::from("on_failure: isolate\ntasks:\n");
    for (index, script) in scripts.iter().enumerate() {
        let script = serde_json::to_string(script).expect("a text");
        writeln!(flow, "  t{index}: {{run: {script}}}").expect("a text takes all");
    }
    project.file("pyoco.yaml", flow);
    let mut command = project.command(&["run", "--output", "none", "-j", "2"]);
    command.env("PATH", path).env("NAME", "a b  *").env("PWD", "/somewhere/else");
    support::Running::spawn(command).wait().exits(1);
    project.record()
}

/// Runs one by the shell itself.
fn by_shell(project: &Project, script: &str, path: &str) -> Output {
    let mut command = project.command_of("/bin/sh");
    command.args(["-e", "-c", script]).env("PATH", path).env("NAME", "a b  *");
    command.stdin(std::process::Stdio::null());
    command.output().expect("there is a shell")
}

/// Returns the bytes of what was put out, sorted: two pipes have no order, and a shell writes a line in
/// pieces.
fn sorted(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.sort_unstable();
    bytes
}

fn compare(path: impl Fn(&Project) -> String) -> (usize, usize) {
    let project = project();
    let path = path(&project);
    let scripts = scripts();
    let record = by_pyoco(&project, &scripts, &path);
    let mut wrong = String::new();
    for (index, script) in scripts.iter().enumerate() {
        let name = format!("t{index}");
        let output = by_shell(&project, script, &path);
        let shell = match (output.status.code(), output.status.signal()) {
            (Some(0), _) => String::new(),
            (Some(code), _) => format!("exit({code})"),
            (None, signal) => {
                format!("signal({})", pyoco::model::signal_name(signal.expect("one of the two")))
            }
        };
        let (mut shown, ours) = ([output.stdout, output.stderr].concat(), record.log(&name, 1));
        let mut ended = record.reason(&name);
        // Some shells wait for the command and say by which signal it was ended; others become it. The
        // reason is better without one, and a code stands for the same in `ok_codes` and `codes`.
        for (signal, code, said) in [("TERM", 143, "Terminated\n"), ("KILL", 137, "Killed\n")] {
            if ended == format!("signal(SIG{signal})") && shell == format!("exit({code})") {
                ended.clone_from(&shell);
                shown.truncate(shown.len() - said.len());
            }
        }
        if ended != shell || sorted(ours.clone()) != sorted(shown.clone()) {
            let text = String::from_utf8_lossy;
            let (ours, shown) = (text(&ours), text(&shown));
            let line =
                format!("{script:?}\n  pyoco: {ended} {ours:?}\n  shell: {shell} {shown:?}\n");
            wrong.push_str(&line);
        }
    }
    assert!(wrong.is_empty(), "not what the shell does:\n{wrong}");
    let started = record.events("task_started");
    let n_direct = started.iter().filter(|event| event["argv"][0] != "/bin/sh").count();
    (n_direct, scripts.len())
}

#[test]
fn what_a_shell_would_do_is_done() {
    let (n_direct, n_scripts) = compare(|project| {
        let dir = project.dir().display();
        format!("{dir}:{dir}/bin:/usr/bin:/bin")
    });
    assert!(n_scripts > 500, "{n_scripts}");
    // Of the simple ones, those whose program can be started.
    assert!(n_direct > 40, "{n_direct} of {n_scripts} without a shell");
}

#[test]
fn what_a_shell_would_do_is_done_with_relative_folders_in_the_path() {
    compare(|_| ".:bin:/usr/bin:/bin".to_owned());
}

#[test]
fn the_environment_is_that_of_a_shell() {
    let project = Project::new();
    project.file("pyoco.yaml", "tasks: {direct: env, shell: 'env;', sub: {run: env, dir: sub}}");
    project.file("sub/x", "");
    for (name, value) in [("PWD", "/somewhere/else"), ("OLDPWD", "/x"), ("A", "1")] {
        let mut command = project.command(&["run", "-j", "1"]);
        command.env(name, value);
        support::Running::spawn(command).wait().exits(0);
        let record = project.record();
        let of = |task: &str| {
            let own = |line: &String| {
                ["PYOCO_TASK=", "_=", "SHLVL="].iter().all(|name| !line.starts_with(name))
            };
            let log = String::from_utf8_lossy(&record.log(task, 1)).replace("0001-1", "0000-1");
            let mut lines: Vec<String> = log.lines().map(str::to_owned).filter(own).collect();
            lines.sort();
            lines
        };
        assert_eq!(of("direct"), of("shell"));
        let pwd = format!("PWD={}/sub", project.dir().display());
        assert!(of("sub").contains(&pwd), "{:?}", of("sub"));
        assert_eq!(record.events("task_started")[0]["argv"][0], "/usr/bin/env");
        std::fs::remove_dir_all(project.dir().join(".pyoco")).expect("it is ours");
    }
}

#[test]
fn a_signal_is_the_code_that_a_shell_makes_of_it() {
    let project = Project::with(
        "tasks: {a: {run: ./end, ok_codes: [143]}, b: {run: './end;', ok_codes: [143]}}",
    );
    let end = project.file("end", "#!/bin/sh\nkill -TERM $$\n");
    std::fs::set_permissions(end, Permissions::from_mode(0o755)).expect("the file is ours");
    project.run(&["run"]).exits(0);
}

#[test]
fn a_program_that_a_task_installs_is_found_by_the_next_one() {
    let project = Project::with(
        "
tasks:
  first: {run: tool, fail: continue}
  install: {needs: first, run: 'mkdir -p bin; printf \"#!/bin/sh\\necho installed\\n\" > bin/tool; chmod +x bin/tool'}
  second: {needs: install, run: tool}
",
    );
    let mut command = project.command(&["run"]);
    let path = format!("{}/bin:/usr/bin:/bin", project.dir().display());
    command.env("PATH", path);
    support::Running::spawn(command).wait().exits(0);
    let record = project.record();
    assert_eq!(record.reason("first"), "exit(127)");
    assert_eq!(record.log("second", 1), b"installed\n");
}

#[test]
fn words_of_the_command_line_reach_a_script_and_no_simple_command() {
    let project = Project::with("tasks: {a: ./show x, b: './show \"$@\"'}");
    let show = project.file("show", "#!/bin/sh\necho \"$#: $*\"\n");
    let mode = Permissions::from_mode(0o755);
    std::fs::set_permissions(show, mode).expect("the file is ours");
    project.run(&["run", "a", "b", "--", "y", "z"]).exits(0);
    assert_eq!(project.record().log("a", 1), b"1: x\n");
    assert_eq!(project.record().log("b", 1), b"2: y z\n");
}
