//! Watchers: triggers which look behind each lease, one lease at a time.
//!
//! A watcher takes a lock of its own before it counts, and keeps it until the lease
//! is committed. So it sees each lease before it, and what it counts is exact; but
//! it is called after the lease was decided, so that it mends nothing. What it finds
//! amiss is an error of the lease, and of the test.

use tokio_postgres::Client;

const WATCHER: &str = "\
    create function public.watch_NAME() returns trigger language plpgsql as $$ \
    begin \
        perform pg_advisory_xact_lock(4711); \
        if exists (CONDITION) then \
            raise exception 'watch NAME: item % of queue % and key %', new.id, new.queue, new.key; \
        end if; \
        return null; \
    end $$; \
    create trigger watch_NAME after update on hearken.inbox_items for each row \
        when (new.state = 'leased' and old.state <> 'leased') execute function public.watch_NAME()";

async fn watch(client: &Client, name: &str, condition: &str) -> anyhow::Result<()> {
    let sql = WATCHER.replace("NAME", name).replace("CONDITION", condition);
    Ok(client.batch_execute(&sql).await?)
}

/// No more than `most` of a queue are leased.
pub async fn queue(client: &Client, most: u32) -> anyhow::Result<()> {
    let condition = format!(
        "select from hearken.inbox_items i where i.queue = new.queue and i.state = 'leased' offset {most}"
    );
    watch(client, "queue", &condition).await
}

/// No more than `most` of a key are leased.
pub async fn key(client: &Client, most: u32) -> anyhow::Result<()> {
    let condition = format!(
        "select from hearken.inbox_items i \
         where i.queue = new.queue and i.key = new.key and i.state = 'leased' offset {most}"
    );
    watch(client, "key", &condition).await
}

/// None of a key starts before an earlier one which blocks it, which is a condition
/// on `earlier`.
pub async fn order(client: &Client, blocks: &str) -> anyhow::Result<()> {
    let condition = format!(
        "select from hearken.inbox_items earlier \
         where earlier.queue = new.queue and earlier.key = new.key and earlier.id < new.id and ({blocks})"
    );
    watch(client, "order", &condition).await
}

/// Keeps when each lease began, in `public.starts (queue, at)`.
pub async fn starts(client: &Client) -> anyhow::Result<()> {
    let sql = "\
        create table public.starts (queue text not null, at timestamptz not null); \
        create function public.keep_start() returns trigger language plpgsql as $$ \
        begin insert into public.starts values (new.queue, new.leased_at); return null; end $$; \
        create trigger keep_start after update on hearken.inbox_items for each row \
            when (new.state = 'leased' and old.state <> 'leased') execute function public.keep_start()";
    Ok(client.batch_execute(sql).await?)
}
