//! Rows which cannot be read: each is one dead letter, and all others are items.

use super::{BOTH, Strategy, World, settings, source};

/// Among 20 rows the one with `n = 0` is bad. It is one letter, for good: further rows
/// are items, and there is no second letter when they are looked for.
async fn check(strategy: Strategy, tables: &str, lines: &str, bad: &str, word: &str) -> anyhow::Result<()> {
    let what = format!("{strategy:?}, {lines}");
    let text = settings(&source(strategy, &format!("{}\n{lines}", super::POLLED)));
    let text = if lines.contains("id = ") { text.replacen("id = \"id\"\n", "", 1) } else { text };
    let world = World::of(&format!("{}{}{tables}", super::JOBS, super::ITEMS), &text).await?;
    world.run("insert into jobs (n, ref) select n, 'r' || n from generate_series(-10, -1) n").await?;
    world.run(bad).await?;
    world.run("insert into jobs (n, ref) select n, 'r' || n from generate_series(1, 9) n").await?;
    let _daemon = world.setup.start();
    world.until_items(19).await;
    for turn in 0..3 {
        world.run(&format!("insert into jobs (n, ref) values (100, 's{turn}')")).await?;
        world.until_items(20 + turn).await;
    }
    let letters = world.texts("select message from hearken.dead_letters where source = 'jobs'").await?;
    assert_eq!(letters.len(), 1, "{what}: {letters:#?}");
    assert!(letters[0].contains(word), "{what}: {}", letters[0]);
    world.run("delete from jobs where n = 0").await?;
    assert_eq!(world.not_once().await?, Vec::<String>::new(), "{what}");
    Ok(())
}

const BAD: &str = "insert into jobs (n, ref) values (0, 'bad')";

/// An expression which fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_expression_fails_is_one_letter() -> anyhow::Result<()> {
    for strategy in BOTH {
        let data = "data = \"jsonb_build_object('id', id, 'n', 100 / n)\"";
        check(strategy, "", data, BAD, "division by zero").await?;
    }
    Ok(())
}

/// A function of somebody's which raises an error with a code of its own: nobody knows
/// what it means, but that it is always the same row says enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_an_error_nobody_knows_is_one_letter() -> anyhow::Result<()> {
    let function = "create function body_of(j jobs) returns jsonb language plpgsql as $$ begin \
                    if j.n = 0 then raise exception 'out of luck' using errcode = 'HQ001'; end if; \
                    return to_jsonb(j); end $$;";
    for strategy in BOTH {
        check(strategy, function, "data = \"body_of(jobs)\"", BAD, "out of luck").await?;
    }
    Ok(())
}

/// What a row is called and what kind it is must be known.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_an_id_or_a_type_is_one_letter() -> anyhow::Result<()> {
    for strategy in BOTH {
        check(strategy, "", "id = \"ref\"", "insert into jobs (n) values (0)", "`id`").await?;
        let bad = "insert into jobs (n, ref, kind) values (0, 'bad', null)";
        check(strategy, "", "id = \"ref\"", bad, "`type`").await?;
    }
    Ok(())
}

/// A body beyond `data_max` is not even fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_too_large_a_body_is_one_letter() -> anyhow::Result<()> {
    let bad = "insert into jobs (n, ref, body) \
               values (0, 'bad', jsonb_build_object('x', repeat('x', 2000000)))";
    for strategy in BOTH {
        check(strategy, "", "", bad, "data_max").await?;
    }
    Ok(())
}
