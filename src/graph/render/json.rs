//! Nodes and edges for programs, each named.

use std::fmt::Write;

use super::states::States;
use crate::model::Flow;

/// Writes `{"flow", "nodes": [{"name", "description", "finally"}], "edges": [{"from", "to", "kind"}]}`,
/// a node or an edge a line; `kind` is `needs` or `needs_any`. Of a run each node has a `state` too: null
/// where the record lacks its end, or the task was no part of the run.
pub(super) fn json(flow: &Flow, states: Option<&States>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let names: Vec<String> = flow.tasks().iter().map(|task| quoted(task.name())).collect();
    let mut picture = format!("{{\"flow\": {},\n \"nodes\": [", quoted(flow.name()));
    for id in flow.ids() {
        let comma = if id.0 == 0 { "" } else { "," };
        let description = flow.task(id).description().map_or("null".to_owned(), quoted);
        let (name, finally) = (&names[id.index()], flow.task(id).finally);
        let state = states.map(|states| states.of(id).json());
        let state = state.map_or(String::new(), |state| format!(", \"state\": {state}"));
        let _ = write!(
            picture,
            "{comma}\n  {{\"name\": {name}, \"description\": {description}, \"finally\": {finally}{state}}}"
        );
    }
    picture.push_str("],\n \"edges\": [");
    let mut comma = "";
    for id in flow.ids() {
        for (kind, needs) in [("needs", flow.needs(id)), ("needs_any", flow.needs_any(id))] {
            for need in needs {
                let (from, to) = (&names[need.index()], &names[id.index()]);
                let _ = write!(
                    picture,
                    "{comma}\n  {{\"from\": {from}, \"to\": {to}, \"kind\": \"{kind}\"}}"
                );
                comma = ",";
            }
        }
    }
    picture.push_str("]}\n");
    picture
}
