//! Names of tables, as people write them in the settings.

use std::fmt;

/// A table by schema and name, as PostgreSQL has them: folded to lower case unless
/// they were quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    schema: String,
    name: String,
}

/// Why a text is no name of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    /// Nothing is there where a name is expected.
    #[error("a name is missing: write `schema.table`")]
    Empty,
    /// A quote which is not closed.
    #[error("a `\"` is not closed")]
    Quote,
    /// A character which a name without quotes does not have.
    #[error("{0:?} cannot be part of a name which is not in double quotes")]
    Character(char),
    /// More than a schema and a table.
    #[error("a table has a schema and a name, and nothing before them")]
    Parts,
    /// PostgreSQL would cut it off.
    #[error("a name has at most 63 bytes")]
    Long,
}

impl TableName {
    /// Reads `schema.table`, or `table` for one in `public`. Names in double quotes
    /// are taken as they stand.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TableNameError> {
        let (first, rest) = part(text.trim())?;
        if rest.is_empty() {
            return Ok(Self { schema: "public".to_owned(), name: first });
        }
        let (name, rest) = part(rest.strip_prefix('.').ok_or(TableNameError::Parts)?)?;
        if rest.is_empty() { Ok(Self { schema: first, name }) } else { Err(TableNameError::Parts) }
    }

    /// The schema, unquoted.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The name, unquoted.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Both in double quotes, as they stand in statements.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&self.name))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A name in double quotes, those in it doubled (PostgreSQL manual, 4.1.1).
#[must_use]
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One name, and what follows it.
fn part(text: &str) -> Result<(String, &str), TableNameError> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted_part(quoted)?,
        None => {
            let end = text.find('.').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (plain_part(name)?, rest)
        }
    };
    match name.len() {
        0 => Err(TableNameError::Empty),
        1..=63 => Ok((name, rest)),
        _ => Err(TableNameError::Long),
    }
}

fn plain_part(name: &str) -> Result<String, TableNameError> {
    let stranger = |(place, c): &(usize, char)| {
        !(c.is_alphabetic() || *c == '_' || (*place > 0 && (c.is_ascii_digit() || *c == '$')))
    };
    match name.char_indices().find(stranger) {
        Some((_, c)) => Err(TableNameError::Character(c)),
        None => Ok(name.to_ascii_lowercase()),
    }
}

/// The rest of a quoted name, and what follows it; a doubled quote is one.
fn quoted_part(text: &str) -> Result<(String, &str), TableNameError> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((place, c)) = chars.next() {
        if c != '"' {
            name.push(c);
            continue;
        }
        match chars.peek() {
            Some((_, '"')) => {
                name.push('"');
                chars.next();
            }
            _ => return Ok((name, &text[place + 1..])),
        }
    }
    Err(TableNameError::Quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_postgres_reads_them() {
        check("public.tasks", r#""public"."tasks""#);
        check("Tasks", r#""public"."tasks""#);
        check(r#""Tasks""#, r#""public"."Tasks""#);
        check(r#"app."a ""b"".c""#, r#""app"."a ""b"".c""#);
        check(r#""A.B"._t1$"#, r#""A.B"."_t1$""#);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        refused("", TableNameError::Empty);
        refused("public.", TableNameError::Empty);
        refused("a.b.c", TableNameError::Parts);
        refused(r#""a"#, TableNameError::Quote);
        refused("a;b", TableNameError::Character(';'));
        refused("1a", TableNameError::Character('1'));
        refused(r#""a"b"#, TableNameError::Parts);
        refused(&"x".repeat(64), TableNameError::Long);
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(TableName::parse(text).map(|table| table.quoted()), Ok(want.to_owned()), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, want: TableNameError) {
        assert_eq!(TableName::parse(text), Err(want), "{text}");
    }
}
