//! What stands for the places in the functions: what depends on which columns there
//! are.

use super::names::{Fills, Names};
use super::{Place, Writer};
use crate::pg::protocol::columns::Column;
use crate::rules::foreign::{Attempts, AttemptsMax, quote_ident};

/// How many attempts a row has whose own bound is null.
const ATTEMPTS_DEFAULT: u32 = 5;

impl Writer<'_> {
    /// What stands for each place of the functions.
    pub(super) fn fills(&self, names: &Names<'_>) -> Fills {
        let lease = self.lease;
        let mut fills: Fills = vec![
            ("table", self.inbox.table.quoted()),
            ("mark", names.mark().replace('\'', "''")),
            ("key", quote_ident(&lease.key)),
            ("key_type", self.key.kind.clone()),
            ("state", quote_ident(&lease.state)),
            ("state_type", self.state.kind.clone()),
            ("token", quote_ident(&lease.token)),
            ("token_type", self.token.kind.clone()),
            ("new_token", self.new_token()),
            ("until", quote_ident(&lease.until)),
            ("seconds", lease.lease.as_secs().to_string()),
            ("waiting", self.value(&lease.waiting)),
            ("leased", self.value(&lease.leased)),
            ("done", self.value(&lease.done)),
            ("failed", self.value(&lease.failed)),
            ("dead", self.value(&lease.dead)),
            ("ready", self.ready()),
            ("order", self.order(Place::Query)),
            ("clear_until", cleared(&quote_ident(&lease.until), self.until)),
        ];
        for (place, label, name) in [
            ("lease", "lease_label", "lease"),
            ("expire", "expire_label", "expire"),
            ("extend", "extend_label", "extend"),
            ("complete", "complete_label", "complete"),
            ("fail", "fail_label", "fail"),
            ("release", "release_label", "release"),
        ] {
            fills.push((place, names.function(name)));
            fills.push((label, names.label(name)));
        }
        fills.extend(self.of_choice(names));
        fills.extend(self.of_attempts(names));
        fills.extend(self.of_remarks(names));
        fills
    }

    /// Which rows a worker is given, and when.
    fn of_choice(&self, names: &Names<'_>) -> Fills {
        let label = names.label("lease");
        let by_type = self.by_type();
        let when = |by: &String| {
            format!(
                "\n              and ({label}.\"by\" is null or t.{} = any ({label}.\"by\"))",
                quote_ident(by)
            )
        };
        let due = self.lease.due.as_deref().map(quote_ident);
        let when_due =
            |due: &String| format!("\n              and (t.{due} is null or t.{due} <= hearken_clock)");
        let parameter = |kind: &String| format!(", \"by\" {kind} default null");
        let remark = |by: &String| format!(", of those whose {} is among by", by.replace('\'', "''"));
        vec![
            ("by_parameter", by_type.as_ref().map(parameter).unwrap_or_default()),
            ("by_type", by_type.as_ref().map(|kind| format!(", {kind}")).unwrap_or_default()),
            ("by_remark", self.lease.by.as_ref().map(remark).unwrap_or_default()),
            ("when_by", self.lease.by.as_ref().map(when).unwrap_or_default()),
            ("when_due", due.as_ref().map(when_due).unwrap_or_default()),
            ("due_now", due.as_ref().map(|due| format!(", {due} = hearken_clock")).unwrap_or_default()),
        ]
    }

    /// How attempts are counted, and what becomes of a failure.
    fn of_attempts(&self, names: &Names<'_>) -> Fills {
        let label = names.label("fail");
        let lease = self.lease;
        let (dead, failed) = (self.value(&lease.dead), self.value(&lease.failed));
        let spent = lease.attempts.as_ref().map(spent);
        let stops = format!("not coalesce({label}.retry, true)");
        let gives_up = match &spent {
            Some(spent) => format!("{stops} or {spent}"),
            None => stops,
        };
        let after_expiry = match &spent {
            Some(spent) => format!("case when {spent} then {dead} else {failed} end"),
            None => failed,
        };
        let counted = lease.attempts.as_ref().map(|attempts| quote_ident(&attempts.column));
        let finished = lease.finished.as_deref().map(quote_ident);
        let finish = |when: &str, clock: &str| match &finished {
            Some(name) => format!(", {name} = case when {when} then {clock} else t.{name} end"),
            None => String::new(),
        };
        let number = match &counted {
            Some(name) => format!("coalesce(t.{name}, 1)::integer"),
            None => "1".to_owned(),
        };
        let due = lease.due.as_deref().map(quote_ident);
        let later = |due: &String| {
            format!(
                ",\n        {due} = case when {gives_up} then t.{due} \
                 else hearken.now() + coalesce({label}.retry_after, hearken.backoff({number})) end"
            )
        };
        let count = |name: &String| format!(", {name} = coalesce(t.{name}, 0) + 1");
        let uncount = |name: &String| format!(", {name} = greatest(coalesce(t.{name}, 0) - 1, 0)");
        vec![
            ("count", counted.as_ref().map(count).unwrap_or_default()),
            ("uncount", counted.as_ref().map(uncount).unwrap_or_default()),
            ("after_expiry", after_expiry),
            ("due_later", due.as_ref().map(later).unwrap_or_default()),
            ("retry_parameter", if_there(due.as_ref(), ", retry_after interval default null")),
            ("retry_type", if_there(due.as_ref(), ", interval")),
            ("finish", finished.as_ref().map(|name| format!(", {name} = hearken.now()")).unwrap_or_default()),
            ("finish_failed", finish(&gives_up, "hearken.now()")),
            (
                "finish_expired",
                spent.as_deref().map(|spent| finish(spent, "hearken_clock")).unwrap_or_default(),
            ),
            ("gives_up", gives_up),
        ]
    }

    /// What is kept beside: the worker, the error, the result.
    fn of_remarks(&self, names: &Names<'_>) -> Fills {
        let (lease, complete, fail) = (names.label("lease"), names.label("complete"), names.label("fail"));
        let worker = self.optional(self.lease.worker.as_deref());
        let error = self.optional(self.lease.error.as_deref());
        let result = self.optional(self.lease.result.as_deref());
        let set_worker = |(name, column): (String, &Column)| {
            format!(", {name} = {}", kept(column, &name, &format!("{lease}.worker::{}", column.whole)))
        };
        let set_error = |(name, column): (String, &Column)| {
            format!(", {name} = {}", kept(column, &name, &format!("{fail}.error::{}", column.whole)))
        };
        let set_result = |(name, column): (String, &Column)| {
            format!(", {name} = {}", kept(column, &name, &format!("{complete}.result")))
        };
        let expired = |(name, column): (String, &Column)| {
            format!(",\n        {name} = ({})::{}", self.expiry(), column.whole)
        };
        let told = self.lease.error.as_ref();
        let result_type = self.result_type();
        let result_parameter = |kind: &str| format!(", result {kind} default null");
        vec![
            ("set_worker", worker.map(set_worker).unwrap_or_default()),
            ("expiry_error", error.clone().map(expired).unwrap_or_default()),
            ("clear_error", error.clone().map(|(name, column)| cleared(&name, column)).unwrap_or_default()),
            ("set_error", error.map(set_error).unwrap_or_default()),
            ("set_result", result.map(set_result).unwrap_or_default()),
            ("error_parameter", if_there(told, ", error text default null")),
            ("error_type", if_there(told, ", text")),
            ("result_parameter", result_type.map(result_parameter).unwrap_or_default()),
            ("result_type", result_type.map(|kind| format!(", {kind}")).unwrap_or_default()),
        ]
    }

    /// What is said of a lease which ended by itself.
    fn expiry(&self) -> String {
        let mut text = "'the lease'".to_owned();
        if let Some(worker) = &self.lease.worker {
            text.push_str(&format!(" || coalesce(' of worker ' || t.{}::text, '')", quote_ident(worker)));
        }
        text.push_str(" || ' ended without an answer'");
        if let Some(attempts) = &self.lease.attempts {
            let (column, max) = (quote_ident(&attempts.column), max(&attempts.max));
            text.push_str(&format!(" || coalesce(' (attempt ' || t.{column} || ' of ' || {max} || ')', '')"));
        }
        text
    }
}

/// Whether no attempt is left, of a row `t`.
fn spent(attempts: &Attempts) -> String {
    format!("coalesce(t.{}, 0) >= {}", quote_ident(&attempts.column), max(&attempts.max))
}

fn max(max: &AttemptsMax) -> String {
    match max {
        AttemptsMax::Column(name) => format!("coalesce(t.{}, {ATTEMPTS_DEFAULT})", quote_ident(name)),
        AttemptsMax::Number(number) => number.to_string(),
    }
}

/// A value for a column, which stays what it is rather than become null where it
/// must not.
fn kept(column: &Column, name: &str, value: &str) -> String {
    if column.not_null { format!("coalesce({value}, t.{name})") } else { value.to_owned() }
}

/// The assignment which empties a column, if it may be empty.
fn cleared(name: &str, column: &Column) -> String {
    if column.not_null { String::new() } else { format!(", {name} = null") }
}

/// A text which is wanted only where there is a column for it.
fn if_there(name: Option<&String>, text: &str) -> String {
    name.map(|_| text.to_owned()).unwrap_or_default()
}
