//! Reads `hours`: when items may fall due.

mod week;

use super::read::{self, Setting};
use crate::rules::gate::hours::{ClockTime, Days, HoursError, Interval, Outside};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Table, Value, table_of, text_of, wrong_type};
use crate::rules::routine::when;
use crate::rules::template::Variables;
use crate::rules::when::When;
use jiff::tz::TimeZone;
use std::ops::Range;

/// The most intervals hours may have; a day seldom has more than two.
pub const INTERVALS_MAX: usize = 50;

/// When items may fall due.
#[derive(Clone, Debug)]
pub struct HoursSpec {
    /// The zone whose clocks are meant.
    pub tz: Setting<TimeZone>,
    /// The intervals; at least one.
    pub open: Vec<IntervalSpec>,
    /// What becomes of a draft which is due at another time.
    pub outside: Outside,
    /// The events whose drafts pass at any time.
    pub unless: Option<When>,
}

/// An interval of civil time, on some days of the week.
#[derive(Clone, Debug)]
pub struct IntervalSpec {
    /// The days on which it begins.
    pub days: Days,
    /// When it begins.
    pub from: Setting<ClockTime>,
    /// When it ends; on the next day, if it is not after `from`.
    pub to: Setting<ClockTime>,
}

impl IntervalSpec {
    /// The interval, if the routine says all of it.
    fn fixed(&self) -> Option<Interval> {
        Some(Interval { days: self.days, from: *self.from.fixed()?, to: *self.to.fixed()? })
    }
}

const KEYS: Keys<'static> =
    Keys { owner: "`hours`", known: &["tz", "days", "from", "to", "open", "outside", "unless"], later: &[] };

const OPEN_KEYS: Keys<'static> =
    Keys { owner: "an interval of `open`", known: &["days", "from", "to"], later: &[] };

const OUTSIDE: [(&str, Outside); 2] = [("hold", Outside::Hold), ("drop", Outside::Drop)];

const TZ_HELP: &str = "say whose clocks are meant: `tz = \"Europe/Berlin\"`, or `tz = \"UTC\"`";

const HOURS_HELP: &str =
    "write `from = \"08:00\"` and `to = \"18:00\"`; a whole day goes from `00:00` to `24:00`";

/// Reads `hours`, if the routine has it. `root` is the whole file.
pub(super) fn parse(
    findings: &mut Findings,
    root: &Table<'_>,
    flow: &Table<'_>,
    variables: Variables,
) -> Option<Option<HoursSpec>> {
    let wanted = "a table with `tz`, `from` and `to`";
    let Some(table) = read::gate(findings, flow, "hours", wanted)? else {
        return Some(None);
    };
    table.check_keys(findings, &KEYS);
    let tz = read::require(findings, &table, "hours", "tz", TZ_HELP)
        .and_then(|()| read::setting(findings, &table, "tz", variables, read::zone));
    let open = open(findings, &table, variables);
    let outside = read::word(findings, &table, "outside", &OUTSIDE, Outside::Hold);
    let unless = unless(findings, root, &table, variables);
    Some(Some(HoursSpec { tz: tz?, open: open?, outside: outside?, unless: unless? }))
}

/// The intervals: those of `open`, or the one which stands in `hours` itself.
fn open(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Vec<IntervalSpec>> {
    let Some(value) = table.get("open") else {
        return interval(findings, table, "hours", variables).map(|one| {
            week::review(findings, &[(&one, table.key_span("from"))]);
            vec![one]
        });
    };
    let mut alone = true;
    for key in ["days", "from", "to"].into_iter().filter(|key| table.get(key).is_some()) {
        let message = format!("`{key}` stands beside `open`");
        let help = "write all intervals into `open`, or the only one without it";
        read::needless(findings, table, key, &message, help);
        alone = false;
    }
    let open = list(findings, value, variables)?;
    alone.then_some(open)
}

fn list(findings: &mut Findings, value: &Value<'_>, variables: Variables) -> Option<Vec<IntervalSpec>> {
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "open", value, "an array of tables");
    };
    let message = match items.len() {
        0 => Some("`open` is empty, so that nothing would ever be due".to_owned()),
        count if count > INTERVALS_MAX => Some(format!("`open` has at most {INTERVALS_MAX} intervals")),
        _ => None,
    };
    if let Some(message) = message {
        let help = "write `open = [ { days = \"mon-fri\", from = \"08:00\", to = \"12:00\" } ]`";
        findings.push(Problem::error(value.span(), message).label("not hours").help(help));
        return None;
    }
    // All of them are read, so that all that is wrong is found.
    let read = items.iter().map(|item| match table_of(item) {
        Some(table) => {
            table.check_keys(findings, &OPEN_KEYS);
            interval(findings, &table, "open", variables)
        }
        None => wrong_type(findings, "open", item, "a table"),
    });
    let open = read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?;
    let placed = open.iter().zip(items.iter().map(|item| item.span())).collect::<Vec<_>>();
    week::review(findings, &placed);
    Some(open)
}

fn interval(
    findings: &mut Findings,
    table: &Table<'_>,
    owner: &str,
    variables: Variables,
) -> Option<IntervalSpec> {
    let days = days(findings, table);
    let mut end = |key: &str| {
        read::require(findings, table, owner, key, HOURS_HELP)?;
        read::setting(findings, table, key, variables, time)
    };
    let (from, to) = (end("from"), end("to"));
    let interval = IntervalSpec { days: days?, from: from?, to: to? };
    is_sensible(findings, table, &interval).then_some(interval)
}

fn is_sensible(findings: &mut Findings, table: &Table<'_>, interval: &IntervalSpec) -> bool {
    let (from, to) = (interval.from.fixed(), interval.to.fixed());
    let (span, message, help): (Range<usize>, _, _) = if from.is_some() && from == to {
        let message = "these hours end when they begin";
        (table.key_span("to"), message, "for a whole day, write `from = \"00:00\"` and `to = \"24:00\"`")
    } else if from.copied() == ClockTime::parse("24:00").ok() {
        let message = "no hours begin at 24:00";
        (table.key_span("from"), message, "write `from = \"00:00\"`, and the day after in `days`")
    } else {
        return true;
    };
    findings.push(Problem::error(span, message).label("never open").help(help));
    false
}

fn days(findings: &mut Findings, table: &Table<'_>) -> Option<Days> {
    if table.get("days").is_none() {
        return Some(Days::ALL);
    }
    let text = table.text(findings, "days")?;
    let error = match Days::parse(text.text) {
        Ok(days) => return Some(days),
        Err(error) => error,
    };
    complain(findings, text.span, error);
    None
}

fn time(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<ClockTime> {
    let Some(text) = text_of(value) else {
        return wrong_type(findings, key, value, "a time of day in quotes");
    };
    let error = match ClockTime::parse(text.text) {
        Ok(time) => return Some(time),
        Err(error) => error,
    };
    complain(findings, text.span, error);
    None
}

fn complain(findings: &mut Findings, span: Range<usize>, error: HoursError) {
    let days = "write days as in `mon-fri` or `sat,sun`; without `days` it is every day";
    let (message, help) = match error {
        HoursError::NoDay => ("a day is missing".to_owned(), days.to_owned()),
        HoursError::Day { text, suggestion } => {
            let near = suggestion.map(|day| format!("did you mean `{day}`?"));
            (format!("`{text}` is no day"), near.unwrap_or_else(|| days.to_owned()))
        }
        HoursError::Time(text) => {
            let help = "write two digits for hour and minute: `08:00`, `17:30:15` or `24:00`";
            (format!("`{text}` is no time of day"), help.to_owned())
        }
    };
    findings.push(Problem::error(span, message).label("in these hours").help(help));
}

/// The events which pass at any time, if the routine names some.
fn unless(
    findings: &mut Findings,
    root: &Table<'_>,
    table: &Table<'_>,
    variables: Variables,
) -> Option<Option<When>> {
    if table.get("unless").is_none() {
        return Some(None);
    }
    if !variables.has_event() {
        let message = "`unless` asks an event, and a tick has none";
        let help = "leave it out, and let the schedule tick when its items may be due";
        read::needless(findings, table, "unless", message, help);
        return None;
    }
    let conditions = table.table(findings, "unless")?;
    if conditions.is_empty() {
        let message = "`unless` has no conditions, so that all events would pass";
        let help = "write `unless = { \"data.priority\" = { gte = 9 } }`, or remove it";
        read::needless(findings, table, "unless", message, help);
        return None;
    }
    when::elsewhere(findings, root, &conditions).map(Some)
}
