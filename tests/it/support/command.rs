//! Commands of hearken's, and what they said.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit status; -1 of one which a signal ended.
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self {
            status: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Said {
    /// Its output, if it succeeded.
    #[track_caller]
    pub fn fine(&self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out.clone()
    }

    /// What it complained of, if it failed.
    #[track_caller]
    pub fn refused(&self) -> String {
        assert_eq!(self.status, 1, "{}{}", self.out, self.err);
        self.err.clone()
    }

    /// Its output, which is one JSON value; also of a command which failed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// Its output, one JSON value a line, if it succeeded.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.fine().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// It ended with that status, and said this on standard error.
    #[track_caller]
    pub fn complains(&self, status: i32, text: &str) {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        assert!(self.err.contains(text), "{text:?} is not in {:?}", self.err);
    }
}

/// A command of hearken's which knows nothing of the environment's settings.
pub fn hearken(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    command.args(args).env_remove("HEARKEN_CONFIG").env_remove("HEARKEN_ROUTINES");
    command
}

/// Runs a command to its end.
#[track_caller]
pub fn said(command: &mut Command) -> Said {
    command.output().expect("a command").into()
}

/// The same with something on its standard input, of which it need not read all.
#[track_caller]
pub fn said_to(command: &mut Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a command");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("an end");
    writer.join().expect("a thread");
    output.into()
}
