//! Workflow files through the binary: what is loaded, what is refused, and what is said of it.

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::Project;

/// A folder of its own.
struct Space(Project);

impl Space {
    fn new() -> Space {
        Space(Project::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.dir().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        self.0.file(name, bytes)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(words);
        command.stdin(Stdio::null());
        command
    }

    fn pyoco(&self, words: &[&str]) -> (i32, String, String) {
        parts(self.command(words).output().expect("pyoco starts"))
    }

    /// Runs `check` on what must be refused, with `expected` on stderr.
    fn refused(&self, file: &str, expected: &str) {
        let (code, stdout, stderr) = self.pyoco(&["check", file]);
        assert_eq!(code, 2, "{file}: {stdout}{stderr}");
        assert_eq!(stdout, "", "{file}");
        assert!(stderr.contains(expected), "{file}: {expected:?} is not in\n{stderr}");
        assert!(stderr.len() < 100_000, "{file}: {} bytes", stderr.len());
    }
}

fn parts(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn with_input(mut command: Command, input: &str) -> (i32, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("pyoco starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    parts(child.wait_with_output().expect("pyoco ends"))
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

#[test]
fn a_sound_file_is_ok() {
    let space = Space::new();
    space.write("a.yaml", "tasks:\n  a: echo\n  b: {run: echo, needs: a}\n");
    space.write("b.toml", "[tasks]\na = 'echo'\n");
    let (code, stdout, stderr) = space.pyoco(&["check", "a.yaml", "b.toml"]);
    assert_eq!((code, &*stdout, &*stderr), (0, "a.yaml: ok, 2 tasks\nb.toml: ok, 1 task\n", ""));
}

#[test]
fn all_mistakes_are_shown_and_counted() {
    let space = Space::new();
    space.write("a.yaml", "tasks:\n  a: {rnu: x}\n  b: {run: x, needs: [a, a]}\n");
    let (code, stdout, stderr) = space.pyoco(&["check", "a.yaml"]);
    assert_eq!((code, &*stdout), (2, ""));
    let expected = "\
error[E0101]: unknown key `rnu` in a task; did you mean `run`?
 --> a.yaml:2:7
  |
2 |   a: {rnu: x}
  |       ^^^
  |
  = help: write `run`

warning[W0001]: `a` is there twice in `needs`
 --> a.yaml:3:26
  |
3 |   b: {run: x, needs: [a, a]}
  |                          ^
  |
  = help: remove one of the two

error: 1 error, 1 warning in a.yaml
";
    assert_eq!(stderr, expected);
}

#[test]
fn warnings_are_errors_where_that_is_asked() {
    let space = Space::new();
    space.write("a.yaml", "tasks:\n  a: x\n  b: {run: x, needs: [a, a]}\n");
    assert_eq!(space.pyoco(&["check", "a.yaml"]).0, 0);
    let (code, stdout, stderr) = space.pyoco(&["check", "--strict", "a.yaml"]);
    assert_eq!((code, &*stdout), (2, ""));
    assert!(stderr.ends_with("warning: 1 warning in a.yaml\n"), "{stderr}");
}

#[test]
fn diagnostics_are_there_as_json() {
    let space = Space::new();
    space.write("a.yaml", "tasks:\n  a: {rnu: x}\n");
    let (code, stdout, stderr) = space.pyoco(&["check", "--json", "a.yaml", "no.yaml"]);
    assert_eq!((code, &*stderr), (2, ""));
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let first = &document[0]["diagnostics"][0];
    assert_eq!((&first["code"], &first["name"]), (&"E0101".into(), &"unknown-key".into()));
    assert_eq!(
        (&first["places"][0]["line"], &first["places"][0]["column"]),
        (&2.into(), &7.into())
    );
    assert_eq!(document[1]["diagnostics"][0]["name"], "no-file");
}

#[test]
fn standard_input_and_pipes_are_yaml() {
    let space = Space::new();
    let file = "tasks:\n  a: echo\n";
    let (code, stdout, _) = with_input(space.command(&["check", "-"]), file);
    assert_eq!((code, &*stdout), (0, "-: ok, 1 task\n"));
    let (code, stdout, _) = with_input(space.command(&["check", "/dev/fd/0"]), file);
    assert_eq!((code, &*stdout), (0, "/dev/fd/0: ok, 1 task\n"));
    let (code, stdout, _) = with_input(space.command(&["list", "--json", "/dev/stdin"]), file);
    assert_eq!(code, 0);
    assert!(stdout.contains("\"flow\": \"stdin\""), "{stdout}");
}

#[test]
fn a_fifo_is_read_once_somebody_writes() {
    let space = Space::new();
    mkfifo(&space.path("f.yaml"));
    let reader = space
        .command(&["check", "f.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pyoco starts");
    // Opening for writing waits for the reader; the two writes come apart.
    let mut writer = fs::OpenOptions::new().write(true).open(space.path("f.yaml")).expect("opened");
    writer.write_all(b"tasks:\n").expect("written");
    writer.write_all(b"  a: echo\n").expect("written");
    drop(writer);
    let (code, stdout, stderr) = parts(reader.wait_with_output().expect("pyoco ends"));
    assert_eq!((code, &*stdout, &*stderr), (0, "f.yaml: ok, 1 task\n", ""));
}

#[test]
fn what_is_no_file_is_refused() {
    let space = Space::new();
    mkfifo(&space.path("fifo.yaml"));
    space.refused("fifo.yaml", "is a FIFO, and nobody opened it for writing within 2 s");
    space.write("sub/pyoco.yaml", "tasks: {a: x}\n");
    space.refused("sub", "`sub` is a folder, not a file");
    space.refused("sub", "did you mean `sub/pyoco.yaml`?");
    space.refused("/dev/null", "`/dev/null` is empty");
    space.refused("/dev/zero", "`/dev/zero` is larger than 32 MiB");
    space.write("release.yaml", "tasks: {a: x}\n");
    space.refused("relaese.yaml", "did you mean `release.yaml`?");
    space.refused("nowhere/a.yaml", "there is no folder `nowhere` either");
    space.write("a.txt", "tasks: {a: x}\n");
    space.refused("a.txt", "`a.txt` is not a `.yaml`, `.yml` or `.toml` file");
}

#[test]
fn what_is_no_text_is_refused() {
    let space = Space::new();
    space.write("empty.yaml", "");
    space.refused("empty.yaml", "`empty.yaml` is empty");
    space.write("comment.yaml", "# nothing\n");
    space.refused("comment.yaml", "`comment.yaml` is empty");
    space.write("empty.toml", "");
    space.refused("empty.toml", "`empty.toml` is empty");
    space.write("nul.yaml", b"tasks:\n  a: \0\n");
    space.refused("nul.yaml", "--> nul.yaml:2:6");
    space.write("latin.yaml", b"tasks:\n  a: gr\xfcn\n");
    space.refused("latin.yaml", "the byte 0xfc is not UTF-8");
}

#[test]
fn what_is_too_much_is_refused() {
    let space = Space::new();
    let sparse = fs::File::create(space.path("big.yaml")).expect("created");
    sparse.set_len(1 << 30).expect("a sparse file");
    space.refused("big.yaml", "`big.yaml` is larger than 32 MiB");
    let mut bomb = "x-a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in ('b'..='l').zip('a'..) {
        let uses = vec![format!("*{before}"); 10].join(",");
        bomb.push_str(&format!("x-{name}: &{name} [{uses}]\n"));
    }
    bomb.push_str("tasks: {a: x}\n");
    space.write("bomb.yaml", bomb);
    space.refused("bomb.yaml", "the aliases of this file stand for more than 5,000,000 values");
    for (name, text) in [
        ("lists.yaml", format!("tasks: {}", "[".repeat(10_000))),
        ("maps.yaml", format!("tasks: {}", "{a: ".repeat(10_000))),
        ("items.yaml", "- ".repeat(10_000)),
        ("keys.yaml", (0..2_000).map(|depth| " ".repeat(depth) + "a:\n").collect()),
    ] {
        space.write(name, text);
        space.refused(name, "more than 100 levels of nesting");
    }
    for (name, text) in [
        ("lists.toml", format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("tables.toml", format!("a = {}", "{a = ".repeat(10_000))),
        ("keys.toml", format!("a{} = 1", ".a".repeat(10_000))),
    ] {
        space.write(name, text);
        space.refused(name, "too many levels of nesting");
    }
}

#[test]
fn large_files_are_loaded() {
    let space = Space::new();
    let mut chain = "tasks:\n  t0: x\n".to_owned();
    for task in 1..100_000 {
        chain.push_str(&format!("  t{task}: {{run: x, needs: t{}}}\n", task - 1));
    }
    space.write("chain.yaml", &chain);
    let (code, stdout, stderr) = space.pyoco(&["check", "chain.yaml"]);
    assert_eq!((code, &*stdout), (0, "chain.yaml: ok, 100000 tasks\n"), "{stderr}");
    for form in ["text", "pyoco", "svg"] {
        let (code, stdout, stderr) = space.pyoco(&["graph", "chain.yaml", "--as", form]);
        assert_eq!(code, 0, "{form}: {stderr}");
        assert!(stdout.len() < 60_000_000, "{form}: {} bytes", stdout.len());
    }
    let closed = chain.replace("t0: x", "t0: {run: x, needs: t99999}");
    space.write("closed.yaml", closed);
    space.refused("closed.yaml", "these tasks wait for one another: `t0` → `t1` →");
}

#[test]
fn two_full_layers_are_loaded_and_drawn() {
    let space = Space::new();
    let names = |letter: char| (0..1000).map(|n| format!("{letter}{n}")).collect::<Vec<_>>();
    let (first, second) = (names('a'), names('b'));
    let mut inline = "tasks:\n".to_owned();
    let mut graph =
        format!("graph: |\n  ({}) >> ({})\ntasks:\n", first.join(" & "), second.join(" & "));
    let all = first.join(", ");
    for name in &first {
        inline.push_str(&format!("  {name}: x\n"));
        graph.push_str(&format!("  {name}: x\n"));
    }
    for name in &second {
        inline.push_str(&format!("  {name}: {{run: x, needs: [{all}]}}\n"));
        graph.push_str(&format!("  {name}: x\n"));
    }
    space.write("inline.yaml", inline);
    space.write("graph.yaml", graph);
    let mut drawn = Vec::new();
    for file in ["inline.yaml", "graph.yaml"] {
        let (code, stdout, stderr) = space.pyoco(&["graph", file, "--as", "pyoco"]);
        assert_eq!(code, 0, "{stderr}");
        drawn.push(stdout);
        let (_, tree, _) = space.pyoco(&["graph", file]);
        assert!(tree.lines().count() < 4_000, "{}", tree.lines().count());
        let (_, image, _) = space.pyoco(&["graph", file, "--as", "svg"]);
        assert!(image.lines().count() < 5_000, "{}", image.lines().count());
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_eq!(drawn[0].lines().count(), 1);
}

#[test]
fn a_file_is_found_in_the_folders_above() {
    let space = Space::new();
    space.write("pyoco.yml", "tasks:\n  here: {run: x, description: Does it}\n");
    fs::create_dir_all(space.path("a/b")).expect("a folder");
    let mut command = space.command(&["list"]);
    command.current_dir(space.path("a/b"));
    let (code, stdout, _) = parts(command.output().expect("pyoco starts"));
    assert_eq!((code, &*stdout), (0, "here  Does it\n"));
    let mut command = space.command(&["check"]);
    command.current_dir(space.path("a/b"));
    let (_, stdout, _) = parts(command.output().expect("pyoco starts"));
    assert_eq!(stdout, "../../pyoco.yml: ok, 1 task\n");
}

#[test]
fn a_list_is_as_long_as_its_limit() {
    let space = Space::new();
    space.write("a.yaml", "tasks: {b: x, a: x, c: x}\n");
    let (code, stdout, stderr) = space.pyoco(&["list", "a.yaml", "--limit", "2"]);
    assert_eq!((code, &*stdout, &*stderr), (0, "b\na\n", "… and 1 more; --limit 3 shows all\n"));
    let (_, stdout, stderr) = space.pyoco(&["list", "a.yaml"]);
    assert_eq!((&*stdout, &*stderr), ("b\na\nc\n", ""));
}

#[test]
fn the_name_is_that_of_the_file_or_of_its_folder() {
    let space = Space::new();
    space.write("release.yaml", "tasks: {a: x}\n");
    space.write("site/pyoco.toml", "tasks.a = 'x'\n");
    let name = |file| {
        let (_, stdout, _) = space.pyoco(&["list", "--json", file]);
        let list: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
        list["flow"].as_str().expect("a name").to_owned()
    };
    assert_eq!(name("release.yaml"), "release");
    assert_eq!(name("site/pyoco.toml"), "site");
}

#[test]
fn a_starter_file_is_written_and_nothing_overwritten() {
    for (flag, name) in [(None, "pyoco.yaml"), (Some("--toml"), "pyoco.toml")] {
        let space = Space::new();
        let words: Vec<&str> = std::iter::once("init").chain(flag).collect();
        let (code, stdout, stderr) = space.pyoco(&words);
        assert_eq!((code, &*stderr), (0, ""), "{stdout}");
        let written = fs::read(space.path(name)).expect("it is there");
        assert_eq!(space.pyoco(&["check", "--strict"]).0, 0);
        let (_, drawn, _) = space.pyoco(&["graph", "--as", "pyoco"]);
        assert_eq!(drawn, "prepare >> (count & longest) >> check >> report\n");
        let (code, stdout, stderr) = space.pyoco(&words);
        assert_eq!((code, &*stdout), (2, ""));
        assert!(stderr.contains("is there already; nothing was written"), "{stderr}");
        assert_eq!(fs::read(space.path(name)).expect("still there"), written);
    }
}

#[test]
fn a_workflow_for_github_is_written_beside_the_starter_file() {
    const WORKFLOW: &str = ".github/workflows/pyoco.yaml";
    let space = Space::new();
    let (code, stdout, stderr) = space.pyoco(&["init", "--ci", "github"]);
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    assert_eq!(stdout, format!("wrote pyoco.yaml and {WORKFLOW}; run it with `pyoco run`\n"));
    let written = fs::read_to_string(space.path(WORKFLOW)).expect("it is there");
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        format!("run: cargo install --locked pyoco@{version}\n"),
        format!("key: pyoco-{version}-${{{{ runner.os }}}}-${{{{ runner.arch }}}}\n"),
        "- run: pyoco run --no-cute\n".to_owned(),
    ] {
        assert!(written.contains(&line), "{line} is not in\n{written}");
    }
    let jobs: serde_json::Value = serde_yaml::from_str(&written).expect("it is YAML");
    assert_eq!(jobs["jobs"]["run"]["steps"].as_array().map(Vec::len), Some(4));

    let (code, _, stderr) = space.pyoco(&["init", "--ci", "github"]);
    assert_eq!(code, 2);
    assert!(stderr.contains(&format!("`{WORKFLOW}` is there already; nothing was written")));
    assert_eq!(fs::read_to_string(space.path(WORKFLOW)).expect("still there"), written);
}

#[test]
fn a_workflow_for_github_leaves_a_file_that_is_there() {
    let space = Space::new();
    space.write("pyoco.toml", "[tasks]\na = 'x'\n");
    let (code, stdout, stderr) = space.pyoco(&["init", "--ci", "github"]);
    assert_eq!((code, &*stderr), (0, "`pyoco.toml` is there already and stays as it is\n"));
    assert!(stdout.starts_with("wrote .github/workflows/pyoco.yaml;"), "{stdout}");
    assert!(!space.path("pyoco.yaml").exists());

    let space = Space::new();
    space.write(".github/workflows/pyoco.yaml", "mine");
    let (code, _, stderr) = space.pyoco(&["init", "--ci", "github"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(!space.path("pyoco.yaml").exists());
    assert_eq!(fs::read(space.path(".github/workflows/pyoco.yaml")).expect("there"), b"mine");
}

#[test]
fn a_workflow_for_github_in_a_folder_below_the_top_is_warned_of() {
    let space = Space::new();
    space.write(".git/HEAD", "ref: refs/heads/main\n");
    fs::create_dir(space.path("below")).expect("ours");
    let mut command = space.command(&["init", "--ci", "github"]);
    let (code, _, stderr) = parts(command.current_dir(space.path("below")).output().expect("runs"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.starts_with("warning: GitHub reads `.github` in the top folder"), "{stderr}");
}

#[test]
fn a_man_page_names_every_command() {
    let space = Space::new();
    let (code, page, stderr) = space.pyoco(&["man"]);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(page.starts_with(".TH PYOCO 1 "), "{page}");
    let (_, help, _) = space.pyoco(&["--help"]);
    let commands = help.split("Commands:\n").nth(1).expect("a list").split("\n\n").next();
    let lines = commands.into_iter().flat_map(str::lines);
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<&str> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"run") && commands.len() > 8, "{help}");

    let (code, stdout, stderr) = space.pyoco(&["man", "--dir", "man/man1"]);
    assert_eq!((code, &*stdout, &*stderr), (0, "", ""));
    for command in commands.iter().filter(|command| **command != "help") {
        assert!(page.contains(&format!("\npyoco\\-{command}(1)\n")), "{command} in\n{page}");
        let path = space.path(&format!("man/man1/pyoco-{command}.1"));
        let page = fs::read_to_string(path).expect("it has a page");
        assert!(page.starts_with(&format!(".TH PYOCO-{} 1 ", command.to_uppercase())), "{page}");
        assert!(page.contains("\n.SH EXAMPLES\n"), "{command}");
        assert_eq!(page.matches(".ds Aq").count(), 2, "{page}");
    }
    assert!(space.path("man/man1/pyoco-runs-show.1").exists());
    assert!(!space.path("man/man1/pyoco-runs-diff.1").exists(), "it is hidden");
    let (code, _, stderr) = space.pyoco(&["man", "--dir", "man/man1/pyoco.1"]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: cannot write to `man/man1/pyoco.1`: "), "{stderr}");
}

#[test]
fn the_tree_marks_what_was_drawn_before() {
    let space = Space::new();
    space.write(
        "a.yaml",
        "graph: |\n  a >> b >> (c & d) >> e\n  (c | d) >> f\n  (c & d) >> g\ntasks: {a: x, b: x, c: x, d: x, e: x, f: x, g: x}\n",
    );
    let (_, stdout, _) = space.pyoco(&["graph", "a.yaml"]);
    let expected = "\
e
├─ c
│  └─ b
│     └─ a
└─ d
   └─ b (*)
f
├─ any of: c (*)
└─ any of: d (*)
g
└─ the 2 tasks below e (*)
";
    assert_eq!(stdout, expected);
}

#[test]
fn every_help_has_an_example() {
    let space = Space::new();
    for command in ["check", "explain", "list", "plan", "graph", "init", "schema", "shell", "man"] {
        let (code, stdout, _) = space.pyoco(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(stdout.contains(&format!("  pyoco {command}")), "{stdout}");
    }
}
