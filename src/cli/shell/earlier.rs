//! The run that `pyoco shell --run` takes params and outputs from.

use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::load::file_or_found;
use crate::cli::run::MAX_PARAM;
use crate::cli::runs::record_of;
use crate::cli::say::say;
use crate::event::RunView;
use crate::model::{Flow, MASKED, Param, ParamKind, escape};
use crate::record::{JsonlStore, Record};
use crate::spec::{self, Given, ParamSetting, Purpose, SetBy, Settings};

/// A run as its record has it.
pub(super) struct Earlier {
    record: Record,
    dir: PathBuf,
}

impl Earlier {
    pub(super) fn read(store: &JsonlStore, id: &str) -> Result<Earlier, Failure> {
        let record = record_of(store, id)?;
        let dir = store.run_dir(record.run_id);
        Ok(Earlier { record, dir })
    }

    pub(super) fn view(&self) -> &RunView {
        &self.record.view
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn short(&self) -> String {
        self.record.run_id.short()
    }

    /// Returns the file of the run, where it was one.
    pub(super) fn file(&self) -> Option<String> {
        self.view().header().file.clone().filter(|file| file != "-")
    }

    /// Returns its params, as far as the file has them still.
    pub(super) fn params(
        &self,
        file: Option<&str>,
        caller_dir: &Path,
        settings: &Settings,
    ) -> Vec<ParamSetting> {
        // A file that cannot be read is spoken of where it is loaded in earnest.
        let known = file_or_found(file, caller_dir).ok().filter(|file| file != "-");
        let source = known.and_then(|file| spec::read(&file, caller_dir).ok());
        let settings = Settings { purpose: Purpose::Look, params: Vec::new(), ..settings.clone() };
        let flow = source.and_then(|source| spec::load_with(&source, &settings).flow);
        let params = flow.iter().flat_map(Flow::params);
        params.filter_map(|param| self.setting(param)).collect()
    }

    fn setting(&self, param: &Param) -> Option<ParamSetting> {
        let value = self.view().header().params.get(param.name())?;
        if value.len() > MAX_PARAM {
            say(format_args!(
                "warning: run {} keeps only the beginning of the param `{}`: give it with `-p`",
                self.short(),
                escape(param.name())
            ));
            return None;
        }
        let given = match param.kind() {
            ParamKind::List => Given::Items(value.lines().map(str::to_owned).collect()),
            ParamKind::String | ParamKind::Int | ParamKind::Bool | ParamKind::Enum(_) => {
                Given::Text(value.clone())
            }
        };
        let from = SetBy::File(format!("the record of run {}", self.short()));
        Some(ParamSetting { name: param.name().to_owned(), given, from })
    }

    /// Returns whether the record has stars in the place of secrets.
    pub(super) fn has_masked(&self) -> bool {
        let params = self.view().header().params.values().map(String::as_str);
        let outputs = self.view().tasks().iter().flat_map(|task| task.results().outputs());
        params.chain(outputs.map(|(_, value)| value)).any(|value| value.contains(MASKED))
    }

    /// Refuses a file that is not the run's.
    pub(super) fn require_flow(&self, flow: &Flow) -> Result<(), Failure> {
        let then = &self.view().header().flow;
        if then == flow.name() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "run {} is one of `{}`, and the file is `{}`",
            self.short(),
            escape(then),
            escape(flow.name())
        ))
        .hint("leave out the file, or name a run of this one (`pyoco runs list`)"))
    }
}
