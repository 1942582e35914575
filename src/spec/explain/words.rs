//! The names and functions of expressions.

use super::Explained;

pub(super) const NAMES: &[Explained] = &[
    ("params.NAME", "The value of a param."),
    (
        "env.NAME",
        "An environment variable, empty where there is none. In a value of `env` it is what the levels below give, elsewhere the task's final environment without `PYOCO_` variables.",
    ),
    ("matrix.NAME", "The value that this member of the matrix has."),
    ("run.id", "The id of the run."),
    (
        "run.status",
        "The status of the run; in `finally` as it stood when the last of `tasks` ended.",
    ),
    ("run.file_dir", "The workflow file's folder."),
    ("run.caller_dir", "The folder that pyoco was called in."),
    ("run.os", "The operating system: `linux`, `macos`."),
    ("run.arch", "The processor: `x86_64`, `aarch64`."),
    (
        "tasks.NAME.state",
        "How a task ended that this one waits for: `SUCCEEDED`, `FAILED`, `SKIPPED` or `CANCELLED`. A name with a `.` and a member of a matrix are written `tasks['test[os=linux]']`.",
    ),
    ("tasks.NAME.exit_code", "Its exit code: 128 + n after signal n, -1 where it did not run."),
    ("tasks.NAME.outputs.OUTPUT", "A value that it promises in `outputs` or `capture`."),
];

pub(super) const FUNCTIONS: &[Explained] = &[
    (
        "success()",
        "Whether all that the task needs is satisfied; in `finally`: nothing failed and no cancel was asked.",
    ),
    (
        "failure()",
        "Whether a task that this one waits for is FAILED; in `finally`: the run has failed.",
    ),
    ("cancelled()", "Whether a cancel was asked."),
    ("always()", "True: the task runs however those ended that it waits for."),
    (
        "contains(a, b)",
        "Whether the list `a` has the item `b`, or the text `a` holds the text `b`.",
    ),
    ("starts_with(a, b)", "Whether the text `a` begins with `b`."),
    ("ends_with(a, b)", "Whether the text `a` ends with `b`."),
    ("default(a, b)", "The text `a`, or `b` where it is empty."),
];
