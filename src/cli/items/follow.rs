//! Items as they change.

use super::lines;
use crate::cli::of_schema;
use crate::pg::items::{Detail, Filter, Follower, Look};
use crate::pg::session::Session;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Between two looks. People who watch are not helped by more.
const EVERY: Duration = Duration::from_secs(1);

/// Whether somebody reads what we print.
#[derive(PartialEq)]
enum Reader {
    Listens,
    Left,
}

/// Prints the newest items, the oldest of them first, and then each which changes,
/// until a signal, or until nobody reads any more.
///
/// # Errors
///
/// Of the database.
pub(super) async fn follow(
    session: &Session,
    filter: &Filter,
    detail: Detail,
    limit: u32,
) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let watch = async {
        let (mut follower, first) =
            Follower::begin(session, filter, detail, limit).await.map_err(of_schema)?;
        if detail == Detail::Line {
            print(&lines::padded(&lines::HEADINGS.map(str::to_owned)))?;
        }
        let mut look = first;
        while show(&look, detail)? == Reader::Listens {
            tokio::time::sleep(EVERY).await;
            look = follower.look(session).await.map_err(of_schema)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::select! {
        watched = watch => watched?,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn show(look: &Look, detail: Detail) -> anyhow::Result<Reader> {
    if look.more {
        eprintln!("note: more changed at once than is shown");
    }
    let text: String = match detail {
        Detail::Whole => lines::json(&look.items)?,
        Detail::Line => look.items.iter().map(|item| lines::padded(&lines::cells(item, look.now))).collect(),
    };
    Ok(print(&text)?)
}

/// Writes to standard output, and says if nobody reads there any more.
fn print(text: &str) -> std::io::Result<Reader> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Listens),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Left),
        Err(error) => Err(error),
    }
}
