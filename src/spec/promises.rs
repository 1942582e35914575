//! What a task leaves behind: the keys `outputs`, `capture` and `artifacts`.

use super::diag::{Diagnostic, Diagnostics};
use super::fields::Fields;
use super::foreign;
use super::remedy;
use super::scope::KeyScope;
use super::tree::{Kind, Node};
use super::values;
use crate::model::expr::Template;
use crate::model::{Glob, Promises};

/// The form of an output's name, as the schema has it.
pub(super) const OUTPUT_NAME: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";
/// The longest name of an output, in bytes: as long as a task's.
pub(super) const MAX_OUTPUT_NAME: usize = 128;

/// Reads what a task promises; `None` where that is nothing.
pub(super) fn promises(
    fields: &Fields<'_, '_>,
    is_interactive: bool,
    scope: &KeyScope<'_, '_>,
    found: &mut Diagnostics,
) -> Option<Box<Promises>> {
    let mut promises = Promises::default();
    if let Some(entry) = fields.get("outputs") {
        promises.outputs = list(&entry.value, "outputs", "[name]", output_name, found);
    }
    if let Some(entry) = fields.get("capture") {
        promises.capture = match entry.value.kind() {
            Kind::List(_) | Kind::Map(_) => {
                found.push(remedy::no_text("capture", &entry.value));
                None
            }
            Kind::Null | Kind::Plain(_) | Kind::Text(..) | Kind::Shared(_) => {
                output_name(&entry.value, "capture", found)
            }
        };
        if is_interactive {
            let message =
                "`capture` has no meaning beside `interactive`, whose output goes to the terminal";
            let name = entry.value.scalar().unwrap_or("name");
            let help = format!(
                "remove `capture`, name `{name}` in `outputs`, and let the task write it to `$PYOCO_OUTPUT`"
            );
            found.push(
                Diagnostic::error("capture-with-interactive", message).at(entry.span).help(help),
            );
        }
    }
    if let Some(entry) = fields.get("artifacts") {
        let glob =
            |node: &Node<'_>, key: &str, found: &mut Diagnostics| glob(node, key, scope, found);
        promises.artifacts = list(&entry.value, "artifacts", "[\"dist/*\"]", glob, found);
    }
    (promises != Promises::default()).then(|| Box::new(promises))
}

/// Reads a list of which each entry stands once; `read` judges one.
fn list<'n, T>(
    node: &'n Node<'_>,
    key: &str,
    example: &str,
    read: impl Fn(&'n Node<'_>, &str, &mut Diagnostics) -> Option<T>,
    found: &mut Diagnostics,
) -> Box<[T]> {
    let Kind::List(items) = node.kind() else {
        let help = match node.scalar() {
            Some(text) if key == "outputs" => {
                format!("write `outputs: {}`", remedy::list(&remedy::words_of(text)))
            }
            Some(text) if !text.contains('\n') => {
                let text = serde_json::to_string(text).unwrap_or_default();
                format!("write `{key}: [{text}]`")
            }
            Some(_) | None => {
                let own = foreign::texts(node).unwrap_or_else(|| example.to_owned());
                format!("write `{key}: {own}`")
            }
        };
        found.push(match node.kind() {
            Kind::Null => values::no_value(key, node.span).help(remedy::no_value(key)),
            Kind::Plain(_) | Kind::Text(..) | Kind::List(_) | Kind::Map(_) | Kind::Shared(_) => {
                values::wrong_type(key, "a list", node).help(help)
            }
        });
        return Box::default();
    };
    if items.is_empty() {
        let message = format!("`{key}` is empty");
        let help = "name one at least, or remove the key";
        found.push(Diagnostic::error("empty", message).at(node.span).help(help));
    }
    let mut entries: Vec<T> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    for item in items {
        if values::item(item, &format!("an entry of `{key}`"), found).is_none() {
            continue;
        }
        let Some(entry) = read(item, key, found) else { continue };
        let text = item.scalar().unwrap_or_default();
        if seen.insert(text) {
            entries.push(entry);
        } else {
            let message = format!("`{text}` is there twice in `{key}`");
            let help = "remove one of the two";
            found.push(Diagnostic::error("twice", message).at(item.span).help(help));
        }
    }
    entries.into()
}

/// Returns the name of an output.
fn output_name(node: &Node<'_>, key: &str, found: &mut Diagnostics) -> Option<Box<str>> {
    let name = values::plain_text(node, key, found)?;
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on_well = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if begins_well && goes_on_well && name.len() <= MAX_OUTPUT_NAME {
        return Some(name.into());
    }
    let message = format!("`{name}` cannot be the name of an output");
    let help = if begins_well && goes_on_well {
        format!("use at most {MAX_OUTPUT_NAME} characters")
    } else {
        "use letters, digits, `_` and `-`, and begin with a letter or `_`".to_owned()
    };
    found.push(Diagnostic::error("output-name", message).at(node.span).help(help));
    None
}

/// Returns a glob.
fn glob(
    node: &Node<'_>,
    key: &str,
    scope: &KeyScope<'_, '_>,
    found: &mut Diagnostics,
) -> Option<Template> {
    let template = scope.template(node, key, found)?;
    if let Some(text) = template.constant()
        && let Err((what, help)) = Glob::parse(text)
    {
        let message = format!("the glob `{text}` {what}");
        found.push(Diagnostic::error("glob", message).at(node.span).help(help));
        return None;
    }
    Some(template)
}
