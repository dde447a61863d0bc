//! Text which strangers wrote, for a terminal: titles, errors and results come from
//! events and from workers, and a terminal must not obey what stands in them.
//!
//! What a terminal would act on, or hide, is written as JSON writes it: `\u001b`. So
//! the same function serves texts and JSON which is made already, where such a
//! character stands in strings only.

use crate::rules::text::shortened;

/// The text on one line.
pub(in crate::cli) fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// The text on one line, cut after so many characters.
pub(in crate::cli) fn short_line(text: &str, max: usize) -> String {
    // Cut first: a text may be long, and each character stays at least one.
    shortened(&line(&shortened(text, max)), max)
}

/// The text with its lines and its tabs.
pub(in crate::cli) fn text(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) || !acts(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// Whether a character does something else than to show: control characters, those
/// which turn the direction of writing, and those which cannot be seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, want: &str) {
        assert_eq!(line(given), want);
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        check("Refund r1: größer 日本", "Refund r1: größer 日本");
        check("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u001b[2J\\u001b]0;title\\u0007");
        check("\u{9b}31m", "\\u009b31m");
        check("a\nb\tc\rd", "a\\u000ab\\u0009c\\u000dd");
        check("\u{202e}txt.exe", "\\u202etxt.exe");
        check("a\u{e0041}", "a\\udb40\\udc41");
    }

    #[test]
    fn lines_stay_where_they_are_wanted() {
        assert_eq!(text("a\n\tb\u{1b}c"), "a\n\tb\\u001bc");
    }

    #[test]
    fn json_says_the_same_afterwards() {
        let value = serde_json::json!({ "title": "\u{1b}[2J \u{9b} \u{202e} \u{e0041} é" });
        let shown = line(&value.to_string());
        assert!(shown.is_ascii() || !shown.chars().any(acts), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_long_text_is_cut_after_it_was_written_out() {
        assert_eq!(short_line(&"\u{1b}".repeat(50), 8), "\\u001b\\u…");
        assert_eq!(short_line("short", 8), "short");
    }
}
