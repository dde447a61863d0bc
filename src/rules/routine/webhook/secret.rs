//! Secrets: where a deliverer finds them, and never they themselves.

use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Value, table_of};
use crate::rules::webhook::SecretRef;

/// The longest name of a variable, and the longest path, in bytes.
const NAME_BYTES_MAX: usize = 255;
const PATH_BYTES_MAX: usize = 4096;

const HELP: &str = "say where the deliverer finds it: `{ env = \"HOOK_SECRET\" }`, a variable of its \
                    environment, or `{ file = \"/run/secrets/hook\" }`";

/// Reads `{ env = "…" }` or `{ file = "…" }`. `key` is what the value is called.
pub(super) fn parse(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<SecretRef> {
    let Some(table) = table_of(value) else {
        let problem = Problem::error(value.span(), format!("`{key}` is not written into a routine"));
        findings.push(problem.label("would be in every copy of this file").help(HELP));
        return None;
    };
    table.check_keys(findings, &Keys { owner: "a secret", known: &["env", "file"], later: &[] });
    let (env, file) = (table.get("env").is_some(), table.get("file").is_some());
    if env == file {
        let message = format!("`{key}` has either `env` or `file`");
        let label = if env { "has both" } else { "has neither" };
        findings.missing(Problem::error(table.span.clone(), message).label(label).help(HELP));
        return None;
    }
    let found = table.text(findings, if env { "env" } else { "file" })?;
    let complaint = if env { bad_variable(found.text) } else { bad_path(found.text) };
    if let Some(message) = complaint {
        findings.push(Problem::error(found.span, message).label("cannot be read").help(HELP));
        return None;
    }
    let text = found.text.to_owned();
    Some(if env { SecretRef::Env(text) } else { SecretRef::File(text) })
}

fn bad_variable(name: &str) -> Option<&'static str> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let good = begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(known);
    (!good).then_some("the name of a variable has capitals, digits and `_`, and begins with no digit")
}

fn bad_path(path: &str) -> Option<&'static str> {
    match path {
        path if !path.starts_with('/') || path.ends_with('/') => {
            Some("`file` is an absolute path: where the deliverer is started should not matter")
        }
        path if path.len() > PATH_BYTES_MAX || path.contains('\0') => Some("`file` is no path"),
        _ => None,
    }
}
