//! A flow: what a workflow file says, after it was checked.
//!
//! Only `spec` makes one (from a file, or through its builder), so that whoever holds a `Flow`
//! knows that its names are unique, its needs exist and its graph has no cycle.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::expr::{Condition, Name, Template};
use super::{
    ListId, Lists, Mask, Member, Ms, Param, Pool, PoolNeeds, Resources, SIGTERM, Size, Slots,
    TaskId,
};

/// A checked workflow.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Default))]
pub struct Flow {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// The file as the caller named it; `None` for a flow made in code.
    pub(crate) file: Option<String>,
    pub(crate) syntax: Syntax,
    /// SHA-256 of the file's bytes, in hex.
    pub(crate) file_sha256: Option<String>,
    /// The absolute folder that relative paths start at.
    pub(crate) base_dir: PathBuf,
    /// What runs where nothing is named; `None`: all.
    pub(crate) default: Option<Vec<TaskId>>,
    pub(crate) tasks: Vec<Task>,
    /// Where the tasks are that expressions name by their places in the file, in a flow that was
    /// narrowed to some; `None`: there.
    pub(crate) moved: Option<Arc<[Option<TaskId>]>>,
    pub(crate) lists: Lists,
    /// How many tasks may run at once; `None`: as many as there are processors.
    pub(crate) jobs: Option<u32>,
    /// In the order of the file: a `PoolId` is an index into them.
    pub(crate) pools: Arc<[Pool]>,
    pub(crate) on_failure: OnFailure,
    pub(crate) secrets: Secrets,
    /// The outputs of tasks that are secrets, by their places in the file.
    pub(crate) secret_outputs: Arc<[(TaskId, Box<str>)]>,
    pub(crate) params: Vec<Param>,
    /// What the file's `env_file` holds: it gives way to whatever the caller's environment has.
    pub(crate) env_below: Arc<[(Box<str>, Box<str>)]>,
    pub(crate) inherit_env: InheritEnv,
    /// The deadline of level stop; `None`: the scheduler's own.
    pub(crate) grace: Option<Ms>,
    /// The longest that `tasks` may take together.
    pub(crate) timeout: Option<Ms>,
    pub(crate) records: Records,
}

impl Flow {
    /// Returns the flow without its tasks.
    pub(crate) fn clone_head(&self) -> Flow {
        Flow {
            name: self.name.clone(),
            description: self.description.clone(),
            file: self.file.clone(),
            syntax: self.syntax,
            file_sha256: self.file_sha256.clone(),
            base_dir: self.base_dir.clone(),
            default: None,
            tasks: Vec::new(),
            moved: self.moved.clone(),
            lists: Lists::default(),
            jobs: self.jobs,
            pools: Arc::clone(&self.pools),
            on_failure: self.on_failure,
            secrets: self.secrets.clone(),
            secret_outputs: self.secret_outputs.clone(),
            params: self.params.clone(),
            env_below: self.env_below.clone(),
            inherit_env: self.inherit_env.clone(),
            grace: self.grace,
            timeout: self.timeout,
            records: self.records,
        }
    }

    /// Returns the flow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the flow says of itself.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns what must not be read in what the flow leaves behind.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns whether an output of a task is a secret.
    pub(crate) fn is_secret_output(&self, task: TaskId, output: &str) -> bool {
        let mut secrets = self.secret_outputs.iter();
        secrets.any(|(id, name)| **name == *output && self.named(*id) == Some(task))
    }

    /// Returns whether a task hands on a secret.
    pub(crate) fn has_secret_output(&self, task: TaskId) -> bool {
        self.secret_outputs.iter().any(|(id, _)| self.named(*id) == Some(task))
    }

    /// Returns what its caller may choose, in file order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Returns the flow as it can be shown: without secrets in what it says of itself and of its tasks.
    pub fn shown(&self, mask: &Mask) -> Flow {
        let mut flow = self.clone();
        let texts = flow.tasks.iter_mut().filter_map(|task| task.description.as_mut());
        texts.for_each(|text| *text = mask.text(text).into());
        flow.description.iter_mut().for_each(|text| mask.apply(text));
        flow.params.iter_mut().for_each(|param| param.mask(mask));
        flow.pools = flow.pools.iter().map(|pool| pool_shown(pool, mask)).collect();
        for task in &mut flow.tasks {
            task.work = match &task.work {
                Work::Run(script) => Work::Run(mask.text(script).into()),
                Work::Cmd(words) => {
                    Work::Cmd(words.iter().map(|word| mask.text(word).into()).collect())
                }
            };
        }
        flow
    }

    /// Returns the pools in the order of the file.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Returns the tasks in declaration order, those of `finally` last: a [`TaskId`] is an index into
    /// them.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Returns the task with this id.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.index()]
    }

    /// Returns the task that an expression names; `None` where it is not part of the flow any more.
    pub(crate) fn named(&self, id: TaskId) -> Option<TaskId> {
        match &self.moved {
            Some(moved) => moved.get(id.index()).copied().flatten(),
            None => Some(id),
        }
    }

    /// Returns all ids in declaration order.
    pub fn ids(&self) -> impl Iterator<Item = TaskId> + Clone + use<> {
        (0..self.tasks.len()).map(TaskId::from_index)
    }

    /// Returns how long level stop lets tasks end, where the flow says it.
    pub fn grace(&self) -> Option<Ms> {
        self.grace
    }

    /// Returns the longest that the run may take, `finally` apart.
    pub fn timeout(&self) -> Option<Ms> {
        self.timeout
    }

    /// Returns what is kept of the flow's runs.
    pub fn records(&self) -> Records {
        self.records
    }

    /// Returns what `id` needs, all of which must be satisfied.
    pub fn needs(&self, id: TaskId) -> &[TaskId] {
        self.lists.get(self.task(id).needs)
    }

    /// Returns what `id` needs one of.
    pub fn needs_any(&self, id: TaskId) -> &[TaskId] {
        self.lists.get(self.task(id).needs_any)
    }
}

fn pool_shown(pool: &Pool, mask: &Mask) -> Pool {
    let slots = match &pool.slots {
        Slots::Numbered(count) => Slots::Numbered(*count),
        Slots::Named(texts) => {
            Slots::Named(texts.iter().map(|text| mask.text(text).into()).collect())
        }
    };
    Pool { name: pool.name.clone(), slots }
}

/// The environment variables whose values are masked, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets(pub Arc<[Secret]>);

/// An environment variable whose values are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: Box<str>,
    /// What the file itself sets it to, in whatever place.
    pub values: Vec<Box<str>>,
}

impl Secrets {
    /// Returns these and the variables of these names.
    pub fn and<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Secrets {
        let mut secrets = self.0.to_vec();
        for name in names {
            if !secrets.iter().any(|secret| *secret.name == *name) {
                secrets.push(Secret { name: name.into(), values: Vec::new() });
            }
        }
        Secrets(secrets.into())
    }

    /// Returns what masks the values that the file sets and those of this environment.
    pub fn mask<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Mask {
        Mask::new(self.values(env))
    }

    /// Returns the values that the file sets and those of this environment.
    pub fn values<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Vec<Vec<u8>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let names: HashSet<&[u8]> = self.0.iter().map(|secret| secret.name.as_bytes()).collect();
        let inherited = env.into_iter().filter(|(name, _)| names.contains(name.as_ref()));
        let inherited = inherited.map(|(_, value)| value.as_ref().to_vec());
        let set = self.0.iter().flat_map(|secret| &secret.values);
        inherited.chain(set.map(|value| value.as_bytes().to_vec())).collect()
    }
}

/// What of the caller's environment tasks see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InheritEnv {
    /// All of it, but what is pyoco's own.
    #[default]
    All,
    /// `PATH`, `HOME` and these.
    Only(Arc<[Box<str>]>),
}

impl InheritEnv {
    /// Returns whether tasks see this variable.
    pub fn has(&self, name: &[u8]) -> bool {
        match self {
            InheritEnv::All => true,
            InheritEnv::Only(names) => name == b"PATH" || name == b"HOME" || is_one_of(names, name),
        }
    }

    /// Returns whether the file names this variable, and so asks for it in so many words.
    pub fn is_named(&self, name: &[u8]) -> bool {
        match self {
            InheritEnv::All => false,
            InheritEnv::Only(names) => is_one_of(names, name),
        }
    }
}

fn is_one_of(names: &[Box<str>], name: &[u8]) -> bool {
    names.iter().any(|one| one.as_bytes() == name)
}

/// What is kept of the runs of a flow; `None`: what the keeper of records does by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// At most so many ended runs.
    pub keep_runs: Option<u32>,
    /// Only those that ended so long ago at most.
    pub keep_for: Option<Ms>,
    /// How much output of one attempt.
    pub max_log: Option<Size>,
}

/// The syntax of a workflow file; it gives the copy in the record its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// YAML 1.2.
    #[default]
    Yaml,
    /// TOML 1.0.
    Toml,
}

/// One task of a flow.
#[derive(Clone, Debug)]
pub struct Task {
    pub(crate) name: Arc<str>,
    pub(crate) description: Option<Box<str>>,
    pub(crate) work: Work,
    pub(crate) needs: ListId,
    pub(crate) needs_any: ListId,
    /// What makes it one of the tasks of a matrix.
    pub(crate) member: Option<Arc<Member>>,
    /// The task's `if`.
    pub(crate) condition: Option<Arc<Condition>>,
    /// Shared between tasks that say the same.
    pub(crate) options: Arc<Options>,
    /// The line of the task's name in the file, from 1; 0 for a task made in code.
    pub(crate) line: u32,
    /// Whether it stands in `finally`. Those come after all of `tasks`.
    pub(crate) finally: bool,
}

/// A part of a flow: its tasks may need one another, and none of the other part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// `tasks`: what the run is for.
    Tasks,
    /// `finally`: what runs at its end, whatever the outcome.
    Finally,
}

impl Task {
    /// Returns the task's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what makes it one of the tasks of a matrix.
    pub fn member(&self) -> Option<&Member> {
        self.member.as_deref()
    }

    /// Returns what the task says of itself.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the line of the task's name in the file, from 1; 0 for a task made in code.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Returns whether the task is one of `finally`, which run after all of `tasks` have ended.
    pub fn is_finally(&self) -> bool {
        self.finally
    }

    /// Returns the part that the task belongs to.
    pub(crate) fn part(&self) -> Part {
        if self.finally { Part::Finally } else { Part::Tasks }
    }

    /// Returns what the task does.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Returns the task's `if`.
    pub fn condition(&self) -> Option<&Condition> {
        self.condition.as_deref()
    }

    /// Returns all names that its expressions hold.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        let options = &self.options;
        let templates = options.env.iter().map(|(_, template)| template);
        let templates = templates.chain(&options.dir).chain(&options.timeout_later);
        let artifacts = options.promises.iter().flat_map(|promises| &*promises.artifacts);
        let templates = templates.chain(artifacts);
        let condition = self.condition.iter().flat_map(|condition| condition.expr().names());
        condition.chain(templates.flat_map(Template::names))
    }

    /// Returns what the task says beyond its work and its needs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns how many lists the task waits for: `needs` and `needs_any`, where they hold anything.
    pub(crate) fn n_lists(&self) -> u32 {
        u32::from(self.needs != ListId::EMPTY) + u32::from(self.needs_any != ListId::EMPTY)
    }
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A script for the task's shell, byte for byte.
    Run(Arc<str>),
    /// A program and its arguments, executed with no shell.
    Cmd(Arc<[Box<str>]>),
}

/// Everything that a task says beyond its work and its needs, with `defaults` merged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `env` of the flow, of `defaults` and of the task, name by name, the last one winning. `env.X` in
    /// a value means what is inherited.
    pub env: Arc<[(Box<str>, Template)]>,
    /// The folder the task runs in, as written: relative to the flow's folder.
    pub dir: Option<Template>,
    /// The interpreter of `run`.
    pub shell: Shell,
    /// The longest that one attempt may take.
    pub timeout: Option<Ms>,
    /// The same where it is known only when the task starts.
    pub timeout_later: Option<Template>,
    /// Further attempts.
    pub retry: Retry,
    /// What a failure of this task does; `None`: what the run's policy says.
    pub fail: Option<OnTaskFailure>,
    /// Exit codes that mean success; empty: 0 alone.
    pub ok_codes: Box<[i32]>,
    /// The text on standard input; `None`: `/dev/null`.
    pub stdin: Option<Box<str>>,
    /// How the task is stopped when it must be.
    pub kill: Kill,
    /// What the first level of a cancel does to the task.
    pub on_cancel: OnCancel,
    /// Whether the task runs alone, with the terminal as its own.
    pub interactive: bool,
    /// The slots of pools that the task holds while it runs, by pool in the order of the file.
    pub pools: PoolNeeds,
    /// What a worker must have to take the task.
    pub tags: Arc<[Box<str>]>,
    /// What it asks of the place where it runs.
    pub resources: Resources,
    /// What the task leaves behind where it succeeds; `None`: nothing that it promises.
    pub promises: Option<Box<Promises>>,
}

/// What a task leaves behind where it succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// The values that it writes to `$PYOCO_OUTPUT`, by name.
    pub outputs: Box<[Box<str>]>,
    /// The name under which its standard output is a value too.
    pub capture: Option<Box<str>>,
    /// The files, as written: globs relative to the task's folder.
    pub artifacts: Box<[Template]>,
}

impl Promises {
    /// Returns the names of all values, those of the file first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let captured = self.capture.iter().filter(|name| !self.outputs.contains(name));
        self.outputs.iter().chain(captured).map(|name| &**name)
    }

    /// Returns whether there will be a value with this name.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|promised| promised == name)
    }
}

impl Options {
    /// Returns whether something of it is known only when the task starts.
    pub(crate) fn is_open(&self) -> bool {
        let is_open = |template: &Template| template.constant().is_none();
        self.env.iter().any(|(_, template)| is_open(template))
            || self.dir.as_ref().is_some_and(is_open)
            || self.timeout_later.is_some()
            || self.promises.iter().any(|promises| promises.artifacts.iter().any(is_open))
    }

    /// Returns whether this exit code means success.
    pub fn is_ok(&self, code: i32) -> bool {
        if self.ok_codes.is_empty() { code == 0 } else { self.ok_codes.contains(&code) }
    }
}

/// The interpreter of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// `sh -e -c SCRIPT`.
    #[default]
    Sh,
    /// `bash -eo pipefail -c SCRIPT`.
    Bash,
    /// `zsh -e -o pipefail -c SCRIPT`.
    Zsh,
    /// `fish -c SCRIPT`.
    Fish,
    /// `pwsh -NoLogo -NoProfile -NonInteractive -File SCRIPTFILE`.
    Pwsh,
    /// `python3 -c SCRIPT`.
    Python,
    /// `node -e SCRIPT`.
    Node,
    /// Words in which `{0}` stands for a private file that holds the script.
    Words(Arc<[Box<str>]>),
}

/// How often and when a failed attempt is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Extra attempts after the first.
    pub max: u32,
    /// The pause before the second attempt.
    pub delay: Ms,
    /// What each further pause is multiplied with, in thousandths (so that options compare exactly).
    pub backoff_milli: u32,
    /// The longest pause.
    pub max_delay: Ms,
    /// The exit codes that are worth another attempt (128+n for signal n); empty: all.
    pub codes: Box<[i32]>,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            max: 0,
            delay: Ms::secs(1),
            backoff_milli: 2000,
            max_delay: Ms::secs(60),
            codes: Box::default(),
        }
    }
}

/// What a failed task does to the rest of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Start nothing new; let what runs finish.
    #[default]
    Stop,
    /// Go on with everything that does not depend on it.
    Isolate,
    /// Stop what runs too.
    Kill,
}

/// What a task's own `fail` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTaskFailure {
    /// The same as the run's policies, for this task alone.
    As(OnFailure),
    /// The task is FAILED, its dependents run, and the run does not fail.
    Continue,
}

/// How a task is stopped when it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// The first signal, by number.
    pub signal: i32,
    /// How long after it SIGKILL follows.
    pub after: Ms,
}

impl Default for Kill {
    fn default() -> Kill {
        Kill { signal: SIGTERM, after: Ms::secs(10) }
    }
}

/// What the first level of a cancel does to a running task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCancel {
    /// It finishes naturally.
    #[default]
    Finish,
    /// It is stopped as its `kill` says.
    Stop,
}
