//! `hearken item`.

mod text;

use super::items::lines;
use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::items::{self, Causes, Found, Item};
use crate::pg::schedules;
use serde::Serialize;
use std::process::ExitCode;

/// Tell everything about one item: what it says, how its attempts went, and what led to
/// it.
///
/// That is the event, or the tick; the routine in the version which made it; what was
/// decided about the same event; deliveries, if it is a webhook. Items in the history are
/// found as well.
#[derive(Debug, clap::Args)]
pub struct ItemArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The number of the item.
    #[arg(value_name = "ID")]
    id: i64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    item: Item,
    #[serde(flatten)]
    causes: Causes,
}

/// Runs it. The exit status is 1 if there is no such item.
///
/// # Errors
///
/// Of the settings or the database.
pub fn run(args: &ItemArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        items::prepare(&session).await.map_err(of_schema)?;
        let id = args.id;
        let item = match items::item(&session, id).await.map_err(of_schema)? {
            Found::Item(item) => *item,
            Found::Held(routine) => {
                eprintln!("{id} is no item yet: a gate of `{routine}` holds it, see `hearken held`");
                return Ok(ExitCode::FAILURE);
            }
            Found::Foreign(inbox) => {
                eprintln!("{id} is a row of a table of yours, the inbox `{inbox}`: look there");
                return Ok(ExitCode::FAILURE);
            }
            Found::Nothing => {
                eprintln!("there is no item {id}: there never was, or its week of the history is gone");
                return Ok(ExitCode::FAILURE);
            }
        };
        let causes = items::causes_of(&session, &item).await.map_err(of_schema)?;
        let now = schedules::now(&session).await.map_err(of_schema)?;
        let report = Report { item, causes };
        if args.json {
            say(&lines::json(&[report])?)?;
        } else {
            say(&text::of(&report, now))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
