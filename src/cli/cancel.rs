//! `hearken cancel`.

use super::retry::bulk::{Order, Selection};
use super::{ConfigArgs, runtime};
use crate::pg::items::{Deed, Reach, State};
use std::process::ExitCode;

/// Call items off: nobody will do them.
///
/// A worker which is at one finds its lease gone. What has finished stays as it is. A
/// draft which a gate holds is no item yet: see `hearken held cancel`.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    selection: Selection,
    /// With --all: those in this state [default: waiting and failed].
    #[arg(long = "state", value_name = "STATE", value_parser = State::parse, requires = "all")]
    states: Vec<State>,
    /// Why, for those who find them cancelled.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs it. The exit status is 1 if one of the items was not cancelled.
///
/// # Errors
///
/// Of the settings or the database, or if what is asked for makes no sense.
pub fn run(args: &CancelArgs) -> anyhow::Result<ExitCode> {
    let order = Order {
        deed: Deed::Cancel,
        default: &[State::Waiting, State::Failed],
        possible: &[State::Waiting, State::Leased, State::Failed],
        reason: args.reason.as_deref(),
    };
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        let all_done = order.run(&session, &args.selection, &args.states, Reach::Inbox).await?;
        Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
