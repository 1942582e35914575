//! `runs list` and `runs show`.

use crate::space::*;

#[test]
fn runs_are_listed_the_newest_first() {
    let space = Space::new();
    let done = space.run(&["list"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    assert!(done.stderr.starts_with("no runs in `"), "{}", done.stderr);
    space.failed();
    let (_, _log) = space.running();
    let all = "\
RUN       STATUS   FLOW     STARTED  TOOK   TASKS
<ID>  RUNNING  release  2 h ago  2h00m  1/4 ok                       env=prod
<ID>  FAILED   release  2 h ago  1.2 s  1/4 ok, 1 failed, 2 skipped  failed: test  env=prod
";
    space.check(&["list"], all);
    space.check(&["ls", "--flow", "release", "--since", "3h", "--label", "env=prod"], all);
    let failed = "\
RUN       STATUS  FLOW     STARTED  TOOK   TASKS
<ID>  FAILED  release  2 h ago  1.2 s  1/4 ok, 1 failed, 2 skipped  failed: test  env=prod
";
    space.check(&["list", "--status", "failed,LOST"], failed);
    for words in
        [["--flow", "other"], ["--since", "1h"], ["--label", "env=x"], ["--status", "LOST"]]
    {
        let done = space.run(&["list", words[0], words[1]]);
        assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{words:?}");
        assert!(done.stderr.starts_with("no such runs in `"), "{}", done.stderr);
    }
    let done = space.run(&["list", "--limit", "1"]);
    assert_eq!(done.stdout.lines().count(), 2);
    assert_eq!(done.stderr, "… and older ones; --limit shows more\n");
    space.check(&["list", "--json", "--status", "LOST"], "[]\n");
}

#[test]
fn a_failed_run_is_shown_with_its_failure_first() {
    let space = Space::new();
    let id = space.failed();
    let shown = "\
run <RUN>  FAILED  failed(test)
  flow      release  (/src/pipeline.yaml)
  started   <TIME> (2 h ago)
  took      1.2 s
  tasks     1 SUCCEEDED, 1 FAILED, 2 SKIPPED
  labels    env=prod
  on        alpha, pid 7, 2 at once, pyoco 0.1.0

FAILED test  exit(2)
  $ sh -e -c 'make test'
  exit 2, after 300 ms, 2 attempts
  | one
  | two
  | assertion \\x1b[31mfailed

STATE      TASK      TOOK    TRIES  REASON
SUCCEEDED  build     100 ms  1
FAILED     test      300 ms  2      exit(2)
SKIPPED    deploy                   upstream(test)
SKIPPED    announce                 upstream(deploy)
";
    let whole = id.to_string();
    for name in [&whole, &id.short(), &whole[..13], "latest", "latest~0", "failed"] {
        space.check(&["show", name], shown);
    }
    let folded = space.run(&["show", "latest", "--limit", "2"]).stdout;
    let end = "\
STATE    TASK    TOOK    TRIES  REASON
FAILED   test    300 ms  2      exit(2)
SKIPPED  deploy                 upstream(test)
… and 1 SUCCEEDED, 1 SKIPPED; --limit 4 shows all
";
    assert!(folded.ends_with(end), "{folded}");
}

#[test]
fn why_leads_down_to_the_command_that_failed() {
    let space = Space::new();
    space.failed();
    let (_, _log) = space.running();
    space.check(
        &["show", "failed", "--why", "announce"],
        "\
SKIPPED announce  upstream(deploy)
  because SKIPPED deploy  upstream(test)
    because FAILED test  exit(2)
      $ sh -e -c 'make test'
      exit 2, after 300 ms, 2 attempts
      | one
      | two
      | assertion \\x1b[31mfailed
",
    );
    space
        .check(&["show", "failed", "--why", "build"], "SUCCEEDED build\n  it ended as it should\n");
    space.check(
        &["show", "running", "--why", "announce"],
        "PENDING announce\n  it waits for deploy (PENDING)\n",
    );
    space.refused(
        &["show", "failed", "--why", "anounce"],
        "error: unknown task `anounce`; did you mean `announce`?\n",
    );
}

#[test]
fn one_task_is_shown_with_all_its_attempts() {
    let space = Space::new();
    let id = space.failed();
    let done = space.run(&["show", "latest", "--task", "test"]);
    let dir = space.store.run_dir(id).display().to_string();
    let expected = "\
task test  FAILED  exit(2)
  needs     build
  queued    <TIME>
  ended     <TIME>
  took      300 ms
attempt 1 of 2
  started   <TIME>
  took      100 ms
  command   sh -e -c 'make test'
  dir       /src
  pid       101
  exit      exit 2
  retried   after 50 ms
  cpu       90 ms
  memory    3.0 MiB at most
  output    20 B
  log       <DIR>/logs/0001-1.log
attempt 2 of 2
  started   <TIME>
  took      100 ms
  command   sh -e -c 'make test'
  dir       /src
  pid       102
  exit      exit 2
  cpu       90 ms
  memory    3.0 MiB at most
  output    20 B
  log       <DIR>/logs/0001-2.log
  | one
  | two
  | assertion \\x1b[31mfailed
";
    similar(&done.stdout.replace(&dir, "<DIR>"), expected);
}

#[test]
fn names_timeline_and_events_are_for_other_programs() {
    let space = Space::new();
    let id = space.failed();
    space.check(&["show", "latest", "--names", "FAILED,skipped"], "test\ndeploy\nannounce\n");
    space.check(&["show", "latest", "--names", "RUNNING"], "");
    let bar = |dots: usize, blocks: usize| "·".repeat(dots) + &"█".repeat(blocks);
    let build = format!("build {}{}{} 100 ms", " ".repeat(13), bar(7, 7), " ".repeat(54));
    let test =
        format!("test  {}{}{} 300 ms", " ".repeat(33), bar(7, 7) + &bar(7, 6), " ".repeat(21));
    let done = space.run(&["show", "latest", "--timeline"]);
    assert_eq!(done.stdout, format!("{build}\n{test}\n2 never started\n"));
    let (_, _log) = space.running();
    let done = space.run(&["show", "running", "--timeline"]);
    assert!(done.stdout.ends_with("not started yet\n"), "{}", done.stdout);
    let raw = std::fs::read(space.store.run_dir(id).join("events.jsonl")).expect("to read");
    let done = space.run(&["show", "failed", "--events"]);
    assert_eq!(done.stdout.as_bytes(), raw);
}
