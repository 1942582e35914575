//! The members of a matrix: their names, and the entries by which they are named.
//!
//! ```text
//! test                          all members of `test`, or the task itself
//! test[py=3.12]                 every member with this value
//! test[py=3.12,os="a,b"]        with both; a value that holds a sign is a JSON string
//! trim[sample]                  the member with the value that the needing task has itself
//! ```

use std::sync::Arc;

/// What makes a task one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name that all of them have in the file.
    pub(crate) group: Arc<str>,
    /// The keys in file order, each with this member's value.
    pub(crate) values: Box<[(Arc<str>, Box<str>)]>,
}

impl Member {
    /// Returns the name that all members have in the file.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the keys in file order, each with this member's value.
    pub fn values(&self) -> &[(Arc<str>, Box<str>)] {
        &self.values
    }

    /// Returns the value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value)
    }

    /// Returns the name of the member: `test[py=3.12,os=linux]`.
    pub fn name(&self) -> String {
        let mut name = format!("{}[", self.group);
        for (at, (key, value)) in self.values.iter().enumerate() {
            if at > 0 {
                name.push(',');
            }
            name.push_str(key);
            name.push('=');
            push_value(&mut name, value);
        }
        name.push(']');
        name
    }
}

/// Writes a value, as a JSON string where it holds a sign of the notation.
fn push_value(name: &mut String, value: &str) {
    let is_sign = |c: char| matches!(c, ',' | ']' | '=' | '"') || c.is_control();
    if value.is_empty() || value.contains(is_sign) {
        name.push_str(&serde_json::to_string(value).expect("a text is JSON"));
    } else {
        name.push_str(value);
    }
}

/// A name in `needs`, on the command line or in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName<'t> {
    /// The name of the task in the file.
    pub base: &'t str,
    /// The keys between the brackets; a key without a value means the needing task's own.
    pub keys: Vec<(&'t str, Option<String>)>,
}

impl<'t> EntryName<'t> {
    /// Parses an entry.
    ///
    /// # Errors
    /// Where the brackets or what stands between them cannot be read, with what is wrong in words.
    pub fn parse(text: &'t str) -> Result<EntryName<'t>, &'static str> {
        let Some((base, inside)) = text.split_once('[') else {
            if text.contains(']') {
                return Err("a `]` without its `[`");
            }
            return Ok(EntryName { base: text, keys: Vec::new() });
        };
        let mut keys = Vec::new();
        let mut rest = inside;
        loop {
            let end = rest.find(['=', ',', ']']).ok_or("the `[` is not closed")?;
            let key = rest[..end].trim();
            if key.is_empty() {
                return Err("a key between the brackets is empty");
            }
            let (value, after) = match rest.as_bytes()[end] {
                b'=' => {
                    let (value, after) = read_value(&rest[end + 1..])?;
                    (Some(value), after)
                }
                _ => (None, &rest[end..]),
            };
            if keys.iter().any(|(other, _)| *other == key) {
                return Err("a key is there twice between the brackets");
            }
            keys.push((key, value));
            match after.as_bytes().first() {
                Some(b',') => rest = &after[1..],
                Some(b']') if after.len() == 1 => return Ok(EntryName { base, keys }),
                Some(b']') => return Err("text stands after the `]`"),
                Some(_) => return Err("text stands after a quoted value"),
                None => return Err("the `[` is not closed"),
            }
        }
    }

    /// Returns whether a member has the values that are named; `own` are those of the needing task.
    pub fn fits(&self, member: &Member, own: Option<&Member>) -> bool {
        self.keys.iter().all(|(key, value)| {
            let wanted = match value {
                Some(value) => Some(&**value),
                None => own.and_then(|own| own.value(key)),
            };
            wanted.is_some() && member.value(key) == wanted
        })
    }
}

/// Reads a value up to the `,` or `]` after it; returns it and what follows.
fn read_value(text: &str) -> Result<(String, &str), &'static str> {
    if !text.starts_with('"') {
        let end = text.find([',', ']']).ok_or("the `[` is not closed")?;
        return Ok((text[..end].to_owned(), &text[end..]));
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match stream.next() {
        Some(Ok(value)) => Ok((value, &text[stream.byte_offset()..])),
        Some(Err(_)) | None => Err("a quoted value is not a JSON string"),
    }
}

/// Returns how many bytes an entry takes that a text begins with, brackets and quotes included; the
/// name ends at any of `ends` or at a blank.
pub(crate) fn entry_length(text: &str, ends: &[char]) -> usize {
    let name_ends = |c: char| c.is_whitespace() || ends.contains(&c);
    let mut at = text.find(|c: char| c == '[' || name_ends(c)).unwrap_or(text.len());
    if !text[at..].starts_with('[') {
        return at;
    }
    let mut is_quoted = false;
    let mut letters = text[at..].char_indices();
    while let Some((offset, c)) = letters.next() {
        match c {
            '\n' => return at + offset,
            '\\' if is_quoted => drop(letters.next()),
            '"' => is_quoted = !is_quoted,
            ']' if !is_quoted => {
                at += offset + 1;
                // What follows directly belongs to it, and is a mistake that the parser tells.
                return at + text[at..].find(name_ends).unwrap_or(text.len() - at);
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(values: &[(&str, &str)]) -> Member {
        let values = values.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Member { group: "t".into(), values }
    }

    #[test]
    fn names_are_written_and_read() {
        let check = |values: &[(&str, &str)], name: &str| {
            let member = member(values);
            assert_eq!(member.name(), name);
            let entry = EntryName::parse(name).expect("a name is an entry");
            assert!(entry.fits(&member, None), "{name}");
        };
        check(&[("py", "3.12"), ("os", "linux")], "t[py=3.12,os=linux]");
        check(&[("a", "x,y"), ("b", "]"), ("c", "\"q\"")], "t[a=\"x,y\",b=\"]\",c=\"\\\"q\\\"\"]");
        check(&[("a", ""), ("b", "1=2"), ("c", "a b")], "t[a=\"\",b=\"1=2\",c=a b]");
        check(&[("a", "[x")], "t[a=[x]");
    }

    #[test]
    fn entries_fit_members_in_part() {
        let linux = member(&[("py", "3"), ("os", "linux")]);
        let fits = |entry: &str| EntryName::parse(entry).expect(entry).fits(&linux, None);
        assert!(fits("t") && fits("t[os=linux]") && fits("t[os=linux,py=3]"));
        assert!(!fits("t[os=mac]") && !fits("t[x=1]") && !fits("t[os]"));
        let own = member(&[("os", "linux")]);
        let entry = EntryName::parse("t[os]").expect("an entry");
        assert!(entry.fits(&linux, Some(&own)));
        assert!(!entry.fits(&linux, Some(&member(&[("os", "mac")]))));
    }

    #[test]
    fn mistakes_are_told() {
        let check = |text: &str, expected: &str| assert_eq!(EntryName::parse(text), Err(expected));
        check("t]", "a `]` without its `[`");
        check("t[a=1", "the `[` is not closed");
        check("t[", "the `[` is not closed");
        check("t[]", "a key between the brackets is empty");
        check("t[a=1,]", "a key between the brackets is empty");
        check("t[a=1]x", "text stands after the `]`");
        check("t[a=\"1]", "a quoted value is not a JSON string");
        check("t[a=\"1\"x]", "text stands after a quoted value");
        check("t[a=1,a=2]", "a key is there twice between the brackets");
    }

    #[test]
    fn an_entry_ends_where_its_name_does() {
        let check = |text: &str, entry: &str| {
            assert_eq!(
                &text[..entry_length(text, &['(', ')', '&', '|', ';', '#', '>', ','])],
                entry
            );
        };
        check("a >> b", "a");
        check("a>>b", "a");
        check("a[x=1,y=2]>>b", "a[x=1,y=2]");
        check("a[x=\"] >> \"] & b", "a[x=\"] >> \"]");
        check("a[x=1", "a[x=1");
        check("a[x=1\nb", "a[x=1");
    }

    proptest! {
        #[test]
        fn every_member_is_named_by_its_name(values in prop::collection::vec(".{0,6}", 1..4)) {
            let pairs: Vec<_> = values.iter().enumerate().map(|(at, value)| (format!("k{at}"), value)).collect();
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| (&**key, &***value)).collect();
            let member = member(&pairs);
            let name = member.name();
            let entry = EntryName::parse(&name).expect("a name is an entry");
            prop_assert!(entry.fits(&member, None));
            prop_assert_eq!(entry_length(&name, &['>', '&']), name.len());
        }

        #[test]
        fn no_text_makes_a_panic(text in "[a\\[\\]=,\" \\\\é]{0,12}") {
            let _ = EntryName::parse(&text);
            let _ = entry_length(&text, &['>']);
        }
    }
}
