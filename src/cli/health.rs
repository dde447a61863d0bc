//! `hearken health`: the health check of a container which has no curl.

use super::say;
use anyhow::Context;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Ask a running daemon whether it is ready.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:9464", env = "HEARKEN_HTTP")]
    address: SocketAddr,
    /// What to ask for.
    #[arg(long, default_value = "/readyz")]
    path: String,
}

/// Runs it. The exit status is 1 if the daemon is not ready.
///
/// # Errors
///
/// If nobody answers.
pub fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let timeout = Duration::from_secs(3);
    let mut address = args.address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut stream = TcpStream::connect_timeout(&address, timeout)
        .with_context(|| format!("nobody answers at {address}"))?;
    stream.set_read_timeout(Some(timeout))?;
    write!(stream, "GET {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", args.path)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    say(body)?;
    Ok(if head.starts_with("HTTP/1.1 200") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
