//! What a run's first line says of the world around it: machine, boot, commit, CI job.
//!
//! Each is a fact that may be missing; none may hold up or fail a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::open_regular;

/// The machine that this process is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Here {
    /// Its name.
    pub(super) host: Option<String>,
    /// The kernel's id of this boot.
    pub(super) boot_id: Option<String>,
}

impl Here {
    /// Asks the system.
    pub(super) fn find() -> Here {
        Here { host: host(), boot_id: boot_id() }
    }
}

/// Returns the machine's name.
pub fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

/// Returns the kernel's id of this boot; only Linux has one.
pub fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the page of the CI job that this process belongs to, as the environment names it.
pub fn ci_url(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty());
    if let (Some(server), Some(repository), Some(run)) =
        (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID"))
    {
        return Some(format!("{server}/{repository}/actions/runs/{run}"));
    }
    // GitLab, Jenkins, Buildkite, CircleCI, Travis, Bitbucket has none, Drone, Woodpecker, Cirrus
    // has only an id.
    let named = [
        "CI_JOB_URL",
        "BUILD_URL",
        "BUILDKITE_BUILD_URL",
        "CIRCLE_BUILD_URL",
        "TRAVIS_JOB_WEB_URL",
        "DRONE_BUILD_LINK",
        "CI_PIPELINE_URL",
    ];
    if let Some(url) = named.iter().find_map(|name| get(name)) {
        return Some(url);
    }
    let (collection, project, build) =
        (get("SYSTEM_COLLECTIONURI")?, get("SYSTEM_TEAMPROJECT")?, get("BUILD_BUILDID")?);
    Some(format!("{collection}{project}/_build/results?buildId={build}"))
}

/// Returns the commit that the repository at or above `dir` stands at, read from git's own files.
pub fn git_commit(dir: &Path) -> Option<String> {
    let git_dir = dir.ancestors().find_map(git_dir)?;
    let head = read_small(&git_dir.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref:") else { return commit(&head) };
    let name = name.trim();
    let sane = name.starts_with("refs/") && !name.split('/').any(|part| part == "..");
    if !sane {
        return None;
    }
    // A linked worktree has its own HEAD; the branches stand in the repository that it belongs to.
    let common = match read_small(&git_dir.join("commondir")) {
        Some(path) => git_dir.join(path.trim()),
        None => git_dir.clone(),
    };
    [&git_dir, &common]
        .into_iter()
        .find_map(|dir| read_small(&dir.join(name)).and_then(|text| commit(&text)))
        .or_else(|| packed(&common, name))
}

/// Returns the folder with git's files where `dir` is the top of a repository.
fn git_dir(dir: &Path) -> Option<PathBuf> {
    let dot_git = dir.join(".git");
    if dot_git.join("HEAD").is_file() {
        return Some(dot_git);
    }
    let text = read_small(&dot_git)?;
    let path = text.trim().strip_prefix("gitdir:")?.trim();
    Some(dir.join(path))
}

/// Looks a branch up among those that git has packed into one file.
fn packed(common: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(common.join("packed-refs")).ok()?;
    let line = text.lines().find(|line| line.split_once(' ').is_some_and(|(_, n)| n == name))?;
    commit(line.split_once(' ')?.0)
}

/// Returns the text where it is a commit's hash.
fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ((text.len() == 40 || text.len() == 64) && hex).then(|| text.to_owned())
}

fn read_small(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    open_regular(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Returns whether the repository of `dir` has changes that are not committed: what git says within
/// `at_most`. `None` where there is no git, no repository or no answer in time.
pub fn git_dirty(dir: &Path, at_most: Duration) -> Option<bool> {
    use std::io::Read;
    dir.ancestors().find_map(git_dir)?;
    let path = std::env::var_os("PATH")?;
    let git = std::env::split_paths(&path)
        .map(|dir| dir.join("git"))
        .find(|git| git.is_absolute() && git.is_file())?;
    let (mut reader, writer) = std::io::pipe().ok()?;
    let arguments = ["status", "--porcelain", "--untracked-files=normal"];
    let handle = duct::cmd(git, arguments)
        .dir(dir)
        .env("GIT_OPTIONAL_LOCKS", "0") // it only looks: no lock file that somebody else meets
        .stdin_null()
        .stdout_file(writer)
        .stderr_null()
        .unchecked()
        .start()
        .ok()?;
    // Any byte at all is the answer; a long list only has to be taken off git's hands.
    let (sender, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut any = false;
        let mut piece = [0; 4096];
        while let Ok(1..) = reader.read(&mut piece) {
            any = true;
        }
        let _ = sender.send(any); // nobody waits for an answer that comes too late
    });
    let answer = answer.recv_timeout(at_most).ok();
    if answer.is_none() {
        let _ = handle.kill();
    }
    let output = handle.wait().ok()?;
    answer.filter(|_| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_commit_is_read_from_every_form_that_git_writes() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let top = dir.path();
        let write = |path: &str, text: &str| {
            let path = top.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("folders");
            fs::write(path, text).expect("to write");
        };
        write("deep/er/file", "");
        let commit = || git_commit(&top.join("deep/er"));
        assert_eq!(commit(), None);
        write(".git/HEAD", &format!("{HASH}\n"));
        assert_eq!(commit().as_deref(), Some(HASH), "detached");
        write(".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(commit(), None, "no commit yet");
        write(".git/packed-refs", &format!("# pack-refs\n{HASH} refs/heads/main\n^{HASH}\n"));
        assert_eq!(commit().as_deref(), Some(HASH), "packed");
        let newer = HASH.replace('0', "9");
        write(".git/refs/heads/main", &format!("{newer}\n"));
        assert_eq!(commit(), Some(newer.clone()), "a branch of its own file");
        write("deep/.git", "gitdir: ../.git/worktrees/deep\n");
        write(".git/worktrees/deep/HEAD", "ref: refs/heads/main\n");
        write(".git/worktrees/deep/commondir", "../..\n");
        assert_eq!(commit(), Some(newer), "a linked worktree");
        write(".git/worktrees/deep/HEAD", "ref: refs/../../deep/er/file\n");
        assert_eq!(commit(), None, "nothing leads out of git's folder");
    }

    #[test]
    fn the_ci_job_is_what_the_environment_names() {
        let check = |pairs: &[(&str, &str)], expected: Option<&str>| {
            let env = |name: &str| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(ci_url(&env).as_deref(), expected);
        };
        check(&[], None);
        check(&[("CI_JOB_URL", "")], None);
        check(&[("CI_JOB_URL", "https://ci.example/1")], Some("https://ci.example/1"));
        let github = [
            ("GITHUB_SERVER_URL", "https://git.example"),
            ("GITHUB_REPOSITORY", "some/thing"),
            ("GITHUB_RUN_ID", "12"),
        ];
        check(&github, Some("https://git.example/some/thing/actions/runs/12"));
    }

    #[test]
    fn git_says_whether_there_are_changes() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let at_most = Duration::from_secs(60);
        assert_eq!(git_dirty(dir.path(), at_most), None, "no repository");
        let git = |arguments: &[&str]| {
            let all = duct::cmd("git", arguments).dir(dir.path()).stdout_null().stderr_null();
            all.run().is_ok()
        };
        if !git(&["init"]) {
            return; // a machine without git
        }
        assert_eq!(git_dirty(dir.path(), at_most), Some(false));
        fs::write(dir.path().join("new"), "x").expect("to write");
        assert_eq!(git_dirty(dir.path(), at_most), Some(true));
        assert_eq!(git_dirty(dir.path(), Duration::ZERO), None, "no answer in time");
    }

    #[test]
    fn a_machine_has_a_name() {
        assert!(host().is_some_and(|name| !name.is_empty()));
    }
}
