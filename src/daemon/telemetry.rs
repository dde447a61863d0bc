//! Logs: text for people at a terminal, JSON lines for everybody else.

use crate::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins to log to standard error. `level` is a filter as `RUST_LOG` has them,
/// such as `info` or `hearken=debug`.
///
/// # Errors
///
/// If the filter cannot be read, or logging has begun already.
pub fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let result = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    result.map_err(|error| anyhow::anyhow!("cannot begin to log: {error}"))
}
