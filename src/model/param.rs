//! The params of a flow: what a file lets its caller choose, and what was chosen.

use std::fmt;
use std::sync::Arc;

use super::{MASKED, Mask};

/// A param of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    pub(crate) name: Arc<str>,
    pub(crate) kind: ParamKind,
    pub(crate) description: Option<Box<str>>,
    pub(crate) default: Option<ParamValue>,
    pub(crate) value: Option<ParamValue>,
    /// Whether its value must not be read in what the flow leaves behind.
    pub(crate) is_secret: bool,
}

impl Param {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it takes.
    pub fn kind(&self) -> &ParamKind {
        &self.kind
    }

    /// Returns what the file says of it.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns what it is where nobody sets it; `None`: it must be set.
    pub fn default(&self) -> Option<&ParamValue> {
        self.default.as_ref()
    }

    /// Returns what it is; `None` where it must be set and was not, which only a flow can have that
    /// was loaded to be looked at.
    pub fn value(&self) -> Option<&ParamValue> {
        self.value.as_ref()
    }

    /// Returns the name of the variable that tasks see it in.
    pub fn variable(&self) -> String {
        variable("PYOCO_PARAM_", &self.name)
    }

    /// Takes secrets out of what it says of itself.
    pub(crate) fn mask(&mut self, mask: &Mask) {
        self.description.iter_mut().for_each(|text| *text = mask.text(text).into());
        for value in self.default.iter_mut().chain(&mut self.value) {
            *value =
                if self.is_secret { ParamValue::Text(MASKED.into()) } else { value.masked(mask) };
        }
    }
}

/// Returns the name of the variable that carries what has this name: upper case, `-` and `.` as `_`.
pub(crate) fn variable(prefix: &str, name: &str) -> String {
    let letters = name.chars().map(|c| match c {
        '-' | '.' => '_',
        c => c.to_ascii_uppercase(),
    });
    prefix.chars().chain(letters).collect()
}

/// What a param takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// One of these texts.
    Enum(Arc<[Box<str>]>),
    /// Texts.
    List,
}

impl ParamKind {
    /// Returns the word of the file for it.
    pub fn word(&self) -> &'static str {
        match self {
            ParamKind::String => "string",
            ParamKind::Int => "int",
            ParamKind::Bool => "bool",
            ParamKind::Enum(_) => "enum",
            ParamKind::List => "list",
        }
    }
}

/// The value of a param.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// A text, also one of an enum.
    Text(Box<str>),
    /// A whole number.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// Texts, none of which holds a newline.
    List(Arc<[Box<str>]>),
}

impl ParamValue {
    fn masked(&self, mask: &Mask) -> ParamValue {
        match self {
            ParamValue::Text(text) => ParamValue::Text(mask.text(text).into()),
            ParamValue::List(items) => {
                ParamValue::List(items.iter().map(|item| mask.text(item).into()).collect())
            }
            ParamValue::Int(_) | ParamValue::Bool(_) => self.clone(),
        }
    }
}

/// Writes it as tasks see it: a list has one text a line.
impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Text(text) => f.write_str(text),
            ParamValue::Int(number) => write!(f, "{number}"),
            ParamValue::Bool(bool) => write!(f, "{bool}"),
            ParamValue::List(items) => f.write_str(&items.join("\n")),
        }
    }
}
