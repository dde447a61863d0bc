//! Headers of a routine's own: `[webhook.headers]`.

use super::secret;
use crate::rules::problem::Problem;
use crate::rules::routine::item::template;
use crate::rules::routine::table::{Findings, Table, Text, Value, table_of, text_of, wrong_type};
use crate::rules::template::{Template, Variables};
use crate::rules::webhook::SecretRef;

/// The most headers of one webhook.
pub const HEADERS_MAX: usize = 32;

/// The longest value of a header, in bytes; servers refuse longer ones.
pub const HEADER_BYTES_MAX: usize = 4096;

/// The longest name of a header, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Where the value of a header comes from.
#[derive(Clone, Debug)]
pub enum HeaderSpec {
    /// A template, or fixed text.
    Text(Template),
    /// The environment or a file of the deliverer.
    Secret(SecretRef),
}

/// Headers which say how the request is made: they are the deliverer's.
const OURS: [&str; 12] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "idempotency-key",
    "accept-encoding",
];

/// What headers begin with which hearken sets.
const PREFIXES: [&str; 3] = ["content-", "webhook-", "ce-"];

/// What the name of a header has in it whose value is not for everybody.
const SECRETS: [&str; 8] =
    ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "signature"];

const HELP: &str = "a header is a name of letters, digits and `-` with a text: `x-team = \"finance\"`";

/// Reads `[webhook.headers]`; without it there are none.
pub(super) fn parse(
    findings: &mut Findings,
    webhook: &Table<'_>,
    variables: Variables,
) -> Option<Vec<(String, HeaderSpec)>> {
    if webhook.get("headers").is_none() {
        return Some(Vec::new());
    }
    let table = webhook.table(findings, "headers")?;
    let mut headers: Vec<(String, HeaderSpec)> = Vec::new();
    let mut sound = Some(());
    for (key, value) in table.entries() {
        let name = name(findings, &key).filter(|name| is_new(findings, &key, name, &headers));
        let spec = header(findings, &key, value, variables);
        match (name, spec) {
            (Some(name), Some(spec)) => headers.push((name, spec)),
            _ => sound = None,
        }
    }
    if headers.len() > HEADERS_MAX {
        let problem = Problem::error(table.span, format!("a webhook has at most {HEADERS_MAX} headers"));
        findings.push(problem.label("too many").help("put values into `[webhook.data]`"));
        return None;
    }
    sound.map(|()| headers)
}

/// The name in lower case, as all are equal to HTTP.
fn name(findings: &mut Findings, key: &Text<'_>) -> Option<String> {
    let small = key.text.to_ascii_lowercase();
    let is_name = !small.is_empty() && small.len() <= NAME_BYTES_MAX && small.bytes().all(is_of_name);
    if is_name && !is_ours(&small) {
        return Some(small);
    }
    let (message, help) = if is_name {
        let help = "how the request is made, its content, signature and key are hearken's: leave it out";
        (format!("the header `{}` is set by hearken", key.text), help)
    } else {
        (format!("`{}` is no name of a header", key.text), HELP)
    };
    findings.push(Problem::error(key.span.clone(), message).label("cannot be set").help(help));
    None
}

fn is_ours(name: &str) -> bool {
    OURS.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a byte may stand in the name of a header: a `tchar` of RFC 9110, section 5.6.2.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_new(findings: &mut Findings, key: &Text<'_>, name: &str, before: &[(String, HeaderSpec)]) -> bool {
    let twice = before.iter().any(|(known, _)| known == name);
    if twice {
        let problem = Problem::error(key.span.clone(), format!("the header `{name}` is there twice"));
        findings.push(problem.label("again").help("capitals make no difference: remove one of them"));
    }
    !twice
}

fn header(
    findings: &mut Findings,
    key: &Text<'_>,
    value: &Value<'_>,
    variables: Variables,
) -> Option<HeaderSpec> {
    if table_of(value).is_some() {
        return secret::parse(findings, key.text, value).map(HeaderSpec::Secret);
    }
    let Some(text) = text_of(value) else {
        let wanted = "a string, or `{ env = \"…\" }` or `{ file = \"…\" }`";
        return wrong_type(findings, key.text, value, wanted);
    };
    let template = template(findings, &text, variables)?;
    if template.as_static().is_some_and(|text| !is_header_text(text)) {
        let message = format!("the header `{}` has a text which no header may have", key.text);
        let help = format!(
            "plain ASCII on one line, at most {HEADER_BYTES_MAX} bytes; the filter `urlencode` makes it so"
        );
        findings.push(Problem::error(text.span, message).label("cannot be sent").help(help));
        return None;
    }
    warn_of_secrets(findings, key, &text);
    Some(HeaderSpec::Text(template))
}

/// Whether a text can be sent as the value of a header: ASCII which shows, spaces and
/// tabs, and no line break, behind which there would be another header.
#[must_use]
pub fn is_header_text(text: &str) -> bool {
    text.len() <= HEADER_BYTES_MAX && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn warn_of_secrets(findings: &mut Findings, key: &Text<'_>, text: &Text<'_>) {
    let small = key.text.to_ascii_lowercase();
    if !SECRETS.iter().any(|secret| small.contains(secret)) {
        return;
    }
    let message = format!("the header `{}` looks like a secret, and stands in every item", key.text);
    let help = "whoever may read the inbox may read it; let the deliverer find it: `{ env = \"HOOK_TOKEN\" \
                }` or `{ file = \"/run/secrets/hook-token\" }`";
    findings.push(Problem::warning(text.span.clone(), message).label("written into the inbox").help(help));
}
