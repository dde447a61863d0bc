//! `hearken retry`.

pub(super) mod bulk;

use super::{ConfigArgs, runtime};
use crate::pg::items::{Deed, State};
use bulk::{Order, Selection};
use std::process::ExitCode;

/// Start items again which are dead, done, cancelled, superseded or dropped.
///
/// They wait, due now, with all their attempts; those in the history come back from
/// there. An item is left as it is if another one has its key of `while_open` by now.
#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    selection: Selection,
    /// With --all: those in this state [default: dead].
    #[arg(long = "state", value_name = "STATE", value_parser = State::parse, requires = "all")]
    states: Vec<State>,
    /// With --all: those in the history, too.
    #[arg(long, requires = "all")]
    archived: bool,
}

/// Runs it. The exit status is 1 if one of the items was not started again.
///
/// # Errors
///
/// Of the settings or the database, or if what is asked for makes no sense.
pub fn run(args: &RetryArgs) -> anyhow::Result<ExitCode> {
    let order = Order {
        deed: Deed::Retry,
        default: &[State::Dead],
        possible: &[State::Dead, State::Done, State::Cancelled, State::Superseded, State::Dropped],
        reason: None,
    };
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        let all_done = order.run(&session, &args.selection, &args.states, bulk::reach(args.archived)).await?;
        Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
