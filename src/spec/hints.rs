//! "Did you mean": near words, and lists of words.

/// Returns the candidate that is nearest to `word`, where one is near enough to be meant.
pub(crate) fn suggest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let simple = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = simple(word);
    let length = wanted.chars().count();
    let most = (length / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        // Cheap first: a file may hold 100,000 names.
        if candidate.len().abs_diff(wanted.len()) > most * 4 {
            continue;
        }
        let other = simple(candidate);
        if other.chars().count().abs_diff(length) > most {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&wanted, &other);
        // Of a word of one letter nothing would be left.
        if distance <= most && distance < length && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Says what there is to choose from: `` the tasks are `a`, `b` and 3 more ``, or the only one.
pub(crate) fn choices<T: AsRef<str>>(noun: &str, plural: &str, words: &[T]) -> String {
    match words {
        [] => format!("there are no {plural}"),
        [only] => format!("the only {noun} is `{}`", only.as_ref()),
        words => format!("the {plural} are {}", quoted_list(words)),
    }
}

/// Writes a few words for people: `` `a`, `b` and 3 more ``.
pub(crate) fn quoted_list<T: AsRef<str>>(words: &[T]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> =
        words.iter().take(SHOWN).map(|word| format!("`{}`", word.as_ref())).collect();
    match words.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Writes words of which one is meant: `` `a`, `b` or `c` ``.
pub(crate) fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match &*words {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        words => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let words = ["needs", "needs_any", "run", "timeout"];
        let check = |word| suggest(word, words.iter().copied());
        assert_eq!(check("need"), Some("needs"));
        assert_eq!(check("Needs"), Some("needs"));
        assert_eq!(check("needs-any"), Some("needs_any"));
        assert_eq!(check("rnu"), Some("run"));
        assert_eq!(check("tiemout"), Some("timeout"));
        assert_eq!(check("zebra"), None);
        assert_eq!(check(""), None);
    }
}
