//! Where a field of a pattern is in our events.

use super::json::Key;
use super::pattern::Field;
use crate::rules::path::{Path, PathError, Root};
use crate::rules::problem::Problem;

/// Our path to a field, or why there is none. Without a `root`, the pattern is
/// asked of the envelope of EventBridge: `detail` is our `data`, `detail-type` our
/// `type`, and what we have no attribute for is in `meta`.
pub(super) fn path(field: &Field<'_>, root: Option<&Path>) -> Result<String, Problem> {
    let keys = field.keys.iter().map(|key| key.text.as_str()).collect::<Vec<_>>();
    if root.is_none()
        && let Some(problem) = field.keys.first().and_then(|key| joined(key))
    {
        return Err(problem);
    }
    let text = match (root, keys.as_slice()) {
        (Some(root), keys) => with_keys(root.as_str(), keys),
        (None, [first, rest @ ..]) => match attribute(first) {
            Some(attribute) => with_keys(attribute.as_str(), rest),
            None => with_keys(Root::Meta.as_str(), &keys),
        },
        (None, []) => Root::Data.as_str().to_owned(),
    };
    let error = match Path::parse(&text) {
        Ok(_) => return Ok(text),
        Err(error) => error,
    };
    let PathError { message, help, .. } = error;
    let problem = Problem::error(field.key_span(), message).label("in an event of ours");
    Err(Problem { help, ..problem })
}

/// What is wrong with a first key such as `detail.state`. EventBridge takes it for
/// `state` in `detail`; to us it would be one key of `meta`, which no event has.
fn joined(key: &Key) -> Option<Problem> {
    let (first, rest) = key.text.split_once('.')?;
    attribute(first)?;
    let message = format!("`{}` is `{rest}` in `{first}` to EventBridge, and one key here", key.text);
    let problem = Problem::error(key.span.clone(), message).label("two keys in one");
    Some(problem.help(format!("write `\"{first}\": {{ \"{rest}\": … }}`")))
}

/// The attribute of ours which a key of the envelope is.
fn attribute(key: &str) -> Option<Root> {
    match key {
        "detail-type" => Some(Root::Type),
        "detail" => Some(Root::Data),
        "source" => Some(Root::Source),
        "id" => Some(Root::Id),
        "time" => Some(Root::Time),
        _ => None,
    }
}

fn with_keys(start: &str, keys: &[&str]) -> String {
    keys.iter().fold(start.to_owned(), |path, key| format!("{path}.{}", quoted(key)))
}

/// The key as a path has it.
fn quoted(key: &str) -> String {
    let special = |c: char| matches!(c, '.' | '"' | '[' | ']' | '*') || c.is_whitespace() || c.is_control();
    if !key.is_empty() && !key.contains(special) {
        return key.to_owned();
    }
    format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}
