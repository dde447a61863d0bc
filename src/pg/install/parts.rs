//! A script in parts, one for each role which has to run it.
//!
//! Who owns the schema hearken need not own the tables, and the other way round; so
//! what each of them may do stands together, and can be cut out and handed over.

use super::Installation;
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::quote_ident;

/// The parts so far; the first is that of whoever owns the schema hearken.
#[derive(Clone, Debug)]
pub struct Parts {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    role: String,
    /// Grants and comments, a line each, without what ends them.
    grants: Vec<String>,
    /// Transactions.
    scripts: String,
}

impl Parts {
    /// No parts yet. Asks who owns the schema hearken.
    ///
    /// # Errors
    ///
    /// Of the database; if there is no such schema.
    pub async fn new(session: &Session) -> Result<Self, PgError> {
        let sql = "select pg_catalog.pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n \
                   where n.oid = 'hearken'::pg_catalog.regnamespace";
        let role: String = session.client().query_one(sql, &[]).await?.try_get(0)?;
        Ok(Self::of(role))
    }

    fn of(role: String) -> Self {
        Self { parts: vec![Part { role, grants: Vec::new(), scripts: String::new() }] }
    }

    /// Whose the schema hearken is.
    #[must_use]
    pub fn first(&self) -> String {
        self.parts.first().map(|part| part.role.clone()).unwrap_or_default()
    }

    /// A line which that role runs before its scripts: a grant without a semicolon, or a
    /// comment. Each is there once.
    pub fn grant(&mut self, role: &str, line: String) {
        let part = self.part(role);
        if line.starts_with("--") || !part.grants.contains(&line) {
            part.grants.push(line);
        }
    }

    /// Transactions, or comments, of that role's.
    pub fn script(&mut self, role: &str, text: &str) {
        self.part(role).scripts.push_str(text);
    }

    /// The triggers of a source, and what its table's owner needs beforehand.
    pub fn install(&mut self, installation: &Installation) {
        let (first, owner) = (self.first(), installation.owner.as_str());
        if first != owner {
            self.grant(&first, format!("grant usage on schema hearken to {}", quote_ident(owner)));
        }
        self.script(owner, &installation.script());
    }

    fn part(&mut self, role: &str) -> &mut Part {
        let at = self.parts.iter().position(|part| part.role == role).unwrap_or_else(|| {
            self.parts.push(Part { role: role.to_owned(), grants: Vec::new(), scripts: String::new() });
            self.parts.len() - 1
        });
        &mut self.parts[at]
    }

    /// All of it, for psql. Each part can be run by itself, in this order.
    #[must_use]
    pub fn text(&self) -> String {
        let is_used = |part: &&Part| !part.grants.is_empty() || !part.scripts.is_empty();
        let used: Vec<&Part> = self.parts.iter().filter(is_used).collect();
        let texts: Vec<String> =
            used.iter().enumerate().map(|(at, part)| part.text(at + 1, used.len())).collect();
        texts.concat()
    }
}

impl Part {
    fn text(&self, number: usize, count: usize) -> String {
        let mut text = format!(
            "-- Part {number} of {count}: to be run by {} (or a superuser)\n\\set ON_ERROR_STOP on\n\n",
            self.role
        );
        if !self.grants.is_empty() {
            text.push_str("begin;\n");
            for line in &self.grants {
                text.push_str(line);
                text.push_str(if line.starts_with("--") { "\n" } else { ";\n" });
            }
            text.push_str("commit;\n\n");
        }
        text.push_str(&self.scripts);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_a_part_and_each_grant_is_there_once() {
        let mut parts = Parts::of("dba".to_owned());
        for _ in 0..2 {
            parts.grant("app", "grant select on t to d".to_owned());
        }
        parts.script("app", "begin;\ncommit;\n\n");
        let app = "to be run by app (or a superuser)\n\\set ON_ERROR_STOP on\n\nbegin;\n\
                   grant select on t to d;\ncommit;\n\nbegin;\ncommit;\n\n";
        assert_eq!(parts.text(), format!("-- Part 1 of 1: {app}"));
        parts.grant("dba", "grant usage on schema hearken to app".to_owned());
        let text = parts.text();
        assert!(text.starts_with("-- Part 1 of 2: to be run by dba"), "{text}");
        assert!(text.ends_with(&format!("-- Part 2 of 2: {app}")), "{text}");
    }
}
