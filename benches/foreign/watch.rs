//! What `hearken.watch` costs those who write to the table: one statement which changes
//! all rows, and single-row updates one after the other; without, with, and with the
//! row trigger which people write for it, into a table of its own.
//!
//! No daemon runs. A trigger costs its writer the same whether somebody reads the
//! events or nobody does, and what reading takes from two cores is measured elsewhere.

use crate::bed::{Bed, Database, percentile};
use std::time::Instant;
use tokio_postgres::Statement;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;
/// Rounds of single-row updates, and how long each takes.
const SINGLE_ROUNDS: usize = 3;
const SECONDS: f64 = 3.0;
/// The first ones fill caches and plans, for so many seconds.
const WARMING: f64 = 0.5;

/// An id and ten columns, about 300 bytes a row.
const TABLE: &str = "
    create table public.tasks (
        id          bigint primary key,
        tenant_id   uuid not null,
        title       text not null,
        state       text not null,
        assignee_id uuid,
        amount      numeric(12, 2),
        tags        text[] not null,
        details     jsonb not null,
        seen        integer not null default 0,
        due_at      timestamptz,
        updated_at  timestamptz not null default now());
    insert into public.tasks
    select n, '00000000-0000-4000-9000-000000000001', 'Look at the offer of customer ' || n, 'open',
           '00000000-0000-4000-8000-000000000001', n * 1.37, array['alpha', 'beta', 'gamma'],
           jsonb_build_object('project', 'atlas-' || n % 50, 'notes', repeat('z', 80)), 0, now(), now()
    from generate_series(1, 100000) n;";

/// The usual one: old and new row, and who did it when.
const AUDIT: &str = "
    create table public.audit (
        id bigint generated always as identity primary key,
        at timestamptz not null default now(),
        operation text not null,
        old jsonb,
        new jsonb);
    create function public.audit() returns trigger language plpgsql as $$
    begin
        insert into public.audit (operation, old, new) values (tg_op, to_jsonb(old), to_jsonb(new));
        return null;
    end $$;
    create trigger audit after update on public.tasks for each row execute function public.audit();";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Plain,
    Watched,
    Audited,
}

const VARIANTS: [(Variant, &str); 3] = [
    (Variant::Plain, "without"),
    (Variant::Watched, "watched"),
    (Variant::Audited, "row trigger, audit table"),
];

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    bulk(bed).await?;
    single(bed).await
}

async fn bulk(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\nwatch: one update of {ROWS} rows of 11 columns, 300 B (best of {ROUNDS} rounds, taken in turns)"
    );
    let (mut best, mut wal) = ([f64::INFINITY; VARIANTS.len()], [0.0; VARIANTS.len()]);
    for _ in 0..ROUNDS {
        for (place, (variant, _)) in VARIANTS.iter().enumerate() {
            let db = prepared(bed, *variant).await?;
            let before = db.wal().await?;
            let began = Instant::now();
            db.client
                .batch_execute("update public.tasks set state = 'done', seen = seen + 1, updated_at = now()")
                .await?;
            best[place] = best[place].min(began.elapsed().as_secs_f64() * 1e3);
            wal[place] = (db.wal().await? - before) / ROWS as f64;
            records(&db, *variant, ROWS as f64).await?;
        }
    }
    for (place, (_, name)) in VARIANTS.iter().enumerate() {
        let ratio = best[place] / best[0];
        println!(
            "  {name:<24}: {:>6.0} ms, ratio {ratio:.2}, {:>5.0} B of WAL a row",
            best[place], wal[place]
        );
        bed.note(
            "foreign_watch_bulk",
            serde_json::json!({ "rows": ROWS, "variant": name, "ms": best[place], "ratio": ratio,
                "wal": wal[place] }),
        )?;
    }
    println!("  (bound for the watch: 2.5)");
    Ok(())
}

async fn single(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\nwatch: one row an update, one update a transaction, one connection \
         (median of {SINGLE_ROUNDS} rounds of {SECONDS} s, taken in turns)"
    );
    let mut rates = vec![Vec::new(); VARIANTS.len()];
    for _ in 0..SINGLE_ROUNDS {
        for (place, (variant, _)) in VARIANTS.iter().enumerate() {
            let db = prepared(bed, *variant).await?;
            rates[place].push(updates(&db, *variant).await?);
        }
    }
    let median: Vec<f64> = rates.iter_mut().map(|rates| percentile(rates, 0.5)).collect();
    for (place, (_, name)) in VARIANTS.iter().enumerate() {
        let ratio = median[place] / median[0];
        println!("  {name:<24}: {:>6.0} updates/s, ratio {ratio:.2}", median[place]);
        bed.note(
            "foreign_watch_single",
            serde_json::json!({ "variant": name, "per_s": median[place], "ratio": ratio }),
        )?;
    }
    Ok(())
}

/// A table with what the variant says.
async fn prepared(bed: &mut Bed, variant: Variant) -> anyhow::Result<Database> {
    let db = bed.database().await?;
    db.client.batch_execute(TABLE).await?;
    // It must not be in a transaction with others.
    db.client.batch_execute("vacuum analyze public.tasks").await?;
    match variant {
        Variant::Plain => {}
        Variant::Watched => db.client.batch_execute("select hearken.watch('public.tasks')").await?,
        Variant::Audited => db.client.batch_execute(AUDIT).await?,
    }
    Ok(db)
}

/// Updates a second.
async fn updates(db: &Database, variant: Variant) -> anyhow::Result<f64> {
    let sql = "update public.tasks set state = 'done', seen = seen + 1, updated_at = now() where id = $1";
    let update = db.client.prepare(sql).await?;
    let warming = change(db, &update, 0, WARMING).await?;
    let began = Instant::now();
    let changes = change(db, &update, warming, SECONDS).await?;
    let rate = (changes - warming) as f64 / began.elapsed().as_secs_f64();
    records(db, variant, changes as f64).await?;
    Ok(rate)
}

/// Changes a row after the other for so many seconds; counts on from `changes`.
async fn change(db: &Database, update: &Statement, mut changes: i64, seconds: f64) -> anyhow::Result<i64> {
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        // Rows far from each other, so that few updates share a page.
        let id = changes * 7919 % ROWS as i64 + 1;
        let changed = db.client.execute(update, &[&id]).await?;
        anyhow::ensure!(changed == 1, "row {id} is not there");
        changes += 1;
    }
    Ok(changes)
}

/// That each change was recorded where it should be, and nowhere else.
async fn records(db: &Database, variant: Variant, changes: f64) -> anyhow::Result<()> {
    let (events, audit) = match variant {
        Variant::Plain => (0.0, None),
        Variant::Watched => (changes, None),
        Variant::Audited => (0.0, Some(changes)),
    };
    let found = db.number("select count(*) from hearken.events").await?;
    anyhow::ensure!(found == events, "{found} events, not {events}");
    if let Some(audit) = audit {
        let found = db.number("select count(*) from public.audit").await?;
        anyhow::ensure!(found == audit, "{found} rows of the audit, not {audit}");
    }
    Ok(())
}
