//! The examples of docs/emit-and-fire.md, run by a shell as they stand.

use super::Bench;
use crate::support::TestDatabase;

const PAGE: &str = include_str!("../../../docs/emit-and-fire.md");

/// The blocks of the page, as (mark, text), in their order.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = PAGE.split("```");
    let mut blocks = Vec::new();
    parts.next();
    while let (Some(block), rest) = (parts.next(), parts.next()) {
        assert!(rest.is_some(), "a block does not end");
        blocks.push(block.split_once('\n').expect("a mark"));
    }
    blocks
}

/// A block of `text` behind commands is what they print, but for objects, which are
/// shortened on the page.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_run() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_hearken"));
    let folder = program.parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").map(|path| format!("{folder}:{path}"))?;
    let (mut ran, mut said) = (0, String::new());
    for (mark, text) in blocks() {
        match mark {
            "toml" => {
                let file = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("its file");
                bench.write(file, text);
            }
            "sh" => {
                let mut shell = bench.command("sh");
                let output = shell.arg("-ec").arg(text).env("PATH", &path).output()?;
                let error = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{text}\n{error}");
                said = String::from_utf8(output.stdout)?;
                ran += 1;
            }
            "text" if text.starts_with('{') => {}
            "text" => assert_eq!(said.trim_end(), text.trim_end()),
            other => panic!("what is a block of {other:?}?"),
        }
    }
    assert!(ran >= 6, "only {ran} blocks were run");
    assert_eq!(db.count("select from hearken.events").await?, 6);
    Ok(())
}
