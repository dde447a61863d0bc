//! The statements of a source, made of its description.
//!
//! The expressions stand in them as they were written, each in parentheses, over the
//! table under its own name. Our own names begin with `hearken_`.

use crate::rules::foreign::{SourceSpec, Strategy, quote_ident};

/// How a row's place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// By its place in the table.
    One,
    /// By its part and the place in it: the table is partitioned, or has heirs.
    Parts,
}

/// The statements.
pub(super) struct Texts {
    /// Claims a page: $1 rows, bodies up to $2 bytes.
    pub(super) claim: String,
    /// Claims the places of a page and nothing else: $1 rows.
    pub(super) places: String,
    /// Reads the row at a place ($1) of a part ($2) as JSON text.
    pub(super) read: String,
    /// Marks what was claimed.
    pub(super) mark: String,
    /// When the next row is ready.
    pub(super) next: Option<String>,
}

impl Texts {
    pub(super) fn of(spec: &SourceSpec, id: i32, shape: Shape) -> Self {
        Self {
            claim: claim(spec, id),
            places: places(spec, id),
            read: read(spec),
            mark: mark(spec, shape),
            next: next(spec, id),
        }
    }
}

const LIFTED: &str = "(select hearken.now())";

fn or_null(expression: Option<&String>) -> String {
    expression.map_or_else(|| "null::text".to_owned(), |expression| format!("({expression})"))
}

fn data(spec: &SourceSpec) -> String {
    match &spec.data {
        Some(data) => format!("to_jsonb(({data}))"),
        None => format!("to_jsonb({}.*)", quote_ident(spec.table.name())),
    }
}

fn json_or_null(expression: Option<&String>) -> String {
    let json = |expression: &String| format!("to_jsonb(({expression}))");
    expression.map_or_else(|| "null::jsonb".to_owned(), json)
}

/// What the daemon cannot hold, infinity or far off, counts as not said.
fn time(spec: &SourceSpec) -> String {
    let Some(time) = &spec.time else { return LIFTED.to_owned() };
    format!(
        "coalesce(case when ({time})::timestamptz >= '0001-01-02' and ({time})::timestamptz < '9999-12-30' \
         then ({time})::timestamptz end, {LIFTED})"
    )
}

/// The attributes of an event: name and expression.
fn attributes(spec: &SourceSpec) -> [(&'static str, String); 9] {
    [
        ("id", format!("({})::text", spec.id)),
        ("type", format!("({})::text", spec.kind)),
        ("source", format!("{}::text", or_null(spec.origin.as_ref()))),
        ("subject", format!("{}::text", or_null(spec.subject.as_ref()))),
        ("time", time(spec)),
        ("tenant", format!("{}::text", or_null(spec.tenant.as_ref()))),
        ("data", data(spec)),
        ("old", json_or_null(spec.old.as_ref())),
        ("meta", json_or_null(spec.meta.as_ref())),
    ]
}

/// Which rows are to be claimed, but for their being ready.
fn pending(spec: &SourceSpec, id: i32) -> String {
    let pending = spec.pending.as_deref().unwrap_or("true");
    match spec.strategy {
        Strategy::Flag { .. } => format!("({pending})"),
        Strategy::Keys { .. } => format!(
            // Our columns under names of their own: a bare `id` is the user's.
            // A scalar, so that each row is one probe of the index whatever the planner
            // thinks of a table which is not analyzed yet.
            "({pending}) and (\
               select true from hearken.source_keys as hearken_k (hearken_source, hearken_at, hearken_id) \
               where hearken_k.hearken_source = {id} and hearken_k.hearken_id = {}) is null",
            known_as(spec)
        ),
    }
}

/// By what a row's key is kept: its id, or its place, if that is null.
fn known_as(spec: &SourceSpec) -> String {
    let name = quote_ident(spec.table.name());
    format!("coalesce(({})::text, {name}.ctid::text || '@' || {name}.tableoid::text)", spec.id)
}

fn is_ready(ready: &str) -> String {
    format!("coalesce(({ready})::timestamptz <= {LIFTED}, true)")
}

/// From the table on: which rows, in which order, how many, and the lock.
fn clauses(spec: &SourceSpec, id: i32) -> String {
    let ready = spec.ready.as_deref().map(|ready| format!(" and {}", is_ready(ready))).unwrap_or_default();
    let order = spec.order.clone().unwrap_or_else(|| format!("({})", spec.id));
    let lock = match spec.strategy {
        Strategy::Flag { .. } => " for update skip locked",
        Strategy::Keys { .. } => "",
    };
    format!("from {} where {}{ready} order by {order} limit $1{lock}", spec.table.quoted(), pending(spec, id))
}

fn claim(spec: &SourceSpec, id: i32) -> String {
    let text = |name: &str, expression: String| match name {
        "data" | "old" | "meta" => format!("({expression})::text as hearken_{name}"),
        _ => format!("{expression} as hearken_{name}"),
    };
    let attributes: Vec<String> =
        attributes(spec).into_iter().map(|(name, expression)| text(name, expression)).collect();
    let fits = |name: &str| format!("case when s.bytes <= $2 then c.hearken_{name} end as {name}");
    format!(
        "with hearken_claimed as materialized (\
           select ctid::text as hearken_place, tableoid as hearken_part, {} {}) \
         select c.hearken_place as place, c.hearken_part as part, nextval('hearken.events_seq') as seq, \
                c.hearken_id as id, c.hearken_type as type, c.hearken_source as source, \
                c.hearken_subject as subject, c.hearken_time as time, c.hearken_tenant as tenant, s.bytes, {}, {}, {} \
         from hearken_claimed c \
         cross join lateral (select coalesce(octet_length(c.hearken_data), 0)::bigint \
           + coalesce(octet_length(c.hearken_old), 0) + coalesce(octet_length(c.hearken_meta), 0) as bytes) s",
        attributes.join(", "),
        clauses(spec, id),
        fits("data"),
        fits("old"),
        fits("meta"),
    )
}

fn places(spec: &SourceSpec, id: i32) -> String {
    format!(
        "with hearken_claimed as materialized (\
           select ctid::text as hearken_place, tableoid as hearken_part, {} as hearken_id {}) \
         select c.hearken_place as place, c.hearken_part as part, nextval('hearken.events_seq') as seq, \
                c.hearken_id as id \
         from hearken_claimed c",
        match spec.strategy {
            // Its evaluation is part of the search for rows which are new.
            Strategy::Keys { .. } => known_as(spec),
            Strategy::Flag { .. } => "null::text".to_owned(),
        },
        clauses(spec, id)
    )
}

fn read(spec: &SourceSpec) -> String {
    let fields: Vec<String> =
        attributes(spec).into_iter().map(|(name, expression)| format!("'{name}', {expression}")).collect();
    format!(
        "select jsonb_build_object({})::text from {} where ctid = $1::text::tid and tableoid = $2::oid",
        fields.join(", "),
        spec.table.quoted()
    )
}

fn mark(spec: &SourceSpec, shape: Shape) -> String {
    let (table, name) = (spec.table.quoted(), quote_ident(spec.table.name()));
    let mark = match &spec.strategy {
        Strategy::Flag { mark } => mark,
        Strategy::Keys { .. } => {
            return "insert into hearken.source_keys (source, id) \
                    select $2::integer, k from unnest($1::text[]) as k on conflict do nothing"
                .to_owned();
        }
    };
    let from = match shape {
        Shape::One => String::new(),
        Shape::Parts => {
            " from unnest($1::text[], $2::oid[]) as hearken_c (hearken_place, hearken_part)".to_owned()
        }
    };
    let places = match shape {
        Shape::One => format!("{name}.ctid = any ($1::text[]::tid[]) and $2::oid[] is not null"),
        Shape::Parts => {
            format!("{name}.ctid = hearken_c.hearken_place::tid and {name}.tableoid = hearken_c.hearken_part")
        }
    };
    let again = spec.ready.as_deref().map(|ready| format!(" and {}", is_ready(ready))).unwrap_or_default();
    let pending = spec.pending.as_deref().unwrap_or("true");
    let id = &spec.id;
    format!(
        "with hearken_marked as (update {table} set {mark}{from} where {places} \
           returning case when coalesce(({pending}){again}, false) \
                          then coalesce(({id})::text = any ($3::text[]), false) else false end as again) \
         select hearken.check_marked(count(*), array_length($1::text[], 1), count(*) filter (where again)) \
         from hearken_marked"
    )
}

fn next(spec: &SourceSpec, id: i32) -> Option<String> {
    let ready = spec.ready.as_deref()?;
    Some(format!(
        "select case when hearken_r < '9999-12-30' then hearken_r end from (\
           select ({ready})::timestamptz as hearken_r from {} \
           where {} and ({ready})::timestamptz > {LIFTED} order by ({ready})::timestamptz limit 1) hearken_n",
        spec.table.quoted(),
        pending(spec, id)
    ))
}

/// Forgets ids ($1 is the source) which are older than $2 seconds and whose rows are
/// gone or not pending any more.
pub(super) fn forget(spec: &SourceSpec) -> String {
    let pending = spec.pending.as_deref().unwrap_or("true");
    format!(
        "delete from hearken.source_keys hearken_d \
         where hearken_d.source = $1 and hearken_d.id = any (array(\
           select hearken_k.id from hearken.source_keys hearken_k \
           where hearken_k.source = $1 and hearken_k.claimed_at < hearken.now() - make_interval(secs => $2) \
             and not exists (select from {} where ({pending}) and {} = hearken_k.id) \
           order by hearken_k.claimed_at limit 1000))",
        spec.table.quoted(),
        known_as(spec)
    )
}
