//! The texts of which tables are described: names, and SQL.

use crate::rules::foreign::TableName;
use crate::rules::sql::{Shape, SqlError, expression};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The longest name of PostgreSQL, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// The name of a table.
pub(in crate::config) struct Table(pub(in crate::config) TableName);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = match TableName::parse(&text) {
            Ok(table) => return Ok(Self(table)),
            Err(error) => error,
        };
        Err(D::Error::custom(format!("{text:?} is no name of a table such as \"public.tasks\": {error}")))
    }
}

/// The name of a column, as the database has it.
#[derive(PartialEq, Eq)]
pub(super) struct Column(pub(super) String);

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let why = match text.len() {
            0 => "a column has a name",
            1..=IDENTIFIER_BYTES_MAX if text.contains('\0') => "no column has the character 0 in its name",
            1..=IDENTIFIER_BYTES_MAX => return Ok(Self(text)),
            _ => "the name of a column has at most 63 bytes",
        };
        Err(D::Error::custom(why))
    }
}

/// Some columns, each once.
pub(super) struct Columns(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns = Vec::<Column>::deserialize(deserializer)?;
        if columns.is_empty() {
            return Err(D::Error::custom("name at least one column, or leave it out"));
        }
        let twice = columns.iter().enumerate().find(|(place, column)| columns[..*place].contains(column));
        if let Some((_, Column(name))) = twice {
            return Err(D::Error::custom(format!("the column `{name}` is named twice")));
        }
        Ok(Self(columns.into_iter().map(|column| column.0).collect()))
    }
}

/// One expression of SQL over a row.
pub(in crate::config) struct Expression(pub(in crate::config) String);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Shape::One).map(Self)
    }
}

/// Several, with commas between them: what `order by` or `update … set` gets.
pub(super) struct Expressions(pub(super) String);

impl<'de> Deserialize<'de> for Expressions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Shape::List).map(Self)
    }
}

fn read<'de, D: Deserializer<'de>>(deserializer: D, shape: Shape) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    expression(&text, shape).map_err(|error| D::Error::custom(said(&text, &error)))
}

/// What is wrong, with the part of the text which is: the place of the error is
/// that of the whole text.
fn said(text: &str, error: &SqlError) -> String {
    let part = text.get(error.span.clone()).unwrap_or_default().trim();
    let at = if part.is_empty() || part.len() > 40 { String::new() } else { format!(" (at `{part}`)") };
    let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}{at}{help}", error.message)
}
