//! What pyoco says of words and files that it cannot take: what is wrong, and the way out.

mod support;

use support::Project;

#[test]
fn words_that_are_not_understood_are_said_in_plain_words() {
    let project = Project::with("tasks: {a: 'true'}");
    for words in [
        &["runs", "list", "--limit", "x"][..],
        &["runs", "show", "latest", "--limit=-1"],
        &["runs", "logs", "latest", "--tail", "1.5"],
        &["runs", "logs", "latest", "--attempt", "99999999999"],
        &["runs", "prune", "--keep", ""],
    ] {
        project.run(words).exits(2).complains(": write a whole number\n");
    }
    let names = project.run(&["runs", "show", "latest", "--names", "DONE"]).exits(2);
    names.complains(": a task's state is one of PENDING, QUEUED, RUNNING, SUCCEEDED, FAILED,");
    // Only what a help speaks of is proposed.
    for (words, near) in [
        (&["run", "--detac"][..], "detach"),
        (&["run", "--watc"], "watch"),
        (&["runs", "dif"], "diff"),
        (&["runs", "statss"], "stats"),
    ] {
        let outcome = project.run(words).exits(2);
        assert!(!outcome.stderr.contains(&format!("{near}'")), "{outcome:?}");
    }
    project.run(&["run", "--job", "2"]).exits(2).complains("'--jobs'");
    project.run(&["runs", "lis"]).exits(2).complains("'list'");
    project.run(&["runs", "list", "--jso"]).exits(2).complains("'--json'");
}

#[test]
fn remedies_for_a_toml_file_are_in_toml() {
    let project = Project::new();
    project.file(
        "f.toml",
        "secrets = \"TOKEN\"\n[tasks.a]\nrun = \"x\"\ntimeout-minutes = 5\nretry = 3.5\nenv = 1\n",
    );
    let outcome = project.run(&["check", "f.toml"]).exits(2);
    let mut outcome = outcome.complains("help: write `secrets = [\"TOKEN\"]`\n");
    for help in
        ["write `timeout = \"5m\"`", "for example `retry = 3`", "`env = { NAME = \"value\" }`"]
    {
        outcome = outcome.complains(help);
    }
}

#[test]
fn what_is_too_large_is_said_to_be_so() {
    let check = |text: &str, message: &str, help: &str| {
        let project = Project::with(&format!("{text}\ntasks: {{a: x}}\n"));
        project.run(&["check"]).exits(2).complains(message).complains(help);
    };
    let longest = "write a shorter time (the longest is `36500d`), or remove the key";
    for long in ["99999999999999999999h", "5124095576031h", "1193047.5h", "36501d"] {
        check(&format!("timeout: {long}"), &format!("`{long}` is longer than a century"), longest);
    }
    let largest = "write a smaller size: the largest is `16777215TiB`";
    for large in ["99999999999999999999GiB", "16777216TiB"] {
        let text = format!("records: {{max_log: {large}}}");
        check(&text, &format!("`{large}` is larger than any size can be"), largest);
    }
    check("records: {max_log: 0B}", "`max_log` cannot be 0", "`--no-record` keeps no logs at all");
    let project = Project::with("tasks: {a: 'true'}");
    let outcome = project.run(&["run", "--timeout", "99999999999999999999h"]).exits(2);
    outcome.complains("is too long; the longest duration is a century, `36500d`");
}

#[test]
fn a_word_that_may_be_meant_as_a_file_is_named() {
    let project = Project::new();
    project.file("sub/x.yaml", "tasks: {a: x}\n");
    project.file("flow.txt", "tasks: {a: x}\n");
    let refused = |word: &str, message: &str, help: &str| {
        for command in ["run", "plan"] {
            let outcome = project.run(&[command, word]).exits(2);
            outcome.complains(message).complains(help);
        }
    };
    refused("sub", "error[E0002]: `sub` is a folder, not a file", "workflow files in it: `x.yaml`");
    refused("flow.txt", "error[E0003]: `flow.txt` is not a", "`pyoco run - < flow.txt`");
    refused("build", "error[E0001]: for the task `build` there is no `pyoco.yaml`", "name a file");
    let timeout = project.run(&["run", "--timeout", "5"]).exits(2);
    timeout.complains("give it a unit: `5s` for seconds");
    let view = project.run(&["run", "--output", "zz"]).exits(2);
    assert_eq!(view.stderr.matches("zz").count(), 1, "{view:?}");
}
