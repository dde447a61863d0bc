//! Commands which need no database: check, explain and schema, as processes on
//! folders of their own.

use crate::support::command::{Said, hearken, said_to};
use serde_json::{Value, json};
use std::path::Path;

const REFUND: &str = r#"
title = "Refunds"

[on.event]
type = "refund.*"

[when]
"data.amount" = { gte = 500 }

[[when.any_of.why]]
"data.country" = ["CH", "AT"]
[[when.any_of.why]]
"data.flag" = true

[item]
queue = "finance"
title = "Refund {{ data.refund_id }}"

[item.context]
amount = { get = "data.amount" }
"#;

const ORDER: &str = r#"
title = "Orders"

[on.event]
type = "order.placed"

[item]
queue = "shop"
title = "Order"
"#;

const BROKEN: &str = "title = \"Broken\"\n[on.evnt]\ntype = \"a\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";

#[test]
fn a_good_folder_has_no_problems() {
    let folder = Folder::new(&[("routines/refund.toml", REFUND), ("routines/order.toml", ORDER)]);
    let said = folder.run(&["check"]);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (0, "2 routines, no problems\n", ""));
    let said = folder.run(&["check", "--json"]);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (0, "", ""));
    let said = folder.run(&["check", "routines/order.toml"]);
    assert_eq!((said.status, said.out.as_str()), (0, "1 routine, no problems\n"));
}

/// One bad file hides no other, whatever is wrong with it.
#[test]
fn all_problems_of_all_files_are_shown_at_once() {
    let folder = Folder::new(&[
        ("routines/refund.toml", REFUND),
        ("routines/broken.toml", BROKEN),
        ("routines/a b.toml", ORDER),
        ("routines/order.toml", &ORDER.replace("queue", "queu")),
        ("routines/syntax.toml", "title = \n"),
        ("routines/.hidden.toml", BROKEN),
        ("routines/folder.toml/inside.toml", BROKEN),
        ("routines/notes.md", "no routine"),
    ]);
    std::fs::write(folder.path().join("routines/latin.toml"), b"title = \"\xe4\"\n").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("routines/link.toml")).unwrap();
    let said = folder.run(&["check"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    for wanted in [
        "routines/broken.toml:2:5",
        "unknown key `evnt`",
        "did you mean `event`?",
        "is not a name for a routine",
        "unknown key `queu`",
        "this is not TOML",
        "this file is not UTF-8",
        "this is a folder, and no routine",
        "there is nothing at the end of this link",
        "5 routine files cannot be used",
    ] {
        assert!(said.err.contains(wanted), "wanted {wanted}, got {}", said.err);
    }
    assert!(!said.err.contains("hidden") && !said.err.contains("inside.toml"), "{}", said.err);
    assert!(!said.err.contains('\u{1b}'), "colours without a terminal: {}", said.err);
}

#[test]
fn machines_get_an_object_for_each_problem_and_nothing_else() {
    let folder = Folder::new(&[("routines/broken.toml", BROKEN), ("routines/order.toml", ORDER)]);
    let said = folder.run(&["check", "--json"]);
    assert_eq!((said.status, said.err.as_str()), (2, ""));
    let lines = json(&said);
    let unknown = lines.iter().find(|line| line["message"] == "unknown key `evnt`").unwrap();
    assert_eq!((&unknown["file"], &unknown["level"]), (&json!("routines/broken.toml"), &json!("error")));
    assert_eq!((&unknown["line"], &unknown["column"]), (&json!(2), &json!(5)));
    assert_eq!((&unknown["end_line"], &unknown["end_column"]), (&json!(2), &json!(9)));
    assert_eq!(unknown["help"], "did you mean `event`?");
}

#[test]
fn what_cannot_be_read_at_all_is_said_so() {
    let folder = Folder::new(&[]);
    let said = folder.run(&["check"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("cannot read routines"), "{}", said.err);
    let said = folder.run(&["check", "missing.toml", "--json"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("cannot read missing.toml"), "{}", said.err);
}

#[test]
fn warnings_can_be_denied() {
    let folder = Folder::new(&[("routines/README", ""), ("single", ORDER)]);
    let said = folder.run(&["check"]);
    assert_eq!(said.status, 0);
    assert!(said.err.contains("there are no routines here"), "{}", said.err);
    assert_eq!(said.out, "0 routines, 1 warning\n");
    assert_eq!(folder.run(&["check", "--deny-warnings"]).status, 1);
    // A file which the daemon would not read can still be checked.
    let said = folder.run(&["check", "single"]);
    assert_eq!((said.status, said.out.as_str()), (0, "1 routine, 1 warning\n"));
    assert!(said.err.contains("it reads those which end in `.toml`"), "{}", said.err);
}

#[test]
fn routines_are_also_looked_at_together_and_beside_the_settings() {
    let plugins = ORDER.replace("[item]", "from = \"plugins\"\n[item]");
    let copy = REFUND.replace("title = \"Refunds\"", "title = \"More refunds\"");
    let folder = Folder::new(&[
        ("routines/plugins.toml", &plugins),
        ("routines/refund.toml", REFUND),
        ("routines/refund-2.toml", &copy),
    ]);
    let said = folder.run(&["check", "--json"]);
    assert_eq!(json(&said).len(), 1, "{}", said.out);
    assert!(said.out.contains("this routine does what `refund` does"), "{}", said.out);
    std::fs::write(folder.path().join("hearken.toml"), "[daemon]\npoll = \"2s\"\n").unwrap();
    let said = folder.run(&["check"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("there is no source `plugins`"), "{}", said.err);
    let said = folder.run(&["check", "--config", "other.toml"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("cannot read other.toml"), "{}", said.err);
}

#[test]
fn an_event_is_explained_to_people() {
    let folder = Folder::new(&[
        ("routines/refund.toml", REFUND),
        ("routines/order.toml", ORDER),
        (
            "event.json",
            "{\"type\": \"refund.requested\", \"data\": {\"amount\": 600, \"refund_id\": \"r1\", \"flag\": true}}",
        ),
        ("small.json", "{\"type\": \"refund.requested\", \"data\": {\"amount\": 10}}"),
        ("where.json", "{\"type\": \"refund.x\", \"data\": {\"amount\": 500, \"country\": \"DE\"}}"),
    ]);
    let said = folder.run(&["explain", "--event", "event.json"]);
    let want = "\
event 1: refund.requested
  refund matches
    item for finance: Refund r1
      amount = 600
  order does not match
    on.event.type: wants \"order.placed\", met \"refund.requested\"
";
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (0, want, ""));
    let said = folder.run(&["explain", "--event", "small.json", "--routine", "refund"]);
    let want = "\
event 1: refund.requested
  matches no routine
  refund does not match
    when.data.amount: wants gte 500, met 10
";
    assert_eq!((said.status, said.out.as_str()), (0, want));
    let said = folder.run(&["explain", "--event", "where.json", "--routine", "refund"]);
    let want = "\
event 1: refund.x
  matches no routine
  refund does not match
    when.any_of.why: wants one of its alternatives, and none holds
      when.any_of.why[1].data.country: wants one of \"CH\", \"AT\", met \"DE\"
      when.any_of.why[2].data.flag: wants true, met nothing
";
    assert_eq!((said.status, said.out.as_str()), (0, want));
}

#[test]
fn events_are_explained_to_machines() {
    let folder = Folder::new(&[("routines/refund.toml", REFUND), ("routines/order.toml", ORDER)]);
    let one = "{\"type\": \"order.placed\"}\n";
    let said = folder.feed(&["explain", "--event", "-", "--json"], one);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let lines = json(&said);
    let names = lines.iter().map(|line| line["routine"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["order", "refund"]);
    assert_eq!((&lines[0]["matched"], &lines[0]["items"][0]["title"]), (&json!(true), &json!("Order")));
    assert_eq!((&lines[1]["because"], lines[1].get("event")), (&json!("on.event.type"), None));

    let two = format!("{one}{{\"type\": \"refund.a\", \"data\": {{\"amount\": 12345678901234567890.5}}}}\n");
    let said = folder.feed(&["explain", "--event", "-", "--json", "--routine", "refund"], &two);
    let lines = json(&said);
    assert_eq!((lines.len(), &lines[0]["event"], &lines[1]["event"]), (2, &json!(1), &json!(2)));
    assert_eq!(lines[1]["because"], "when.any_of.why");
    assert_eq!(lines[1]["alternatives"][0]["missing"], true);
}

#[test]
fn an_event_which_cannot_be_read_has_a_place() {
    let folder = Folder::new(&[
        ("routines/order.toml", ORDER),
        ("event.json", "{\"type\": \"order.placed\",\n \"data\": }"),
        ("typo.json", "{\"type\": \"order.placed\", \"dta\": 1}"),
    ]);
    let said = folder.run(&["explain", "--event", "event.json"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("event.json:2:10") && said.err.contains("this is not JSON"), "{}", said.err);
    let said = folder.run(&["explain", "--event", "typo.json", "--json"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("did you mean `data`?"), "{}", said.err);
    let said = folder.run(&["explain", "--event", "missing.json"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("cannot read missing.json"), "{}", said.err);
    let said = folder.feed(&["explain", "--event", "-", "--routine", "ordr"], "{\"type\": \"a\"}");
    assert_eq!(said.status, 2);
    assert!(said.err.contains("did you mean `order`?"), "{}", said.err);
}

#[test]
fn a_broken_routine_does_not_keep_others_from_being_explained() {
    let folder = Folder::new(&[("routines/order.toml", ORDER), ("routines/broken.toml", BROKEN)]);
    let event = "{\"type\": \"order.placed\"}";
    let said = folder.feed(&["explain", "--event", "-"], event);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("unknown key `evnt`") && said.out.contains("order matches"), "{}", said.out);
    // Who asks for one routine is not told about another.
    let said = folder.feed(&["explain", "--event", "-", "--routine", "order"], event);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
}

#[test]
fn the_schema_is_printed() {
    let said = Folder::new(&[]).run(&["schema"]);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (said.status, schema["$schema"].as_str()),
        (0, Some("http://json-schema.org/draft-07/schema#"))
    );
    assert_eq!(schema["required"], json!(["title", "on"]));
}

/// A folder with files in it, in which commands are run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("hearken-test").tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Said {
        self.feed(args, "")
    }

    fn feed(&self, args: &[&str], input: &str) -> Said {
        said_to(hearken(args).current_dir(self.path()), input)
    }
}

/// The lines of output, each a JSON value; also of a command which found something.
fn json(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
