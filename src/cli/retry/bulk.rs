//! Something done to items which are named, or to all which fit filters: what `retry`,
//! `cancel` and `dead` have in common.

use crate::cli::aligned::table;
use crate::cli::items::filter::FilterArgs;
use crate::cli::items::lines;
use crate::cli::{of_schema, say};
use crate::pg::items::{self, Answer, Deed, Filter, Reach, State};
use crate::pg::schedules;
use crate::pg::session::Session;
use crate::rules::text::listed;
use anyhow::bail;
use std::collections::BTreeMap;

/// So many are done in one transaction.
pub(in crate::cli) const AT_ONCE: i64 = 1_000;

/// A dry run counts up to here, and shows so many.
const COUNTED_MAX: i64 = 10_000;
const SHOWN_MAX: usize = 20;

/// What is named, or all which fit.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Selection {
    /// The numbers, as `hearken items` and `hearken dead` list them.
    #[arg(value_name = "ID", value_parser = Target::parse)]
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(in crate::cli) targets: Vec<Target>,
    /// All which fit the filters. Times are those at which they finished, or were made if
    /// they have not.
    #[arg(long)]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
    /// With --all: at most so many.
    #[arg(long, value_name = "N", requires = "all", conflicts_with = "targets")]
    pub(in crate::cli) max: Option<u32>,
    /// With --all: only say what would be done.
    #[arg(long, requires = "all", conflicts_with = "targets")]
    pub(in crate::cli) dry_run: bool,
    /// With --all and no filter: all there are, indeed.
    #[arg(long, requires = "all", conflicts_with = "targets")]
    pub(in crate::cli) yes: bool,
}

impl Selection {
    /// Refuses filters beside numbers, and everything at once which was not meant.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub(in crate::cli) fn check(&self, is_narrowed: bool) -> anyhow::Result<()> {
        let is_narrowed = is_narrowed || !self.filter.is_empty();
        if !self.all && !self.filter.is_empty() {
            bail!("filters are for --all; without it, name the items by their numbers");
        }
        if self.all && !is_narrowed && !self.yes && !self.dry_run {
            bail!("--all without a filter means all there are: --dry-run shows them, --yes does it");
        }
        Ok(())
    }

    /// How many may be done.
    pub(in crate::cli) fn limit(&self) -> i64 {
        self.max.map_or(i64::MAX, i64::from)
    }
}

/// An item, or a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Target {
    /// An item: `12`.
    Item(i64),
    /// A dead letter: `L12`.
    Letter(i64),
}

impl Target {
    /// Reads a number.
    ///
    /// # Errors
    ///
    /// What a number is.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        let letter = text.strip_prefix(['L', 'l']);
        match (letter, letter.unwrap_or(text).parse()) {
            (Some(_), Ok(id)) => Ok(Self::Letter(id)),
            (None, Ok(id)) => Ok(Self::Item(id)),
            (_, Err(_)) => Err("an item has a number such as 12, a dead letter one such as L12".to_owned()),
        }
    }
}

/// Where to look.
pub(in crate::cli) fn reach(archived: bool) -> Reach {
    if archived { Reach::History } else { Reach::Inbox }
}

/// What is to be done about items.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Order<'a> {
    /// What.
    pub(in crate::cli) deed: Deed,
    /// To those in these states, if nobody says which.
    pub(in crate::cli) default: &'a [State],
    /// It can be done to those in these states only.
    pub(in crate::cli) possible: &'a [State],
    /// Why.
    pub(in crate::cli) reason: Option<&'a str>,
}

impl Order<'_> {
    /// Does it, and says so; whether none of them was left.
    ///
    /// # Errors
    ///
    /// Of the database, or if what is asked for makes no sense.
    pub(in crate::cli) async fn run(
        &self,
        session: &Session,
        selection: &Selection,
        states: &[State],
        reach: Reach,
    ) -> anyhow::Result<bool> {
        selection.check(!states.is_empty())?;
        self.check(states)?;
        items::prepare(session).await.map_err(of_schema)?;
        if selection.all {
            let now = schedules::now(session).await.map_err(of_schema)?;
            let states = if states.is_empty() { self.default } else { states };
            let filter = Filter { states: states.to_vec(), ..selection.filter.at(now) };
            // What finishes from now on is not done again, or it might go on for ever.
            let until = Some(filter.until.map_or(now, |until| until.min(now)));
            let filter = Filter { until, ..filter };
            if selection.dry_run {
                self.foretell(session, &filter, reach, selection.limit()).await?;
                return Ok(true);
            }
            let tally = self.all(session, &filter, reach, selection.limit()).await?;
            return self.summed_up(&tally);
        }
        let mut all_done = true;
        for target in &selection.targets {
            let Target::Item(id) = *target else {
                bail!("dead letters are no items: `hearken dead retry` and `hearken dead drop` take them");
            };
            all_done &= self.one(session, id).await?;
        }
        Ok(all_done)
    }

    fn check(&self, states: &[State]) -> anyhow::Result<()> {
        match states.iter().find(|state| !self.possible.contains(state)) {
            None => Ok(()),
            Some(state) => {
                let possible = listed(self.possible.iter().map(|state| state.as_str()));
                bail!("this cannot be done to items in state `{}`, only in {possible}", state.as_str())
            }
        }
    }

    /// Does it to one item, and says what became of it; whether it was done.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub(in crate::cli) async fn one(&self, session: &Session, id: i64) -> anyhow::Result<bool> {
        let answer = items::act(session, self.deed, id, self.reason).await.map_err(of_schema)?;
        let words = self.words(answer);
        if answer == Answer::Done {
            say(&format!("{id} {words}\n"))?;
        } else {
            eprintln!("{id} {words}");
        }
        Ok(answer == Answer::Done)
    }

    /// What became of an item.
    fn words(&self, answer: Answer) -> &'static str {
        match (answer, self.deed) {
            (Answer::Done, Deed::Retry) => "waits again, due now",
            (Answer::Done, Deed::Cancel) => "cancelled",
            (Answer::Done, Deed::Drop) => "dropped",
            (Answer::Open, Deed::Drop) => "is open: cancel it first",
            (Answer::Open, _) => "is open: it waits, or a worker has it",
            (Answer::Closed, _) => "has finished: there is nothing to cancel",
            (Answer::Taken, _) => "was left as it is: another item, or a held draft, has its key by now",
            (Answer::Gone, _) => "is not there",
            (Answer::Busy, _) => "is locked by somebody's transaction; try again",
        }
    }

    /// Does it to all items which fit, in their order.
    ///
    /// # Errors
    ///
    /// Of the database. What was done until then stays done.
    pub(in crate::cli) async fn all(
        &self,
        session: &Session,
        filter: &Filter,
        reach: Reach,
        limit: i64,
    ) -> anyhow::Result<BTreeMap<Answer, u64>> {
        let mut tally = BTreeMap::new();
        let (mut after, mut left) = (i64::MIN, limit);
        while left > 0 {
            let ids = items::ids_like(session, filter, reach, after, left.min(AT_ONCE)).await;
            let ids = ids.map_err(of_schema)?;
            let Some(last) = ids.last() else { break };
            after = *last;
            let answers = items::act_on_all(session, self.deed, &ids, self.reason).await;
            for (_, answer) in answers.map_err(of_schema)? {
                *tally.entry(answer).or_default() += 1;
                left -= i64::from(answer == Answer::Done);
            }
        }
        Ok(tally)
    }

    fn summed_up(&self, tally: &BTreeMap<Answer, u64>) -> anyhow::Result<bool> {
        let done = tally.get(&Answer::Done).copied().unwrap_or_default();
        say(&format!("{} {}\n", counted(done), self.done_to(done)))?;
        let mut all_done = true;
        for (answer, count) in tally.iter().filter(|(answer, _)| **answer != Answer::Done) {
            eprintln!("{count} of them: each {}", self.words(*answer));
            // The others changed while we were at it.
            all_done &= !matches!(answer, Answer::Taken | Answer::Busy);
        }
        Ok(all_done)
    }

    /// What was done to so many.
    pub(in crate::cli) fn done_to(&self, count: u64) -> &'static str {
        match (self.deed, count) {
            (Deed::Retry, 1) => "waits again, due now",
            (Deed::Retry, _) => "wait again, due now",
            (Deed::Cancel, _) => "cancelled",
            (Deed::Drop, _) => "dropped",
        }
    }

    /// Says to how many it would be done, and shows the first of them.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub(in crate::cli) async fn foretell(
        &self,
        session: &Session,
        filter: &Filter,
        reach: Reach,
        limit: i64,
    ) -> anyhow::Result<()> {
        let most = limit.min(COUNTED_MAX + 1);
        let ids = items::ids_like(session, filter, reach, i64::MIN, most).await.map_err(of_schema)?;
        let count = match ids.len() as i64 {
            many if many > COUNTED_MAX => format!("more than {COUNTED_MAX} items"),
            few => counted(few.unsigned_abs()),
        };
        say(&format!("{count} would be {}\n", past(self.deed)))?;
        let first = &ids[..ids.len().min(SHOWN_MAX)];
        let shown = items::items_of(session, first, reach).await.map_err(of_schema)?;
        let now = schedules::now(session).await.map_err(of_schema)?;
        let rows: Vec<_> = shown.iter().map(|item| lines::cells(item, now)).collect();
        if !rows.is_empty() {
            say(&table(lines::HEADINGS, &rows))?;
        }
        if ids.len() > first.len() {
            say("…\n")?;
        }
        Ok(())
    }
}

fn past(deed: Deed) -> &'static str {
    match deed {
        Deed::Retry => "started again",
        Deed::Cancel => "cancelled",
        Deed::Drop => "dropped",
    }
}

/// So many items.
pub(in crate::cli) fn counted(count: u64) -> String {
    match count {
        0 => "no items".to_owned(),
        1 => "1 item".to_owned(),
        _ => format!("{count} items"),
    }
}
