//! What is executed for an attempt: program, arguments, environment, folder, standard input.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::direct::Simple;
use super::environment::attempt_env;
use super::local::Context;
use crate::model::{Options, Reason, Shell, TaskId, Work};
use crate::scheduler::Resolved;

/// A longer script goes through a file: the kernel takes 128 KiB for one argument.
const MAX_INLINE_SCRIPT: usize = 100 << 10;

/// Everything that a process is started with.
#[derive(Debug)]
pub(super) struct Command {
    /// The same without the shell in between that would only execute it. Where it cannot be started
    /// the shell is asked, which knows what to do or to say.
    pub(super) simple: Option<Simple>,
    /// An absolute path. Duct clears the environment, and then a name without a slash would make
    /// the standard library fork instead of `posix_spawn`.
    pub(super) program: PathBuf,
    /// All words, the first of which names the program.
    pub(super) words: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) dir: PathBuf,
    /// The file behind `$PYOCO_OUTPUT`.
    pub(super) output: PathBuf,
    /// The text on standard input, in a file that has no name; `None`: `/dev/null`.
    pub(super) stdin: Option<File>,
    /// The script where it stands in a file, which the process needs to its end.
    pub(super) script: Option<NamedTempFile>,
    /// The globs of the files that it leaves.
    pub(super) globs: Vec<String>,
}

impl Command {
    /// Prepares an attempt.
    ///
    /// # Errors
    /// With the reason for which it cannot be started.
    pub(super) fn prepare(run: &Context, id: TaskId, attempt: u32) -> Result<Command, Reason> {
        let given = run.take_given(id, attempt);
        let resolved = given.resolved.as_deref();
        let task = run.plan.flow.task(id);
        let options = &task.options;
        let base = &run.plan.flow.base_dir;
        let dir = match resolved {
            Some(resolved) => resolved.dir.as_deref(),
            None => options.dir.as_ref().and_then(|dir| dir.constant()).map(OsStr::new),
        };
        let dir = folder(base, dir)?;
        let output = run.outputs.prepare(options.promises.as_deref(), id, attempt)?;
        let mut env = attempt_env(run, id, attempt, &given, &output);
        tell_where(&dir, &mut env);
        let args = if run.plan.targeted[id.index()] { &*run.plan.args } else { &[] };
        let (mut words, script) = match &task.work {
            Work::Cmd(words) => (words.iter().map(|word| OsString::from(&**word)).collect(), None),
            Work::Run(script) => interpreter(run, &options.shell, script, !args.is_empty())?,
        };
        words.extend(args.iter().map(OsString::from));
        if words.iter().any(|word| word.as_bytes().contains(&0)) {
            return Err(Reason::spawn("a NUL byte in an argument"));
        }
        let program = find(&words[0], &env, &dir)?;
        let simple = match &task.work {
            Work::Run(script) if options.shell == Shell::Sh => Simple::of(script, &env),
            Work::Run(_) | Work::Cmd(_) => None,
        };
        let stdin = options.stdin.as_deref().map(|text| stdin(run, text)).transpose();
        let stdin = stdin
            .map_err(|error| Reason::spawn(&format!("cannot keep its standard input: {error}")))?;
        let globs = globs(options, resolved);
        Ok(Command { simple, globs, program, words, env, dir, output, stdin, script })
    }
}

/// Sets `PWD` right where it is not, as a shell does for itself and for what it starts: the caller's is
/// that of another folder, or another name for this one.
fn tell_where(dir: &Path, env: &mut Vec<(OsString, OsString)>) {
    let place = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    let told = env.iter().rev().find(|(name, _)| name == "PWD").map(|(_, told)| Path::new(told));
    if told.is_some_and(|told| told.is_absolute() && place(told) == place(dir)) {
        return;
    }
    // A folder that cannot be named is none that a shell would name.
    if let Ok(dir) = dir.canonicalize() {
        env.push(("PWD".into(), dir.into()));
    }
}

/// Returns the globs of the files that an attempt leaves.
fn globs(options: &Options, resolved: Option<&Resolved>) -> Vec<String> {
    if let Some(resolved) = resolved {
        return resolved.artifacts.clone();
    }
    let globs = options.promises.iter().flat_map(|promises| &promises.artifacts);
    globs.filter_map(|glob| glob.constant()).map(str::to_owned).collect()
}

/// Returns the folder of a task, which is there.
pub(super) fn folder(base: &Path, dir: Option<&OsStr>) -> Result<PathBuf, Reason> {
    let dir = dir.map_or_else(|| base.to_owned(), |dir| base.join(dir));
    match dir.metadata() {
        Ok(found) if found.is_dir() => Ok(dir),
        Ok(_) => Err(Reason::spawn(&format!("no folder: {}", dir.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Reason::spawn(&format!("no such folder: {}", dir.display())))
        }
        Err(error) => Err(Reason::spawn(&format!("cannot enter {}: {error}", dir.display()))),
    }
}

fn stdin(run: &Context, text: &str) -> io::Result<File> {
    // Where the run's folder was taken away the tasks go on all the same.
    let mut file = tempfile::tempfile_in(&run.dir).or_else(|_| tempfile::tempfile())?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Returns the words that run a script, and the file that holds it where there is one.
fn interpreter(
    run: &Context,
    shell: &Shell,
    script: &str,
    has_args: bool,
) -> Result<(Vec<OsString>, Option<NamedTempFile>), Reason> {
    // The words before the script where it is an argument, and before its file; then, where further
    // arguments follow an inline script, the name that it goes by.
    let (inline, by_file, name): (&[&str], &[&str], Option<&str>) = match shell {
        Shell::Sh => (&["/bin/sh", "-e", "-c"], &["/bin/sh", "-e"], Some("sh")),
        Shell::Bash => {
            (&["bash", "-eo", "pipefail", "-c"], &["bash", "-eo", "pipefail"], Some("bash"))
        }
        Shell::Zsh => {
            (&["zsh", "-e", "-o", "pipefail", "-c"], &["zsh", "-e", "-o", "pipefail"], Some("zsh"))
        }
        Shell::Fish => (&["fish", "-c"], &["fish"], None),
        Shell::Python => (&["python3", "-c"], &["python3"], None),
        Shell::Node => (&["node", "-e"], &["node"], Some("--")),
        Shell::Pwsh => (&[], &["pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-File"], None),
        Shell::Words(words) => return template(run, words, script),
    };
    let os = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    if inline.is_empty() || script.len() > MAX_INLINE_SCRIPT {
        let suffix = if *shell == Shell::Pwsh { ".ps1" } else { "" };
        let file = script_file(run, script, suffix)?;
        let mut words = os(by_file);
        words.push(file.path().into());
        return Ok((words, Some(file)));
    }
    let mut words = os(inline);
    words.push(script.into());
    words.extend(name.filter(|_| has_args).map(OsString::from));
    Ok((words, None))
}

fn template(
    run: &Context,
    words: &[Box<str>],
    script: &str,
) -> Result<(Vec<OsString>, Option<NamedTempFile>), Reason> {
    let file = script_file(run, script, "")?;
    let path = file.path().to_string_lossy().into_owned();
    let words = words.iter().map(|word| OsString::from(word.replace("{0}", &path))).collect();
    Ok((words, Some(file)))
}

fn script_file(run: &Context, script: &str, suffix: &str) -> Result<NamedTempFile, Reason> {
    let write = || -> io::Result<NamedTempFile> {
        let mut name = tempfile::Builder::new();
        name.prefix("script-").suffix(suffix);
        // Where the run's folder was taken away the tasks go on all the same.
        let mut file = name.tempfile_in(&run.dir).or_else(|_| name.tempfile())?;
        file.write_all(script.as_bytes())?;
        Ok(file)
    };
    write().map_err(|error| Reason::spawn(&format!("cannot keep the script in a file: {error}")))
}

/// Returns the absolute path of a program: relative to the task's folder where its name holds a
/// slash, else found on the task's own `PATH`.
fn find(name: &OsStr, env: &[(OsString, OsString)], dir: &Path) -> Result<PathBuf, Reason> {
    let shown = name.to_string_lossy();
    if name.is_empty() {
        return Err(Reason::spawn("an empty program name"));
    }
    if name.as_bytes().contains(&b'/') {
        let path: PathBuf = dir.join(name).components().collect(); // no `/./` in what people read
        return match executable(&path) {
            Found::Yes => Ok(path),
            Found::NotExecutable => Err(Reason::spawn(&format!("not executable: {shown}"))),
            Found::Folder => Err(Reason::spawn(&format!("a folder: {shown}"))),
            Found::No => Err(Reason::spawn(&format!("not found: {shown}"))),
        };
    }
    let path = env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| &**value);
    let mut best = Found::No;
    for folder in std::env::split_paths(path.unwrap_or(OsStr::new("/usr/bin:/bin"))) {
        let candidate = dir.join(folder).join(name);
        match executable(&candidate) {
            Found::Yes => return Ok(candidate),
            Found::NotExecutable => best = Found::NotExecutable,
            Found::Folder | Found::No => {}
        }
    }
    match best {
        Found::NotExecutable => Err(Reason::spawn(&format!("not executable: {shown}"))),
        Found::Yes | Found::Folder | Found::No => {
            Err(Reason::spawn(&format!("not found: {shown}")))
        }
    }
}

/// Says why the system did not start a program that was found.
pub(super) fn refusal(program: &Path, error: &io::Error) -> String {
    let shown = program.display();
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => match interpreter_of(program) {
            Some(line) if line.contains('\r') => format!(
                "`{}` of {shown} ends with a carriage return (CRLF line ends): save it with LF",
                line.trim_end()
            ),
            Some(line) => format!("no interpreter for {shown}: `{line}`"),
            None => format!("no interpreter for {shown}"),
        },
        Some(Errno::ACCESS) => format!("not executable: {shown}"),
        Some(Errno::TOOBIG) => "arguments and environment are too long for the system".to_owned(),
        Some(Errno::NOEXEC) => {
            format!("neither a program nor a script with a `#!` line: {shown}")
        }
        Some(Errno::LOOP) => format!("the `#!` line of {shown} leads from script to script"),
        Some(Errno::AGAIN) => format!(
            "{shown}: {error}: no room for a process; raise `ulimit -u`, or run fewer at once (-j)"
        ),
        Some(Errno::MFILE) => {
            format!("{shown}: {error}; raise `ulimit -n`, or run fewer tasks at once (-j)")
        }
        Some(_) | None => format!("{shown}: {error}"),
    }
}

/// Returns the first line of a script where it is a `#!` line, as far as the system reads it.
fn interpreter_of(program: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(program).ok()?.take(256).read_to_end(&mut bytes).ok()?;
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    line.starts_with(b"#!").then(|| String::from_utf8_lossy(line).into_owned())
}

enum Found {
    Yes,
    NotExecutable,
    Folder,
    No,
}

fn executable(path: &Path) -> Found {
    match path.metadata() {
        Ok(found) if found.is_dir() => Found::Folder,
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Found::NotExecutable,
        Ok(_) => Found::Yes,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::NotExecutable,
        Err(_) => Found::No,
    }
}
