//! The words of a shell script, as far as files are concerned: what it writes by `>`, and which words
//! stand alone as a file's name. No shell: what is not plain is passed over.

/// A word that may be the path of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use<'s> {
    /// After `>` or `>>`.
    Written(&'s str),
    /// As an argument, or after `<`.
    Named(&'s str),
}

/// Commands whose arguments are texts, or files that need not be there.
const DEAF: [&str; 14] = [
    "echo", "printf", ":", "rm", "rmdir", "mkdir", "touch", "test", "[", "[[", "export", "local",
    "unset", "trap",
];
/// Words after which another command begins.
const BEFORE: [&str; 16] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "(", "time", "sudo", "exec",
    "command", "env", "nohup",
];

/// Returns the path of a relative file that a word plainly is, without `./` before it. A name without
/// an extension and without a folder is too easily another word.
pub(super) fn path(word: &str) -> Option<&str> {
    let word = word.strip_prefix("./").unwrap_or(word);
    let is_plain = |c: char| c.is_alphanumeric() || "._-/+@,%".contains(c);
    let fits = !word.starts_with(['/', '-', '.'])
        && !word.ends_with(['/', '.'])
        && word.contains(['.', '/'])
        && word.contains(char::is_alphabetic)
        && word.chars().all(is_plain)
        && !word.split('/').any(|part| part == ".." || part.is_empty());
    fits.then_some(word)
}

/// Returns the files that a script writes and names, in its order; nothing of a script that goes to
/// other folders.
pub(super) fn uses(script: &str) -> Vec<Use<'_>> {
    let mut reader = Reader { rest: script, heredocs: Vec::new() };
    let (mut uses, mut command, mut target) = (Vec::new(), None, None);
    while let Some(token) = reader.next() {
        match token {
            Token::End => (command, target) = (None, None),
            Token::To => target = Some(true),
            Token::From => target = Some(false),
            Token::Word(word) => match (target.take(), command) {
                (Some(true), _) => uses.extend(path(word).map(Use::Written)),
                (Some(false), _) => uses.extend(path(word).map(Use::Named)),
                (None, None) if BEFORE.contains(&word) || is_assignment(word) => {}
                (None, None) => {
                    if ["cd", "pushd", "popd", "chdir"].contains(&word) {
                        return Vec::new();
                    }
                    command = Some(word);
                    uses.extend(path(word).map(Use::Named));
                }
                // `make -C DIR`, `git -C DIR`: the paths after it start there.
                (None, Some(_)) if word == "-C" => return Vec::new(),
                (None, Some(command)) if is_deaf(command) => {}
                (None, Some(_)) => {
                    let value = match word.split_once('=') {
                        Some((flag, value)) if flag.starts_with('-') => value,
                        Some(_) | None => word.strip_prefix('@').unwrap_or(word),
                    };
                    uses.extend(path(value).map(Use::Named));
                }
            },
        }
    }
    uses
}

/// Returns whether the arguments of a program are no files that must be there.
pub(super) fn is_deaf(program: &str) -> bool {
    DEAF.contains(&program)
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[derive(Debug)]
enum Token<'s> {
    /// Without its quotes where it is quoted as a whole.
    Word(&'s str),
    To,
    From,
    /// Of a command.
    End,
}

struct Reader<'s> {
    rest: &'s str,
    /// The words that end the texts which begin after this line.
    heredocs: Vec<&'s str>,
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
            let first = self.rest.chars().next()?;
            let signs = [
                ("\\\n", None),
                ("<<<", Some(Token::From)),
                ("<<", None),
                (">&", None),
                ("<&", None),
                ("<(", Some(Token::End)),
                (">(", Some(Token::End)),
                ("&>>", Some(Token::To)),
                ("&>", Some(Token::To)),
                (">>", Some(Token::To)),
                (">|", Some(Token::To)),
                (">", Some(Token::To)),
                ("<", Some(Token::From)),
            ];
            if let Some((sign, token)) =
                signs.into_iter().find(|(sign, _)| self.rest.starts_with(sign))
            {
                self.rest = &self.rest[sign.len()..];
                match (sign, token) {
                    ("<<<", _) => drop(self.word()),
                    ("<<", _) => self.heredoc(),
                    (">&" | "<&", _) => drop(self.word()),
                    (_, Some(token)) => return Some(token),
                    (_, None) => {}
                }
                continue;
            }
            match first {
                '#' => self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..],
                '\n' => {
                    self.rest = &self.rest[1..];
                    self.skip_heredocs();
                    return Some(Token::End);
                }
                ';' | '|' | '&' | '(' | ')' | '`' => {
                    self.rest = &self.rest[1..];
                    return Some(Token::End);
                }
                _ => {
                    let word = self.word();
                    // The number of a stream: `2> file`.
                    let is_stream = word.len() == 1
                        && word.starts_with(|c: char| c.is_ascii_digit())
                        && self.rest.starts_with(['>', '<']);
                    if !is_stream {
                        return Some(Token::Word(word));
                    }
                }
            }
        }
    }

    /// Takes a word; one that is partly quoted keeps its quotes, and so is no plain path.
    fn word(&mut self) -> &'s str {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let mut end = 0;
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            end = at;
            match c {
                '\'' | '"' => {
                    while let Some((_, inner)) = chars.next() {
                        match inner {
                            '\\' if c == '"' => drop(chars.next()),
                            inner if inner == c => break,
                            _ => {}
                        }
                    }
                }
                '\\' => drop(chars.next()),
                c if c.is_whitespace() || ";|&()<>`".contains(c) => break,
                _ => {}
            }
            end = chars.offset();
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if rest.is_empty() || !word.is_empty() {
            return unquoted(word);
        }
        word
    }

    fn heredoc(&mut self) {
        self.rest = self.rest.trim_start_matches('-');
        let word = self.word();
        self.heredocs.push(word.trim_start_matches('\\'));
    }

    fn skip_heredocs(&mut self) {
        for end in std::mem::take(&mut self.heredocs) {
            while !self.rest.is_empty() {
                let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
                self.rest = rest;
                if line.trim() == end {
                    break;
                }
            }
        }
    }
}

/// Returns a word without quotes around all of it.
fn unquoted(word: &str) -> &str {
    for quote in ['\'', '"'] {
        let inside = word.strip_prefix(quote).and_then(|word| word.strip_suffix(quote));
        if let Some(inside) = inside.filter(|inside| !inside.contains(quote)) {
            return inside;
        }
    }
    word
}
