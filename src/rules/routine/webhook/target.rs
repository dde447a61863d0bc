//! Where a webhook goes: `url`, or `endpoint` and `id`.

use crate::rules::name::EndpointName;
use crate::rules::problem::Problem;
use crate::rules::routine::context::{self, ContextField};
use crate::rules::routine::item::template;
use crate::rules::routine::table::{Findings, Table, Text};
use crate::rules::template::{Template, Variables, has_code};
use crate::rules::webhook::address::{Address, AddressError, authority_end, scheme};
use std::ops::Range;

/// Where a webhook goes, before there is an event.
#[derive(Clone, Debug)]
pub enum TargetSpec {
    /// To an address.
    Url(Template),
    /// To a row of a table which the settings describe.
    Endpoint {
        /// The table, by its name in the settings.
        name: EndpointName,
        /// The place of that name in the file.
        span: Range<usize>,
        /// Which row of it. Its name is `id`.
        id: ContextField,
    },
}

const HELP: &str = "write `url = \"https://example.org/hook\"`, or name a row of a table: `endpoint = \
                    \"plugins\"` and `id = { get = \"row.plugin_id\" }`";

/// Reads them; complains if there are both, or neither.
pub(super) fn parse(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<TargetSpec> {
    match (table.get("url").is_some(), table.get("endpoint").is_some()) {
        (true, false) => {
            let stray = stray_id(findings, table);
            let url = url(findings, table, variables).map(TargetSpec::Url);
            stray.and(url)
        }
        (false, true) => endpoint(findings, table, variables),
        (true, true) => {
            let problem =
                Problem::error(table.key_span("endpoint"), "a webhook goes to a `url` or to an `endpoint`");
            findings.push(problem.label("has both").help(HELP));
            None
        }
        (false, false) => {
            let problem = Problem::error(table.span.clone(), "`[webhook]` does not say where it goes");
            findings.missing(problem.label("needs a `url`").help(HELP));
            None
        }
    }
}

/// Complains about an `id` beside a `url`.
fn stray_id(findings: &mut Findings, table: &Table<'_>) -> Option<()> {
    if table.get("id").is_none() {
        return Some(());
    }
    let problem =
        Problem::error(table.key_span("id"), "`id` says which row of an `endpoint`, and a `url` is none");
    findings.push(problem.label("without an `endpoint`").help(HELP));
    None
}

fn url(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Template> {
    let text = table.text(findings, "url")?;
    let template = template(findings, &text, variables)?;
    let checked = match template.as_static() {
        Some(fixed) => Address::parse(fixed).map(drop),
        None => check_prefix(findings, &text, &template),
    };
    let Err(error) = checked else { return Some(template) };
    let message = format!("`url` cannot be called: {error}");
    let help = match error {
        AddressError::Userinfo => {
            "it would stand in every item; send it as a header: `authorization = { env = \"HOOK_TOKEN\" }` \
             in `[webhook.headers]`"
        }
        _ => "write an absolute address: `url = \"https://example.org/hook\"`",
    };
    findings.push(Problem::error(text.span, message).label("no such address").help(help));
    None
}

/// Looks at what stands before the first value of a template: it says which host is
/// called, or leaves that to the values, of which only the operator's own rows are to be
/// trusted with it.
fn check_prefix(findings: &mut Findings, text: &Text<'_>, template: &Template) -> Result<(), AddressError> {
    let end = ["{{", "{%", "{#"].iter().filter_map(|mark| text.text.find(mark)).min().unwrap_or(0);
    let prefix = &text.text[..end];
    if !prefix.is_empty() {
        let (_, rest) = scheme(prefix).ok_or(AddressError::Relative)?;
        if authority_end(rest).is_some() {
            return Address::parse(prefix).map(drop);
        }
        if rest.contains('@') {
            return Err(AddressError::Userinfo);
        }
    }
    let trusted = |path: &String| {
        let root = path.split('.').next().unwrap_or_default();
        ["row", "tick", "routine"].contains(&root)
    };
    if !template.paths().iter().all(trusted) {
        let problem =
            Problem::warning(text.span.clone(), "whoever writes the event says which host is called");
        let help = "write the host, and a `/` behind it: `https://example.org/{{ data.id | urlencode }}`; or \
                    take the address from a row of yours, by `[each]` or by `endpoint`";
        findings.push(problem.label("the host is filled in").help(help));
    }
    Ok(())
}

fn endpoint(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<TargetSpec> {
    let name = endpoint_name(findings, table);
    let id = id(findings, table, variables);
    let (name, span) = name?;
    Some(TargetSpec::Endpoint { name, span, id: id? })
}

fn endpoint_name(findings: &mut Findings, table: &Table<'_>) -> Option<(EndpointName, Range<usize>)> {
    let text = table.text(findings, "endpoint")?;
    if has_code(text.text) {
        let problem = Problem::error(text.span, "`endpoint` is a fixed name, not a template");
        findings.push(problem.label("would never be filled in").help("`id` says which row of it is meant"));
        return None;
    }
    let error = match EndpointName::parse(text.text) {
        Ok(name) => return Some((name, text.span)),
        Err(error) => error,
    };
    let problem =
        Problem::error(text.span, format!("`endpoint` is no name of a table of endpoints: {error}"));
    let help = "`[endpoint.plugins]` of hearken.toml is `endpoint = \"plugins\"` here";
    findings.push(problem.label("not a name").help(help));
    None
}

fn id(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<ContextField> {
    let help = "say which row of it is meant: `id = { get = \"row.plugin_id\" }`";
    let Some(value) = table.get("id") else {
        let problem = Problem::error(table.key_span("endpoint"), "`id` is missing");
        findings.missing(problem.label("which row of it").help(help));
        return None;
    };
    let field = context::field(findings, &Text { text: "id", span: table.key_span("id") }, value, variables)?;
    let fits = |literal: &serde_json::Value| match literal {
        serde_json::Value::String(text) => !text.is_empty(),
        literal => literal.is_number(),
    };
    let is_object = matches!(field.value, context::ContextValue::List(_) | context::ContextValue::Object(_));
    if is_object || field.value.literal().is_some_and(|literal| !fits(literal)) {
        let problem = Problem::error(value.span(), "`id` is text or a number");
        findings.push(problem.label("no id of a row").help(help));
        return None;
    }
    Some(field)
}
