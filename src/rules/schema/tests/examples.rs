//! Routines to check the schema with.

/// As little as a routine with a condition can have.
pub(super) const PLAIN: &str = r#"
title = "Plain"
[on.event]
type = "a.*"
[when]
"data.x" = 1
[item]
queue = "q"
title = "t"
"#;

/// All of the language in one file.
pub(super) const WHOLE: &str = r#"
title = "Whole"

[on.event]
type = ["refund.requested", "late.*"]
from = "events"

[when]
"subject" = "s"
"data.text" = "a"
"data.number" = 12.50
"data.list" = [1, "b", true, { is = "null" }]
"data.eq" = { eq = "a" }
"data.in" = { in = [1, "b", { is = "null" }] }
"data.not" = { not = true, missing = "match" }
"data.not_list" = { not = ["a", { is = "null" }] }
"data.not_tests" = { not = { prefix = "x" } }
"data.not_in" = { not_in = ["DE", "FR"] }
"data.open" = { gt = 1, lt = 9 }
"data.closed" = { gte = 0.5, lte = 12345678901234567890 }
"data.prefix" = { prefix = ["a", "b"] }
"data.suffix" = { suffix = "a" }
"data.contains" = { contains = "a" }
"data.like" = { like = "a*b" }
"data.regex" = { regex = 'a+b' }
"data.iequals" = { iequals = "a" }
"data.iprefix" = { iprefix = "a" }
"data.isuffix" = { isuffix = "a" }
"data.icontains" = { icontains = "a" }
"data.ilike" = { ilike = "a*b" }
"data.cidr" = { cidr = ["10.0.0.0/8", "2001:db8::/32"] }
"data.exists" = { exists = true }
"data.null" = { is = "null" }
"data.len" = { len = 3 }
"data.length" = { len = { gte = 1, lt = 5 } }
"data.some" = { contains_any = ["a", 1] }
"data.each" = { contains_all = ["a", "b"] }
"data.rows" = { where = { sku = "a", '"any_of"' = { gt = 1 }, "p[all].n" = 1, any_of = { x = [{ a = 1 }, { b = 2 }] } } }
"data.state" = { became = "open" }
"data.before" = { was = { prefix = "new" } }
"data.moved" = { changed = true }
'data."a.b".c[all].d[none]' = 1
"meta[any].x" = 1

[[when.any_of.why]]
"data.country" = "CH"
[[when.any_of.why]]
"data.flag" = "a"
[[when.any_of.why.any_of.inner]]
"data.a" = 1
[[when.any_of.why.any_of.inner]]
"data.b" = 1

[each]
sql = "select id as agent_id from agents where team = $1 and status = $2"
params = [{ get = "data.team", default = "none" }, "ready"]
max_rows = 50
timeout = "2s"

[flow]
loop = "avoid"
debounce = { key = ["data.refund_id"], quiet = "30s", max_wait = "5m", keep = "last" }
dedup = { key = ["data.refund_id", "row.agent_id"], window = "1month", align = "calendar", tz = "UTC" }
supersede = { key = ["data.customer"] }
overlap = "queue"

[flow.hours]
tz = { get = "row.tz", default = "UTC" }
outside = "hold"
open = [
  { days = "mon-fri", from = "08:00", to = { get = "row.closes", default = "24:00" } },
  { days = "sat,sun", from = "22:00", to = "02:00:30" },
]
unless = { "data.priority" = { gte = 9 }, any_of = { why = [{ "data.a" = 1 }, { "data.b" = 2 }] } }

[[flow.limit]]
key = ["data.customer.id"]
max = 20
per = "1h"
excess = "delay"
max_delay = "2d"

[[flow.limit]]
max = { get = "row.daily_limit" }
used = { get = "row.used_today", default = 0 }
per = "1d"
align = "calendar"
tz = "UTC"

[item]
queue = "finance-agent"
priority = -5
title = "Refund {{ data.refund_id }}"
instructions = "Check {{ data.refund_id }}."
instructions_template = true
tags = ["refunds"]
max_attempts = 3
key = "{{ data.customer.id }}"
emits = ["refund.reviewed"]

[item.context]
fixed = 1
link = "https://shop/{{ data.refund_id }}"
all = ["R-7", "{{ data.amount }}"]
reason = { get = "data.reason", type = "string", default = "", max_len = 2000 }
agent = { get = "row.agent_id" }

[item.context.customer]
id = { get = "data.customer.id" }
marks = [{ kind = "refund", of = { get = "data.refund_id" } }]
empty = {}

[items.manager]
inbox = "agents"
queue = "a column like any other"
priority = "{{ data.amount }}"
agent_id = { get = "row.manager_id", default = 1 }
emits = ["refund.seen"]

[items.manager.context]
refund = { get = "data.refund_id" }
more = { fixed = true, type = "task" }

[[tests]]
name = "a refund is one item"
start = "2026-03-02T09:00:00+01:00"
rows = [{ agent_id = 1 }]
given = [{ at = "10s", type = "refund.requested", data = { amount = 600 }, subject = "s" }]
expect = [{ title = "Refund r1", context = { fixed = 1 } },
  { inbox = "agents", item = "manager", at = "0s", priority = 5, context = { refund = "r1" } }]
"#;

/// A query which makes no items.
pub(super) const QUERY: &str = r#"
title = "A query without items"
[on.query]
every = "15m"
sql = "delete from old_things where at < $1"
params = [{ get = "tick" }]
"#;

/// What is delivered to an address.
pub(super) const WEBHOOK: &str = r#"
title = "Webhook"
[on.event]
type = "refund.*"
[webhook]
url = "https://example.org/{{ data.shop | urlencode }}"
queue = "hooks"
secret = { env = "HOOK_SECRET" }
mode = "binary"
timeout = "20s"
retry = ["5s", "1h"]
type = "refund.decided"
key = "{{ data.shop }}"
title = "Tell {{ data.shop }}"
priority = 3
emits = "shop.told"
[webhook.headers]
x-team = "finance"
authorization = { file = "/run/secrets/hook" }
[webhook.data]
id = { get = "data.id" }
of = { shop = "{{ data.shop }}" }
[[tests]]
name = "a refund is told"
given = [{ type = "refund.approved", data = { id = 7, shop = "s" } }]
expect = [{ url = "https://example.org/s", type = "refund.decided", key = "s", data = { id = 7 }, headers = { x-team = "finance" } }]
"#;

/// What is delivered to a row of a table, all of it.
pub(super) const ENDPOINT: &str = r#"
title = "Endpoint"
[on.event]
[each]
sql = "select id as plugin_id from plugins where tenant_id = $1"
params = [{ get = "tenant" }]
[webhook]
endpoint = "plugins"
id = { get = "row.plugin_id" }
data = { get = "data.row", type = "object" }
[[tests]]
name = "a plugin is told"
rows = [{ plugin_id = 7 }]
given = [{ type = "a", tenant = "t", data = { row = { x = 1 } } }]
expect = [{ webhook = "plugins", id = "7", data = { x = 1 } }]
"#;

/// The gates in other words.
pub(super) const GATES: &str = r#"
title = "Gates"
[on.event]
[flow]
loop = "allow"
batch = { key = ["data.team"], max = 50, within = "10m" }
hours = { tz = "Europe/Berlin", days = "mon-fri", from = "08:00", to = "18:00", outside = "drop" }
dedup = { key = ["data.team"], window = "while_open", on_conflict = "append" }
supersede = {}
limit = { key = ["data.team"], max = 20, per = "1h", used = 3, excess = "drop", align = "sliding" }
overlap = "skip"
[item]
queue = "q"
title = "t"
emits = "team.done"
[item.context]
id = { get = "data.id" }
"#;
