//! Runs the routines of the pages and those which are shipped with the tests in
//! them, and reads the settings which pages show.

use crate::MARKS;
use crate::page::{Block, GATES, Page, README, ROUTINES, SCHEDULES, TABLES, WORK};
use hearken::config::Config;
use hearken::rules::name::RoutineName;
use hearken::rules::routine::{self, Routine};
use hearken::rules::trial::{self, Standing};
use std::path::Path;

/// Fewer mean that the pages have lost examples, or that they are not found.
const TESTS_MIN: usize = 35;

/// Fewer mean that the folder was not found whole.
const SHIPPED_MIN: usize = 9;

/// The same of settings on the pages about work.
const SETTINGS_MIN: usize = 3;

/// What the pages about work may mark blocks with besides.
const MARKS_OF_WORK: &[&str] = &["python", "ts", "rust", "http", "ini"];

/// The gates, each with a section of its own.
const GATE_KEYS: [&str; 8] = ["loop", "debounce", "batch", "hours", "dedup", "supersede", "limit", "overlap"];

#[test]
fn every_routine_of_the_pages_passes_its_tests() {
    let mut tests = 0;
    for page in [README, ROUTINES, GATES, SCHEDULES].into_iter().chain(TABLES).chain(WORK) {
        for block in page.blocks().iter().filter(|block| is_routine(block)) {
            tests += run(&page.place(block.line), &usable(page, block));
        }
    }
    assert!(tests >= TESTS_MIN, "only {tests} tests were found");
}

/// The folder which the demo and the pages show, beside those of the pages.
#[test]
fn every_shipped_routine_has_tests_and_passes_them() {
    let mut routines = 0;
    let folders = std::fs::read_dir("routines/systems").expect("the systems");
    let folders = folders.map(|entry| entry.expect("an entry").path().join("routines"));
    let entries = std::iter::once("routines".into())
        .chain(folders)
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder of routines"));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let (place, stem) = (path.display().to_string(), path.file_stem().expect("a name"));
        let routine = checked(&stem.to_string_lossy(), &place, &text);
        assert!(run(&place, &routine) > 0, "{place} has no tests");
        routines += 1;
    }
    assert!(routines >= SHIPPED_MIN, "only {routines} routines were found");
}

#[test]
fn the_marks_of_the_other_pages_are_known() {
    for page in [GATES, SCHEDULES].into_iter().chain(TABLES) {
        for block in page.blocks() {
            let place = page.place(block.line);
            assert!(MARKS.contains(&block.mark.as_str()), "{place}: unknown mark {:?}", block.mark);
            if block.mark == "toml" {
                assert!(is_routine(&block), "{place}: this is not a whole routine: mark it `toml fragment`");
            }
            if block.mark == "toml fragment"
                && let Err(error) = toml::from_str::<toml::Table>(&block.text)
            {
                panic!("{place}: {error}");
            }
            let settings = ["[source.", "[inbox.", "[pressure]"];
            if block.mark == "toml fragment" && settings.iter().any(|table| block.text.contains(table)) {
                settings_of(&place, &block.text);
            }
        }
    }
}

/// What is neither a routine nor settings is run by other tests, or by nobody.
#[test]
fn the_marks_of_the_pages_about_work_are_known() {
    let (mut settings, tables) = (0, ["[queue.", "[webhooks]", "[endpoint."]);
    for page in WORK {
        for block in page.blocks() {
            let (place, mark) = (page.place(block.line), block.mark.as_str());
            assert!(MARKS.contains(&mark) || MARKS_OF_WORK.contains(&mark), "{place}: unknown mark {mark:?}");
            if mark.starts_with("toml") && tables.iter().any(|table| block.text.contains(table)) {
                settings_of(&place, &block.text);
                settings += 1;
            } else if mark == "toml" {
                assert!(is_routine(&block), "{place}: this is not whole: mark it `toml fragment`");
            }
        }
    }
    assert!(settings >= SETTINGS_MIN, "only {settings} blocks of settings were found");
}

/// Settings which are shown can be used.
#[track_caller]
fn settings_of(place: &str, text: &str) {
    if let Err(error) = Config::parse(place, text) {
        panic!("{error}");
    }
}

#[test]
fn every_gate_has_a_section_with_an_example() {
    let anchors = GATES.anchors();
    let blocks = GATES.blocks();
    for key in GATE_KEYS {
        assert!(anchors.iter().any(|anchor| anchor == key), "no section `{key}`");
        let tried = |block: &Block| {
            let because = format!("\"flow.{key}\"");
            let set = [format!("\n{key} "), format!("[flow.{key}]"), format!("[[flow.{key}]]")];
            is_routine(block)
                && (block.text.contains(&because) || set.iter().any(|set| block.text.contains(set)))
        };
        assert!(blocks.iter().any(tried), "no routine of the page uses `{key}`");
    }
}

fn is_routine(block: &Block) -> bool {
    block.mark == "toml" && block.text.lines().any(|line| line.starts_with("title "))
}

/// The routine of a block.
fn usable(page: Page, block: &Block) -> Routine {
    // A routine which speaks of itself says its name in its first line.
    let first = block.text.lines().next().unwrap_or_default();
    let name = first.strip_prefix("# routines/").and_then(|rest| rest.strip_suffix(".toml"));
    checked(name.unwrap_or("example"), &page.place(block.line), &block.text)
}

/// The routine, about which there is nothing to say, not even a warning.
fn checked(name: &str, place: &str, text: &str) -> Routine {
    let name = RoutineName::parse(name).expect("a name");
    let (routine, problems) = routine::check(&name, place, text);
    assert!(problems.is_empty(), "{place}:\n{problems}");
    routine.expect("a routine without problems")
}

/// Runs the tests of a routine; returns how many there are.
fn run(place: &str, routine: &Routine) -> usize {
    // A shipped routine may have files beside it; what a page shows has none.
    let folder = Path::new(place).parent().map(Path::to_owned).unwrap_or_default();
    let read = |path: &str| -> Result<String, String> {
        std::fs::read_to_string(folder.join(path)).map_err(|error| format!("{path}: {error}"))
    };
    for case in &routine.cases {
        let outcome = trial::run(routine, case, &read);
        assert!(outcome.standing == Standing::Passed, "{place}: {}: {:#?}", case.name, outcome.problems);
    }
    routine.cases.len()
}
