//! How much of a list is printed: the first lines, and a word of how many more there are.

use std::num::NonZero;

use super::say::say;

/// How many lines are printed where nobody says another number.
pub(crate) const LIMIT: usize = 200;

/// What `--limit` says.
pub(crate) type Limit = NonZero<usize>;

/// Reads a limit.
pub(crate) fn limit(text: &str) -> Result<Limit, &'static str> {
    text.parse().map_err(|_| "write a whole number from 1 on")
}

/// Returns the first lines of a list for people, and says on standard error how many more there are.
pub(crate) fn first_lines(list: &str, limit: Option<Limit>) -> &str {
    let limit = limit.map_or(LIMIT, NonZero::get);
    let Some((end, _)) = list.match_indices('\n').nth(limit - 1) else { return list };
    let (shown, rest) = list.split_at(end + 1);
    let n_more = rest.lines().count();
    if n_more > 0 {
        say(format_args!("… and {n_more} more; --limit {} shows all", limit + n_more));
    }
    shown
}
