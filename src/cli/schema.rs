//! `hearken schema`.

use crate::rules::schema::schema;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Print the JSON Schema of routine files, for editors.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {}

/// Runs it.
///
/// # Errors
///
/// If nothing can be written.
pub fn run(_: &SchemaArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{:#}", schema()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
