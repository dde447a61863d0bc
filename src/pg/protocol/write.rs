//! Writes the functions of the lease protocol, from what is said about a table and
//! what the catalogue knows of it. The same input gives the same text.

mod fills;
mod names;
#[cfg(test)]
mod tests;

use self::names::{Names, fill, literal};
use super::columns::{Column, Columns, TokenKind};
use super::{ProtocolError, Schema};
use crate::rules::foreign::{InboxSpec, LeaseSpec, quote_ident};

/// The six functions.
const FUNCTIONS: &str = include_str!("functions.sql");

/// The script which removes the functions of an inbox.
pub(super) fn drop_script(inbox: &InboxSpec, schema: &Schema) -> String {
    let names = Names { inbox, schema };
    format!("begin;\n\n{}\ncommit;\n", names.tidy("0", "null;"))
}

/// Writes functions for one inbox.
pub(super) struct Writer<'a> {
    inbox: &'a InboxSpec,
    lease: &'a LeaseSpec,
    columns: &'a Columns,
    schema: &'a Schema,
    key: &'a Column,
    state: &'a Column,
    token: &'a Column,
    tokens: TokenKind,
    until: &'a Column,
}

impl<'a> Writer<'a> {
    /// For the columns which the table has.
    ///
    /// # Errors
    ///
    /// If they do not make a lease.
    pub(super) fn new(
        inbox: &'a InboxSpec,
        lease: &'a LeaseSpec,
        columns: &'a Columns,
        schema: &'a Schema,
    ) -> Result<Self, ProtocolError> {
        columns.check(lease)?;
        let token = columns.require(&lease.token)?;
        let tokens = TokenKind::of(token).ok_or_else(|| columns.unfit("`token` cannot hold tokens"))?;
        let (key, state) = (columns.require(&lease.key)?, columns.require(&lease.state)?);
        let until = columns.require(&lease.until)?;
        Ok(Self { inbox, lease, columns, schema, key, state, token, tokens, until })
    }

    /// The whole script: what is to be known, what goes, and what comes.
    pub(super) fn script(&self) -> String {
        let names = Names { inbox: self.inbox, schema: self.schema };
        let kept: Vec<String> = self
            .signatures(&names)
            .iter()
            .map(|signature| format!("coalesce(to_regprocedure({})::oid, 0)", literal(signature)))
            .collect();
        let stranger = "raise exception 'there is a function % already, which is not of this inbox', \
                        known.signature using hint = 'Choose another schema with --schema.';";
        let tidy = names.tidy(&kept.join(",\n                          "), stranger);
        let functions = fill(FUNCTIONS, &self.fills(&names));
        format!("{}\nbegin;\n\n{tidy}\n{functions}\ncommit;\n", self.head(&names))
    }

    /// A statement which has each value and expression of ours in it, and so is
    /// refused by the database if one of them does not fit.
    pub(super) fn probe(&self) -> String {
        let states = self.lease.states();
        let mut all: Vec<String> = states.iter().map(|(_, value)| self.value(value)).collect();
        all.extend(self.priority().map(|priority| priority.0));
        format!("select {} from {} t", all.join(", "), self.inbox.table.quoted())
    }

    /// What is to be known before: grants, and an index.
    fn head(&self, names: &Names<'_>) -> String {
        let (inbox, table) = (&self.inbox.name, self.inbox.table.quoted());
        let written: Vec<String> = self.written().iter().map(|name| quote_ident(name)).collect();
        let sequence = match self.tokens {
            TokenKind::Number => "\n--   grant usage on sequence hearken.lease_tokens to WORKER;",
            TokenKind::Uuid | TokenKind::Text => "",
        };
        let by = self.lease.by.as_deref().map(|by| format!("{}, ", quote_ident(by))).unwrap_or_default();
        let order = self.order(Place::Index);
        let (state, ready) = (quote_ident(&self.lease.state), self.ready());
        let until = quote_ident(&self.lease.until);
        let mut schemas =
            vec![quote_ident("hearken"), names.schema.quoted(), quote_ident(self.inbox.table.schema())];
        schemas.sort();
        schemas.dedup();
        let leased = self.value(&self.lease.leased);
        format!(
            "-- The lease protocol of the inbox {inbox}: see docs/lease-protocol.md.\n\
             --\n\
             -- The functions run with the rights of whoever calls them. A worker needs:\n\
             --   grant usage on schema {} to WORKER;{sequence}\n\
             --   grant execute on function hearken.now(), hearken.backoff(integer) to WORKER;\n\
             --   grant select, update ({}) on {table} to WORKER;\n\
             -- and, where functions are not for everybody, execute on those below.\n\
             --\n\
             -- What is leased is found quickly with:\n\
             --   create index on {table} ({by}{order}) where {state} {ready};\n\
             --   create index on {table} ({until}) where {state} = {leased};\n",
            schemas.join(", "),
            written.join(", "),
        )
    }

    /// The columns which the functions write.
    fn written(&self) -> Vec<&str> {
        let not_written = ["key", "by", "max_attempts"];
        let columns = self.lease.columns();
        columns.iter().filter(|(key, _)| !not_written.contains(key)).map(|(_, name)| *name).collect()
    }

    /// How each function is told from others of its name.
    fn signatures(&self, names: &Names<'_>) -> [String; 6] {
        let (key, token) = (&self.key.kind, &self.token.kind);
        let types = |column: Option<&str>| column.map(|name| format!(", {name}")).unwrap_or_default();
        [
            format!(
                "{}(text{}, integer, interval)",
                names.function("lease"),
                types(self.by_type().as_deref())
            ),
            format!("{}(integer)", names.function("expire")),
            format!("{}({key}, {token}, interval)", names.function("extend")),
            format!("{}({key}, {token}{})", names.function("complete"), types(self.result_type())),
            format!(
                "{}({key}, {token}{}, boolean{})",
                names.function("fail"),
                types(self.lease.error.as_deref().map(|_| "text")),
                types(self.lease.due.as_deref().map(|_| "interval")),
            ),
            format!("{}({key}, {token})", names.function("release")),
        ]
    }

    /// A column which need not be: its name in quotes, and what it is.
    fn optional(&self, name: Option<&str>) -> Option<(String, &'a Column)> {
        let name = name?;
        Some((quote_ident(name), self.columns.get(name)?))
    }

    /// A value of the state as its type has it.
    fn value(&self, text: &str) -> String {
        format!("{}::{}", literal(text), self.state.kind)
    }

    /// The states which may be leased from.
    fn ready(&self) -> String {
        let (waiting, failed) = (&self.lease.waiting, &self.lease.failed);
        if waiting == failed {
            format!("= {}", self.value(waiting))
        } else {
            format!("in ({}, {})", self.value(waiting), self.value(failed))
        }
    }

    fn new_token(&self) -> String {
        match self.tokens {
            TokenKind::Number => "nextval('hearken.lease_tokens')".to_owned(),
            TokenKind::Uuid => "gen_random_uuid()".to_owned(),
            TokenKind::Text => "gen_random_uuid()::text".to_owned(),
        }
    }

    /// The type of the parameter `by`: an array of what the column has.
    fn by_type(&self) -> Option<String> {
        let column = self.columns.get(self.lease.by.as_deref()?)?;
        Some(format!("{}[]", column.kind))
    }

    fn result_type(&self) -> Option<&str> {
        Some(self.columns.get(self.lease.result.as_deref()?)?.kind.as_str())
    }

    /// What orders by urgency, and whether it is never null.
    fn priority(&self) -> Option<(String, bool)> {
        let text = self.lease.priority.as_deref()?;
        match self.columns.get(text) {
            Some(column) => Some((format!("t.{}", quote_ident(text)), column.not_null)),
            // On lines of its own: it may end with a comment.
            None => Some((format!("(\n{text}\n)"), false)),
        }
    }

    /// The most urgent first, then what was due first, then the key, so that two who
    /// look at the same time look in the same order.
    fn order(&self, place: Place) -> String {
        let mut order = Vec::new();
        if let Some((priority, never_null)) = self.priority() {
            order.push(format!("{priority} desc{}", if never_null { "" } else { " nulls last" }));
        }
        if let Some((name, column)) = self.optional(self.lease.due.as_deref()) {
            order.push(format!("t.{name}{}", if column.not_null { "" } else { " nulls first" }));
        }
        order.push(format!("t.{}", quote_ident(&self.lease.key)));
        let order = order.join(", ");
        match place {
            Place::Query => order,
            // In a comment, where a row has no name and lines do not end.
            Place::Index => order.replace('\n', " ").replace("t.\"", "\""),
        }
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Query,
    Index,
}
