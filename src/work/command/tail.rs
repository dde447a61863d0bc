//! What a command prints on standard error: its end is kept, and says what went
//! wrong.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;

/// How many bytes are kept.
pub(super) const TAIL_BYTES: usize = 8 * 1024;
/// A line which is passed on is cut at this length.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// How much is read at once.
pub(super) const CHUNK: usize = 16 * 1024;

/// The end of a text.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Seldom, and not at every byte.
        if self.bytes.len() > 2 * TAIL_BYTES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let beyond = self.bytes.len().saturating_sub(TAIL_BYTES);
        if beyond > 0 {
            // At the beginning of a character, if the bytes are any.
            let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
            let inside = self.bytes[beyond..].iter().take(3).take_while(is_inside).count();
            self.bytes.drain(..beyond + inside);
            self.is_cut = true;
        }
    }

    /// The text, if there is any; says if something is missing before it.
    pub(super) fn text(mut self) -> Option<String> {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim();
        match (text.is_empty(), self.is_cut) {
            (true, _) => None,
            (false, false) => Some(text.to_owned()),
            (false, true) => Some(format!("…{text}")),
        }
    }

    /// The last line of it, if there is any.
    pub(super) fn last_line(self) -> Option<String> {
        self.text()?.lines().last().map(|line| line.trim().to_owned())
    }
}

/// Reads standard error to its end.
pub(super) async fn read_stderr(mut pipe: ChildStderr, tail: Arc<Mutex<Tail>>, mut echo: Option<Echo>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..count]);
        if let Some(echo) = &mut echo {
            echo.push(&buffer[..count]);
        }
    }
}

/// Passes on what a command prints, line by line, with the item's number.
#[derive(Debug)]
pub(super) struct Echo {
    item: i64,
    line: Vec<u8>,
}

impl Echo {
    pub(super) fn of(item: i64) -> Self {
        Self { item, line: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.print();
            }
        }
    }

    fn print(&mut self) {
        let line = std::mem::take(&mut self.line);
        // Whoever reads may have gone.
        let _ = writeln!(std::io::stderr().lock(), "[item {}] {}", self.item, harmless(&line));
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.print();
        }
    }
}

/// A line which no terminal obeys: what a command prints may come from strangers.
fn harmless(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let shown = |c: char| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c };
    text.trim_end_matches(['\r', '\n']).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &[&[u8]], want: Option<&str>) {
        let mut tail = Tail::default();
        for bytes in printed {
            tail.push(bytes);
        }
        assert_eq!(tail.text().as_deref(), want);
    }

    #[test]
    fn the_end_is_kept_and_says_if_there_was_more() {
        check(&[], None);
        check(&[b" \n"], None);
        check(&[b"one\n", b"two\n"], Some("one\ntwo"));
        check(&[b"caf\xe9\n"], Some("caf\u{FFFD}"));
        let long = "ä".repeat(TAIL_BYTES);
        let kept = format!("…{}", "ä".repeat(TAIL_BYTES / 2));
        check(&[long.as_bytes()], Some(&kept));
        // Not at the edge of a character: the half one goes.
        let kept = format!("…{}x", "ä".repeat(TAIL_BYTES / 2 - 1));
        check(&[long.as_bytes(), b"x"], Some(&kept));
        let many: Vec<&[u8]> = std::iter::repeat_n(b"0123456789\n".as_slice(), 100_000).collect();
        let mut tail = Tail::default();
        for bytes in many {
            tail.push(bytes);
        }
        assert!(tail.bytes.capacity() <= 8 * TAIL_BYTES, "memory is bounded");
    }

    #[test]
    fn the_last_line_is_the_reason() {
        let mut tail = Tail::default();
        tail.push(b"working\nthe bank is closed\n\n");
        assert_eq!(tail.last_line().as_deref(), Some("the bank is closed"));
    }

    #[test]
    fn a_terminal_obeys_nothing_that_is_passed_on() {
        assert_eq!(harmless(b"a\x1b[2J\tb\r\n"), "a\u{FFFD}[2J\tb");
    }
}
