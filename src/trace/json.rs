//! The JSON style: the record's own lines.

use crate::event::{Line, RunView};

/// Returns the event as it stands in the record, without its newline.
pub fn line(_view: &RunView, line: &Line) -> Option<String> {
    let mut bytes = Vec::with_capacity(256);
    line.write(&mut bytes);
    bytes.pop();
    Some(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Story;
    use super::line;
    use crate::event::Line;

    #[test]
    fn lines_are_the_record_itself() {
        let story = Story::of_everything();
        let told = story.told(line);
        let lines: Vec<Line> = told
            .lines()
            .map(|line| Line::parse(line.as_bytes()).expect("every line reads back"))
            .collect();
        assert_eq!(lines, story.lines());
    }
}
