//! What the fuzz targets in `fuzz/` call: each reads bytes as one of pyoco's languages and holds the
//! answer against what is true of every answer. No part of the library's interface; the unit test
//! below runs each target over its corpus and over damaged copies of it.

use crate::engine::output_file::{self, MAX_VALUE};
use crate::event::{Line, Rules, RunJson, RunView, audit};
use crate::graph::{Picture, draw};
use crate::model::{Flow, Mask, Syntax};
use crate::spec::{
    Loaded, Source, dotenv, expr, load, masked_source, notation, report, report_json,
};

/// A target: its name, which is that of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 7] = [
    ("yaml", yaml),
    ("toml", toml),
    ("expression", expression),
    ("notation", notation),
    ("dotenv", dotenv),
    ("output", output),
    ("events", events),
];

/// A workflow file in YAML.
pub fn yaml(bytes: &[u8]) {
    workflow(bytes, Syntax::Yaml);
}

/// A workflow file in TOML.
pub fn toml(bytes: &[u8]) {
    workflow(bytes, Syntax::Toml);
}

/// An expression, as an `if` and inside of a text.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut mistakes = expr::parse_if(text).err().unwrap_or_default();
    expr::parse_template(text, &mut mistakes);
    for mistake in mistakes {
        inside(text, mistake.at, mistake.length);
        explained(&mistake.message, &mistake.help);
    }
    let quoted = serde_json::Value::from(text); // JSON is YAML
    workflow(
        format!(
            "params: {{p: a, n: 3, b: true, l: [x, y]}}\n\
             tasks:\n\
             \x20 a: {{run: x, outputs: [o], matrix: {{m: [u, v]}}}}\n\
             \x20 b: {{run: x, outputs: [o]}}\n\
             \x20 c: {{run: x, needs: [a, b], if: {quoted}, env: {{X: {quoted}}}, dir: {quoted}}}\n\
             finally:\n\
             \x20 d: {{run: x, if: {quoted}, timeout: {quoted}}}\n"
        )
        .as_bytes(),
        Syntax::Yaml,
    );
}

/// A graph in the notation.
pub fn notation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (lines, mistakes) = notation::parse(text);
    for (entry, at) in lines.iter().flatten().flat_map(|group| &group.entries) {
        assert_eq!(text.get(*at..at + entry.len()), Some(*entry), "an entry stands where it is");
    }
    for mistake in mistakes {
        inside(text, mistake.at, mistake.length);
        explained(&mistake.message, &mistake.help);
    }
    let with = |graph: &str| {
        let graph = serde_json::Value::from(graph);
        let text = format!(
            "graph: {graph}\ntasks: {{a: x, b: x, c: x, d: {{run: x, matrix: {{k: [u, v]}}}}, \
             e: {{run: x, matrix: {{k: [u, v]}}}}}}\n"
        );
        workflow(text.as_bytes(), Syntax::Yaml)
    };
    let Some(flow) = with(text) else { return };
    let drawn = draw(&flow, Picture::Pyoco);
    let again = with(&drawn).unwrap_or_else(|| panic!("the picture is refused: {drawn}"));
    for id in flow.ids() {
        let all = |flow: &Flow| (flow.needs(id).to_vec(), flow.needs_any(id).to_vec());
        assert_eq!(all(&flow), all(&again), "the picture is another graph: {drawn}");
    }
}

/// A file of variables.
pub fn dotenv(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match dotenv::parse(text) {
        Ok(variables) => {
            for (name, value) in variables {
                assert!(!name.is_empty() && !name.contains(['=', '\0', '\n']), "{name:?}");
                assert!(!value.contains('\0'), "a value that no variable can hold");
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "a refusal without a reason");
            for mistake in mistakes {
                let n_lines = text.split('\n').count();
                assert!((1..=n_lines).contains(&mistake.line), "line {}", mistake.line);
                explained(&mistake.message, &mistake.help);
            }
        }
    }
}

/// What a task wrote into `$PYOCO_OUTPUT`.
pub fn output(bytes: &[u8]) {
    match output_file::parse(bytes) {
        Ok(values) => {
            for (at, (name, value)) in values.iter().enumerate() {
                assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");
                assert!(value.len() <= MAX_VALUE && !value.contains('\0'), "{name:?}");
                assert!(values[..at].iter().all(|(other, _)| other != name), "{name:?} twice");
            }
        }
        Err(wrong) => {
            let text = wrong.to_string();
            assert!(text.starts_with("line ") && !text.contains('\n'), "{text:?}");
        }
    }
}

/// The lines of a record.
pub fn events(bytes: &[u8]) {
    let mut lines = Vec::new();
    let mut view = RunView::new();
    for bytes in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = Line::parse(bytes) else { continue };
        let mut written = Vec::new();
        line.write(&mut written);
        let again = Line::parse(&written).expect("what is written is read");
        if line.event != crate::event::Event::Unknown {
            assert_eq!(again, line, "a line reads back as it was written");
        }
        view.apply(&line);
        lines.push(line);
    }
    if let Err(broken) = audit(&lines, &Rules::default()) {
        assert!(!broken.is_empty(), "a rule without words");
    }
    let json = RunJson::new(&view, None, "LOST");
    serde_json::to_string(&json).expect("a run is plain values");
}

/// Loads a file, holds all that is said of it against the file, and returns the flow.
fn workflow(bytes: &[u8], syntax: Syntax) -> Option<Flow> {
    let source = Source {
        name: "f".to_owned(),
        path: "/nowhere/f".to_owned(),
        base_dir: "/nowhere".into(),
        default_name: "f".to_owned(),
        syntax,
        bytes: bytes.to_vec(),
    };
    let Loaded { flow, diagnostics } = load(&source);
    let text = std::str::from_utf8(bytes).ok();
    for one in &diagnostics {
        let help: Vec<_> = one.help_lines().collect();
        assert!(!help.is_empty(), "no way out: {one:?}");
        help.iter().for_each(|help| explained(&one.message(), help));
        for (span, _) in &one.labels {
            let (start, end) = (span.start as usize, span.end as usize);
            assert!(start <= end && end <= bytes.len(), "outside of the file: {one:?}");
            let is_whole = text.is_none_or(|text| text.get(start..end).is_some());
            assert!(is_whole, "in the midst of a character: {one:?}");
        }
    }
    let is_refused = diagnostics.iter().any(|one| one.severity() == crate::spec::Severity::Error);
    assert_eq!(flow.is_none(), is_refused, "a flow, or an error: {diagnostics:?}");
    assert_eq!(report(Some(&source), &diagnostics, false).is_empty(), diagnostics.is_empty());
    report_json(Some(&source), &diagnostics);
    if let Some(flow) = &flow {
        for picture in
            [Picture::Text, Picture::Pyoco, Picture::Mermaid, Picture::Dot, Picture::Json]
        {
            draw(flow, picture);
        }
        let masked = masked_source(bytes, syntax, &Mask::new(["echo", "true"]));
        assert!(masked.len() < bytes.len() * 2 + 1024, "a mask as long as the file");
    }
    flow
}

/// Holds the place of a mistake against the text that it is in.
fn inside(text: &str, at: usize, length: usize) {
    let end = at.checked_add(length).expect("a place in the text");
    assert!(text.get(at..end).is_some(), "{at} and {length} more are no place in {text:?}");
}

fn explained(message: &str, help: &str) {
    assert!(!message.trim().is_empty() && !help.trim().is_empty(), "{message:?}: {help:?}");
    assert!(!message.contains('\n') || message.len() > 1, "{message:?}");
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::path::Path;

    use fastrand::Rng;

    use super::*;

    /// How many damaged copies of each corpus are tried.
    const ROUNDS: usize = 600;

    /// Each target over its corpus, and over damaged copies of it. `PYOCO_SEED` tries others.
    #[test]
    fn the_targets_stand_their_corpora_and_damage_to_them() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        if !corpora.is_dir() {
            return; // the published package is without it
        }
        let seed = std::env::var("PYOCO_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = seed.unwrap_or(7);
        for (name, target) in TARGETS {
            let corpus = corpus(&corpora.join(name));
            let mut rng = Rng::with_seed(seed);
            for input in &corpus {
                hold(target, name, seed, input);
            }
            for _ in 0..ROUNDS {
                hold(target, name, seed, &damaged(&corpus, &mut rng));
            }
        }
    }

    fn hold(target: fn(&[u8]), name: &str, seed: u64, input: &[u8]) {
        let shown = String::from_utf8_lossy(input);
        let outcome = catch_unwind(|| target(input));
        assert!(outcome.is_ok(), "PYOCO_SEED={seed}, {name}: {shown:?}\n{shown}");
    }

    fn corpus(dir: &Path) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(dir).expect("each target has a corpus");
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        paths.sort();
        assert!(paths.len() > 3, "{} holds seeds", dir.display());
        paths.iter().map(|path| std::fs::read(path).expect("a seed can be read")).collect()
    }

    /// Returns an input of the corpus after some cuts, flips, repetitions and pieces of others.
    fn damaged(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
        let any = |rng: &mut Rng| &corpus[rng.usize(..corpus.len())];
        let mut bytes = any(rng).clone();
        for _ in 0..rng.usize(1..5) {
            let at = rng.usize(..=bytes.len());
            let end = (at + rng.usize(..12)).min(bytes.len());
            match rng.u8(..7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
                1 if at < bytes.len() => bytes[at] = rng.u8(..),
                2 => drop(bytes.drain(at..end)),
                3 => drop(bytes.splice(at..at, SIGNS[rng.usize(..SIGNS.len())].bytes())),
                4 => bytes.truncate(at),
                5 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece.repeat(rng.usize(1..4)));
                }
                _ => {
                    let other = any(rng);
                    let start = rng.usize(..=other.len());
                    let stop = (start + rng.usize(..60)).min(other.len());
                    bytes.splice(at..end, other[start..stop].iter().copied());
                }
            }
        }
        bytes
    }

    /// What has a meaning in one of the languages.
    const SIGNS: [&str; 40] = [
        "\n",
        "\r\n",
        "\t",
        " ",
        ": ",
        "- ",
        "? ",
        "'",
        "\"",
        "\\",
        "#",
        " #",
        "&a ",
        "*a",
        "<<: ",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "!x ",
        "%",
        "@",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        "<<",
        "${{ ",
        " }}",
        "(",
        ")",
        "&&",
        "||",
        " >> ",
        "\0",
        "\u{e9}",
        "\u{feff}",
        "99999999999999999999",
    ];
}
