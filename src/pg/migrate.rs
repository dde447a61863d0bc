//! Brings the schema `hearken` to the version this binary knows.
//!
//! Migrations are files embedded in the binary and go forward only. One advisory
//! lock makes twenty processes which start at once take turns; each file is one
//! transaction, so that an interrupted run leaves whole versions behind. What
//! was applied is kept with its SHA-256: a file which changed afterwards, or a
//! migration this binary does not know, stops us before anything is touched.

use super::error::PgError;
use super::session::Session;
use sha2::{Digest, Sha256};
use std::fmt;

/// One migration of this binary.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its name, which gives the order.
    pub name: &'static str,
    /// Its SQL.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../../sql/migrations/", $name, ".sql")) }),*]
    };
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = migrations![
    "0001_log",
    "0002_inbox",
    "0003_ledger",
    "0004_gates",
    "0005_tables",
    "0006_watch",
    "0007_tenants",
    "0008_work",
    "0009_webhooks",
    "0010_history"
];

/// First key of the advisory lock under which migrations run; the others are
/// 1751478891 (doorbell), 1751478892 (pass, leader) and 1751478894 (queries of
/// routines).
const LOCK: (i32, i32) = (1_751_478_893, 0);

const LEDGER: &str = "\
create table if not exists hearken.migrations (
    name        text not null,
    sha256      bytea not null,
    applied_at  timestamptz not null default clock_timestamp(),

    constraint migrations_pkey primary key (name)
);
comment on table hearken.migrations is 'Which migrations were applied, with the SHA-256 of their text.';
";

/// Why the schema could not be brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database was changed by a newer hearken.
    #[error(
        "the schema `hearken` has migration {0}, which this binary does not know: a newer hearken was here\n\
         help: run that version, or a newer one"
    )]
    Newer(String),
    /// A migration was applied with another text.
    #[error(
        "migration {0} was applied with another text than this binary has\n\
         help: this binary is not a release, or the table hearken.migrations was edited"
    )]
    Drift(String),
    /// The schema is older, and we were told to leave it.
    #[error("the schema `hearken` lacks {}\nhelp: run `hearken migrate`, or `hearken migrate --print | psql` as a role which may", .0.join(", "))]
    Missing(Vec<String>),
    /// A migration failed.
    #[error("migration {name} failed")]
    Failed {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: PgError,
    },
    /// Something else failed.
    #[error("cannot read which migrations were applied")]
    Database(#[from] PgError),
}

/// What [`status`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The migrations of this binary and when each was applied (RFC 3339).
    pub migrations: Vec<(String, Option<String>)>,
}

impl Status {
    /// The names of those not applied.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.migrations.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| name.clone()).collect()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, at) in &self.migrations {
            writeln!(f, "{name:<24} {}", at.as_deref().unwrap_or("not applied"))?;
        }
        Ok(())
    }
}

/// All migrations as one script for `psql`, which keeps the ledger as well.
#[must_use]
pub fn script() -> String {
    let mut text = String::from(
        // `create schema if not exists` wants the privilege even if it exists.
        "\\set ON_ERROR_STOP on\n\
         select to_regnamespace('hearken') is null as wanted \\gset\n\
         \\if :wanted\ncreate schema hearken;\n\\endif\n",
    );
    text.push_str(LEDGER);
    for migration in MIGRATIONS {
        let sha256 = hex::encode(Sha256::digest(migration.sql));
        text.push_str(&format!(
            "\n-- {name}\n\
             select not exists (select from hearken.migrations where name = '{name}') as wanted \\gset\n\
             \\if :wanted\nbegin;\n{sql}\
             insert into hearken.migrations (name, sha256) values ('{name}', '\\x{sha256}');\ncommit;\n\\endif\n",
            name = migration.name,
            sql = migration.sql,
        ));
    }
    text
}

/// Which migrations were applied.
///
/// # Errors
///
/// On drift, and if the database was changed by a newer hearken.
pub async fn status(session: &Session) -> Result<Status, MigrateError> {
    let applied = applied(session).await?;
    for (name, sha256, _) in &applied {
        match MIGRATIONS.iter().find(|migration| migration.name == name) {
            None => return Err(MigrateError::Newer(name.clone())),
            Some(migration) if Sha256::digest(migration.sql)[..] != sha256[..] => {
                return Err(MigrateError::Drift(name.clone()));
            }
            Some(_) => {}
        }
    }
    let when = |name: &str| applied.iter().find(|(other, ..)| other == name).map(|(_, _, at)| at.clone());
    let migrations = MIGRATIONS.iter().map(|m| (m.name.to_owned(), when(m.name))).collect();
    Ok(Status { migrations })
}

/// Applies what is missing and returns the names. Waits for another process
/// which is doing the same.
///
/// # Errors
///
/// On drift, a newer schema, or a failing migration; those before it stay.
pub async fn run(session: &Session) -> Result<Vec<String>, MigrateError> {
    let client = session.client();
    // The wait may be long, and so may a migration on a large table.
    client.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await.map_err(PgError::from)?;
    client.query_one("select pg_advisory_lock($1, $2)", &[&LOCK.0, &LOCK.1]).await.map_err(PgError::from)?;
    let result = run_locked(session).await;
    client
        .query_one("select pg_advisory_unlock($1, $2)", &[&LOCK.0, &LOCK.1])
        .await
        .map_err(PgError::from)?;
    result
}

async fn run_locked(session: &Session) -> Result<Vec<String>, MigrateError> {
    let missing = status(session).await?.missing();
    if missing.is_empty() {
        return Ok(missing);
    }
    let client = session.client();
    let exists = client
        .query_one("select to_regnamespace('hearken') is not null", &[])
        .await
        .map_err(PgError::from)?;
    if !exists.get::<_, bool>(0) {
        // `create schema if not exists` wants the privilege even if it exists.
        client.batch_execute("create schema hearken").await.map_err(PgError::from)?;
    }
    client.batch_execute(LEDGER).await.map_err(PgError::from)?;
    for migration in MIGRATIONS.iter().filter(|migration| missing.iter().any(|name| name == migration.name)) {
        apply(session, migration)
            .await
            .map_err(|source| MigrateError::Failed { name: migration.name.to_owned(), source })?;
    }
    Ok(missing)
}

async fn apply(session: &Session, migration: &Migration) -> Result<(), PgError> {
    let client = session.client();
    let sha256 = hex::encode(Sha256::digest(migration.sql));
    let name = migration.name;
    let script = format!(
        "begin;\n{}\ninsert into hearken.migrations (name, sha256) values ('{name}', '\\x{sha256}');\ncommit;",
        migration.sql
    );
    if let Err(error) = client.batch_execute(&script).await {
        client.batch_execute("rollback").await?;
        return Err(error.into());
    }
    Ok(())
}

async fn applied(session: &Session) -> Result<Vec<(String, Vec<u8>, String)>, PgError> {
    let client = session.client();
    let exists = client.query_one("select to_regclass('hearken.migrations') is not null", &[]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client
        .query(
            "select name, sha256, to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
             from hearken.migrations order by name",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}
