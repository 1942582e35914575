//! The record of a run, read without pyoco's own reader: the format is public.

use std::fs;
use std::path::{Path, PathBuf};

use pyoco::event::{Line, MAX_LINE, Rules, RunView, audit};
use pyoco::model::{RunId, RunStatus, TaskState};
use serde_json::Value;

/// The record of a run.
pub(crate) struct Record {
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// The run's id, from the folder's name.
    pub(crate) run_id: RunId,
    /// Its lines as JSON.
    pub(crate) values: Vec<Value>,
    /// Its lines as the library reads them.
    pub(crate) lines: Vec<Line>,
    /// The fold over them.
    pub(crate) view: RunView,
}

impl Record {
    /// Reads the whole lines of the record in this folder.
    #[track_caller]
    pub(crate) fn open(dir: &Path) -> Record {
        let name = dir.file_name().expect("it has a name").to_string_lossy();
        let run_id = name.parse().unwrap_or_else(|error| panic!("{error}"));
        let bytes = fs::read(dir.join("events.jsonl")).expect("the record can be read");
        let (mut values, mut lines, mut view) = (Vec::new(), Vec::new(), RunView::new());
        // What follows the last newline is being written, or was torn.
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|l| l.ends_with(b"\n")) {
            let shown = String::from_utf8_lossy(line);
            assert!(line.len() <= MAX_LINE, "a line of {} bytes", line.len());
            values.push(serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {shown}")));
            lines.push(Line::parse(line).unwrap_or_else(|e| panic!("{e}: {shown}")));
            view.apply(lines.last().expect("it was pushed"));
        }
        Record { dir: dir.to_owned(), run_id, values, lines, view }
    }

    /// Returns the lines of one kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<&Value> {
        self.values.iter().filter(|value| value["event"] == kind).collect()
    }

    /// Returns the names in the lines of one kind, in their order.
    pub(crate) fn names(&self, kind: &str) -> Vec<&str> {
        self.events(kind).iter().filter_map(|value| value["name"].as_str()).collect()
    }

    /// Returns whether it is of a flow with this name.
    pub(crate) fn is_of(&self, flow: &str) -> bool {
        self.view.header().flow == flow
    }

    /// Returns where the run stands.
    pub(crate) fn status(&self) -> RunStatus {
        self.view.status()
    }

    /// Returns where a task stands.
    #[track_caller]
    pub(crate) fn state(&self, name: &str) -> TaskState {
        let id = self.view.find(name).unwrap_or_else(|| panic!("no task `{name}`"));
        self.view.task(id).expect("it was found").state()
    }

    /// Returns the reason of a task's end; empty where there is none.
    #[track_caller]
    pub(crate) fn reason(&self, name: &str) -> String {
        let id = self.view.find(name).unwrap_or_else(|| panic!("no task `{name}`"));
        let task = self.view.task(id).expect("it was found");
        task.reason.as_ref().map_or(String::new(), ToString::to_string)
    }

    /// Returns the ends of all tasks, one a line: `test FAILED exit(2)`, in file order.
    pub(crate) fn ends(&self) -> String {
        let ends = self.view.tasks().iter().map(|task| {
            let reason = task.reason.as_ref().map_or("", |reason| reason.as_str());
            format!("{} {} {reason}", task.name, task.state()).trim_end().to_owned() + "\n"
        });
        ends.collect()
    }

    /// Returns the bytes that an attempt put out; none where it put out nothing.
    pub(crate) fn log(&self, name: &str, attempt: u32) -> Vec<u8> {
        let id = self.view.find(name).unwrap_or_else(|| panic!("no task `{name}`"));
        let path = self.dir.join(format!("logs/{:04}-{attempt}.log", id.0));
        fs::read(path).unwrap_or_default()
    }

    /// Holds the record against the rules that every log keeps.
    #[track_caller]
    pub(crate) fn audit(&self, rules: &Rules) {
        let mut rules = rules.clone();
        rules.continue_tasks.extend(self.may_fail());
        if let Err(broken) = audit(&self.lines, &rules) {
            panic!("the record in {} breaks a rule: {broken}", self.dir.display());
        }
    }

    /// Returns the tasks that say `fail: continue` in the record's copy of the file.
    fn may_fail(&self) -> Vec<String> {
        let read = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        let yaml: Option<Value> = serde_yaml::from_str(&read("flow.yaml")).ok();
        let toml: Option<Value> = toml::from_str(&read("flow.toml")).ok();
        let Some(flow) = yaml.filter(Value::is_object).or(toml) else { return Vec::new() };
        let tasks = ["tasks", "finally"].iter().filter_map(|part| flow[*part].as_object());
        let by_default = &flow["defaults"]["fail"];
        let fail = |task: &Value| task.get("fail").unwrap_or(by_default) == "continue";
        let tasks = tasks.flatten().filter(|(_, task)| fail(task));
        tasks.map(|(name, _)| name.clone()).collect()
    }
}
