//! What shells propose at TAB: the scripts, and the hook that they call.

mod support;

use std::path::Path;

use support::{Project, has_tool};

const FLOW: &str = r#"
name: release
params:
  mode: {type: enum, values: [fast, slow], default: fast, description: How fast}
  dry: {type: bool, default: false}
pools: {gpu: 2}
tasks:
  build: {run: 'true', description: Builds it}
  bundle: {run: 'true'}
  test: {run: 'true', matrix: {os: [linux, mac]}}
"#;

/// Returns the words that are proposed for the last word of a line.
#[track_caller]
fn proposed(project: &Project, line: &[&str]) -> Vec<String> {
    let (current, before) = line.split_last().expect("a line has a word");
    let current = format!("--current={current}");
    let outcome = project.run(&[&["__complete", &current, "--"], before].concat()).exits(0);
    assert_eq!(outcome.stderr, "", "{line:?}");
    let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    outcome.stdout.lines().map(word).collect()
}

#[track_caller]
fn check(project: &Project, line: &[&str], expected: &[&str]) {
    assert_eq!(proposed(project, line), expected, "{line:?}");
}

#[test]
fn tasks_and_files_are_proposed() {
    let project = Project::with(FLOW);
    project.file("other.yaml", "tasks: {alone: x}\n");
    project.file("notes.txt", "");
    check(&project, &["run", ""], &["build", "bundle", "test", "other.yaml", "pyoco.yaml"]);
    check(&project, &["run", "bu"], &["build", "bundle"]);
    check(&project, &["run", "build", ""], &["build", "bundle", "test"]);
    check(&project, &["run", "other.yaml", ""], &["alone"]);
    check(&project, &["run", "test["], &["test[os=linux]", "test[os=mac]"]);
    check(&project, &["run", "--only", "te"], &["test"]);
    check(&project, &["shell", "te"], &["test[os=linux]", "test[os=mac]"]);
    check(&project, &["graph", "o"], &["other.yaml"]);
    check(&project, &["run", "--env-file", "n"], &["notes.txt"]);
    let outcome = project.run(&["__complete", "--current=bui", "--", "run"]).exits(0);
    assert_eq!(outcome.stdout, "build\tBuilds it\n");
}

#[test]
fn params_and_pools_are_proposed() {
    let project = Project::with(FLOW);
    check(&project, &["run", "-p", ""], &["mode=", "dry="]);
    check(&project, &["run", "-p", "mode="], &["mode=fast", "mode=slow"]);
    check(&project, &["run", "--param=mode=f"], &["--param=mode=fast"]);
    check(&project, &["run", "-kpdry="], &["-kpdry=true", "-kpdry=false"]);
    check(&project, &["list", "-p", "d"], &["dry="]);
    check(&project, &["run", "--pool", ""], &["gpu="]);
}

#[test]
fn runs_are_proposed() {
    let project = Project::with(FLOW);
    check(&project, &["runs", "show", ""], &[]);
    project.run(&["run", "build"]).exits(0);
    let record = project.record();
    let id = record.events("run_started")[0]["run_id"].as_str().expect("an id");
    let short = &id[id.len() - 8..];
    check(&project, &["runs", "show", ""], &["latest", "failed", "running", short]);
    check(&project, &["runs", "logs", "latest", ""], &["build"]);
    check(&project, &["runs", "show", "latest", "--why", "b"], &["build"]);
    check(&project, &["runs", "list", "--flow", ""], &["release"]);
    check(&project, &["shell", "build", "--run", "la"], &["latest"]);
    check(&project, &["runs", "list", "--status", "FAILED,L"], &["FAILED,LOST"]);
}

#[test]
fn nothing_hidden_is_proposed() {
    let project = Project::with(FLOW);
    let commands = proposed(&project, &[""]);
    assert!(commands.contains(&"completions".to_owned()), "{commands:?}");
    assert!(commands.iter().all(|command| !command.starts_with('_')), "{commands:?}");
    check(&project, &["__"], &[]);
    check(&project, &["runs", "di"], &[]);
    check(&project, &["runs", "diff", ""], &[]);
    check(&project, &["run", "--serv"], &[]);
    check(&project, &["run", "--report", ""], &[]);
    check(&project, &["run", "--no-c"], &["--no-cute"]);
}

#[test]
fn what_is_broken_proposes_nothing() {
    let project = Project::with("tasks: [");
    check(&project, &["run", "b"], &[]);
    check(&project, &["run", "-p", ""], &[]);
    check(&project, &["run", "none.yaml", ""], &[]);
    check(&project, &["run", "-", ""], &[]);
    check(&project, &["runs", "logs", "latest", ""], &[]);
    check(&project, &["no-such", ""], &[]);
    check(&project, &["run", "--no-such", "--", "no/such/"], &[]);
    assert!(!project.has(".pyoco"), "nothing is made");
    project.run(&["__complete"]).exits(2).complains("`pyoco completions --help`");
}

/// Returns the path on which a script finds pyoco.
fn path() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_pyoco")).parent().expect("it lies in a folder");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// Returns whether there is a shell that no machine has to have.
fn is_installed(shell: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(shell).is_file())
}

/// Lets a shell run a script.
fn shell(project: &Project, program: &str, words: &[&str]) -> String {
    let output = project.command_of(program).args(words).env("PATH", path()).output();
    let output = output.expect("the shell starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "", "{program}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn bash_proposes_them() {
    if !has_tool("bash") {
        return;
    }
    let project = Project::with(FLOW);
    // What bash does at TAB: it splits the line at its breaks too, and calls the function.
    let script = r#"
        source <(pyoco completions bash)
        complete -p pyoco
        COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
        at() {
            COMP_LINE="$1" COMP_POINT=${#1}
            COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
            _pyoco pyoco
            printf '%s:' "$1"; printf ' <%s>' "${COMPREPLY[@]}"; echo
        }
        at 'pyoco run bu' pyoco run bu
        at 'pyoco run -p mode=s' pyoco run -p mode = s
        at 'pyoco run -p ' pyoco run -p ''
        at 'pyoco run test[os=l' pyoco run 'test[os' = l
        at "pyoco run 'test[" pyoco run "'test["
        at 'pyoco runs sh' pyoco runs sh
        at 'pyoco __comp' pyoco __comp
    "#;
    let shown = shell(&project, "bash", &["--norc", "-c", script]);
    let (registered, shown) = shown.split_once('\n').expect("lines");
    assert!(registered.ends_with("-F _pyoco pyoco"), "{registered}");
    let expected = r"pyoco run bu: <build> <bundle>
pyoco run -p mode=s: <slow>
pyoco run -p : <mode=> <dry=>
pyoco run test[os=l: <linux\]>
pyoco run 'test[: <test[os=linux]> <test[os=mac]>
pyoco runs sh: <show>
pyoco __comp: <>
";
    assert_eq!(shown, expected);
}

#[test]
fn bash_on_a_terminal_completes_a_word() {
    if !has_tool("bash") {
        return;
    }
    let flow =
        FLOW.replace("'true', description", "'echo \"mode is $PYOCO_PARAM_MODE\"', description");
    let project = Project::with(&flow);
    let mut command = project.command_of("bash");
    command.args(["--norc", "--noprofile", "-i"]).env("PATH", path()).env("PS1", "> ");
    command.env("TERM", "xterm-256color").env("INPUTRC", "/dev/null");
    let mut terminal = support::Terminal::spawn(command);
    terminal.expect("> ");
    terminal.type_line("source <(pyoco completions bash); echo rea''dy");
    terminal.expect("ready");
    terminal.type_keys("pyoco run -p mode=s\tbui\t--no-cu\t\r");
    terminal.expect("mode is slow");
    terminal.expect("runs show ");
    terminal.type_line("exit");
    terminal.finish().exits(0);
}

#[test]
fn fish_proposes_them() {
    if !is_installed("fish") {
        return;
    }
    let project = Project::with(FLOW);
    let script = "pyoco completions fish | source; complete -C 'pyoco run bu'; \
                  complete -C 'pyoco run -p mode='";
    let shown = shell(&project, "fish", &["--no-config", "-c", script]);
    assert_eq!(shown, "build\tBuilds it\nbundle\nmode=fast\nmode=slow\n");
}

#[test]
fn zsh_takes_the_script() {
    if !is_installed("zsh") {
        return;
    }
    let project = Project::with(FLOW);
    let script = "autoload -Uz compinit; compinit -u -D; source <(pyoco completions zsh); \
                  print -r -- $_comps[pyoco]";
    let shown = shell(&project, "zsh", &["-f", "-c", script]);
    assert_eq!(shown, "_pyoco\n");
}

#[test]
fn every_script_asks_the_hook() {
    let project = Project::with(FLOW);
    for name in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = project.run(&["completions", name]).exits(0);
        assert_eq!(outcome.stderr, "");
        let calls = outcome.stdout.lines().filter(|line| line.contains(" __complete "));
        assert_eq!(calls.count(), 1, "{outcome:?}");
        assert!(outcome.stdout.starts_with('#'), "{outcome:?}");
        assert!(outcome.stdout.contains("2>/dev/null") || outcome.stdout.contains("2>$null"));
    }
    project.run(&["completions", "tcsh"]).exits(2).complains("[possible values: bash, zsh, fish,");
    project.run(&["completions", "--help"]).exits(0).says("  source <(pyoco completions bash)");
}

#[test]
fn what_explain_knows_is_proposed() {
    let project = Project::new();
    check(&project, &["explain", "retr"], &["retry"]);
    check(&project, &["explain", "$PYOCO_GR"], &["$PYOCO_GRACE"]);
    let codes = proposed(&project, &["explain", "E01"]);
    assert!(codes.len() > 5 && codes[0] == "E0101", "{codes:?}");
}

#[test]
fn only_a_run_under_way_can_be_cancelled() {
    let project = Project::with("tasks: {a: 'true'}\n");
    project.run(&["run", "-q"]).exits(0);
    check(&project, &["runs", "cancel", ""], &[]);
    check(&project, &["runs", "show", "la"], &["latest"]);
    check(&project, &["runs", "show", "--names", "Q"], &["QUEUED"]);
}
