//! From what a person writes for a run to its id. No path is built from the text.

use super::jsonl::JsonlStore;
use super::reader::Seen;
use super::summary::Summary;
use crate::event::{StateStore, StoreError};
use crate::model::{RunId, RunStatus};

/// The fewest digits that name a run.
const FEWEST: usize = 4;

/// The most candidates that an ambiguous text is answered with.
const MAX_CANDIDATES: usize = 10;

/// Why a text names no run, or none alone.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// Nothing was written.
    #[error("the run id is empty")]
    Empty,
    /// Nothing that could name a run.
    #[error("`{0}` is not a run id")]
    NotAnId(String),
    /// Too few digits.
    #[error("`{0}` is too short for a run id: at least {FEWEST} digits")]
    TooShort(String),
    /// There is no such run.
    #[error("no run `{0}`")]
    Unknown(String),
    /// The digits, or the word, fit several runs.
    #[error("`{text}` names {n} runs")]
    Ambiguous {
        /// What was written.
        text: String,
        /// How many it fits.
        n: usize,
        /// The newest of them.
        candidates: Vec<Summary>,
    },
    /// There are not so many runs.
    #[error("no run `{text}`: there {}", are(*.n))]
    TooFew {
        /// What was written.
        text: String,
        /// How many runs there are.
        n: usize,
    },
    /// No run is in the state that was asked for.
    #[error("no {0} run")]
    NoneSuch(&'static str),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the run that `text` names: a whole id, a prefix or suffix of at least four digits that
/// fits one run alone, `latest`, `latest~2`, `failed` (the latest that did) or `running`.
///
/// # Errors
/// Where it names none, or several.
pub fn resolve(store: &JsonlStore, text: &str) -> Result<RunId, SelectError> {
    match text {
        "" => Err(SelectError::Empty),
        "latest" => nth(store, text, 0),
        "failed" => failed(store),
        "running" => running(store),
        _ => match text.strip_prefix("latest~") {
            Some(back) => match back.parse() {
                Ok(back) if !text.contains('+') => nth(store, text, back),
                Ok(_) | Err(_) => Err(SelectError::NotAnId(text.to_owned())),
            },
            None => by_digits(store, text),
        },
    }
}

/// Returns how many runs there are, in words.
fn are(n: usize) -> String {
    match n {
        0 => "are none".to_owned(),
        1 => "is one".to_owned(),
        n => format!("are {n}"),
    }
}

fn nth(store: &JsonlStore, text: &str, back: usize) -> Result<RunId, SelectError> {
    let ids = store.list()?;
    let too_few = SelectError::TooFew { text: text.to_owned(), n: ids.len() };
    ids.get(back).copied().ok_or(too_few)
}

fn failed(store: &JsonlStore) -> Result<RunId, SelectError> {
    let is_failed = |id: &RunId| {
        store.summary(*id).is_ok_and(|summary| summary.seen == Seen::Known(RunStatus::Failed))
    };
    store.list()?.into_iter().find(is_failed).ok_or(SelectError::NoneSuch("failed"))
}

fn running(store: &JsonlStore) -> Result<RunId, SelectError> {
    let ids = store.list()?.into_iter();
    let running: Vec<Summary> = ids
        .filter_map(|id| store.summary(id).ok())
        .filter(|summary| !summary.seen.is_over())
        .collect();
    match running.as_slice() {
        [] => Err(SelectError::NoneSuch("running")),
        [one] => Ok(one.run_id),
        several => Err(SelectError::Ambiguous {
            text: "running".to_owned(),
            n: several.len(),
            candidates: several.iter().take(MAX_CANDIDATES).cloned().collect(),
        }),
    }
}

fn by_digits(store: &JsonlStore, text: &str) -> Result<RunId, SelectError> {
    let digits: String =
        text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || digits.len() > 32 {
        return Err(SelectError::NotAnId(text.to_owned()));
    }
    if digits.len() < FEWEST {
        return Err(SelectError::TooShort(text.to_owned()));
    }
    let fits = |id: &RunId| {
        let whole = id.to_string().replace('-', "");
        whole.starts_with(&digits) || whole.ends_with(&digits)
    };
    let found: Vec<RunId> = store.list()?.into_iter().filter(fits).collect();
    match found.as_slice() {
        [] => Err(SelectError::Unknown(text.to_owned())),
        [one] => Ok(*one),
        several => Err(SelectError::Ambiguous {
            text: text.to_owned(),
            n: several.len(),
            candidates: several
                .iter()
                .take(MAX_CANDIDATES)
                .filter_map(|id| store.summary(*id).ok())
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{create, ended, failing, store};

    #[test]
    fn a_run_is_named_in_many_ways() {
        let (_dir, store) = store();
        let ids: Vec<RunId> = (0..3).map(|_| ended(&store, "flow")).collect();
        let whole = ids[0].to_string();
        let check = |text: &str, id: RunId| {
            assert_eq!(resolve(&store, text).expect(text), id, "{text}");
        };
        check(&whole, ids[0]);
        check(&whole.to_uppercase(), ids[0]);
        check(&whole.replace('-', ""), ids[0]);
        check(&ids[1].short(), ids[1]);
        check("latest", ids[2]);
        check("latest~0", ids[2]);
        check("latest~2", ids[0]);
        check("failed", ids[2]);
        let running = RunId::fresh();
        let log = create(&store, running);
        log.append(&failing(running, "flow")[..4]).expect("to append");
        check("running", running);
        let other = RunId::fresh();
        let _log = create(&store, other);
        assert!(matches!(
            resolve(&store, "running"),
            Err(SelectError::Ambiguous { n: 2, candidates, .. }) if candidates.len() == 2
        ));
        // Ids made together share their beginning.
        assert!(matches!(resolve(&store, &whole[..6]), Err(SelectError::Ambiguous { n: 5, .. })));
    }

    #[test]
    fn what_names_no_run_is_refused_with_its_reason() {
        let (_dir, store) = store();
        let check = |text: &str, message: &str| {
            let error = resolve(&store, text).expect_err(text);
            assert_eq!(error.to_string(), message);
        };
        check("latest", "no run `latest`: there are none");
        check("failed", "no failed run");
        check("running", "no running run");
        ended(&store, "flow");
        check("", "the run id is empty");
        check("abc", "`abc` is too short for a run id: at least 4 digits");
        check("ffffffff", "no run `ffffffff`");
        check("latest~1", "no run `latest~1`: there is one");
        for text in [
            "../runs",
            "/etc/passwd",
            "..",
            "-",
            "----",
            "latest~",
            "latest~x",
            "latest~+1",
            "LATEST~-1",
            "zzzz",
            "é\0é",
            "latest~99999999999999999999",
        ] {
            check(text, &format!("`{text}` is not a run id"));
        }
    }
}
