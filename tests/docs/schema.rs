//! Every routine which is shown is valid by the schema for editors.

use crate::checker;
use hearken::rules::schema::schema;
use serde_json::Value;

/// Pages with whole routines among their blocks.
const PAGES: [&str; 10] = [
    "routines.md",
    "schedules.md",
    "gates.md",
    "any-schema.md",
    "from-pg-cron.md",
    "from-trigger-functions.md",
    "from-a-polling-processor.md",
    "beside-supabase.md",
    "webhooks.md",
    "emit-and-fire.md",
];

#[test]
fn every_routine_which_is_shown_is_valid() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut seen = 0;
    let systems = std::fs::read_dir(format!("{root}/routines/systems")).unwrap();
    let folders = systems.map(|entry| entry.unwrap().path().join("routines"));
    let folders = folders.chain([format!("{root}/routines").into()]);
    for entry in folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            accepted(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen} routines");
    for page in PAGES {
        let text = std::fs::read_to_string(format!("{root}/docs/{page}")).unwrap();
        let blocks = text.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        for block in blocks.filter(|block| block.contains("\n[on")) {
            accepted(page, block);
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen} routines and examples");
}

#[track_caller]
fn accepted(name: &str, text: &str) {
    let value: Value = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let errors = checker::errors(&schema(), &value);
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{text}");
}
