//! The secrets of a file that is broken. No tree tells them, and some of its lines are shown all the
//! same: names are looked for after the word `secrets`, values after these names.
//!
//! It hides rather too much than too little: up to the end of the line, and the lines of a value of
//! several.

use std::collections::HashSet;
use std::sync::Arc;

use super::diag::Diagnostics;
use super::secrets::Hidden;
use super::tree::Span;
use super::yaml_slips::end_in_brackets;
use crate::model::Mask;

/// From here on no diagnostic shows what is set to the names that seem to be secrets.
pub(crate) fn guess(file: &[u8], found: &mut Diagnostics) {
    let mut names: HashSet<&[u8]> = HashSet::new();
    let mut at = 0;
    while let Some((word, end)) = assigned(file, at, &|word| word == b"secrets") {
        names.extend(words(list(&file[word..])));
        at = end;
    }
    if names.is_empty() {
        return;
    }
    let (mut spans, mut values) = (Vec::new(), Vec::new());
    at = 0;
    while let Some((start, _)) = assigned(file, at, &|word| names.contains(word)) {
        let line = start + line(&file[start..]).len();
        at = start + value(file, start);
        values.extend(spellings(file[start..line].trim_ascii()));
        if at > start {
            spans.push(Span::new(start, at));
        }
        at = at.max(start + 1);
    }
    let env = std::mem::take(&mut found.env);
    let inherited = env.into_iter().filter(|(name, _)| names.contains(&**name));
    let mask = Mask::new(inherited.map(|(_, value)| value).chain(values));
    found.hidden = Some(Arc::new(Hidden::new(mask, spans)));
}

/// Returns how a remedy may spell a value, or the part of it that does not belong to the brackets around
/// it: as it is, without its quotes, and with them doubled.
fn spellings(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let text = String::from_utf8_lossy(value).into_owned();
    let bare = text.split(" #").next().unwrap_or_default().trim_end();
    let inside = bare[..end_in_brackets(bare)].to_owned();
    [bare.to_owned(), inside, text].into_iter().flat_map(|text| {
        let without = text.replace(['"', '\''], "");
        let doubled = text.replace('\'', "''");
        [text, without, doubled].map(String::into_bytes)
    })
}

/// Returns where the value begins that the next such word from `at` on is set to, and where the word
/// ends. The last part of a dotted key is a word, too.
fn assigned(file: &[u8], mut at: usize, is_it: &dyn Fn(&[u8]) -> bool) -> Option<(usize, usize)> {
    while at < file.len() {
        let start = at + file[at..].iter().position(|byte| is_word(*byte))?;
        let rest = &file[start..];
        let end = start + rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        let word = &file[start..end];
        let last = word.rsplit(|byte| *byte == b'.').next().unwrap_or(word);
        let gap = file[end..].iter().position(|byte| !b"\"' \t".contains(byte));
        let sign = gap.map(|gap| end + gap).filter(|sign| b":=".contains(&file[*sign]));
        if let Some(sign) = sign
            && (is_it(word) || is_it(last))
        {
            let blank = |byte: &&u8| b" \t".contains(byte);
            return Some((sign + 1 + file[sign + 1..].iter().take_while(blank).count(), end));
        }
        at = end;
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

/// Returns the first line, without its end.
fn line(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())]
}

/// Returns the list that begins here: up to its bracket, or the lines that can belong to it.
fn list(text: &[u8]) -> &[u8] {
    let mut end = line(text).len();
    while let Some(next) = text.get(end + 1..)
        && next.first().is_some_and(|byte| b" \t-],#\"'\r\n".contains(byte))
    {
        end += 1 + line(next).len();
    }
    let list = &text[..end];
    let is_open = list.first() == Some(&b'[');
    let close = memchr::memchr(b']', list).filter(|_| is_open);
    &list[..close.unwrap_or(list.len())]
}

/// Returns the words of a list that can be names; those of comments are none.
fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = list.split(|byte| *byte == b'\n');
    let bare = lines.map(|line| line.split(|byte| *byte == b'#').next().unwrap_or(line));
    let words = bare.flat_map(|line| line.split(|byte| !is_word(*byte)));
    words.filter(|word| word.first().is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_'))
}

/// Returns how long the value is that begins at `start`.
fn value(file: &[u8], start: usize) -> usize {
    let text = &file[start..];
    for quotes in [b"\"\"\"", b"'''"] {
        if let Some(inner) = text.strip_prefix(quotes) {
            let close = memchr::memmem::find(inner, quotes);
            return close.map_or(text.len(), |close| close + 2 * quotes.len());
        }
    }
    let mut end = line(text).len();
    let goes_on =
        matches!(text[..end].trim_ascii().first(), None | Some(b'|' | b'>' | b'"' | b'\''));
    if !goes_on {
        return end;
    }
    let own_line = memchr::memrchr(b'\n', &file[..start]).map_or(0, |before| before + 1);
    let indent = indent(&file[own_line..]);
    while let Some(next) = text.get(end + 1..)
        && !next.is_empty()
        && (line(next).trim_ascii().is_empty() || self::indent(next) > indent)
    {
        end += 1 + line(next).len();
    }
    end
}

fn indent(text: &[u8]) -> usize {
    text.iter().take_while(|byte| b" \t".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the file with `…` in each place of what is hidden.
    fn hidden(file: &str) -> String {
        let mut found = Diagnostics::default();
        found.env.push((b"TOKEN".to_vec(), b"of-the-caller".to_vec()));
        found.env.push((b"HOME".to_vec(), b"/home/me".to_vec()));
        guess(file.as_bytes(), &mut found);
        let places = found.hidden.map(|hidden| hidden.places(file.as_bytes())).unwrap_or_default();
        let mut text = file.to_owned();
        places.into_iter().rev().for_each(|place| text.replace_range(place, "…"));
        text
    }

    #[test]
    fn what_seems_to_be_a_secret_is_hidden_and_all_else_is_not() {
        let same = "env: {TOKEN: abcdef}\ntasks: {a: of-the-caller}\n";
        assert_eq!(hidden(same), same);
        for (file, expected) in [
            ("secrets: [TOKEN]\na: of-the-caller /home/me", "secrets: [TOKEN]\na: … /home/me"),
            (
                "secrets:\n- TOKEN # HOME\n  # run\nenv:\n  TOKEN: abcdef\n  run: abc abcdef",
                "secrets:\n- TOKEN # HOME\n  # run\nenv:\n  TOKEN: …\n  run: abc …",
            ),
            ("{secrets: ['A'], env: {A: 'x', B: y}", "{secrets: ['A'], env: {A: …"),
            ("secrets: [A, B\nenv:\n  A: x\n  C: y\n", "secrets: [A, B\nenv:\n  A: …\n  C: y\n"),
            ("secrets: [A]\n A: |\n  x\n\n  y\n b: z", "secrets: [A]\n A: …\n b: z"),
            ("secrets: [A]\n A: \"x\n   y\n b: z", "secrets: [A]\n A: …\n b: z"),
            (
                "secrets = [\n \"A\",\n]\nenv.A = \"x\"\n[t]",
                "secrets = [\n \"A\",\n]\nenv.A = …\n[t]",
            ),
            ("secrets = [\"A\"]\nA = '''\nx\n'''\nb", "secrets = [\"A\"]\nA = …\nb"),
            ("secrets = [\"A\"]\nA = '''\nx", "secrets = [\"A\"]\nA = …"),
            ("secrets: [A]\nx: 'export A=b'\nA:", "secrets: [A]\nx: 'export A=…\nA:"),
        ] {
            assert_eq!(hidden(file), expected, "{file}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_file_holds_it_is_survived(file in "(secrets|A|B|[:= \t\n\\[\\]{}'\"#|.\u{e9}-]){0,40}") {
            let mut found = Diagnostics::default();
            guess(file.as_bytes(), &mut found);
            let places = found.hidden.map(|hidden| hidden.places(file.as_bytes())).unwrap_or_default();
            proptest::prop_assert!(places.iter().all(|place| place.end <= file.len()));
        }
    }
}
