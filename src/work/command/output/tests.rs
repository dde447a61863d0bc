//! Results and notes, in pieces of every length.

use super::Stdout;
use serde_json::{Value, json};

/// Pushes a text in pieces of so many bytes; the notes, and the result.
fn run(printed: &[u8], piece: usize, max: usize) -> (Vec<Value>, Option<Value>) {
    let mut stdout = Stdout::keeping(max);
    let mut notes: Vec<Value> = printed.chunks(piece).filter_map(|part| stdout.push(part)).collect();
    let (last, result) = stdout.end();
    notes.extend(last);
    (notes, result)
}

#[track_caller]
fn check(printed: &str, notes: &[Value], result: Option<Value>) {
    for piece in [1, 2, 3, 7, 11, 12] {
        let (last, got) = run(printed.as_bytes(), piece, 1000);
        assert_eq!(got, result, "{printed:?} in pieces of {piece}");
        assert_eq!(last.last(), notes.last(), "{printed:?} in pieces of {piece}");
        if piece == 1 {
            assert_eq!(last, notes, "{printed:?}");
        }
    }
}

#[test]
fn what_parses_is_json_and_the_rest_is_a_string() {
    check("", &[], None);
    check(" \n\n", &[], None);
    check("{\"a\": 1.50}\n", &[], Some(serde_json::from_str("{\"a\": 1.50}").unwrap()));
    check("42\n", &[], Some(json!(42)));
    check("null\n", &[], Some(Value::Null));
    check("hello\nworld\n", &[], Some(json!("hello\nworld")));
    check("  two spaces\n", &[], Some(json!("  two spaces")));
    check("{\"a\": 1} and more", &[], Some(json!("{\"a\": 1} and more")));
    check("\"\\ud800\"", &[], Some(json!("\"\\ud800\"")));
}

#[test]
fn lines_which_are_notes_are_no_part_of_the_result() {
    check("::progress 10%\nresult\n", &[json!("10%")], Some(json!("result")));
    check("::progress {\"n\": 1}\n::progress {\"n\": 2}\n", &[json!({ "n": 1 }), json!({ "n": 2 })], None);
    check("a\n::progress half\r\nb\n", &[json!("half")], Some(json!("a\nb")));
    check("::progress at the end", &[json!("at the end")], None);
    check("::progress \n", &[], None);
    check("::progress\n", &[], Some(json!("::progress")));
    check("::prog", &[], Some(json!("::prog")));
    check(" ::progress no\n", &[], Some(json!(" ::progress no")));
    check("::progressive\n::pro::progress x\n", &[], Some(json!("::progressive\n::pro::progress x")));
}

#[test]
fn a_long_result_is_cut_between_characters_and_says_so() {
    let (_, result) = run("ääää".as_bytes(), 3, 5);
    assert_eq!(result, Some(json!("ää\n[cut: 4 bytes of 8]")));
    let (_, result) = run("1234567".as_bytes(), 3, 4);
    assert_eq!(result, Some(json!("1234\n[cut: 4 bytes of 7]")), "no number which nobody printed");
    let (_, result) = run("12345678".as_bytes(), 3, 8);
    assert_eq!(result, Some(json!(12_345_678)));
    let (_, result) = run(&[0xff, 0xfe, b'x'], 2, 2);
    assert_eq!(result, Some(json!("\u{FFFD}\u{FFFD}\n[cut: 2 bytes of 3]")));
}

#[test]
fn a_long_note_is_bounded() {
    let printed = format!("::progress {}\n", "x".repeat(100_000));
    let (notes, result) = run(printed.as_bytes(), 4096, 1000);
    assert_eq!(result, None);
    assert_eq!(notes[0].as_str().map(str::len), Some(super::NOTE_BYTES_MAX));
}
