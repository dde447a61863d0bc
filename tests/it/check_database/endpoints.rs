//! Tables whose rows are endpoints of webhooks.

use super::ground::Ground;
use super::roles::with_role;

const HOOKS: &str = "\
    create schema shop; \
    create table shop.hooks ( \
        id uuid primary key default gen_random_uuid(), \
        name text not null, \
        address text not null, \
        secrets jsonb not null default '{}', \
        is_on boolean not null default true, \
        further json);";

const ENDPOINT: &str = r#"
[endpoint.hooks]
table = "shop.hooks"
id = "id"
url = "address"
secret = "secrets->>'current' -- the one in use"
enabled = "is_on"
headers = "further"
"#;

async fn ground() -> anyhow::Result<Ground> {
    Ground::after(HOOKS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_fits_has_no_findings() -> anyhow::Result<()> {
    let ground = ground().await?;
    ground.with_more_settings(ENDPOINT).fits();
    ground.run_sql("create view shop.seen as select * from shop.hooks").await?;
    ground.with_more_settings(&ENDPOINT.replace("shop.hooks", "shop.seen")).fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_of_no_use_is_said_so() -> anyhow::Result<()> {
    let ground = ground().await?;
    for (right, wrong, says) in [
        ("\"shop.hooks\"", "\"shop.hoks\"", "there is no table `shop.hoks`"),
        ("id = \"id\"", "id = \"ident\"", "`id` of endpoint `hooks` does not fit"),
        ("url = \"address\"", "url = \"adress\"", "`url` of endpoint `hooks` does not fit"),
        ("secrets->>", "secret->>", "`secret` of endpoint `hooks` does not fit"),
        ("\"is_on\"", "\"further\"", "`enabled` of endpoint `hooks` does not fit"),
        ("headers = \"further\"", "headers = \"is_on\"", "`headers` of endpoint `hooks` does not fit"),
        // It can be read, and nothing can be equal to it.
        ("id = \"id\"", "id = \"further\"", "`id` of endpoint `hooks` does not fit: operator does not exist"),
    ] {
        assert!(ENDPOINT.contains(right), "{right}");
        let variant = ground.with_more_settings(&ENDPOINT.replacen(right, wrong, 1));
        let found = variant.found();
        let first =
            found.iter().find(|finding| finding["level"] == "error").unwrap_or_else(|| panic!("{wrong}"));
        assert!(
            first["message"].as_str().is_some_and(|message| message.starts_with(says)),
            "{wrong}: {found:?}"
        );
        assert!(first["file"].as_str().is_some_and(|file| file.ends_with("hearken.toml")), "{first}");
        assert!(first["line"].as_i64().is_some_and(|line| line > 10), "{first}");
    }
    Ok(())
}

/// To the id of two rows nothing is delivered.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_which_two_rows_may_have_is_warned_about() -> anyhow::Result<()> {
    let ground = ground().await?;
    let variant = ground.with_more_settings(&ENDPOINT.replacen("id = \"id\"", "id = \"name\"", 1));
    let mend = "create unique index concurrently on \"shop\".\"hooks\" (\"name\")";
    variant.finds(
        "warning",
        "nothing keeps two rows of `shop.hooks` from having the same `name`",
        Some(mend),
    );
    variant.mend().await?;
    variant.fits();
    // One of some rows only does not do.
    ground
        .run_sql("drop index shop.hooks_name_idx; create unique index on shop.hooks (name) where is_on")
        .await?;
    variant.finds("warning", "nothing keeps two rows of `shop.hooks`", Some(mend));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_must_be_able_to_read_what_is_named() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    ground.run_sql(HOOKS).await?;
    let variant = ground.with_more_settings(ENDPOINT).for_role(&role);
    let schema = format!("grant usage on schema \"shop\" to {role}");
    variant.finds("error", "may not look into the schema `shop`", Some(&schema));
    variant.mend().await?;
    // Not the name, which nobody asked for.
    let columns = "(\"id\", \"address\", \"secrets\", \"is_on\", \"further\")";
    let grant = format!("grant select {columns} on \"shop\".\"hooks\" to {role}");
    variant.finds("error", "has not all rights on `shop.hooks`: select", Some(&grant));
    variant.mend().await?;
    variant.fits();
    ground.run_sql("alter table shop.hooks enable row level security").await?;
    variant.finds("error", &format!("no policy lets {role} select any row of `shop.hooks`"), None);
    variant.mend().await?;
    variant.fits();
    Ok(())
}
