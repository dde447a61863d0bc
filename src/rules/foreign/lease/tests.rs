//! Which columns make a lease.

use super::*;

/// Nothing but what must be there.
const LEAST: &str = "state = \"status\"\nwaiting = \"pending\"\nleased = \"leased\"\ndone = \"completed\"\n\
                     dead = \"failed\"\ntoken = \"lease_token\"\nuntil = \"leased_until\"\n";

fn read(more: &str) -> Result<LeaseSpec, String> {
    toml::from_str(&format!("{LEAST}{more}")).map_err(|error| error.message().to_owned())
}

#[track_caller]
fn check(more: &str, says: &str) {
    let error = read(more).expect_err(more);
    assert!(error.contains(says), "{more}: {error}");
}

#[test]
fn the_keys_which_may_be_left_out_have_defaults() {
    let spec = read("").unwrap();
    assert_eq!((spec.key.as_str(), spec.failed.as_str()), ("id", "pending"));
    assert_eq!((spec.lease, &spec.attempts, &spec.by), (Duration::from_secs(300), &None, &None));
    let spec = read("attempts = \"attempts\"\nlease = \"90s\"").unwrap();
    assert_eq!(spec.attempts.map(|attempts| attempts.max), Some(AttemptsMax::Number(5)));
    assert_eq!(spec.lease, Duration::from_secs(90));
}

#[test]
fn the_bound_of_attempts_is_a_column_or_a_number() {
    let max = |written: &str| {
        let spec = read(&format!("attempts = \"attempts\"\nmax_attempts = {written}")).unwrap();
        spec.attempts.map(|attempts| attempts.max)
    };
    assert_eq!(max("3"), Some(AttemptsMax::Number(3)));
    assert_eq!(max("\"tries\""), Some(AttemptsMax::Column("tries".to_owned())));
    for (written, says) in [("0", "from 1"), ("-1", "from 1"), ("1000001", "from 1")] {
        check(&format!("attempts = \"a\"\nmax_attempts = {written}"), says);
    }
    check("max_attempts = 3", "name the column");
}

#[test]
fn what_cannot_work_is_refused() {
    check("worker = \"status\"", "`state` and `worker` are the same column");
    check("failed = \"leased\"", "`leased` and `failed` are the same value");
    check("failed = \"completed\"", "`done` and `failed` are the same value");
    check("by = \" \"", "`by` is empty");
    check(&format!("error = \"{}\"", "x".repeat(64)), "more than 63 bytes");
    check("priority = \"1 $hearken$\"", "`priority` has `$hearken$`");
    check("priority = \"a, b\"", "`priority`: ");
    check("lease = \"1s\"", "too short");
    check("lease = \"1M\"", "months");
    check("lease = \"soon\"", "is none");
    check("workers = \"w\"", "unknown field `workers`");
}

#[test]
fn columns_come_in_the_order_of_the_description() {
    let spec = read("attempts = \"a\"\nmax_attempts = \"m\"\nby = \"g\"\ndue = \"d\"").unwrap();
    let keys: Vec<&str> = spec.columns().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["key", "state", "token", "until", "attempts", "max_attempts", "due", "by"]);
}
