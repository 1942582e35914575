//! Text without what differs from run to run, so that expected text can be exact.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use snapbox::IntoData;

/// What is replaced, in this order.
static KINDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let kinds = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "[RUN]"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", "[TIME]"),
        (r"\b(dur_ms|cpu_ms|max_rss|ms|pid)([=:] ?)\d+", "$1$2[N]"),
        (r#""(ms|cpu_ms|max_rss|pid)":\d+"#, "\"$1\":[N]"),
        (r"\b(\d+ ms|\d+\.\d s|\d+m\d\ds|\d+h\d\dm|\d+d\d\dh)\b", "[DURATION]"),
        (r"\b[0-9a-f]{8}\b", "[ID]"),
    ];
    let compile = |(pattern, shown)| (Regex::new(pattern).expect("a valid pattern"), shown);
    kinds.into_iter().map(compile).collect()
});

/// Returns `text` with ids, times, durations and the folder replaced by their kinds.
pub(crate) fn redact(text: &str, dir: &Path) -> String {
    let mut text = text.replace(&*dir.to_string_lossy(), "[DIR]");
    for (pattern, shown) in &*KINDS {
        text = pattern.replace_all(&text, *shown).into_owned();
    }
    text
}

/// Requires exactly this text, and shows where it differs.
#[track_caller]
pub(crate) fn same(actual: &str, expected: &str) {
    snapbox::assert_data_eq!(actual.to_owned(), expected.to_owned().raw());
}
