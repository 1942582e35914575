//! The line that is being typed, in words; for bash also how a word is put back into it.

/// What stands before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The words before the current one, without the program.
    pub(super) before: Vec<String>,
    /// The current one, as far as it was typed.
    pub(super) current: String,
    back: Back,
}

/// How a proposal is handed back.
#[derive(Debug, PartialEq, Eq)]
enum Back {
    /// As it is: the script quotes it.
    Whole,
    /// Quoted for bash, without what bash keeps of the current word: so many bytes.
    Quoted { kept: usize },
    /// As it is, without what bash keeps: the current word stands in quotes.
    InQuotes { kept: usize },
}

/// What bash takes for itself outside of quotes.
const SPECIAL: &str = " \t\"'\\$`&|;<>()*?[]{}!#~^";

impl Line {
    /// Makes a line of words.
    pub(super) fn of_words(before: Vec<String>, current: String) -> Line {
        Line { before, current, back: Back::Whole }
    }

    /// Reads a line as bash does. `breaks` are the characters after which bash replaces what follows.
    pub(super) fn of_bash(line: &str, breaks: &str) -> Line {
        let (mut words, mut word) = (Vec::new(), String::new());
        let mut has_word = false;
        let mut quote = None;
        let mut kept = 0; // of the current word, what stands before the last break
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match (quote, letter) {
                (Some(open), letter) if letter == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(letter);
                    has_word = true;
                }
                (None | Some('"'), '\\') => {
                    word.extend(letters.next());
                    has_word = true;
                }
                (None, letter) if letter.is_whitespace() => {
                    if has_word {
                        words.push(std::mem::take(&mut word));
                    }
                    (has_word, kept) = (false, 0);
                }
                (open, letter) => {
                    word.push(letter);
                    has_word = true;
                    if open.is_none() && breaks.contains(letter) {
                        kept = word.len();
                    }
                }
            }
        }
        let back = if quote.is_some() { Back::InQuotes { kept } } else { Back::Quoted { kept } };
        let before = words.into_iter().skip(1).collect();
        Line { before, current: word, back }
    }

    /// Returns a proposal as it goes into the line.
    pub(super) fn as_typed(&self, word: &str) -> String {
        match self.back {
            Back::Whole => word.to_owned(),
            Back::InQuotes { kept } => word.get(kept..).unwrap_or(word).to_owned(),
            Back::Quoted { kept } => {
                let mut typed = String::new();
                for letter in word.get(kept..).unwrap_or(word).chars() {
                    if SPECIAL.contains(letter) {
                        typed.push('\\');
                    }
                    typed.push(letter);
                }
                typed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The breaks of bash as it comes.
    const BREAKS: &str = " \t\n\"'><=;|&(:";

    #[test]
    fn a_line_is_read_as_bash_reads_it() {
        let check = |line: &str, before: &[&str], current: &str| {
            let line = Line::of_bash(line, BREAKS);
            let found: Vec<&str> = line.before.iter().map(String::as_str).collect();
            assert_eq!((&found[..], &*line.current), (before, current));
        };
        check("pyoco", &[], "pyoco");
        check("pyoco ", &[], "");
        check("pyoco run  a.yaml te", &["run", "a.yaml"], "te");
        check("pyoco run -p mode=fa", &["run", "-p"], "mode=fa");
        check(r#"pyoco run 'a b' "c\"d" e\ f"#, &["run", "a b", "c\"d"], "e f");
        check("pyoco run ''", &["run"], "");
        check("pyoco run '' x", &["run", ""], "x");
        check("pyoco run 'test[os=li", &["run"], "test[os=li");
    }

    #[test]
    fn a_proposal_replaces_what_bash_replaces() {
        let check = |line: &str, word: &str, expected: &str| {
            assert_eq!(Line::of_bash(line, BREAKS).as_typed(word), expected, "{line}");
        };
        check("pyoco run te", "test", "test");
        check("pyoco run te", "test[os=mac]", r"test\[os=mac\]");
        check("pyoco run test[os=m", "test[os=mac]", r"mac\]");
        check("pyoco run 'test[os=m", "test[os=mac]", "test[os=mac]");
        check("pyoco run -p mode=", "mode=fast", "fast");
        check("pyoco run a", "a b", r"a\ b");
    }
}
