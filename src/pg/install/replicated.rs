//! The log, where its rows come by logical replication.

/// Gives each row of the log the id of the transaction which writes it *here*. A row
/// which comes by replication brings the one of its publisher, and by that the
/// daemon would look for it in the wrong place; and it fires ordinary triggers no more
/// than it rings. `at` stays what the publisher wrote: it decides about the partition,
/// and a row must not be moved to another one on its way in.
pub const REPLICATED_LOG: &str = "\
create or replace function hearken.stamp_replicated() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    new.xid := pg_current_xact_id();
    return new;
end $$;
comment on function hearken.stamp_replicated() is
    'Gives a row of the log the id of the transaction which writes it here, for logical replication.';
drop trigger if exists aa_hearken_replicated on hearken.events;
create trigger aa_hearken_replicated
    before insert on hearken.events
    for each row execute function hearken.stamp_replicated();
alter table hearken.events enable always trigger aa_hearken_replicated";
