//! What a command prints on standard output: its result, and notes on the way.
//!
//! A line which begins with `::progress ` is a note for whoever watches, and no part
//! of the result. Of the result so many bytes are kept as the settings say; the
//! pipe is read to its end in any case.

use super::tail::{CHUNK, Echo};
use crate::work::Hold;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;

/// What a note begins with.
const NOTE: &[u8] = b"::progress ";
/// The longest note, in bytes; of a longer one this much is kept.
const NOTE_BYTES_MAX: usize = 8 * 1024;

/// What the line which is being read is.
#[derive(Debug)]
enum Line {
    /// It may become a note: so many bytes of what notes begin with are there.
    Perhaps(usize),
    /// A note, so far.
    Note(Vec<u8>),
    /// A part of the result.
    Result,
}

/// What was printed so far.
#[derive(Debug)]
pub(super) struct Stdout {
    line: Line,
    kept: Vec<u8>,
    max: usize,
    /// How many bytes the result has in all.
    bytes: u64,
}

impl Default for Stdout {
    fn default() -> Self {
        Self::keeping(0)
    }
}

impl Stdout {
    /// Nothing so far; of the result so many bytes will be kept.
    pub(super) fn keeping(max: usize) -> Self {
        Self { line: Line::Perhaps(0), kept: Vec::new(), max, bytes: 0 }
    }

    /// Takes what was printed; returns the last note which ended in it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Value> {
        let mut note = None;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(ended) = self.push_part(part) {
                note = Some(ended);
            }
        }
        note
    }

    /// Takes a part of a line, which may be its end.
    fn push_part(&mut self, part: &[u8]) -> Option<Value> {
        match &mut self.line {
            Line::Perhaps(have) => {
                let left = &NOTE[*have..];
                let same = left.iter().zip(part).take_while(|(a, b)| a == b).count();
                if same == left.len() {
                    self.line = Line::Note(Vec::new());
                    return self.push_part(&part[same..]);
                }
                if same == part.len() {
                    *have += same;
                    return None;
                }
                let before = *have;
                self.line = Line::Result;
                self.keep(&NOTE[..before]);
                return self.push_part(part);
            }
            Line::Note(note) => {
                let room = NOTE_BYTES_MAX.saturating_sub(note.len());
                note.extend_from_slice(&part[..part.len().min(room)]);
            }
            Line::Result => self.keep(part),
        }
        if !part.ends_with(b"\n") {
            return None;
        }
        match std::mem::replace(&mut self.line, Line::Perhaps(0)) {
            Line::Note(note) => note_of(&note),
            Line::Perhaps(_) | Line::Result => None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len() as u64;
    }

    /// The end: a note in a line which was not ended, and the result. That is JSON
    /// if it parses as such, else a string; none, if nothing was printed.
    pub(super) fn end(mut self) -> (Option<Value>, Option<Value>) {
        let note = match std::mem::replace(&mut self.line, Line::Result) {
            Line::Note(note) => note_of(&note),
            Line::Perhaps(have) => {
                self.keep(&NOTE[..have]);
                None
            }
            Line::Result => None,
        };
        (note, self.result())
    }

    fn result(mut self) -> Option<Value> {
        let is_cut = self.bytes > self.kept.len() as u64;
        if !is_cut {
            if self.kept.trim_ascii().is_empty() {
                return None;
            }
            if let Ok(value) = serde_json::from_slice(&self.kept) {
                return Some(value);
            }
        } else {
            drop_half_a_character(&mut self.kept);
        }
        let text = String::from_utf8_lossy(&self.kept);
        if !is_cut {
            return Some(Value::String(text.trim_end().to_owned()));
        }
        let (kept, bytes) = (self.kept.len(), self.bytes);
        Some(Value::String(format!("{text}\n[cut: {kept} bytes of {bytes}]")))
    }
}

/// A note, as JSON if it parses as such; none, if it says nothing.
fn note_of(bytes: &[u8]) -> Option<Value> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return None;
    }
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    Some(serde_json::from_slice(bytes).unwrap_or_else(|_| text()))
}

/// Removes a character from the end which was cut in half.
fn drop_half_a_character(bytes: &mut Vec<u8>) {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let length = match bytes[at] {
            0b1000_0000..=0b1011_1111 => continue,
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            _ => 1,
        };
        if length > back {
            bytes.truncate(at);
        }
        return;
    }
}

/// Reads standard output to its end.
pub(super) async fn read_stdout(
    mut pipe: ChildStdout,
    stdout: Arc<Mutex<Stdout>>,
    hold: Hold,
    mut echo: Option<Echo>,
) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let note = stdout.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..count]);
        if let Some(note) = note {
            hold.progress(note);
        }
        if let Some(echo) = &mut echo {
            echo.push(&buffer[..count]);
        }
    }
}

#[cfg(test)]
mod tests;
