//! Each system as a DBA checks it: what its settings and routines say fits its tables.

use super::play::{Play, folder};
use std::process::Command;

const SYSTEMS: [&str; 5] = ["hq", "yachtparty", "six-businesses", "shared-backend", "vutler"];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_against_any_of_them() -> anyhow::Result<()> {
    for system in SYSTEMS {
        let play = Play::begin(system, "2026-03-02T09:00:00Z").await?;
        let check = || {
            Command::new(env!("CARGO_BIN_EXE_hearken"))
                .args(["check", "--database", "--deny-warnings", "--config"])
                .arg(folder(system).join("hearken.toml"))
                .env("DATABASE_URL", &play.db.url)
                .output()
        };
        let output = check()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{system}: {said}");
        // And it would have been found: a doorbell is gone.
        let triggers = "select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger \
                        where tgname like 'zz\\_hearken\\_doorbell\\_%' and tgrelid <> 'hearken.events'::regclass";
        for drop in play.rows(triggers).await? {
            play.run(&drop).await?;
        }
        assert!(!check()?.status.success(), "{system}");
    }
    Ok(())
}
