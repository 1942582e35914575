//! Pictures that another program draws: Mermaid and Graphviz.

use std::fmt::Write;

use super::states::{INK, NodeState, States};
use super::{Edge, layers};
use crate::model::{Flow, TaskId, escape};

/// Draws a Mermaid flowchart; its arrows take lists on both sides.
pub(super) fn mermaid(flow: &Flow, states: Option<&States>) -> String {
    let mut picture = "flowchart LR\n".to_owned();
    for id in flow.ids() {
        let name = escape(flow.task(id).name());
        let name = states.map_or(name.to_string(), |states| states.labelled(id, &name));
        // In quotes Mermaid takes everything but the quote; entities begin with `#`.
        let name = name.replace('#', "#35;").replace('"', "#quot;");
        // What runs at the end has round corners.
        let (open, close) = if flow.task(id).finally { ("(", ")") } else { ("[", "]") };
        let _ = writeln!(picture, "  t{}{open}\"{name}\"{close}", id.0);
    }
    let names =
        |ids: &[TaskId]| ids.iter().map(|id| format!("t{}", id.0)).collect::<Vec<_>>().join(" & ");
    for (edge, list, users) in layers(flow) {
        let arrow = match edge {
            Edge::All => "-->",
            Edge::Any => "-.->",
        };
        let needs = names(flow.lists.get(list));
        let _ = writeln!(picture, "  {needs} {arrow} {}", names(&users));
    }
    let Some(states) = states else { return picture };
    for state in NodeState::ALL {
        let ids: Vec<TaskId> = flow.ids().filter(|id| states.of(*id) == state).collect();
        if ids.is_empty() {
            continue;
        }
        let (fill, line) = state.colours();
        let (class, ids) = (state.class(), names(&ids).replace(" & ", ","));
        let _ = writeln!(picture, "  classDef {class} fill:{fill},stroke:{line},color:{INK}");
        let _ = writeln!(picture, "  class {ids} {class}");
    }
    picture
}

/// Draws for Graphviz, which takes sets on both sides too.
pub(super) fn dot(flow: &Flow, states: Option<&States>) -> String {
    let quoted =
        |text: &str| format!("\"{}\"", escape(text).replace('\\', "\\\\").replace('"', "\\\""));
    let mut picture = format!("digraph {} {{\n  rankdir=LR;\n", quoted(flow.name()));
    for id in flow.ids() {
        let mut attributes = Vec::new();
        if flow.task(id).finally {
            attributes.push("shape=box".to_owned());
        }
        if let Some(states) = states {
            let (fill, line) = states.of(id).colours();
            let label = quoted(&states.labelled(id, flow.task(id).name()));
            attributes.push(format!("label={label}"));
            attributes.push(format!("style=filled, fillcolor=\"{fill}\", color=\"{line}\""));
        }
        let attributes = match attributes.is_empty() {
            true => String::new(),
            false => format!(" [{}]", attributes.join(", ")),
        };
        let _ = writeln!(picture, "  {}{attributes};", quoted(flow.task(id).name()));
    }
    let names = |ids: &[TaskId]| {
        ids.iter().map(|id| quoted(flow.task(*id).name())).collect::<Vec<_>>().join(" ")
    };
    for (edge, list, users) in layers(flow) {
        let style = match edge {
            Edge::All => "",
            Edge::Any => " [style=dashed]",
        };
        let needs = names(flow.lists.get(list));
        let _ = writeln!(picture, "  {{{needs}}} -> {{{}}}{style};", names(&users));
    }
    picture.push_str("}\n");
    picture
}
