//! The secrets of a run: what masks them, what is said of those that cannot be masked, and which of
//! the texts that come into the run are masked before anybody is told of them.
//!
//! They are masked where they come in, so that the record, the trace and the state in memory agree.
//! Names of tasks and of the flow are what everything else refers to, and stay as they are.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Surroundings, lock};
use crate::event::{CancelRequest, Measured, RunNoted, RunStarted, open_regular};
use crate::model::{Flow, MASKED, MIN_SECRET, Mask, Reason, Secrets, Slots, TaskId, variable};
use crate::scheduler::{Ended, Fault, Given, Input, Plan, Results, Started};

/// How much of a file is looked through at once.
const WINDOW: u64 = 2 << 20;
/// How much of it is looked through once more with what follows: a value may lie on the border.
const OVERLAP: u64 = 512 << 10;
/// The variable in which a run inside of a run finds the names of the outer one's secrets.
pub(super) const SECRETS: &str = "PYOCO_SECRETS";
/// How many names a warning shows.
const MAX_NAMES: usize = 8;

/// What masks the secrets of a run. It grows: what a task hands on as a secret is masked from its end
/// on, and a variable that is made of that from the start of its task.
pub(super) struct RunMask {
    now: RwLock<Arc<Mask>>,
    values: Mutex<Vec<Vec<u8>>>,
}

impl RunMask {
    /// Takes all values that tasks of this flow can see under the names of its secrets.
    pub(super) fn new(plan: &Plan, surroundings: &Surroundings) -> RunMask {
        let env = surroundings.env.iter().chain(plan.env.iter());
        let env = env.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let values = secrets_of(plan, surroundings).values(env);
        RunMask { now: RwLock::new(Arc::new(Mask::new(&values))), values: Mutex::new(values) }
    }

    /// Returns what masks all that is known now.
    pub(super) fn now(&self) -> Arc<Mask> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Masks further values from now on.
    pub(super) fn add<'v>(&self, more: impl IntoIterator<Item = &'v [u8]>) {
        let mut values = lock(&self.values);
        let n_before = values.len();
        for value in more {
            if !values.iter().any(|known| known == value) {
                values.push(value.to_vec());
            }
        }
        if values.len() > n_before {
            let mask = Arc::new(Mask::new(&*values));
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = mask;
        }
    }

    /// Adds the secrets among the values that a task hands on; what is too short to be masked elsewhere
    /// is not shown as an output all the same.
    pub(super) fn learn(&self, flow: &Flow, task: TaskId, results: &mut Results) {
        for output in &mut results.outputs {
            if flow.is_secret_output(task, &output.name) {
                self.add([output.value.as_bytes()]);
                output.shown = Some(MASKED.into());
            }
        }
    }

    /// Adds the secrets among the values that an attempt wrote down, whatever becomes of them.
    pub(super) fn learn_written(&self, flow: &Flow, task: TaskId, written: &[(&str, String)]) {
        let secrets = written.iter().filter(|(name, _)| flow.is_secret_output(task, name));
        self.add(secrets.map(|(_, value)| value.as_bytes()));
    }

    /// Adds the secrets among the variables that an attempt is given.
    pub(super) fn learn_given(&self, flow: &Flow, given: &Given) {
        let secrets = &flow.secrets().0;
        let Some(resolved) = given.resolved.as_deref().filter(|_| !secrets.is_empty()) else {
            return;
        };
        let is_secret = |name: &str| secrets.iter().any(|secret| *secret.name == *name);
        let values = resolved.env.iter().filter(|(name, _)| is_secret(name));
        self.add(values.map(|(_, value)| value.as_bytes()));
    }
}

/// Returns the flow's secrets and those of the runs that it runs in: what their tasks hand on.
fn secrets_of(plan: &Plan, surroundings: &Surroundings) -> Secrets {
    let told = surroundings.env.iter().find(|(name, _)| name == SECRETS);
    let names = told.and_then(|(_, names)| names.to_str()).unwrap_or_default();
    plan.flow.secrets().and(names.split(',').filter(|name| !name.is_empty()))
}

/// Returns the names of all variables that hold secrets, for the runs that tasks start; `None` where
/// there are none.
pub(super) fn secret_names(plan: &Plan, surroundings: &Surroundings) -> Option<String> {
    let secrets = secrets_of(plan, surroundings);
    let variables = secrets.0.iter().map(|secret| match secret.name.strip_prefix("params.") {
        Some(param) => variable("PYOCO_PARAM_", param),
        None => secret.name.to_string(),
    });
    let names: Vec<String> = variables.collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// Returns what people should know of secrets that are not masked. What the file sets is not spoken
/// of: who reads the file has said it.
pub(super) fn warnings(plan: &Plan, surroundings: &Surroundings) -> Vec<String> {
    let env = surroundings.env.iter().chain(plan.env.iter());
    let env = env.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let inherited: HashMap<&[u8], &[u8]> = env.collect();
    let (mut unset, mut short) = (Vec::new(), Vec::new());
    for secret in plan.flow.secrets().0.iter() {
        match inherited.get(secret.name.as_bytes()) {
            // What a param is stands in the file, be it empty.
            None if secret.name.starts_with("params.") => {}
            None if secret.values.is_empty() => unset.push(&*secret.name),
            Some(value) if !Mask::takes(value) => short.push(&*secret.name),
            None | Some(_) => {}
        }
    }
    let mut warnings = Vec::new();
    if !unset.is_empty() {
        warnings.push(format!(
            "there is nothing to mask for what is set nowhere: {}; set it, or take it out of `secrets`",
            listed(&unset)
        ));
    }
    if !short.is_empty() {
        warnings.push(format!(
            "what has less than {MIN_SECRET} bytes in the environment is not masked: {}; use a longer value, or take it out of `secrets`",
            listed(&short)
        ));
    }
    warnings
}

pub(super) fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Masks the texts of an input that come from outside of the flow's structure.
pub(super) fn mask_input(mask: &Mask, input: &mut Input) {
    match input {
        Input::Begin(facts) => mask_facts(mask, facts),
        Input::Started(started) => {
            let Started { task: _, attempt: _, pid: _, argv, argv_cut: _, dir } = &mut **started;
            argv.iter_mut().chain(dir).for_each(|text| mask.apply(text));
        }
        Input::Ended(ended) => {
            let Ended { task: _, attempt: _, not_started, measured, results } = &mut **ended;
            if let Some(reason) = not_started {
                mask_reason(mask, reason);
            }
            let Measured {
                exit_code: _,
                signal: _,
                cpu_ms: _,
                max_rss: _,
                bytes: _,
                unkept: _,
                withheld: _,
                tail,
                leaked: _,
            } = measured;
            tail.iter_mut().for_each(|text| mask.apply(text));
            match results {
                Ok(results) => mask_results(mask, results),
                Err(Fault::Missing(reason) | Fault::Wrong(reason)) => mask_reason(mask, reason),
            }
        }
        Input::Cancel(request) => mask_request(mask, request),
        Input::WantsTerminal { .. }
        | Input::Signalled { .. }
        | Input::Hashed(_) // it names the file as it was masked before
        | Input::Noted(RunNoted { git_dirty: _ })
        | Input::Tick => {}
    }
}

/// Masks what an attempt left behind, as it is shown: the values that tasks use stay as they are.
fn mask_results(mask: &Mask, results: &mut Results) {
    let Results { outputs, artifacts } = results;
    for output in outputs {
        if output.shown.is_none()
            && let Cow::Owned(masked) = mask.text(&output.value)
        {
            output.shown = Some(masked.into());
        }
    }
    let mut is_masked = false;
    for artifact in artifacts.iter_mut() {
        if let Cow::Owned(masked) = mask.text(&artifact.path) {
            artifact.path = masked.into();
            is_masked = true;
        }
    }
    if is_masked {
        let mut paths = HashSet::new(); // two may look the same now
        artifacts.retain(|artifact| paths.insert(artifact.path.clone()));
    }
}

/// Masks what a request to cancel says.
pub(super) fn mask_request(mask: &Mask, request: &mut CancelRequest) {
    let CancelRequest { level: _, by, reason } = request;
    [by].into_iter().chain(reason).for_each(|text| mask.apply(text));
}

/// Puts stars in the place of secrets in a file that others may be appending to.
pub(super) fn blank_file(mask: &Mask, path: &Path) -> io::Result<()> {
    let mut file = match open_regular(path, OpenOptions::new().read(true).write(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()), // nothing was written
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let mut start = 0;
    loop {
        bytes.clear();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(WINDOW).read_to_end(&mut bytes)?;
        for range in mask.find(&bytes) {
            let at = start + range.start as u64;
            Mask::blank(&mut bytes[range.clone()]);
            file.write_all_at(&bytes[range], at)?;
        }
        if (bytes.len() as u64) < WINDOW {
            return Ok(());
        }
        start += WINDOW - OVERLAP;
    }
}

/// Masks a reason.
pub(super) fn mask_reason(mask: &Mask, reason: &mut Reason) {
    if let Cow::Owned(masked) = mask.text(reason.as_str()) {
        *reason = Reason::from_wire(masked);
    }
}

fn mask_facts(mask: &Mask, facts: &mut RunStarted) {
    // Ids, sums and counts are pyoco's own or the kernel's, and readers compare them.
    let RunStarted {
        run_id: _,
        flow: _,
        file,
        file_sha256: _,
        params,
        args,
        args_cut: _,
        labels,
        jobs: _,
        pools,
        n_tasks: _,
        parent_run: _,
        host,
        pid: _,
        boot_id: _,
        pyoco: _,
        git_commit: _,
        ci_url,
    } = facts;
    for slots in pools.values_mut() {
        if let Slots::Named(texts) = slots {
            *slots = Slots::Named(texts.iter().map(|text| mask.text(text).into()).collect());
        }
    }
    let keys = std::mem::take(labels);
    *labels = keys.into_iter().map(|(key, value)| (mask.text(&key).into_owned(), value)).collect();
    let texts = params.values_mut().chain(args).chain(labels.values_mut());
    texts.chain(file).chain(host).chain(ci_url).for_each(|text| mask.apply(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_blanked_across_its_windows() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("log");
        let mut bytes = vec![b'.'; 2 * WINDOW as usize + 10];
        let step = (WINDOW - OVERLAP) as usize;
        for at in [0, step - 3, WINDOW as usize - 3, 2 * step - 3, bytes.len() - 6] {
            bytes[at..at + 6].copy_from_slice(b"secret");
        }
        std::fs::write(&path, &bytes).expect("a file");
        blank_file(&Mask::new(["secret"]), &path).expect("it can be written");
        let blanked = std::fs::read(&path).expect("it is there");
        assert_eq!(blanked.len(), bytes.len());
        assert_eq!(blanked.iter().filter(|byte| **byte == b'*').count(), 5 * 6);
        assert!(blanked.iter().all(|byte| matches!(byte, b'.' | b'*')));
    }
}
