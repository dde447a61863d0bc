//! All routines in force together: an immutable snapshot, swapped whole.

use super::Routine;
use crate::rules::name::RoutineName;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The routines in force, sorted by name.
#[derive(Clone, Debug, Default)]
pub struct RoutineSet {
    /// The routines, sorted by name.
    pub routines: Vec<Arc<Routine>>,
    /// The names of rows which are there and cannot be used at present, sorted.
    /// None of them is in force. But nobody removed them, so that what is kept for
    /// them, held drafts and the places of their schedules, waits until they can.
    pub refused: Vec<RoutineName>,
    /// The SHA-256, in hex, of the names and versions: equal sets have equal
    /// hashes, whatever the order in which their files were read.
    pub hash: String,
}

impl RoutineSet {
    /// A set of these routines. Of two with one name, which file stems do not
    /// allow, the first stays.
    #[must_use]
    pub fn new(mut routines: Vec<Arc<Routine>>) -> Self {
        routines.sort_by(|a, b| a.name.cmp(&b.name));
        routines.dedup_by(|later, earlier| later.name == earlier.name);
        let mut hasher = Sha256::new();
        for routine in &routines {
            // Neither names nor versions hold these separators.
            hasher.update(format!("{}\0{}\n", routine.name, routine.version));
        }
        Self { hash: hex::encode(hasher.finalize()), refused: Vec::new(), routines }
    }

    /// These routines, which are files, and those of rows; `refused` names the rows
    /// which cannot be used. A file wins over a row of its name; the rows which lost
    /// are returned.
    #[must_use]
    pub fn with_rows(&self, rows: &[Arc<Routine>], refused: &[RoutineName]) -> (Self, Vec<RoutineName>) {
        let is_hidden = |row: &&Arc<Routine>| self.get(row.name.as_str()).is_some();
        let hidden = rows.iter().filter(is_hidden).map(|row| row.name.clone()).collect();
        // Files first: of two of a name the first stays.
        let all = self.routines.iter().chain(rows).cloned().collect();
        let mut set = Self::new(all);
        let out_of_force = |name: &&RoutineName| set.get(name.as_str()).is_none();
        let mut refused: Vec<RoutineName> = refused.iter().filter(out_of_force).cloned().collect();
        refused.sort();
        refused.dedup();
        set.refused = refused;
        (set, hidden)
    }

    /// The routine of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Routine>> {
        let place = self.routines.binary_search_by(|routine| routine.name.as_str().cmp(name)).ok()?;
        self.routines.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_its_hash_does_not_depend_on_the_order() {
        let set = RoutineSet::new(vec![routine("b", "B"), routine("a", "A")]);
        let names = set.routines.iter().map(|routine| routine.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(set.hash, RoutineSet::new(vec![routine("a", "A"), routine("b", "B")]).hash);
        assert_eq!(set.get("b").unwrap().title, "B");
        assert!(set.get("c").is_none());
    }

    #[test]
    fn the_hash_changes_with_any_name_and_any_text() {
        let hash = |name: &str, title: &str| RoutineSet::new(vec![routine(name, title)]).hash;
        assert_ne!(hash("a", "A"), hash("b", "A"));
        assert_ne!(hash("a", "A"), hash("a", "B"));
        assert_ne!(hash("a", "A"), RoutineSet::new(vec![]).hash);
    }

    #[test]
    fn a_file_wins_over_a_row_of_its_name() {
        let files = RoutineSet::new(vec![routine("hq.a", "file"), routine("b", "file")]);
        let (set, hidden) = files.with_rows(&[routine("hq.a", "row"), routine("hq.c", "row")], &[]);
        let titles = set.routines.iter().map(|routine| (routine.name.as_str(), routine.title.as_str()));
        assert_eq!(titles.collect::<Vec<_>>(), [("b", "file"), ("hq.a", "file"), ("hq.c", "row")]);
        assert_eq!(hidden.iter().map(RoutineName::as_str).collect::<Vec<_>>(), ["hq.a"]);
        let (same, hidden) = files.with_rows(&[], &[]);
        assert!(same.hash == files.hash && hidden.is_empty());
    }

    #[test]
    fn a_row_which_cannot_be_used_is_named_unless_something_has_its_name() {
        let files = RoutineSet::new(vec![routine("hq.a", "file")]);
        let refused = ["hq.c", "hq.a", "hq.b", "hq.c"].map(|name| RoutineName::parse(name).unwrap());
        let (set, _) = files.with_rows(&[routine("hq.d", "row")], &refused);
        assert_eq!(set.refused.iter().map(RoutineName::as_str).collect::<Vec<_>>(), ["hq.b", "hq.c"]);
        // They are not in force, and no part of what is.
        assert_eq!(set.hash, files.with_rows(&[routine("hq.d", "row")], &[]).0.hash);
    }

    fn routine(name: &str, title: &str) -> Arc<Routine> {
        let text = format!("title = \"{title}\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n");
        let name = RoutineName::parse(name).unwrap();
        Arc::new(super::super::parse(&name, "r.toml", &text).unwrap())
    }
}
