//! `[webhook]` from the outside: what is read, and what is refused in which words.

use super::*;
use crate::rules::name::RoutineName;
use crate::rules::problem::{Level, Problems};
use crate::rules::routine::{self, Routine};

const URL: &str = "url = \"https://example.org/hook\"\n";

#[test]
fn a_webhook_is_read_with_what_it_does_not_say() {
    let routine = read(URL);
    let [item] = &routine.items[..] else { panic!("one item") };
    let names = (item.name.as_str(), item.queue.as_str(), item.priority, item.attempts_max);
    assert_eq!(names, ("webhook", "webhooks", 0, Some(8)));
    let webhook = item.webhook.as_ref().unwrap();
    assert!(
        matches!(&webhook.to, TargetSpec::Url(url) if url.as_static() == Some("https://example.org/hook"))
    );
    let seconds = webhook.retry_ms.iter().map(|pause| pause / 1000).collect::<Vec<_>>();
    assert_eq!(seconds, [5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
    assert_eq!((webhook.timeout_ms, webhook.mode, &webhook.secret), (15_000, Mode::Structured, &None));
    assert!(webhook.kind.is_none() && webhook.data.is_none() && webhook.headers.is_empty());
    assert_eq!(webhook.titled, Titled::ByTarget);
    assert!(item.order_key.is_none() && item.foreign.is_none() && item.emits.is_empty());
}

#[test]
fn a_webhook_is_read_with_all_it_says() {
    let routine = read(
        "endpoint = \"plugins\"\nid = { get = \"data.plugin\" }\nqueue = \"hooks\"\nmode = \"binary\"\n\
         timeout = \"5m\"\nretry = []\ntype = \"a.b\"\nkey = \"{{ subject }}\"\ntitle = \"t\"\npriority = -1\n\
         emits = \"c\"\n[webhook.headers]\nX-Team = \"{{ data.team }}\"\nAuthorization = { env = \"TOKEN\" }\n\
         [webhook.data]\nid = { get = \"data.id\" }\n",
    );
    let item = &routine.items[0];
    assert_eq!((item.queue.as_str(), item.priority, item.attempts_max), ("hooks", -1, Some(1)));
    assert_eq!((item.order_key.is_some(), &item.emits[..]), (true, &["c".to_owned()][..]));
    let webhook = item.webhook.as_ref().unwrap();
    let TargetSpec::Endpoint { name, span, id } = &webhook.to else { panic!("no endpoint") };
    assert_eq!((name.as_str(), &routine.text[span.clone()]), ("plugins", "\"plugins\""));
    assert!(matches!(id.value, context::ContextValue::Get(_)));
    assert_eq!(
        (webhook.mode, webhook.timeout_ms, webhook.titled),
        (Mode::Binary, 300_000, Titled::ByRoutine)
    );
    let [(team, HeaderSpec::Text(_)), (authorization, HeaderSpec::Secret(secret))] = &webhook.headers[..]
    else {
        panic!("two headers")
    };
    assert_eq!((team.as_str(), authorization.as_str()), ("x-team", "authorization"));
    assert_eq!(*secret, SecretRef::Env("TOKEN".to_owned()));
    let secret = read(&format!("{URL}secret = {{ file = \"/run/secrets/hook\" }}\n"));
    let secret = secret.items[0].webhook.as_ref().unwrap().secret.clone();
    assert_eq!(secret, Some(SecretRef::File("/run/secrets/hook".to_owned())));
}

#[test]
fn a_webhook_stands_alone() {
    let beside = |table: &str| format!("{URL}{table}queue = \"q\"\ntitle = \"t\"\n");
    check(&beside("[item]\n"), &["a routine has `[webhook]` or `[item]`, and not both"]);
    check(&beside("[items.more]\n"), &["a routine has `[webhook]` or `[items]`, and not both"]);
    let query =
        format!("title = \"x\"\n[on.query]\nevery = \"1h\"\nsql = \"select 1 as id\"\n[webhook]\n{URL}");
    assert_eq!(messages(&query), ["a query which makes items needs `[flow] dedup`"]);
    let deduped = query.replace("[webhook]", "[flow]\ndedup = { key = [\"row.id\"] }\n[webhook]");
    assert!(messages(&deduped).is_empty());
}

#[test]
fn a_webhook_goes_to_one_place() {
    check("queue = \"q\"\n", &["`[webhook]` does not say where it goes"]);
    check(&format!("{URL}endpoint = \"a\"\n"), &["a webhook goes to a `url` or to an `endpoint`"]);
    check(&format!("{URL}id = 1\n"), &["`id` says which row of an `endpoint`, and a `url` is none"]);
    check("endpoint = \"a\"\n", &["`id` is missing"]);
    check("endpoint = \"{{ data.x }}\"\nid = 1\n", &["`endpoint` is a fixed name, not a template"]);
    for id in ["true", "[1]", "{}", "\"\""] {
        check(&format!("endpoint = \"a\"\nid = {id}\n"), &["`id` is text or a number"]);
    }
    check(
        "endpoint = \"a\"\nid = 1\nsecret = { env = \"A\" }\n",
        &["an endpoint of a table has its own secret"],
    );
}

#[test]
fn an_address_is_whole_and_has_no_secret_in_it() {
    for (url, why) in [
        ("example.org/hook", "it does not begin with `https://` or `http://`"),
        ("/{{ data.x }}", "it does not begin with `https://` or `http://`"),
        ("https://me:secret@example.org/", "it has a name or a password before its host"),
        ("https://me:{{ data.x }}@example.org/", "it has a name or a password before its host"),
        ("https://example.org/#a", "it has a `#`, and what is behind it is never sent"),
        ("https:///{{ data.x }}", "it has no host, or one which cannot be read"),
    ] {
        let (routine, problems) = checked(&whole(&format!("url = \"{url}\"\n")));
        if url.contains("}}@") {
            // Where the host begins is not known before there is an event.
            assert!(routine.is_some());
            continue;
        }
        let want = format!("`url` cannot be called: {why}");
        assert_eq!(problems.iter().map(|one| one.message.clone()).collect::<Vec<_>>(), [want], "{url}");
    }
}

#[test]
fn a_host_which_an_event_fills_in_is_warned_of() {
    let warned = |head: &str, url: &str| {
        let (routine, problems) = checked(&format!("{head}[webhook]\nurl = \"{url}\"\n"));
        assert!(routine.is_some(), "{problems}");
        problems.iter().any(|one| one.message == "whoever writes the event says which host is called")
    };
    let event = "title = \"x\"\n[on.event]\n";
    let each = "title = \"x\"\n[on.event]\n[each]\nsql = \"select 1 as url\"\n";
    assert!(warned(event, "{{ data.url }}"));
    assert!(warned(event, "https://{{ data.shop }}.example.org/"));
    assert!(warned(event, "https://example.org{{ data.path }}"));
    assert!(warned(each, "{{ row.url }}{{ data.x }}"));
    assert!(!warned(event, "https://example.org/{{ data.path | urlencode }}"));
    assert!(!warned(event, "https://example.org?x={{ data.path | urlencode }}"));
    assert!(!warned(each, "{{ row.url }}"));
}

#[test]
fn a_secret_is_named_and_never_written() {
    let secret = |secret: &str| format!("{URL}secret = {secret}\n");
    check(&secret("\"whsec_abc\""), &["`secret` is not written into a routine"]);
    check(&secret("{}"), &["`secret` has either `env` or `file`"]);
    check(&secret("{ env = \"A\", file = \"/a\" }"), &["`secret` has either `env` or `file`"]);
    check(&secret("{ enw = \"A\" }"), &["`secret` has either `env` or `file`", "unknown key `enw`"]);
    let variable = "the name of a variable has capitals, digits and `_`, and begins with no digit";
    for name in ["", "hook", "1A", "A-B", "A=B"] {
        check(&secret(&format!("{{ env = \"{name}\" }}")), &[variable]);
    }
    let path = "`file` is an absolute path: where the deliverer is started should not matter";
    for name in ["", "hook", "./hook", "/run/secrets/"] {
        check(&secret(&format!("{{ file = \"{name}\" }}")), &[path]);
    }
}

#[test]
fn a_header_is_plain_and_none_of_hearkens() {
    let headers = |line: &str| format!("{URL}[webhook.headers]\n{line}\n");
    for name in ["Host", "content-type", "Webhook-Id", "ce-type", "idempotency-key", "transfer-encoding"] {
        check(&headers(&format!("{name} = \"a\"")), &[&format!("the header `{name}` is set by hearken")]);
    }
    check(&headers("\"x team\" = \"a\""), &["`x team` is no name of a header"]);
    check(&headers("x-a = \"a\"\nX-A = \"b\""), &["the header `x-a` is there twice"]);
    check(
        &headers("x-a = 5"),
        &["`x-a` must be a string, or `{ env = \"…\" }` or `{ file = \"…\" }`, not an integer"],
    );
    for value in ["a\\nb", "a\\r", "\\u0000", "ü"] {
        check(
            &headers(&format!("x-a = \"{value}\"")),
            &["the header `x-a` has a text which no header may have"],
        );
    }
    let many = (0..=HEADERS_MAX).map(|n| format!("x-{n} = \"a\"\n")).collect::<String>();
    check(&headers(&many), &["a webhook has at most 32 headers"]);
    assert!(read(&headers("user-agent = \"shop/1\"")).items[0].webhook.is_some());
}

#[test]
fn a_secret_which_is_written_into_a_header_is_warned_of() {
    for name in ["Authorization", "x-api-key", "X-Auth-Token", "cookie"] {
        let (routine, problems) = checked(&whole(&format!("{URL}[webhook.headers]\n{name} = \"abc\"\n")));
        let said = problems.iter().map(|one| (one.level, one.message.clone())).collect::<Vec<_>>();
        let want = format!("the header `{name}` looks like a secret, and stands in every item");
        assert_eq!(said, [(Level::Warning, want)]);
        assert!(routine.is_some());
    }
}

#[test]
fn times_have_bounds() {
    let bad = |line: &str, why: &str| check(&format!("{URL}{line}\n"), &[why]);
    bad("timeout = \"500ms\"", "`timeout` cannot be used: it is at least 1s");
    bad("timeout = \"6m\"", "`timeout` cannot be used: it is at most 5m");
    bad("timeout = 5", "`timeout` must be a string, not an integer");
    bad("retry = [\"0s\"]", "`retry` cannot be used: it is at least 1s");
    bad("retry = [\"31d\"]", "`retry` cannot be used: it is at most 30days");
    bad("retry = \"5s\"", "`retry` must be a list of pauses, such as [\"5s\", \"5m\"], not a string");
    bad("retry = [5]", "`retry` must be a list of pauses, such as [\"5s\", \"5m\"], not an integer");
    let many = vec!["\"5s\""; RETRY_PAUSES_MAX + 1].join(", ");
    bad(&format!("retry = [{many}]"), "`retry` has at most 20 pauses");
    let most = vec!["\"5s\""; RETRY_PAUSES_MAX].join(", ");
    assert_eq!(read(&format!("{URL}retry = [{most}]\n")).items[0].attempts_max, Some(21));
}

#[test]
fn other_words_are_checked() {
    let bad = |line: &str, why: &str| check(&format!("{URL}{line}\n"), &[why]);
    bad("mode = \"batch\"", "there is no mode `batch`");
    bad("type = \" \"", "no event has an empty type");
    bad("queue = \"{{ data.x }}\"", "`queue` is a fixed name, not a template");
    bad("title = \"\"", "`title` is empty");
    bad("key = \"\"", "`key` is empty");
    bad("max_attempts = 3", "unknown key `max_attempts`");
    bad("uri = \"x\"", "unknown key `uri`");
}

#[test]
fn what_collects_cannot_be_delivered() {
    let message = "a webhook delivers one event, and this flow collects";
    for (flow, want) in [
        ("batch = { max = 5, within = \"1m\" }", &[message][..]),
        ("debounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"all\" }", &[message][..]),
        ("dedup = { key = [\"id\"], window = \"while_open\", on_conflict = \"append\" }", &[message][..]),
        ("dedup = { key = [\"id\"], window = \"while_open\", on_conflict = \"replace\" }", &[][..]),
        ("debounce = { quiet = \"1s\", max_wait = \"1m\" }", &[][..]),
    ] {
        check(&format!("{URL}[flow]\n{flow}\n"), want);
    }
}

/// A routine with this after `[webhook]`.
fn whole(webhook: &str) -> String {
    format!("title = \"x\"\n[on.event]\n[webhook]\n{webhook}")
}

fn checked(text: &str) -> (Option<Routine>, Problems) {
    routine::check(&RoutineName::parse("r").unwrap(), "r.toml", text)
}

fn messages(text: &str) -> Vec<String> {
    checked(text).1.iter().map(|problem| problem.message.clone()).collect()
}

#[track_caller]
fn read(webhook: &str) -> Routine {
    let (routine, problems) = checked(&whole(webhook));
    assert!(problems.is_empty(), "{problems}");
    routine.unwrap()
}

/// Compares what is said, in the order of the file.
#[track_caller]
fn check(webhook: &str, want: &[&str]) {
    let (routine, problems) = checked(&whole(webhook));
    let got = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(got, want, "{webhook}");
    assert_eq!(routine.is_some(), want.is_empty(), "{webhook}");
}
