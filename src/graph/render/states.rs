//! The states that the tasks of a run have, for pictures: of a node that stands for the members of a
//! matrix the counts, and the worst.

use std::collections::HashMap;

use crate::model::{TaskId, TaskState};

/// The colour of what is written on a fill.
pub(super) const INK: &str = "#1f2328";

/// Where a task of a flow stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// There.
    Known(TaskState),
    /// It has ended in a way that nobody knows.
    Unknown,
    /// It is no part of the run.
    NotInRun,
}

impl NodeState {
    /// All of them, what needs a look first.
    pub(super) const ALL: [NodeState; 9] = [
        NodeState::Known(TaskState::Failed),
        NodeState::Unknown,
        NodeState::Known(TaskState::Running),
        NodeState::Known(TaskState::Cancelled),
        NodeState::Known(TaskState::Queued),
        NodeState::Known(TaskState::Pending),
        NodeState::Known(TaskState::Skipped),
        NodeState::Known(TaskState::Succeeded),
        NodeState::NotInRun,
    ];

    /// Returns its word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            NodeState::Known(state) => state.name(),
            NodeState::Unknown => "?",
            NodeState::NotInRun => "not in the run",
        }
    }

    /// Returns its word for programs.
    pub(super) fn json(self) -> String {
        match self {
            NodeState::Known(state) => format!("\"{}\"", state.name()),
            NodeState::Unknown | NodeState::NotInRun => "null".to_owned(),
        }
    }

    /// Returns the name of its class.
    pub(super) fn class(self) -> &'static str {
        match self {
            NodeState::Known(TaskState::Pending) => "pending",
            NodeState::Known(TaskState::Queued) => "queued",
            NodeState::Known(TaskState::Running) => "running",
            NodeState::Known(TaskState::Succeeded) => "succeeded",
            NodeState::Known(TaskState::Failed) => "failed",
            NodeState::Known(TaskState::Cancelled) => "cancelled",
            NodeState::Known(TaskState::Skipped) => "skipped",
            NodeState::Unknown => "unknown",
            NodeState::NotInRun => "absent",
        }
    }

    /// Returns its fill and its line.
    pub(super) fn colours(self) -> (&'static str, &'static str) {
        match self {
            NodeState::Known(TaskState::Pending | TaskState::Queued) => ("#ffffff", "#57606a"),
            NodeState::Known(TaskState::Running) => ("#cfe8ff", "#0969da"),
            NodeState::Known(TaskState::Succeeded) => ("#d2f4d9", "#1a7f37"),
            NodeState::Known(TaskState::Failed) => ("#ffd3cf", "#cf222e"),
            NodeState::Known(TaskState::Cancelled) => ("#fff0b8", "#9a6700"),
            NodeState::Known(TaskState::Skipped) => ("#e7ebef", "#8c959f"),
            NodeState::Unknown => ("#ffe2c7", "#bc4c00"),
            NodeState::NotInRun => ("#ffffff", "#d0d7de"),
        }
    }

    /// Returns what turns its colour on in a terminal.
    fn escape_sequence(self) -> &'static str {
        match self {
            NodeState::Known(TaskState::Succeeded) => "\x1b[32m",
            NodeState::Known(TaskState::Failed) | NodeState::Unknown => "\x1b[31m",
            NodeState::Known(TaskState::Cancelled) => "\x1b[33m",
            NodeState::Known(TaskState::Running) => "\x1b[36m",
            NodeState::Known(TaskState::Pending | TaskState::Queued | TaskState::Skipped)
            | NodeState::NotInRun => "\x1b[2m",
        }
    }
}

/// Where the tasks of a flow stand in a run.
#[derive(Clone, Debug, Default)]
pub struct RunStates {
    /// By task.
    pub states: Vec<NodeState>,
    /// Whether a terminal shows them in colours.
    pub is_coloured: bool,
}

/// Where the nodes of a picture stand.
pub(super) struct States {
    /// By node: the states of its tasks, the worst first, with their counts.
    nodes: Vec<Vec<(NodeState, usize)>>,
    is_coloured: bool,
}

impl States {
    /// Takes the states of tasks, each of which is part of one of these nodes.
    pub(super) fn of_nodes(run: &RunStates, nodes: &[TaskId]) -> States {
        let n_nodes = nodes.iter().map(|node| node.index() + 1).max().unwrap_or(0);
        let mut counts: Vec<HashMap<NodeState, usize>> = vec![HashMap::new(); n_nodes];
        for (task, node) in nodes.iter().enumerate() {
            let state = run.states.get(task).copied().unwrap_or(NodeState::NotInRun);
            *counts[node.index()].entry(state).or_default() += 1;
        }
        let sorted = |counts: HashMap<NodeState, usize>| {
            let count = |state: NodeState| Some((state, *counts.get(&state)?));
            NodeState::ALL.into_iter().filter_map(count).collect()
        };
        let nodes = counts.into_iter().map(sorted).collect();
        States { nodes, is_coloured: run.is_coloured }
    }

    /// Returns where a node stands: where its worst task does.
    pub(super) fn of(&self, node: TaskId) -> NodeState {
        let counts = self.nodes.get(node.index()).and_then(|counts| counts.first());
        counts.map_or(NodeState::NotInRun, |(state, _)| *state)
    }

    /// Returns the states that any node has.
    pub(super) fn met(&self) -> Vec<NodeState> {
        let has = |state: &NodeState| {
            self.nodes.iter().any(|counts| counts.first().is_some_and(|(first, _)| first == state))
        };
        NodeState::ALL.into_iter().filter(has).collect()
    }

    /// Returns in words where a node stands: `FAILED`, `1 FAILED, 5 SUCCEEDED`.
    pub(super) fn words(&self, node: TaskId) -> String {
        let counts = self.nodes.get(node.index()).map_or(&[][..], Vec::as_slice);
        match counts {
            [(state, 1)] => state.word().to_owned(),
            counts => {
                let words = counts.iter().map(|(state, n)| format!("{n} {}", state.word()));
                words.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Returns the name of a node with its words, in colour where that is shown.
    pub(super) fn named(&self, node: TaskId, name: &str) -> String {
        let words = self.words(node);
        match self.is_coloured {
            true => format!("{}{name}  {words}\x1b[0m", self.of(node).escape_sequence()),
            false => format!("{name}  {words}"),
        }
    }

    /// Returns the name of a node with its words: not everybody can tell the colours.
    pub(super) fn labelled(&self, node: TaskId, name: &str) -> String {
        format!("{name}: {}", self.words(node))
    }
}
