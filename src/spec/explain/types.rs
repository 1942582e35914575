//! What keys take, in words.

use super::super::hints::one_of;
use super::super::keys::{self, Place, Type};

/// Returns the map that a key takes.
pub(super) fn map_of(takes: Type) -> Option<Place> {
    match takes {
        Type::Tasks | Type::Finally => Some(Place::Task),
        Type::Defaults => Some(Place::Defaults),
        Type::Retry => Some(Place::Retry),
        Type::Kill => Some(Place::Kill),
        Type::Records => Some(Place::Records),
        Type::Params => Some(Place::Param),
        Type::Resources => Some(Place::Resources),
        Type::Version
        | Type::Text
        | Type::FlowName
        | Type::Notation
        | Type::Env
        | Type::Words(_)
        | Type::Names
        | Type::WordList
        | Type::EnvNames
        | Type::Int(..)
        | Type::Ints(..)
        | Type::Factor
        | Type::Bool
        | Type::Duration
        | Type::Timeout
        | Type::Shell
        | Type::Signal
        | Type::Size
        | Type::ParamDefault
        | Type::Condition
        | Type::Matrix
        | Type::Paths
        | Type::Inherited
        | Type::Pools
        | Type::Pool
        | Type::Tags
        | Type::OutputName
        | Type::OutputNames
        | Type::Globs => None,
    }
}

/// Says what a key takes.
pub(super) fn words(takes: Type) -> String {
    let fixed = match takes {
        Type::Words(words) => return one_of(words),
        Type::Int(least, most) => return format!("a whole number from {least} to {most}"),
        Type::Ints(least, most) => {
            return format!("a whole number from {least} to {most}, or a list of them");
        }
        Type::Shell => {
            return format!("{}, or a list of words with `{{0}}`", one_of(keys::SHELLS));
        }
        Type::Signal => return one_of(keys::SIGNALS),
        Type::Version => "the number 1",
        Type::Text => "a text",
        Type::FlowName => "a text on one line",
        Type::Notation => "lines of the notation of graphs",
        Type::Env => "a map from names to values",
        Type::Names => "the name of a task, or a list of them",
        Type::WordList => "a list of words",
        Type::EnvNames => "a list of names",
        Type::Factor => "a number from 1 to 1000",
        Type::Bool => "`true` or `false`",
        Type::Duration | Type::Timeout => {
            "a duration with a unit: `250ms`, `10s`, `10m`, `1h30m`, `7d`"
        }
        Type::Tasks | Type::Finally => "a map from names to tasks: a script, or a map of keys",
        Type::Retry => "a whole number, or a map of keys",
        Type::Params => "a map from names to defaults, or to maps of keys",
        Type::ParamDefault => "a value, or a list of values",
        Type::Condition => "an expression",
        Type::Matrix => "a map from names to lists, with `include` and `exclude`",
        Type::Paths => "a path, or a list of paths",
        Type::Inherited => "`true`, `false`, or a list of names",
        Type::Pools => "a map from names to numbers of slots, or to lists of texts",
        Type::Pool => "the name of a pool, a list of them, or a map from names to numbers",
        Type::Tags => "a list of words",
        Type::Defaults | Type::Kill | Type::Records | Type::Resources => "a map of keys",
        Type::Size => "a size with a unit: `64KiB`, `20MiB`, `1GiB`",
        Type::OutputName => "a name",
        Type::OutputNames => "a list of names",
        Type::Globs => "a list of globs",
    };
    fixed.to_owned()
}
