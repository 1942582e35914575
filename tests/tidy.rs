//! Holds the sources to the rules that no compiler knows: the floors, the opening of every file,
//! its length, a reason for every dependency, and nothing of the machine it was written on.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors: a module imports only from floors below its own, never from a sibling.
const FLOORS: [(&str, u32); 13] = [
    ("model", 0),
    ("event", 1),
    ("graph", 1),
    ("spec", 2),
    ("scheduler", 3),
    ("engine", 4),
    ("record", 4),
    ("trace", 4),
    ("report", 4),
    ("server", 5),
    ("worker", 5),
    ("cli", 6),
    ("fuzzing", 6),
];

/// The most lines of a file under `src/`; past them it becomes a folder.
const MAX_LINES: usize = 600;

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// A path that leads somewhere from the root of the crate.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    /// The first name below the root; `*` for all of it.
    module: String,
}

/// Finds the paths in a source that start at the crate's root, by `crate::` or by enough `super::`.
/// `depth` is how many modules deep the file lies: 1 for `src/event/mod.rs`.
fn imports(source: &str, depth: usize) -> Vec<Import> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |(_, text)| text.as_str());
    let mut found = Vec::new();
    let mut braces = 0;
    let mut inline: Vec<usize> = Vec::new(); // the brace depth outside each inline module
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "{" => {
                let is_module = at >= 2 && text(at - 2) == "mod";
                if is_module {
                    inline.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "crate" if text(at + 1) == "::" => {
                at += 2;
                at = heads(&tokens, at, &mut found);
                continue;
            }
            "super" if text(at + 1) == "::" => {
                let mut up = 0;
                while text(at) == "super" && text(at + 1) == "::" {
                    up += 1;
                    at += 2;
                }
                if up == depth + inline.len() {
                    at = heads(&tokens, at, &mut found);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Takes the names that follow a path's beginning: one, or the first of each entry of a group.
/// Returns where to read on; what stands inside a group is read again, for its own `super`s.
fn heads(tokens: &[(usize, String)], at: usize, found: &mut Vec<Import>) -> usize {
    let Some((line, head)) = tokens.get(at) else { return at };
    if head != "{" {
        found.push(Import { line: *line, module: head.clone() });
        return at + 1;
    }
    let mut depth = 0;
    let mut first = false;
    for (offset, (line, text)) in tokens[at..].iter().enumerate() {
        match text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if first => found.push(Import { line: *line, module: text.clone() }),
            _ => {}
        }
        if depth == 0 {
            return at + offset + 1;
        }
        first = depth == 1 && (text == "{" || text == ",");
    }
    tokens.len()
}

/// Splits a source into names, `::` and single marks, each with its line, without comments, texts
/// and lifetimes.
fn tokens(source: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let next = rest.get(1).copied().unwrap_or(' ');
        let length = match rest[0] {
            '/' if next == '/' => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            '/' if next == '*' => block_comment(rest),
            '"' => quoted(rest, '"'),
            'r' | 'b' | 'c' if text_prefix(rest).is_some() => text_prefix(rest).unwrap_or(1),
            '\'' if next == '\\' || rest.get(2) == Some(&'\'') => quoted(rest, '\''),
            c if c.is_alphanumeric() || c == '_' => {
                let name: String =
                    rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                let length = name.chars().count();
                tokens.push((line, name));
                length
            }
            ':' if next == ':' => {
                tokens.push((line, "::".to_owned()));
                2
            }
            c if c.is_whitespace() => 1,
            c => {
                tokens.push((line, c.to_string()));
                1
            }
        };
        line += rest[..length].iter().filter(|c| **c == '\n').count();
        at += length;
    }
    tokens
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Returns the length of a text that begins with letters: `b"…"`, `r#"…"#`, `br"…"`, `b'x'`.
fn text_prefix(rest: &[char]) -> Option<usize> {
    let letters = rest.iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let is_raw = rest[..letters].contains(&'r');
    let hashes = rest[letters..].iter().take_while(|c| **c == '#').count();
    let open = letters + hashes;
    match rest.get(open)? {
        '\'' if !is_raw && hashes == 0 && letters == 1 => {
            Some(letters + quoted(&rest[open..], '\''))
        }
        '"' if !is_raw && hashes == 0 => Some(letters + quoted(&rest[open..], '"')),
        '"' if is_raw => {
            let close: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
            let body = rest[open + 1..].windows(close.len()).position(|w| w == close);
            Some(body.map_or(rest.len(), |body| open + 1 + body + close.len()))
        }
        _ => None,
    }
}

/// Returns what a file of this module may not do with its imports.
fn broken_floors(path: &str, source: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let Some((own, below)) = inside.split_once('/') else {
        // A module in a single file, or the top: lib.rs and main.rs may use everything.
        let own = inside.trim_end_matches(".rs");
        let is_top = matches!(own, "lib" | "main");
        return if is_top { Vec::new() } else { judge(path, own, imports(source, 1)) };
    };
    let is_mod = below == "mod.rs" || below.ends_with("/mod.rs");
    let depth = 1 + below.split('/').count() - usize::from(is_mod);
    judge(path, own, imports(source, depth))
}

fn judge(path: &str, own: &str, imports: Vec<Import>) -> Vec<String> {
    let Some(own_floor) = floor(own) else {
        return vec![format!("{path}:1: `{own}` has no floor; name it in tests/tidy.rs")];
    };
    let mut broken = Vec::new();
    for Import { line, module } in imports {
        if module == own || module == "self" {
            continue;
        }
        match floor(&module) {
            Some(other) if other < own_floor => {}
            Some(other) => broken.push(format!(
                "{path}:{line}: `{own}` (floor {own_floor}) imports `{module}` (floor {other})"
            )),
            None => broken.push(format!(
                "{path}:{line}: `{own}` imports `crate::{module}` past the floors; \
                 name the module that holds it"
            )),
        }
    }
    broken
}

/// Returns the dependencies of a manifest that give no reason on their own line.
fn unexplained(manifest: &str) -> Vec<String> {
    let mut in_table = false;
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            in_table = line.trim_end().ends_with("dependencies]");
        } else if in_table && line.contains('=') && !line.starts_with('#') {
            // `#` stands in no version or feature name, so the first one begins the comment.
            let reason = line.split_once('#').map_or("", |(_, reason)| reason.trim());
            if reason.is_empty() {
                found.push(format!("Cargo.toml:{}: no reason: {line}", index + 1));
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists all files below `dir` by their path from the root, without what git ignores at the top.
fn files(dir: &Path, found: &mut Vec<(String, PathBuf)>) {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let shown = path.strip_prefix(root()).expect("it lies below the root");
        let shown = shown.to_str().expect("file names are UTF-8").to_owned();
        let is_ignored = ignored.lines().any(|line| line.trim_matches('/') == shown);
        if is_ignored || shown == ".git" || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((shown, path));
        }
    }
}

fn sources(below: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dir in below.iter().map(|dir| root().join(dir)).filter(|dir| dir.is_dir()) {
        files(&dir, &mut found);
    }
    found.retain(|(shown, _)| shown.ends_with(".rs"));
    assert!(!found.is_empty(), "there are sources");
    let read = |path: &Path| fs::read_to_string(path).expect("sources are UTF-8");
    found.into_iter().map(|(shown, path)| (shown, read(&path))).collect()
}

fn require_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn imports_go_down() {
    let broken: Vec<String> =
        sources(&["src"]).iter().flat_map(|(path, source)| broken_floors(path, source)).collect();
    require_none(&broken);
}

#[test]
fn every_file_opens_with_what_it_does() {
    let sources = sources(&["src", "tests", "examples", "benches"]);
    let broken: Vec<String> = (sources.iter())
        .filter(|(_, source)| !source.starts_with("//! "))
        .map(|(path, _)| format!("{path}:1: begin with `//!`: what it does, what it does not know"))
        .collect();
    require_none(&broken);
}

#[test]
fn no_file_is_too_long() {
    let broken: Vec<String> = sources(&["src"])
        .iter()
        .map(|(path, source)| (path, source.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines; past {MAX_LINES} make it a folder"))
        .collect();
    require_none(&broken);
}

#[test]
fn no_test_is_left_out() {
    let left_out = concat!("#[", "ignore");
    let broken: Vec<String> = sources(&["src", "tests"])
        .iter()
        .filter(|(_, source)| source.contains(left_out))
        .map(|(path, _)| format!("{path}: a test that never runs"))
        .collect();
    require_none(&broken);
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    // In the package that is published, cargo has rewritten the manifest and kept the original.
    let original = fs::read_to_string(root().join("Cargo.toml.orig"));
    require_none(&unexplained(&original.unwrap_or(manifest)));
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // In pieces, so that this file passes too.
    let words = [concat!("/wo", "rk/"), concat!("/tmp/", "wt"), concat!("/ro", "ot/")];
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let mut found = Vec::new();
    files(root(), &mut found);
    let mut broken = Vec::new();
    for (shown, path) in found {
        let bytes = fs::read(&path).expect("the file can be read");
        let text = String::from_utf8_lossy(&bytes);
        for (index, line) in text.lines().enumerate() {
            let foreign = shown == "Cargo.lock" && line.starts_with("source") && line != registry;
            if foreign || words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{shown}:{}: {line}", index + 1));
            }
        }
    }
    require_none(&broken);
}

/// Shows the imports of a source as `line module`.
fn shown(source: &str, depth: usize) -> Vec<String> {
    imports(source, depth).iter().map(|i| format!("{} {}", i.line, i.module)).collect()
}

#[test]
fn paths_from_the_root_are_found() {
    assert_eq!(shown("use crate::record::Seen;", 1), ["1 record"]);
    assert_eq!(shown("\nuse crate::{event::{A, b::C},\n  model, trace::*};", 1).len(), 3);
    assert_eq!(
        shown("\nuse crate::{event::{A, b::C},\n  model, trace::*};", 1),
        ["2 event", "3 model", "3 trace"]
    );
    assert_eq!(shown("fn f() -> crate::cli::Exit { crate :: engine::go() }", 1).len(), 2);
    assert_eq!(shown("pub(crate) fn f() {} pub(in crate::spec) fn g() {}", 1), ["1 spec"]);
    assert_eq!(shown("use crate::*;", 1), ["1 *"]);
    assert_eq!(shown("macro_rules! m { () => { $crate::trace::x() } }", 1), ["1 trace"]);
}

#[test]
fn supers_that_reach_the_root_are_found() {
    assert_eq!(shown("use super::trace;", 1), ["1 trace"]);
    assert_eq!(shown("use super::{trace, record::X};", 1), ["1 trace", "1 record"]);
    assert_eq!(shown("use super::Line;", 2), Vec::<String>::new());
    assert_eq!(shown("use super::super::trace;", 2), ["1 trace"]);
    assert_eq!(shown("mod tests { use super::*; }\nuse super::cli;", 1), ["2 cli"]);
    assert_eq!(shown("mod tests { fn f() { {} } use super::super::cli; }", 1), ["1 cli"]);
}

#[test]
fn comments_and_texts_are_no_imports() {
    let source = r##"
        //! [`crate::cli`]
        /* crate::cli /* nested */ crate::cli */
        const A: &str = "crate::cli \" crate::cli";
        const B: &[u8] = br#"crate::cli " crate::cli"#;
        const C: char = '"'; const D: u8 = b'"'; const E: char = '\'';
        fn f<'a>(x: &'a str) -> &'a str { x } // '"
        use crate::model::Ms;
    "##;
    assert_eq!(shown(source, 1), ["8 model"]);
}

#[test]
fn imports_from_above_and_beside_are_refused() {
    let broken = |path: &str, source: &str| broken_floors(path, source).len();
    assert_eq!(broken("src/model/id.rs", "use crate::event::Line;"), 1);
    assert_eq!(broken("src/event/view.rs", "use crate::{graph, model::Ms};"), 1);
    assert_eq!(broken("src/record/mod.rs", "use super::trace::Style;"), 1);
    assert_eq!(broken("src/record/jsonl.rs", "use super::trace::Style;"), 0);
    assert_eq!(broken("src/record/jsonl.rs", "use super::super::trace::Style;"), 1);
    assert_eq!(broken("src/cli/runs/mod.rs", "use super::super::exit; use super::exit;"), 1);
    assert_eq!(broken("src/cli/runs/mod.rs", "use super::exit; use crate::trace;"), 0);
    assert_eq!(broken("src/spec/mod.rs", "#[cfg(test)]\nmod tests { use crate::engine::E; }"), 1);
    assert_eq!(broken("src/trace/mod.rs", "use crate::Engine;"), 1);
    assert_eq!(broken("src/graph.rs", "use crate::spec::S; use crate::model::M;"), 1);
    assert_eq!(broken("src/lib.rs", "pub use crate::cli::main;"), 0);
    assert_eq!(broken("src/attic/mod.rs", ""), 1);
    assert_eq!(
        broken_floors("src/trace/mod.rs", "\nuse crate::engine::Engine;"),
        ["src/trace/mod.rs:2: `trace` (floor 4) imports `engine` (floor 4)"]
    );
}

#[test]
fn dependencies_without_a_reason_are_found() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# Values.\na = \"1\" # why\nb = \"1\"\n\
                    [dev-dependencies]\nc = \"1\" #\n[profile.release]\nlto = true\n";
    let found = unexplained(manifest);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("Cargo.toml:6:") && found[1].starts_with("Cargo.toml:8:"));
}
