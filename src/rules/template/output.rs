//! What the engine writes: values as they were written, up to a limit.

use super::OUTPUT_BYTES_MAX;
use super::convert::{self, Written};
use super::engine::WRITTEN;
use minijinja::value::{Value as Dynamic, ValueKind};
use minijinja::{Error, ErrorKind, Output, State};
use std::fmt;
use std::io;

/// Writes a value as [`super::fast`] writes it.
pub(super) fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Dynamic) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.write_str("none")?,
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" })?,
        ValueKind::Number if !value.is_integer() => format_float(out, state, value)?,
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            let table = state.lookup(WRITTEN).unwrap_or_default();
            let none = Written::default();
            let written = table.downcast_object_ref::<Written>().unwrap_or(&none);
            let json = convert::to_json(value, written).map_err(|_| {
                Error::new(ErrorKind::BadSerialization, "a list or an object which is no JSON")
            })?;
            write!(out, "{json}")?;
        }
        _ => write!(out, "{value}")?,
    }
    Ok(())
}

fn format_float(out: &mut Output<'_>, state: &State<'_, '_>, value: &Dynamic) -> fmt::Result {
    let table = state.lookup(WRITTEN).unwrap_or_default();
    let written = table.downcast_object_ref::<Written>();
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    match written.and_then(|written| written.number(float)) {
        Some(number) => out.write_str(number.as_str()),
        None => write!(out, "{value}"),
    }
}

/// Takes the output of a template, up to a limit.
#[derive(Default)]
pub(super) struct Limited {
    bytes: Vec<u8>,
    full: bool,
}

impl Limited {
    /// Whether there was more than the limit.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("the output is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
