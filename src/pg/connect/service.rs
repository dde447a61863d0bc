//! Service files: connections with a name, `[name]` and `key=value` below it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ConnectError;
use super::settings::Pairs;

/// Where packages put the file for everybody: Debian's, then PGDG's for Red Hat.
/// libpq has its own folder compiled in, which nobody can ask it for.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// The files to look into, in order: the one which was named, else the user's;
/// then the system's.
pub(super) fn files(
    named: Option<PathBuf>,
    home: Option<&Path>,
    system_folder: Option<PathBuf>,
) -> Vec<PathBuf> {
    let own = named.or_else(|| home.map(|home| home.join(".pg_service.conf")));
    let folders = match system_folder {
        Some(folder) => vec![folder],
        None => SYSTEM_FOLDERS.map(PathBuf::from).to_vec(),
    };
    let system = folders.into_iter().map(|folder| folder.join("pg_service.conf"));
    own.into_iter().chain(system).collect()
}

/// The parameters of the service `name`, from the first file which defines it.
///
/// # Errors
///
/// No file defines it, or one of them cannot be read. A file which is not there
/// is passed over.
pub(super) fn find(name: &str, files: &[PathBuf]) -> Result<Pairs, ConnectError> {
    for path in files {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ConnectError::File { path: path.clone(), source }),
        };
        let found = section(&text, name);
        if let Some(pairs) = found.map_err(|line| ConnectError::ServiceLine { path: path.clone(), line })? {
            return Ok(pairs);
        }
    }
    Err(ConnectError::NoService { name: name.to_owned() })
}

/// The pairs below `[name]`, or the number of a line which is none.
fn section(text: &str, name: &str) -> Result<Option<Pairs>, usize> {
    let mut found: Option<Pairs> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if header.strip_suffix(']') == Some(name) {
                found = Some(Pairs::new());
            }
        } else if let Some(pairs) = &mut found {
            let (key, value) = line.split_once('=').ok_or(index + 1)?;
            pairs.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n\n[one]\nhost=a\n port = 5433\n\n[two]\nhost=b\n[two]\nhost=c\n";

    #[test]
    fn a_section_ends_where_the_next_begins_and_the_first_counts() {
        check("one", "host=a port=5433");
        check("two", "host=b");
        assert_eq!(section(FILE, "three"), Ok(None));
    }

    #[test]
    fn a_line_which_is_no_pair_is_told_by_its_number() {
        assert_eq!(section("[one]\nhunter2\n", "one"), Err(2));
        assert_eq!(section("[two]\nhunter2\n[one]\nhost=a\n", "one").map(|s| s.is_some()), Ok(true));
    }

    #[test]
    fn the_named_file_stands_for_the_users_own() {
        let home = Path::new("/home/ann");
        let folder = || Some(PathBuf::from("/etc/pg"));
        let system = PathBuf::from("/etc/pg/pg_service.conf");
        assert_eq!(
            files(None, Some(home), folder()),
            [PathBuf::from("/home/ann/.pg_service.conf"), system.clone()]
        );
        assert_eq!(files(Some("/x".into()), Some(home), folder()), [PathBuf::from("/x"), system]);
        assert_eq!(files(None, None, None).len(), 2);
    }

    #[track_caller]
    fn check(name: &str, want: &str) {
        let pairs = section(FILE, name).unwrap().unwrap();
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs.join(" "), want);
    }
}
