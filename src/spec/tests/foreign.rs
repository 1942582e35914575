//! The words of other tools: each is answered with the line to write, in both syntaxes.

use super::*;

/// Returns the first way out for a line in a task, or at the top level.
fn help(line: &str, is_top: bool, syntax: Syntax) -> String {
    let text = match (syntax, is_top) {
        (Syntax::Yaml, true) => format!("{line}\ntasks: {{t: ls}}\n"),
        (Syntax::Yaml, false) => {
            format!("tasks:\n  t:\n    {}\n", line.replace('\n', "\n    "))
        }
        (Syntax::Toml, true) => format!("{line}\n[tasks]\nt = 'ls'\n"),
        (Syntax::Toml, false) => format!("[tasks.t]\n{line}\n"),
    };
    let source = source(&text, syntax);
    let diagnostics = load(&source).diagnostics;
    let foreign =
        diagnostics.iter().find(|one| ["foreign-key", "unknown-key"].contains(&one.name()));
    let foreign = foreign.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    foreign.help_lines().next().expect("a way out").into_owned()
}

/// Holds the ways out for a line in YAML and in TOML against the expected ones.
#[track_caller]
fn check(is_top: bool, yaml: &str, expected: &str, toml: &str, expected_toml: &str) {
    assert_eq!(help(yaml, is_top, Syntax::Yaml), expected, "{yaml}");
    assert_eq!(help(toml, is_top, Syntax::Toml), expected_toml, "{toml}");
}

#[track_caller]
fn in_task(yaml: &str, expected: &str, toml: &str, expected_toml: &str) {
    check(false, yaml, expected, toml, expected_toml);
}

#[track_caller]
fn at_top(yaml: &str, expected: &str, toml: &str, expected_toml: &str) {
    check(true, yaml, expected, toml, expected_toml);
}

#[test]
fn needs_in_other_words() {
    for word in ["depends", "depends_on", "deps", "dependsOn", "after"] {
        in_task(
            &format!("{word}: [a, b]"),
            "write `needs: [a, b]`",
            &format!("{word} = ['a', 'b']"),
            "write `needs = [\"a\", \"b\"]`",
        );
        in_task(
            &format!("{word}: a"),
            "write `needs: a`",
            &format!("{word} = 'a'"),
            "write `needs = \"a\"`",
        );
    }
    let yaml = |line| help(line, false, Syntax::Yaml);
    assert_eq!(yaml("depends_on: {db: {condition: healthy}}"), "write `needs: [db]`");
    assert_eq!(yaml("deps: [{task: a}, b]"), "write `needs: [a, b]`");
    assert_eq!(yaml("deps: []"), "write `needs: [other]`");
}

#[test]
fn tasks_in_other_words() {
    for word in ["steps", "stages", "jobs"] {
        at_top(
            &format!("{word}: {{build: {{run: make}}}}"),
            "write `tasks:`, with `build` and the others below it",
            &format!("[{word}.build]\nrun = 'make'"),
            "write `[tasks]`, with `build` and the others below it",
        );
    }
    for word in ["steps", "stages"] {
        at_top(
            &format!("{word}: [{{name: Build it, run: make}}]"),
            "write `tasks: {build-it: make}`, and the others beside it; what waits says `needs`",
            &format!("[[{word}]]\nname = 'Build it'\nrun = 'make'"),
            "write `tasks = { build-it = \"make\" }`, and the others beside it; what waits says `needs`",
        );
    }
}

#[test]
fn scripts_in_other_words() {
    for word in ["command", "script", "cmds", "commands", "exec"] {
        in_task(
            &format!("{word}: make all"),
            "write `run: make all`",
            &format!("{word} = 'make all'"),
            "write `run = \"make all\"`",
        );
    }
    for word in ["script", "cmds", "commands"] {
        in_task(
            &format!("{word}: [make, make test]"),
            "write `run: |`, and below it the lines `make`, `make test`",
            &format!("{word} = ['make', 'make test']"),
            "write `run = \"\"\"`, and below it the lines `make`, `make test`",
        );
    }
    for word in ["command", "exec"] {
        in_task(
            &format!("{word}: [make, -j, 4]"),
            "write `cmd: [make, -j, 4]`",
            &format!("{word} = ['make', '-j', '4']"),
            "write `cmd = [\"make\", \"-j\", 4]`",
        );
    }
    let yaml = |line| help(line, false, Syntax::Yaml);
    assert_eq!(
        yaml("cmds: [{cmd: make}, ls]"),
        "write `run: |`, and below it the lines `make`, `ls`"
    );
    assert_eq!(yaml("command: 'echo \"a, b\"'"), "write `run: 'echo \"a, b\"'`");
    assert_eq!(
        yaml("cmds: [{task: x}]"),
        "write `run: SCRIPT` for a shell, or `cmd: [program, argument]`"
    );
}

#[test]
fn limits_in_other_words() {
    in_task(
        "timeout-minutes: 10",
        "write `timeout: 10m`",
        "timeout-minutes = 10",
        "write `timeout = \"10m\"`",
    );
    for word in ["timeout_sec", "timeoutSec"] {
        in_task(
            &format!("{word}: 90"),
            "write `timeout: 90s`",
            &format!("{word} = 90"),
            "write `timeout = \"90s\"`",
        );
    }
    for word in ["retries", "retry_policy"] {
        in_task(
            &format!("{word}: 3"),
            "write `retry: 3`",
            &format!("{word} = 3"),
            "write `retry = 3`",
        );
        in_task(
            &format!("{word}: {{limit: 3, interval_sec: 5}}"),
            "write `retry: {max: 3, delay: 5s}`",
            &format!("{word} = {{ limit = 3, interval_sec = 5 }}"),
            "write `retry = { max = 3, delay = \"5s\" }`",
        );
    }
    for word in ["max_parallel", "concurrency"] {
        at_top(
            &format!("{word}: 4"),
            "write `jobs: 4`",
            &format!("{word} = 4"),
            "write `jobs = 4`",
        );
    }
}

#[test]
fn failures_in_other_words() {
    for word in ["continue-on-error", "ignore_error", "allow_failure", "continue_on_error"] {
        in_task(
            &format!("{word}: true"),
            "write `fail: continue`",
            &format!("{word} = true"),
            "write `fail = \"continue\"`",
        );
        in_task(
            &format!("{word}: false"),
            "remove it: a failed task fails the run anyway",
            &format!("{word} = false"),
            "remove it: a failed task fails the run anyway",
        );
    }
    in_task(
        "allow_failure: {exit_codes: [3, 4]}",
        "write `ok_codes: [0, 3, 4]`",
        "allow_failure = { exit_codes = [3, 4] }",
        "write `ok_codes = [0, 3, 4]`",
    );
    at_top(
        "fail-fast: true",
        "write `on_failure: kill`",
        "fail-fast = true",
        "write `on_failure = \"kill\"`",
    );
    at_top(
        "fail-fast: false",
        "write `on_failure: isolate`",
        "fail-fast = false",
        "write `on_failure = \"isolate\"`",
    );
}

#[test]
fn places_and_texts_in_other_words() {
    for word in ["working-directory", "working_dir", "cwd"] {
        in_task(
            &format!("{word}: src/app"),
            "write `dir: src/app`",
            &format!("{word} = 'src/app'"),
            "write `dir = \"src/app\"`",
        );
    }
    in_task(
        "dotenv: .env",
        "write `env_file: .env`",
        "dotenv = '.env'",
        "write `env_file = \".env\"`",
    );
    in_task(
        "dotenv: [.env, a.env]",
        "write `env_file: [.env, a.env]`",
        "dotenv = ['.env', 'a.env']",
        "write `env_file = [\".env\", \"a.env\"]`",
    );
    in_task(
        "desc: Builds it",
        "write `description: Builds it`",
        "desc = 'Builds it'",
        "write `description = \"Builds it\"`",
    );
    in_task(
        "runs-on: linux",
        "write `tags: [linux]`",
        "runs-on = 'linux'",
        "write `tags = [\"linux\"]`",
    );
    in_task(
        "runs-on: [self-hosted, gpu]",
        "write `tags: [self-hosted, gpu]`",
        "runs-on = ['self-hosted', 'gpu']",
        "write `tags = [\"self-hosted\", \"gpu\"]`",
    );
}

#[test]
fn conditions_in_other_words() {
    for word in ["when", "condition"] {
        in_task(
            &format!("{word}: params.deploy"),
            "write `if: params.deploy`",
            &format!("{word} = 'params.deploy'"),
            "write `if = \"params.deploy\"`",
        );
        in_task(
            &format!("{word}: on_failure"),
            "write `if: failure()`",
            &format!("{word} = 'on_failure'"),
            "write `if = \"failure()\"`",
        );
    }
    let yaml = |line| help(line, false, Syntax::Yaml);
    assert_eq!(yaml("when: ${{ env.X == 'y' }}"), "write `if: env.X == 'y'`");
    assert_eq!(
        yaml("when: manual"),
        "remove it, and leave the task out of `default`: it then runs where it is named"
    );
    assert_eq!(
        yaml("preconditions: params.deploy"),
        "write `if: params.deploy`; where it is false the task is skipped"
    );
    assert_eq!(
        yaml("preconditions: [{sh: test -f x, msg: no}]"),
        "write `test -f x` as the first line of `run`, where it fails the task; an `if` would skip it"
    );
}

#[test]
fn matrices_and_params_in_other_words() {
    in_task(
        "strategy: {fail-fast: false, matrix: {py: ['3.11', '3.12'], os: [linux]}}",
        "write `matrix: {py: [3.11, 3.12], os: [linux]}`",
        "strategy = { matrix = { py = ['3.11', '3.12'], os = ['linux'] } }",
        "write `matrix = { py = [3.11, 3.12], os = [\"linux\"] }`",
    );
    for word in ["with", "inputs"] {
        at_top(
            &format!("{word}: {{mode: fast}}"),
            "write `params: {mode: fast}`",
            &format!("{word} = {{ mode = 'fast' }}"),
            "write `params = { mode = \"fast\" }`",
        );
        at_top(
            &format!("{word}: {{level: {{type: choice, options: [low, high], default: low}}}}"),
            "write `params: {level: {type: enum, values: [low, high], default: low}}`",
            &format!(
                "{word}.level = {{ type = 'choice', options = ['low', 'high'], default = 'low' }}"
            ),
            "write `params = { level = { type = \"enum\", values = [\"low\", \"high\"], default = \"low\" } }`",
        );
    }
    // In a task the line goes to where the key stands.
    assert_eq!(
        help("with: {mode: fast}", false, Syntax::Yaml),
        "write `params: {mode: fast}` at the top level"
    );
}

#[test]
fn the_python_edition_gets_one_sentence() {
    for word in ["callable", "flows", "discovery"] {
        at_top(
            &format!("{word}: x"),
            "write each task as `name: SCRIPT` below `tasks`",
            &format!("{word} = 'x'"),
            "write each task as `name = \"SCRIPT\"` below `tasks`",
        );
    }
}

#[test]
fn a_remedy_shows_no_secret() {
    for secret in ["hunter2", "hunt''er, 2", "hunt\\\"er2"] {
        let value = secret.replace("''", "'").replace("\\\"", "\"");
        let toml = format!(
            "secrets = ['T']\nenv.T = \"\"\"{secret}\"\"\"\n[tasks.t]\ncommand = \"\"\"login {secret}\"\"\"\n"
        );
        let yaml = format!(
            "secrets: [T]\nenv: {{T: '{}'}}\ntasks:\n  t: {{command: 'login {}'}}\n",
            value.replace('\'', "''"),
            value.replace('\'', "''"),
        );
        for (text, syntax) in [(yaml, Syntax::Yaml), (toml, Syntax::Toml)] {
            let diagnostics = load(&source(&text, syntax)).diagnostics;
            let foreign = diagnostics.iter().find(|one| one.name() == "foreign-key");
            let lines = foreign.expect("it is said").help_lines().collect::<Vec<_>>().join("\n");
            assert!(lines.starts_with("write `"), "{lines}");
            assert!(!lines.contains("hunt"), "{lines}");
        }
    }
}
