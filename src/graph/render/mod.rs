//! Pictures of a graph.
//!
//! All of them are drawn from the shared lists of needs, so that two full layers of a thousand tasks
//! give a short picture; only the JSON form names every edge. No walk recurses.

mod charts;
mod json;
mod layout;
mod notation;
mod states;
mod svg;
mod text;

use std::collections::HashMap;

use super::fold::folded_with_ids;
use crate::model::{Flow, ListId, TaskId};

use states::States;
pub use states::{NodeState, RunStates};

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A tree for the terminal.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// Nodes and edges.
    Json,
    /// The notation of the key `graph`.
    Pyoco,
    /// An image.
    Svg,
}

/// Draws the graph of a flow. Members of a matrix are one node in the pictures for people.
pub fn draw(flow: &Flow, picture: Picture) -> String {
    drawn(flow, picture, None)
}

/// Draws the graph of a flow with the states that its tasks have in a run; `None` where that form has no
/// place for them.
pub fn draw_run(flow: &Flow, picture: Picture, run: &RunStates) -> Option<String> {
    match picture {
        Picture::Text | Picture::Mermaid | Picture::Dot | Picture::Json | Picture::Svg => {
            Some(drawn(flow, picture, Some(run)))
        }
        Picture::Pyoco => None,
    }
}

fn drawn(flow: &Flow, picture: Picture, run: Option<&RunStates>) -> String {
    let folding = |draw: fn(&Flow, Option<&States>) -> String| {
        let (folded, ids) = folded_with_ids(flow);
        draw(&folded, run.map(|run| States::of_nodes(run, &ids)).as_ref())
    };
    match picture {
        Picture::Text => folding(text::text),
        Picture::Mermaid => folding(charts::mermaid),
        Picture::Dot => folding(charts::dot),
        Picture::Svg => folding(svg::svg),
        Picture::Json => {
            let ids: Vec<TaskId> = flow.ids().collect();
            json::json(flow, run.map(|run| States::of_nodes(run, &ids)).as_ref())
        }
        Picture::Pyoco => notation::notation(flow),
    }
}

/// Which of its two lists a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Edge {
    All,
    Any,
}

/// Returns each list that somebody needs with those who need it, in the order of the first of them.
fn layers(flow: &Flow) -> Vec<(Edge, ListId, Vec<TaskId>)> {
    let mut places: HashMap<(Edge, ListId), usize> = HashMap::new();
    let mut layers: Vec<(Edge, ListId, Vec<TaskId>)> = Vec::new();
    for id in flow.ids() {
        let task = flow.task(id);
        for (edge, list) in [(Edge::All, task.needs), (Edge::Any, task.needs_any)] {
            if list == ListId::EMPTY {
                continue;
            }
            let place = *places.entry((edge, list)).or_insert_with(|| {
                layers.push((edge, list, Vec::new()));
                layers.len() - 1
            });
            layers[place].2.push(id);
        }
    }
    layers
}
