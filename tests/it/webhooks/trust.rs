//! Signatures which others verify, secrets which nobody sees, addresses which are not
//! called.

use super::*;
use crate::support::languages::{compiled, node_with, not_tested, python_with};
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The page whose examples verify here.
const PAGE: &str = include_str!("../../../docs/webhooks.md");

/// Calls `receive` of the page, with the true body and with a forged one.
const PYTHON: &str = r#"
import sys as _sys, json as _json

_told = _json.load(_sys.stdin)
_event = receive(_told["secret"], _told["headers"], _told["body"])
try:
    receive(_told["secret"], _told["headers"], _told["body"] + " ")
except Exception:
    print(_event["data"]["n"])
else:
    _sys.exit("a forged body was taken")
"#;

/// The same in TypeScript.
const TYPESCRIPT: &str = r#"
import { readFileSync } from "node:fs";

const told = JSON.parse(readFileSync(0, "utf8"));
const event = receive(told.secret, told.headers, told.body) as { data: { n: number } };
let forged = false;
try {
    receive(told.secret, told.headers, told.body + " ");
    forged = true;
} catch {
    console.log(event.data.n);
}
if (forged) throw new Error("a forged body was taken");
"#;

/// What the library in TypeScript needs.
const NPM: &[&str] = &["standardwebhooks@1.0.0", "@types/node@20.19.25", "typescript@5.9.3"];

const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A request which was signed with two secrets.
async fn signed() -> anyhow::Result<Received> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let setup = world.setup(&world.routine("secret = { env = \"HOOK_SECRET\" }\n"), "");
    let _daemon = setup.env("HOOK_SECRET", &format!("{OTHER_SECRET} {SECRET}")).start();
    world.db.emit("test.event", json!({ "n": 42, "text": "Euro € 😀" })).await?;
    Ok(world.endpoint.wait_for(1).await.remove(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_of_the_page_verifies_with_a_library_and_by_hand() -> anyhow::Result<()> {
    let Some(python) = python_with(&["standardwebhooks"]) else {
        not_tested("that PyPI's standardwebhooks verifies our signatures");
        return Ok(());
    };
    let request = signed().await?;
    let examples = examples("python");
    assert_eq!(examples.len(), 2, "the page shows a library, and how to do without");
    for example in examples {
        let program = format!("{example}{PYTHON}");
        verifies(|| command(&python, &[OsStr::new("-c"), OsStr::new(&program)]), &request);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_of_the_page_verifies_with_a_library() -> anyhow::Result<()> {
    let Some(node) = node_with(NPM) else {
        not_tested("that npm's standardwebhooks verifies our signatures");
        return Ok(());
    };
    let request = signed().await?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("receive.ts");
    std::fs::write(&program, format!("{}{TYPESCRIPT}", examples("ts").concat()))?;
    let compiled = compiled(&node, &program);
    verifies(|| command(Path::new("node"), &[compiled.script.as_os_str()]), &request);
    Ok(())
}

/// The blocks of the page in a language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn command(program: &Path, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// With either secret, while one takes the place of the other, and with no third.
#[track_caller]
fn verifies(program: impl Fn() -> Command, request: &Received) {
    for secret in [SECRET, OTHER_SECRET] {
        assert_eq!(verified(program(), request, secret), Ok("42".to_owned()));
    }
    let stranger = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    verified(program(), request, stranger).expect_err("a secret which signed nothing");
}

fn verified(mut command: Command, request: &Received, secret: &str) -> Result<String, String> {
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let body = String::from_utf8(request.body.clone()).expect("a text");
    let told = json!({ "secret": secret, "headers": headers, "body": body });
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    child.stdin.take().expect("a pipe").write_all(told.to_string().as_bytes()).expect("a write");
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_item_no_log_and_no_error() -> anyhow::Result<()> {
    // An endpoint which repeats what it was sent, and fails.
    let echo = Behaviour::Answer {
        status: 500,
        headers: Vec::new(),
        body: b"you said Bearer geheim-token".to_vec(),
    };
    let world = World::new(vec![echo]).await?;
    let lines = "secret = { env = \"HOOK_SECRET\" }\nretry = []\n\
                 [webhook.headers]\nauthorization = { env = \"HOOK_TOKEN\" }\n";
    let setup = world.setup(&world.routine(lines), "pause_after = 1\n");
    let daemon = setup.env("HOOK_SECRET", SECRET).env("HOOK_TOKEN", "Bearer geheim-token").start();
    world.db.emit("test.event", json!({})).await?;
    let item = world.item(1, "dead").await;
    assert_eq!(header(&world.endpoint.received()[0], "authorization"), "Bearer geheim-token");
    assert!(item.error.contains("500"), "{item:?}");
    log(&world.db, 1).await;
    let everything = "select string_agg(t::text, ' ') from (\
                          select to_jsonb(i)::text from hearken.items i union all \
                          select to_jsonb(d)::text from hearken.deliveries d union all \
                          select to_jsonb(e)::text from hearken.endpoints e) as t (t)";
    let told: String = world.db.client.query_one(everything, &[]).await?.get(0);
    let said = daemon.log().join("\n");
    for secret in ["geheim-token", SECRET, &SECRET["whsec_".len()..]] {
        assert!(!told.contains(secret), "{secret} is in the database: {told}");
        assert!(!said.contains(secret), "{secret} is in the log");
    }
    assert!(told.contains("HOOK_SECRET"), "the reference is");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_which_is_missing_is_said_and_waited_for() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret");
    let lines = format!(
        "secret = {{ file = \"{}\" }}\nretry = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]\n",
        file.display()
    );
    let _daemon = world.setup(&world.routine(&lines), "").start();
    world.db.emit("test.event", json!({})).await?;
    let item = world.item(1, "failed").await;
    assert!(item.error.contains(&file.display().to_string()), "{item:?}");
    std::fs::write(&file, format!("{SECRET}\n"))?;
    world.item(1, "done").await;
    assert!(world.endpoint.received()[0].header("webhook-signature").is_some());
    // It was not the endpoint's fault.
    assert_eq!(world.db.count("select from hearken.endpoints").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_not_called() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let config = "[webhooks]\nallow_http = [\"127.0.0.1\"]\n";
    let setup = Setup::new(&world.db.url, &[("tell", &world.routine(""))]).daemon(config);
    let daemon = setup.start();
    world.db.emit("test.event", json!({})).await?;
    let item = world.item(1, "dead").await;
    assert!(item.error.contains("allow_private"), "{item:?}");
    put(&world.db, "a", delivery(&format!("http://localhost:{}/", world.endpoint.port()), 1_000)).await;
    world.db.client.batch_execute("select hearken.ring_queue('webhooks')").await?;
    let item = world.item(2, "dead").await;
    assert!(item.error.contains("allow_http"), "{item:?}");
    assert!(daemon.stop().await.success());
    assert_eq!(world.endpoint.connections(), 0);
    assert_eq!(world.db.count("select from hearken.endpoints").await?, 0);
    Ok(())
}
