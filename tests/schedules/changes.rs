//! Changes of the clock, and what is put before them.

/// Zones, a moment at which their clocks change, and by how many minutes.
pub const CHANGES: [(&str, &str, i64); 36] = [
    ("America/New_York", "2026-03-08T07:00:00Z", 60),
    ("America/New_York", "2026-11-01T06:00:00Z", -60),
    ("Europe/Berlin", "2026-03-29T01:00:00Z", 60),
    ("Europe/Berlin", "2026-10-25T01:00:00Z", -60),
    ("Europe/London", "2026-03-29T01:00:00Z", 60),
    ("Europe/London", "2026-10-25T01:00:00Z", -60),
    // The end of three years without winter time.
    ("Europe/London", "1971-10-31T02:00:00Z", -60),
    // Winter is the exception there.
    ("Europe/Dublin", "2026-03-29T01:00:00Z", 60),
    ("Europe/Dublin", "2026-10-25T01:00:00Z", -60),
    ("Europe/Dublin", "1971-10-31T02:00:00Z", -60),
    // Half an hour.
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", -30),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", 30),
    // For Ramadan.
    ("Africa/Casablanca", "2025-02-23T02:00:00Z", -60),
    ("Africa/Casablanca", "2025-04-06T02:00:00Z", 60),
    // A day which never was; and, before, the other way round, almost one.
    ("Pacific/Apia", "2011-12-30T10:00:00Z", 1440),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z", 1440),
    ("Pacific/Kwajalein", "1969-09-30T13:00:00Z", -1380),
    ("Pacific/Apia", "2011-09-24T14:00:00Z", 60),
    ("Pacific/Apia", "2011-04-02T14:00:00Z", -60),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z", 15),
    // At midnight, so that days have no first hour, or two last ones.
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z", -60),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z", 60),
    ("Asia/Tehran", "2022-03-21T20:30:00Z", 60),
    ("Asia/Tehran", "2022-09-21T19:30:00Z", -60),
    // At one minute past midnight, with an offset of half hours, and by two hours.
    ("America/St_Johns", "2010-03-14T03:31:00Z", 60),
    ("America/St_Johns", "2010-11-07T02:31:00Z", -60),
    ("America/St_Johns", "1988-04-03T03:31:00Z", 120),
    ("America/St_Johns", "1988-10-30T01:31:00Z", -120),
    // At a quarter to three.
    ("Pacific/Chatham", "2026-04-04T14:00:00Z", -60),
    ("Pacific/Chatham", "2026-09-26T14:00:00Z", 60),
    ("Antarctica/Troll", "2026-03-29T01:00:00Z", 120),
    ("Antarctica/Troll", "2026-10-25T01:00:00Z", -120),
    ("Antarctica/Casey", "2009-10-17T18:00:00Z", 180),
    ("Antarctica/Casey", "2010-03-04T15:00:00Z", -180),
    // No summer time, another offset for good.
    ("America/Caracas", "2007-12-09T07:00:00Z", -30),
    ("Asia/Pyongyang", "2018-05-04T15:00:00Z", 30),
];

/// Expressions which are put before each change: fixed ones and wildcards, in,
/// at and around the hours at which clocks change.
pub const EXPRESSIONS: [&str; 22] = [
    "30 2 * * *",
    "30 1 * * *",
    "0 0 * * *",
    "1 0 * * *",
    "0 2 * * *",
    "0 3 * * *",
    "45 1,2 * * *",
    "0,30 0-4 * * *",
    "15 0,1,2,3,23 * * *",
    "0 2,14 * * *",
    "59 1,2,23 * * *",
    "0-59 1-3 * * *",
    "0-59/7 0-23 * * *",
    "30 9 30 12 *",
    "0 12 L * *",
    "20 2 * * SUN",
    "*/5 * * * *",
    "*/15 * * * *",
    "*/15 2 * * *",
    "30 * * * *",
    "0 */2 * * *",
    "*/20 0-3 * * SUN",
];
