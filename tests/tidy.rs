//! The layers and the manners of the source, held by a test.

use std::fs;
use std::path::{Path, PathBuf};

/// What workers and deliveries are below.
const ABOVE: &[&str] = &["crate::daemon", "crate::cli", "crate::demo", "crate::cluster", "crate::config"];

/// The pure core knows no I/O, no clock, and nothing of ours but itself.
#[test]
fn the_rules_are_pure() {
    let words = [
        "tokio",
        "crate::pg",
        "crate::work",
        "crate::webhook",
        "crate::daemon",
        "crate::cli",
        "crate::demo",
        "crate::cluster",
        "crate::config",
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "::now()",
        "SystemTime",
        "Instant",
    ];
    check("src/rules", &words);
}

/// The client library stays behind the edge.
#[test]
fn only_the_edge_knows_the_client_library() {
    let words = ["tokio_postgres", "postgres_types", "postgres_protocol"];
    for folder in ["src/rules", "src/daemon", "src/cli", "src/demo", "src/cluster"] {
        check(folder, &words);
    }
    for module in ["src/config", "src/work", "src/webhook"] {
        check_module(module, &words);
    }
}

/// The edge takes values from the core and calls nothing above it.
#[test]
fn the_edge_does_not_call_the_shell() {
    check(
        "src/pg",
        &[
            "crate::work",
            "crate::webhook",
            "crate::daemon",
            "crate::cli",
            "crate::demo",
            "crate::cluster",
            "crate::config",
            "crate::rules::plan",
            "crate::rules::matcher",
        ],
    );
}

/// A worker does not know what is done with its items.
#[test]
fn workers_know_nothing_of_webhooks_and_of_the_shell() {
    check_module("src/work", &["crate::webhook"]);
    check_module("src/work", ABOVE);
}

/// A delivery does not know how items are leased and answered.
#[test]
fn webhooks_know_nothing_of_workers_and_of_the_shell() {
    check_module("src/webhook", &["crate::work"]);
    check_module("src/webhook", ABOVE);
}

/// The settings are values; who reads them acts on them.
#[test]
fn the_settings_know_the_rules_only() {
    let words = [
        "crate::pg",
        "crate::work",
        "crate::webhook",
        "crate::daemon",
        "crate::cli",
        "crate::demo",
        "crate::cluster",
    ];
    check_module("src/config", &words);
}

/// The shell does not call the command line or the demo.
#[test]
fn the_shell_does_not_call_the_command_line() {
    check("src/daemon", &["crate::cli", "crate::demo", "crate::cluster"]);
}

/// A file holds one idea.
#[test]
fn files_are_small() {
    for file in files("src", "rs") {
        let lines = fs::read_to_string(&file).expect("a file").lines().count();
        assert!(lines <= 600, "{} has {lines} lines: it holds more than one idea", file.display());
    }
}

/// Every file begins by saying what it is.
#[test]
fn every_file_says_what_it_is() {
    for file in files("src", "rs").into_iter().chain(files("tests", "rs")).chain(files("benches", "rs")) {
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.starts_with("//!"), "{} has no module doc", file.display());
    }
    for file in files("sql", "sql") {
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.starts_with("-- "), "{} does not open with a comment", file.display());
    }
}

fn check(folder: &str, words: &[&str]) {
    let all = files(folder, "rs");
    assert!(!all.is_empty(), "{folder} is empty");
    for file in all {
        check_file(&file, words);
    }
}

/// A module with all below it.
fn check_module(module: &str, words: &[&str]) {
    check_file(&Path::new(module).with_extension("rs"), words);
    check(module, words);
}

fn check_file(file: &Path, words: &[&str]) {
    let text = fs::read_to_string(file).expect("a file");
    for (number, line) in text.lines().enumerate() {
        // Docs may speak of what the code must not use; tests may use it.
        if line.contains("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for word in words {
            assert!(!code.contains(word), "{}:{}: `{word}` does not belong here", file.display(), number + 1);
        }
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
