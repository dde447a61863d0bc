//! The password file: `host:port:database:user:password` a line, the first line
//! which fits counts.

use std::fs;
use std::mem;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a line must fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// A name, an address, or `localhost` for a socket in its usual folder.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// Reads the file, or warns and reads nothing, if others may read it too. A file
/// which is not there is no trouble.
pub(super) fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() {
        tracing::warn!(passfile.path = %path.display(), "the password file is no plain file");
        return None;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(
            passfile.path = %path.display(),
            "the password file is not used, because its group or others may access it: \
             its mode should be 0600"
        );
        return None;
    }
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            let path = path.display();
            tracing::warn!(passfile.path = %path, %error, "the password file cannot be read");
            None
        }
    }
}

/// The password of the first line which fits.
pub(super) fn password(text: &str, wanted: &Wanted<'_>) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| password_of(line, wanted)).find(|password| !password.is_empty())
}

fn password_of(line: &str, wanted: &Wanted<'_>) -> Option<String> {
    let mut fields = fields(line).into_iter();
    let port = wanted.port.to_string();
    for want in [wanted.host, port.as_str(), wanted.database, wanted.user] {
        if !fields.next()?.fits(want) {
            return None;
        }
    }
    fields.next().map(|field| field.text)
}

/// A field with its escapes undone.
#[derive(Default)]
struct Field {
    text: String,
    /// A bare `*`, which fits everything; `\*` is a star.
    any: bool,
}

impl Field {
    fn fits(&self, want: &str) -> bool {
        self.any || self.text == want
    }
}

/// Splits at colons. A backslash takes the next character as it is.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field = Field::default();
    let mut escaped = false;
    for c in line.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ':' if !escaped => fields.push(mem::take(&mut field)),
            c => {
                field.any = c == '*' && !escaped && field.text.is_empty();
                field.text.push(c);
            }
        }
        escaped = false;
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted { host: "db", port: 5432, database: "app", user: "ann" };

    #[test]
    fn the_first_line_which_fits_gives_the_password() {
        check("db:5432:app:ann:s3", Some("s3"));
        check("other:5432:app:ann:no\ndb:5432:app:ann:one\ndb:*:*:*:two", Some("one"));
        check("*:*:*:*:any", Some("any"));
        check("# db:5432:app:ann:no\n*:*:*:ann:yes", Some("yes"));
        check("db:5433:app:ann:no", None);
        check("db:5432:app:ann", None);
        check("db:5432:app:ann:", None);
        check("", None);
    }

    #[test]
    fn a_backslash_makes_a_colon_a_star_or_itself_plain() {
        check(r"db:5432:app:ann:a\:b\\c", Some(r"a:b\c"));
        check(r"\*:5432:app:ann:no", None);
        check("d*:5432:app:ann:no", None);
        check("**:5432:app:ann:no", None);
        // As in libpq the password ends at a colon.
        check("db:5432:app:ann:a:b", Some("a"));
    }

    #[test]
    fn a_file_which_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        assert_eq!(read(&path), None);
        fs::write(&path, "*:*:*:*:s3").unwrap();
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_some(), used, "{mode:o}");
        }
        assert_eq!(read(folder.path()), None);
    }

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        assert_eq!(password(text, &WANTED).as_deref(), want);
    }
}
