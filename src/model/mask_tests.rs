//! The mask against the simplest thing that does the same, over random values, texts and cuts.

use std::sync::Arc;

use proptest::prelude::*;

use super::{MASKED, MIN_SECRET, Mask};

/// Masks by trying every value at every place.
fn slowly(values: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut is_covered = vec![false; text.len()];
    for value in values.iter().filter(|value| value.len() >= MIN_SECRET) {
        for at in 0..text.len() {
            if text[at..].starts_with(value) {
                is_covered[at..at + value.len()].fill(true);
            }
        }
    }
    let mut masked = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        if !is_covered[at] {
            masked.push(*byte);
        } else if at == 0 || !is_covered[at - 1] {
            masked.extend_from_slice(MASKED.as_bytes());
        }
    }
    masked
}

/// Masks in these pieces; holds after each of them what is kept back against what may be.
fn in_pieces<'p>(values: &[Vec<u8>], pieces: impl Iterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut stream = Arc::new(Mask::new(values)).stream();
    let (mut masked, mut came) = (Vec::new(), Vec::new());
    for piece in pieces {
        let before = masked.len();
        masked.extend_from_slice(stream.push(piece));
        came.extend_from_slice(piece);
        let may_begin = |at: &usize| {
            let end = &came[*at..];
            values.iter().any(|value| value.len() >= MIN_SECRET && value.starts_with(end))
        };
        let held = (0..came.len()).find(may_begin).map_or(0, |at| came.len() - at);
        let whole = slowly(values, &came);
        if held == 0 {
            assert_eq!(masked, whole, "nothing that cannot become a value is kept back");
        } else {
            assert!(masked.len() >= before && masked.len() <= whole.len() + MASKED.len());
        }
    }
    masked.extend_from_slice(stream.finish());
    masked
}

#[track_caller]
fn check(values: &[&str], text: &str, expected: &str) {
    let mask = Mask::new(values);
    assert_eq!(mask.text(text), expected);
    let values: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    for cut in 0..=text.len() {
        let (left, right) = text.as_bytes().split_at(cut);
        let mut stream = Arc::new(Mask::new(&values)).stream();
        let mut masked = stream.push(left).to_vec();
        masked.extend_from_slice(stream.push(right));
        masked.extend_from_slice(stream.finish());
        assert_eq!(String::from_utf8_lossy(&masked), expected, "cut at {cut}");
    }
}

#[test]
fn values_that_touch_overlap_or_begin_one_another_go_whole() {
    check(&["abcd"], "xabcdx", "x***x");
    check(&["abcd"], "abcdabcd", "***");
    check(&["abcd", "cdef"], "-abcdef-", "-***-");
    check(&["abcd", "abcdefgh"], "abcdefgh abcdefg", "*** ***efg");
    check(&["bcde", "abcdef"], "abcde abcdef", "a*** ***");
    check(&["aaaa"], "aaaaaaa aaa", "*** aaa");
    check(&["cdef", "abcdefgh", "ghij"], "abcdefghij", "***");
    check(&["abcdefgh", "defg"], "abcdefg", "abc***");
}

#[test]
fn short_values_are_left_alone_and_nothing_masks_nothing() {
    check(&["abc", ""], "abc abcd", "abc abcd");
    check(&["    ", "\n\n\n\n\n"], "a     \n\n\n\n\n\n", "a     \n\n\n\n\n\n");
    assert!(Mask::new(["abc"]).is_empty() && !Mask::new(["abcd"]).is_empty());
    assert!(Mask::takes(b"abcd") && !Mask::takes(b"abc") && !Mask::takes(b"      "));
    assert!(
        Mask::takes(b"  a\n") && !Mask::takes(b" a "),
        "with its white space it is long enough"
    );
}

#[test]
fn every_line_of_a_value_is_masked_and_the_whole_of_it() {
    let key = "-----BEGIN\r\nMIIEow\nab\n  indented  \n-----END\n";
    check(&[key], "x MIIEow x\n", "x *** x\n");
    check(&[key], "indented ab -----END", "*** ab ***");
    check(&[key], &format!("<{key}>"), "<***\n>");
    check(&["a\nb\nc\nd"], "a\nb a\nb\nc\nd", "a\nb ***");
}

#[test]
fn white_space_around_a_value_does_not_show_it() {
    check(&[" secret\n"], "[secret]", "[***]");
}

#[test]
fn of_a_text_that_was_cut_the_beginning_of_a_value_is_masked_too() {
    let mask = Mask::new(["abcdefgh", "efgh-long", "tail"]);
    for (cut, shown) in [
        ("x-abcd", "x-***"),
        ("x-abc", "x-abc"),
        ("abcdefgh-lo", "***"),
        ("tail abcdefgh", "*** ***"),
        ("abcd x", "abcd x"),
        ("", ""),
    ] {
        assert_eq!(mask.cut_text(cut), shown, "{cut}");
    }
    assert_eq!(Mask::default().cut_text("abcd"), "abcd");
}

#[test]
fn what_a_shell_or_json_quotes_is_masked() {
    check(&["it's me"], "+ echo 'it'\\''s me'", "+ echo '***'");
    check(&["it's me"], "+ echo 'it'\"'\"'s me'", "+ echo '***'");
    check(&["say \"hi\"\\"], "{\"a\":\"say \\\"hi\\\"\\\\\"}", "{\"a\":\"***\"}");
}

#[test]
fn a_value_that_is_no_text_is_masked_as_bytes_and_as_it_is_shown() {
    let mask = Mask::new([b"key\xff\x00\xfe"]);
    assert_eq!(mask.bytes(b"<key\xff\x00\xfe>"), &b"<***>"[..]);
    assert_eq!(mask.text("<key\u{fffd}\0\u{fffd}>"), "<***>");
    let half = Mask::new([b"abc\xc3"]); // ends inside of a character
    assert_eq!(half.text("abc\u{e9}!"), "***\u{fffd}!");
}

#[test]
fn a_prompt_is_not_held_back_and_a_beginning_is_given_out_at_the_end() {
    let mut stream = Arc::new(Mask::new(["secret"])).stream();
    assert_eq!(stream.push(b"Password: "), b"Password: ");
    assert_eq!(stream.push(b"sec"), b"");
    assert_eq!(stream.push(b"ond secr"), b"second ");
    assert_eq!(stream.finish(), b"secr");
}

#[test]
fn a_value_of_a_megabyte_and_a_thousand_values_are_masked() {
    let long: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
    let long = &long[..1 << 20];
    let mut stream = Arc::new(Mask::new([long])).stream();
    let mut masked = Vec::new();
    for piece in [&b"<"[..], long, b">", &long[..long.len() - 1], b"!"].concat().chunks(4099) {
        masked.extend_from_slice(stream.push(piece));
    }
    masked.extend_from_slice(stream.finish());
    assert!(masked.starts_with(b"<***>012345"), "{:?}", &masked[..20]);
    assert_eq!(masked.len(), "<***>!".len() + long.len() - 1);

    let many: Vec<String> = (0..1000).map(|n| format!("secret-{n}-{}", n * 7919 % 1000)).collect();
    let mask = Mask::new(&many);
    let text = many.join("|");
    assert_eq!(mask.text(&text), vec!["***"; 1000].join("|"));
}

fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop::sample::select(&b"aab\x00\xff"[..]);
    prop::collection::vec(prop::collection::vec(byte, 0..9), 0..6)
}

/// A text of whole values, parts of them, and other bytes.
fn text() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>)> {
    values().prop_flat_map(|values| {
        let parts = prop::collection::vec((any::<prop::sample::Index>(), 0..9usize, 0..4u8), 0..20);
        let of_values = values.clone();
        let text = parts.prop_map(move |parts| {
            let mut text = Vec::new();
            for (which, length, kind) in parts {
                match kind {
                    0 => text.push(b"xab\r\n"[length % 5]),
                    _ if of_values.is_empty() => text.push(b'a'),
                    1 => text.extend_from_slice(which.get::<Vec<u8>>(&of_values)),
                    _ => text.extend(which.get::<Vec<u8>>(&of_values).iter().take(length)),
                }
            }
            text
        });
        (Just(values), text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// At once, in pieces, and by trying every value at every place: always the same; and no value
    /// is left.
    #[test]
    fn however_it_is_cut_it_is_masked_the_same(
        (values, text) in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        // Values that are no text have the form that records show too, which these texts do not hold.
        let expected = slowly(&values, &text);
        let mask = Mask::new(&values);
        let at_once = mask.bytes(&text).into_owned();
        prop_assert_eq!(&at_once, &expected);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
        prop_assert_eq!(&in_pieces(&values, pieces), &expected);
        prop_assert_eq!(&in_pieces(&values, text.chunks(1)), &expected);
        for value in values.iter().filter(|value| value.len() >= MIN_SECRET) {
            prop_assert!(!expected.windows(value.len()).any(|window| window == &value[..]));
        }
    }
}
