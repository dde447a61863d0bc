//! Routines beside the tables of endpoints which the settings describe.

use crate::rules::endpoint::EndpointSpec;
use crate::rules::name::EndpointName;
use crate::rules::problem::Problem;
use crate::rules::routine::{Routine, TargetSpec};
use crate::rules::text::{closest, listed};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a routine says of endpoints that is not so, or that it may not.
pub(super) fn check_endpoints(
    routine: &Routine,
    endpoints: &BTreeMap<EndpointName, EndpointSpec>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    for webhook in routine.items.iter().filter_map(|item| item.webhook.as_ref()) {
        let TargetSpec::Endpoint { name, span, .. } = &webhook.to else { continue };
        if !endpoints.contains_key(name) {
            found.push(unknown(name, span, endpoints));
        }
        if routine.confined.tenant.is_some() {
            found.push(calls_others(span));
        }
    }
    found
}

fn unknown(
    wanted: &EndpointName,
    span: &Range<usize>,
    endpoints: &BTreeMap<EndpointName, EndpointSpec>,
) -> Problem {
    let names = || endpoints.keys().map(EndpointName::as_str);
    let help = match closest(wanted.as_str(), names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if endpoints.is_empty() => format!(
            "hearken.toml describes no endpoints: write `[endpoint.{wanted}]` with `table`, `id` and `url`; \
             or a `url` here"
        ),
        None => {
            format!("known endpoints are {}; others are described as `[endpoint.{wanted}]`", listed(names()))
        }
    };
    let problem = Problem::error(span.clone(), format!("there is no table of endpoints `{wanted}`"));
    problem.label("not in hearken.toml").help(help)
}

/// A routine which is a tenant's could name any row, and so have its events signed for,
/// and sent to, the endpoint of somebody else.
fn calls_others(span: &Range<usize>) -> Problem {
    let message = "a row which is a tenant's routine cannot deliver webhooks";
    let help = "a row of an endpoint's table does not say whose it is, so that any tenant could send to \
                those of the others; write this routine as a file";
    Problem::error(span.clone(), message).label("could be anybody's").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::foreign::{TableName, Tables};
    use crate::rules::name::RoutineName;
    use crate::rules::review::against_tables;
    use crate::rules::routine::{self, RoutineSet};
    use std::sync::Arc;

    #[test]
    fn an_endpoint_is_one_which_the_settings_describe() {
        check("plugins", &["plugins"], None);
        check(
            "plugin",
            &["plugins"],
            Some(("there is no table of endpoints `plugin`", "did you mean `plugins`?")),
        );
        check(
            "zz",
            &["plugins"],
            Some((
                "there is no table of endpoints `zz`",
                "known endpoints are `plugins`; others are described as `[endpoint.zz]`",
            )),
        );
        check(
            "zz",
            &[],
            Some((
                "there is no table of endpoints `zz`",
                "hearken.toml describes no endpoints: write `[endpoint.zz]` with `table`, `id` and `url`; or \
                 a `url` here",
            )),
        );
    }

    #[test]
    fn a_url_needs_no_settings() {
        let text = "title = \"x\"\n[on.event]\n[webhook]\nurl = \"https://example.org/hook\"\n";
        assert!(found(text, &[]).is_empty());
    }

    fn found(text: &str, endpoints: &[&str]) -> Vec<(RoutineName, Problem)> {
        let routine = match routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", text) {
            Ok(routine) => routine,
            Err(problems) => panic!("{problems}"),
        };
        let spec = |name: &&str| EndpointSpec {
            name: EndpointName::parse(name).unwrap(),
            table: TableName::parse("public.hq_plugins").unwrap(),
            id: "id".to_owned(),
            url: "url".to_owned(),
            secret: None,
            enabled: None,
            headers: None,
        };
        let endpoints = endpoints.iter().map(spec).map(|spec| (spec.name.clone(), spec));
        let tables = Tables { endpoints: Arc::new(endpoints.collect()), ..Tables::default() };
        against_tables(&RoutineSet::new(vec![Arc::new(routine)]), &tables)
    }

    /// Compares the one problem there is, if any: its message, and its advice.
    #[track_caller]
    fn check(endpoint: &str, known: &[&str], want: Option<(&str, &str)>) {
        let text = format!(
            "title = \"x\"\n[on.event]\n[webhook]\nendpoint = \"{endpoint}\"\nid = {{ get = \"data.id\" }}\n"
        );
        let found = found(&text, known);
        let got = found.iter().map(|(_, problem)| {
            assert_eq!(&text[problem.span.clone()], format!("\"{endpoint}\""));
            (problem.message.as_str(), problem.help.as_deref().unwrap_or_default())
        });
        assert_eq!(got.collect::<Vec<_>>(), want.into_iter().collect::<Vec<_>>());
    }
}
