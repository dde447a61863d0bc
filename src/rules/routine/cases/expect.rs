//! The items a test expects: the entries of `expect`.

use super::{Word, json, moment, tables, word};
use crate::rules::problem::Problem;
use crate::rules::routine::literal::small_integer;
use crate::rules::routine::table::{Findings, Keys, Table, text_of, wrong_type};
use crate::rules::text::{closest, listed};
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use toml::de::DeValue;

/// How an item stands at the end of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// No worker has it.
    Waiting,
    /// A worker has it.
    Leased,
    /// A worker has completed it.
    Done,
    /// A newer one took its place.
    Superseded,
}

impl ItemState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Leased, Self::Done, Self::Superseded];

    /// The word for it, as in `hearken.inbox_items`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Superseded => "superseded",
        }
    }
}

/// An item a test expects; only what it names is compared, with what the item is
/// at the end of the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// When it comes into the inbox, by the clock of the test.
    pub at: Option<Timestamp>,
    /// Which of the routine's items it is.
    pub item: Option<Word>,
    /// The queue it goes to.
    pub queue: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its priority.
    pub priority: Option<i32>,
    /// What to do.
    pub instructions: Option<String>,
    /// What a worker must be able to do, in order.
    pub tags: Option<Vec<String>>,
    /// Whose item it is.
    pub tenant: Option<String>,
    /// From when on workers may take it.
    pub due_at: Option<Timestamp>,
    /// How often it may be leased.
    pub attempts_max: Option<i32>,
    /// The key by which workers keep an order.
    pub order_key: Option<String>,
    /// Values for the worker. Of an object only the named keys are compared,
    /// at any depth.
    pub context: Option<Map<String, Json>>,
    /// How it is delivered.
    pub webhook: ExpectedWebhook,
    /// How it stands; in any way but superseded, if none.
    pub state: Option<ItemState>,
    /// The inbox of the user's into whose table it comes. With one, nothing is said of
    /// the fields of hearken's own.
    pub inbox: Option<String>,
    /// The columns of its row, of an inbox of the user's. Of an object only the named
    /// keys are compared, at any depth.
    pub columns: Map<String, Json>,
}

/// What a test expects of an item which is delivered; only what it names is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedWebhook {
    /// The table of endpoints it goes to. Its key is `webhook`.
    pub endpoint: Option<String>,
    /// Which row of that table.
    pub id: Option<String>,
    /// The address it goes to.
    pub url: Option<String>,
    /// The type of what is sent. Its key is `type`.
    pub kind: Option<String>,
    /// What is sent. Of an object only the named keys are compared, at any depth.
    pub data: Option<Json>,
    /// Headers of the routine's own, by their names in lower case: text, or the table
    /// which says where the value is found.
    pub headers: Option<Map<String, Json>>,
}

/// What may be said of any item. Beside `inbox`, all other keys are columns.
const OF_ALL: [&str; 4] = ["at", "item", "state", "inbox"];

const KEYS: Keys<'static> = Keys {
    owner: "an item of `expect`",
    known: &[
        "at",
        "item",
        "inbox",
        "queue",
        "title",
        "priority",
        "instructions",
        "tags",
        "tenant",
        "due_at",
        "max_attempts",
        "key",
        "context",
        "state",
        "webhook",
        "id",
        "url",
        "type",
        "data",
        "headers",
    ],
    later: &[],
};

/// Reads `expect` of a test whose clock starts at `start`.
pub(super) fn parse(findings: &mut Findings, case: &Table<'_>, start: Timestamp) -> Option<Vec<Expected>> {
    let Some(value) = case.get("expect") else {
        return Some(Vec::new());
    };
    let tables = tables(findings, "expect", value)?;
    let list = tables.iter().map(|table| expected(findings, table, start)).collect::<Vec<_>>();
    list.into_iter().collect()
}

fn expected(findings: &mut Findings, table: &Table<'_>, start: Timestamp) -> Option<Expected> {
    if table.get("inbox").is_some() {
        return of_table(findings, table, start);
    }
    table.check_keys(findings, &KEYS);
    if table.is_empty() {
        let problem = Problem::error(table.span.clone(), "this entry says nothing about the item");
        findings.push(problem.label("any item would do").help("name its title: `{ title = \"Refund r1\" }`"));
        return None;
    }
    let at = moment::read(findings, table, "at", start);
    let item = word(findings, table, "item");
    let queue = text(findings, table, "queue");
    let title = text(findings, table, "title");
    let priority = integer(findings, table, "priority");
    let instructions = text(findings, table, "instructions");
    let tags = tags(findings, table);
    let tenant = text(findings, table, "tenant");
    let due_at = moment::read(findings, table, "due_at", start);
    let attempts_max = integer(findings, table, "max_attempts");
    let order_key = text(findings, table, "key");
    let context = context(findings, table);
    let webhook = webhook(findings, table);
    let state = state(findings, table);
    Some(Expected {
        at: at?,
        item: item?,
        queue: queue?,
        title: title?,
        priority: priority?,
        instructions: instructions?,
        tags: tags?,
        tenant: tenant?,
        due_at: due_at?,
        attempts_max: attempts_max?,
        order_key: order_key?,
        context: context?,
        webhook: webhook?,
        state: state?,
        inbox: None,
        columns: Map::new(),
    })
}

/// An item in a table of the user's.
fn of_table(findings: &mut Findings, table: &Table<'_>, start: Timestamp) -> Option<Expected> {
    let inbox = table.text(findings, "inbox").map(|text| text.text.to_owned());
    let at = moment::read(findings, table, "at", start);
    let item = word(findings, table, "item");
    let state = state(findings, table);
    let columns = json::object(findings, table).map(|mut columns| {
        columns.retain(|name, _| !OF_ALL.contains(&name.as_str()));
        columns
    });
    Some(Expected {
        at: at?,
        item: item?,
        queue: None,
        title: None,
        priority: None,
        instructions: None,
        tags: None,
        tenant: None,
        due_at: None,
        attempts_max: None,
        order_key: None,
        context: None,
        webhook: ExpectedWebhook::default(),
        state: state?,
        inbox: Some(inbox?),
        columns: columns?,
    })
}

/// What is expected of the delivery.
fn webhook(findings: &mut Findings, table: &Table<'_>) -> Option<ExpectedWebhook> {
    let endpoint = text(findings, table, "webhook");
    let id = text(findings, table, "id");
    let url = text(findings, table, "url");
    let kind = text(findings, table, "type");
    let data = json::at(findings, table, "data");
    let headers = match table.get("headers") {
        Some(_) => {
            let headers = table.table(findings, "headers");
            headers.and_then(|headers| json::object(findings, &headers)).map(Some)
        }
        None => Some(None),
    };
    Some(ExpectedWebhook {
        endpoint: endpoint?,
        id: id?,
        url: url?,
        kind: kind?,
        data: data?,
        headers: headers?,
    })
}

fn state(findings: &mut Findings, table: &Table<'_>) -> Option<Option<ItemState>> {
    let Some(word) = word(findings, table, "state")? else {
        return Some(None);
    };
    let found = ItemState::ALL.into_iter().find(|state| state.as_str() == word.text);
    if found.is_none() {
        let words = ItemState::ALL.map(ItemState::as_str);
        let help = match closest(&word.text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("states are {}", listed(words)),
        };
        let problem = Problem::error(word.span, format!("no test leaves an item `{}`", word.text));
        findings.push(problem.label("not a state").help(help));
    }
    found.map(Some)
}

fn text(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<String>> {
    word(findings, table, key).map(|word| word.map(|word| word.text))
}

fn integer(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<i32>> {
    match table.get(key) {
        Some(value) => small_integer(findings, key, value).map(Some),
        None => Some(None),
    }
}

fn tags(findings: &mut Findings, table: &Table<'_>) -> Option<Option<Vec<String>>> {
    let Some(value) = table.get("tags") else {
        return Some(None);
    };
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(findings, "tags", value, "an array of strings");
    };
    let mut tags = Vec::new();
    for item in items.iter() {
        match text_of(item) {
            Some(text) => tags.push(text.text.to_owned()),
            None => return wrong_type(findings, "tags", item, "an array of strings"),
        }
    }
    Some(Some(tags))
}

fn context(findings: &mut Findings, table: &Table<'_>) -> Option<Option<Map<String, Json>>> {
    if table.get("context").is_none() {
        return Some(None);
    }
    let context = table.table(findings, "context")?;
    if context.is_empty() {
        let problem = Problem::error(context.span, "this `context` names no value");
        findings.push(problem.label("any context would do").help("name one: `context = { amount = 900 }`"));
        return None;
    }
    json::object(findings, &context).map(Some)
}
