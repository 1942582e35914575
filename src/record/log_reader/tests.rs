//! Tests of the two sides of an attempt's log.

use super::*;
use crate::event::{Chunk, TaskLog};
use crate::model::Size;
use crate::record::logs::FileLog;

struct Space {
    dir: tempfile::TempDir,
    log: FileLog,
}

impl Space {
    fn new(max: u64) -> Space {
        let dir = tempfile::TempDir::new().expect("a folder");
        fs::create_dir(dir.path().join(LOGS_DIR)).expect("a folder");
        let log = FileLog::new(dir.path().join(LOGS_DIR).join("0003-1"), Size(max));
        Space { dir, log }
    }

    fn write(&mut self, stream: Stream, ms: u64, text: &str) -> Chunk {
        let (chunk, error) = self.log.write(stream, Ms(ms), text.as_bytes());
        assert!(error.is_none(), "{error:?}");
        chunk
    }

    fn reader(&self) -> AttemptLog {
        AttemptLog::new(self.dir.path(), TaskId(3), 1)
    }

    /// Returns what is read, each piece with its stream's letter and its time.
    fn read(&self, reader: &mut AttemptLog, end: End) -> String {
        let mut text = String::new();
        let each = &mut |piece: Piece<'_>| {
            text += &match piece {
                Piece::Bytes { stream, ms, bytes } => {
                    let ms = ms.map_or("?".to_owned(), |ms| ms.0.to_string());
                    format!("{}{ms}:{} ", stream.letter(), String::from_utf8_lossy(bytes))
                }
                Piece::Cut { bytes } => format!("cut:{bytes:?} "),
                Piece::Lost { bytes } => format!("lost:{bytes} "),
                Piece::Unkept { bytes } => format!("unkept:{bytes} "),
            };
            Ok(())
        };
        reader.advance(end, each).expect("to read");
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(LOGS_DIR).join(name)
    }
}

#[test]
fn streams_and_times_come_back_in_order_while_the_log_grows() {
    let mut space = Space::new(1 << 20);
    let mut reader = space.reader();
    assert_eq!(space.read(&mut reader, End::Open), "");
    assert!(!space.path("0003-1.log").exists(), "it is made at the first byte");
    space.write(Stream::Out, 5, "a");
    space.write(Stream::Err, 6, "bc");
    assert_eq!(space.read(&mut reader, End::Open), "o5:a e6:bc ");
    space.write(Stream::Pyoco, 7, "d");
    assert_eq!(space.read(&mut reader, End::Reached), "p7:d ");
    assert_eq!(space.read(&mut space.reader(), End::Reached), "o5:a e6:bc p7:d ");
    let index = fs::read_to_string(space.path("0003-1.idx")).expect("an index");
    assert_eq!(index, "[5,\"o\",1,0]\n[6,\"e\",2,0]\n[7,\"p\",1,0]\n");
}

#[test]
fn of_long_output_the_beginning_and_the_end_are_kept() {
    let mut space = Space::new(16);
    let chunks: Vec<Chunk> =
        (0..8).map(|n| space.write(Stream::Out, n, &format!("{n}{n}{n}{n}"))).collect();
    // Two fours in the first segment, then one in each.
    let text = space.read(&mut space.reader(), End::Reached);
    assert_eq!(text, "o0:0000 o1:1111 cut:Some(16) o6:6666 o7:7777 ");
    assert_eq!(space.reader().paths().len(), 3);
    fs::remove_file(space.path("0003-1.idx")).expect("to remove");
    let text = space.read(&mut space.reader(), End::Reached);
    assert_eq!(text, "o?:00001111 cut:None o?:6666 o?:7777 ");
    // Who holds a piece of a segment that is gone can still read it.
    let mut kept = Vec::new();
    let read = &mut |bytes: &[u8]| {
        kept.extend_from_slice(bytes);
        Ok(())
    };
    chunks[3].read(read).expect("to read");
    assert_eq!(kept, b"3333");
}

#[test]
fn what_a_damaged_index_does_not_explain_comes_as_one_stream() {
    let mut space = Space::new(1 << 20);
    space.write(Stream::Err, 1, "aa");
    space.write(Stream::Err, 2, "bb");
    space.write(Stream::Err, 3, "cc");
    let index = space.path("0003-1.idx");
    for (text, expected) in [
        ("[1,\"e\",2,0]\nnoise\n[3,\"e\",2,0]\n", "e1:aa o?:bbcc "),
        ("[1,\"e\",2,0]\n[2,\"e\",99,0]\n", "e1:aa o?:bbcc "),
        ("[1,\"e\",2,0]\n[2,\"e\"", "e1:aa o?:bbcc "),
        ("[1,\"y\",2,0]\n", "o?:aabbcc "),
        ("", "o?:aabbcc "),
        (
            "[1,\"e\",18446744073709551615,4294967295]\n",
            "o?:aabbcc cut:Some(18446744073709551615) ",
        ),
    ] {
        fs::write(&index, text).expect("to write");
        assert_eq!(space.read(&mut space.reader(), End::Reached), expected, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_comes_back(
        writes in proptest::collection::vec((0usize..3, "[a-z\n]{0,9}", proptest::bool::ANY), 0..40),
    ) {
        let mut space = Space::new(1 << 20);
        let mut reader = space.reader();
        let (mut expected, mut got) = (String::new(), String::new());
        for (ms, (stream, text, look)) in writes.into_iter().enumerate() {
            let stream = [Stream::Out, Stream::Err, Stream::Pyoco][stream];
            space.write(stream, ms as u64, &text);
            if !text.is_empty() {
                expected += &format!("{}{ms}:{text} ", stream.letter());
            }
            if look {
                got += &space.read(&mut reader, End::Open);
                proptest::prop_assert_eq!(&got, &expected);
            }
        }
        got += &space.read(&mut reader, End::Reached);
        proptest::prop_assert_eq!(got, expected);
    }
}

#[test]
fn pyocos_own_words_are_told_apart_even_where_the_index_is_full() {
    let mut space = Space::new(1 << 20);
    assert!(!space.reader().has_own_words().expect("no index"));
    space.write(Stream::Err, 1, "a");
    space.log.fill_index();
    space.write(Stream::Err, 2, "b");
    space.write(Stream::Out, 3, "c");
    assert!(!space.reader().has_own_words().expect("an index"));
    space.write(Stream::Pyoco, 4, "own");
    space.write(Stream::Err, 5, "d");
    space.write(Stream::Pyoco, 6, "again");
    let text = space.read(&mut space.reader(), End::Reached);
    assert_eq!(text, "e1:a o4:bc p4:own o6:d p6:again ");
    assert!(space.reader().has_own_words().expect("an index"));
    fs::remove_file(space.path("0003-1.log")).expect("to remove");
    assert!(!space.reader().has_own_words().expect("an index"));
}

#[test]
fn output_that_cannot_be_kept_is_handed_on_and_told_once() {
    let mut space = Space::new(1 << 20);
    fs::remove_dir_all(space.path("")).expect("to remove");
    let (chunk, error) = space.log.write(Stream::Out, Ms(1), b"x");
    assert_eq!(chunk.len(), 1);
    assert!(error.is_some());
    assert!(space.log.write(Stream::Out, Ms(2), b"y").1.is_none());
    fs::create_dir(space.path("")).expect("there is room again");
    space.write(Stream::Err, 3, "back");
    let text = space.read(&mut space.reader(), End::Open);
    assert_eq!(text, "unkept:2 e3:back ");
    fs::remove_file(space.path("0003-1.log")).expect("to remove");
    assert_eq!(space.log.finish(Ms(4)), 2);
    let index = fs::read_to_string(space.path("0003-1.idx")).expect("an index");
    assert_eq!(index, "[3,\"x\",2,0]\n[3,\"e\",4,0]\n");
}

#[test]
fn lines_of_the_index_wait_for_a_disk_that_does_not_take_them_and_not_for_ever() {
    let mut space = Space::new(1 << 20);
    let index = space.path("0003-1.idx");
    fs::create_dir(&index).expect("something in its place");
    assert!(space.log.write(Stream::Err, Ms(1), b"a").1.is_some());
    space.write(Stream::Out, 2, "b");
    fs::remove_dir(&index).expect("to remove");
    space.write(Stream::Err, 3, "c");
    assert_eq!(space.read(&mut space.reader(), End::Open), "e1:a o2:b e3:c ");

    let mut space = Space::new(1 << 20);
    fs::create_dir(space.path("0003-1.idx")).expect("something in its place");
    (0..10_000).for_each(|ms| drop(space.log.write(Stream::Err, Ms(ms), b"a")));
    fs::remove_dir(space.path("0003-1.idx")).expect("to remove");
    space.write(Stream::Out, 3, "b");
    assert_eq!(space.log.finish(Ms(4)), 0);
    assert!(!space.path("0003-1.idx").exists(), "its beginning would be missing");
}
