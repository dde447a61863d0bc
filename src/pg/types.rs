//! PostgreSQL types which the client library does not know: `xid8`,
//! `pg_snapshot`, and JSON which is text already.

use crate::rules::item::DedupKey;
use crate::rules::snapshot::{Snapshot, Xid};
use bytes::{BufMut, BytesMut};
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use std::error::Error;

type Failure = Box<dyn Error + Sync + Send>;

/// `xid8`, in binary: eight bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgXid(pub(crate) Xid);

impl<'a> FromSql<'a> for PgXid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(Xid(u64::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::XID8
    }
}

impl ToSql for PgXid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_u64(self.0.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::XID8
    }

    to_sql_checked!();
}

/// `pg_snapshot`, in binary: the count, xmin, xmax and the ids in progress
/// (`pg_snapshot_send` in the server's `xid8funcs.c`).
#[derive(Clone, Debug)]
pub(crate) struct PgSnapshot(pub(crate) Snapshot);

impl<'a> FromSql<'a> for PgSnapshot {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        let (count, rest) = raw.split_first_chunk::<4>().ok_or("a snapshot ends early")?;
        let mut numbers = rest.chunks_exact(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            Xid(u64::from_be_bytes(bytes))
        });
        let mut next = || numbers.next().ok_or("a snapshot ends early");
        let (xmin, xmax) = (next()?, next()?);
        let in_progress: Vec<Xid> = numbers.collect();
        if in_progress.len() != usize::try_from(u32::from_be_bytes(*count))? {
            return Err("a snapshot of another length than it says".into());
        }
        Ok(Self(Snapshot::new(xmin, xmax, in_progress)?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::PG_SNAPSHOT
    }
}

impl ToSql for PgSnapshot {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_u32(u32::try_from(self.0.in_progress().len())?);
        out.put_u64(self.0.xmin().0);
        out.put_u64(self.0.xmax().0);
        for xid in self.0.in_progress() {
            out.put_u64(xid.0);
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::PG_SNAPSHOT
    }

    to_sql_checked!();
}

/// The text of a `jsonb` or `json` value, read without parsing it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl<'a> FromSql<'a> for JsonText<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        let text = if *kind == Type::JSONB {
            // A version number goes before the text; there has only been 1.
            raw.strip_prefix(&[1]).ok_or("jsonb of an unknown version")?
        } else {
            raw
        };
        Ok(Self(std::str::from_utf8(text)?))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::JSONB | Type::JSON)
    }
}

/// The text of a `jsonb` or `json` value, to be written.
#[derive(Clone, Debug)]
pub(crate) struct JsonString(pub(crate) String);

impl ToSql for JsonString {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        if *kind == Type::JSONB {
            out.put_u8(1);
        }
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::JSONB | Type::JSON)
    }

    to_sql_checked!();
}

/// A dedup key as `bytea`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyBytes(pub(crate) DedupKey);

impl ToSql for KeyBytes {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.put_slice(&self.0.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::BYTEA
    }

    to_sql_checked!();
}
