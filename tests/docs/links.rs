//! Follows the links of all pages: to files, and to headings in them.

use crate::page::anchors_of;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Fewer mean that the folders were not found whole.
const PAGES_MIN: usize = 30;

/// Fewer mean that links are not found.
const LINKS_MIN: usize = 300;

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut count = 0;
    let pages = pages();
    assert!(pages.len() >= PAGES_MIN, "only {} pages were found", pages.len());
    for page in &pages {
        let text = std::fs::read_to_string(page).expect("a page");
        for (line, target) in links(&text) {
            follow(page, line, target);
            count += 1;
        }
    }
    assert!(count >= LINKS_MIN, "only {count} links were found");
}

/// The pages beside the source, those of `docs`, and those of the systems.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(PathBuf::from).into();
    pages.extend(entries("docs").into_iter().filter(|path| is_page(path)));
    let systems = entries("routines/systems").into_iter().map(|folder| folder.join("README.md"));
    pages.extend(systems.filter(|page| page.exists()));
    pages
}

fn entries(folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("md"))
}

/// What a text links to within the repository, each with its line, from 1. Blocks have
/// no links.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut in_block = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        in_block ^= line.starts_with("```");
        if !in_block {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.filter(|target| !target.contains("://")).map(|target| (number + 1, target)));
        }
    }
    found
}

#[track_caller]
fn follow(page: &Path, line: usize, target: &str) {
    let place = format!("{}:{line}", page.display());
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.parent().unwrap_or(Path::new(""));
    let file = if file.is_empty() { page.to_owned() } else { folder.join(file) };
    assert!(file.exists(), "{place}: there is no file `{target}`");
    if !anchor.is_empty() && is_page(&file) {
        let text = std::fs::read_to_string(&file).expect("a page");
        assert!(anchors_of(&text).iter().any(|known| known == anchor), "{place}: no heading `{target}`");
    }
}
