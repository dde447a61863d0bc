//! Tests of what needs no network; the others are in `tests/it/webhook_client.rs`.

use super::*;
use crate::webhook::answer::Verdict;

#[track_caller]
fn check_blackened(text: &str, secret: &str, want: &str) {
    assert_eq!(blackened(text.to_owned(), &[Secret::new(secret)]), want);
}

fn answer(status: u16) -> Outcome {
    let wait = Some(Duration::from_secs(7));
    let answer = Answer { status, body: "said".to_owned(), location: None, retry_after: wait };
    judged(answer, Duration::from_millis(5))
}

#[test]
fn the_status_decides() {
    assert_eq!(answer(200).verdict(), Verdict::Delivered);
    assert_eq!(answer(404).verdict(), Verdict::Never);
    assert_eq!(answer(503).verdict(), Verdict::Retry(Some(Duration::from_secs(7))));
    let outcome = answer(404);
    assert_eq!((outcome.status, outcome.body.as_str(), outcome.retry_after), (Some(404), "said", None));
    assert_eq!(outcome.duration, Duration::from_millis(5));
    assert_eq!(outcome.error.unwrap().to_string(), "answered 404 Not Found: said");
}

#[test]
fn secrets_which_are_repeated_are_blackened() {
    check_blackened(
        "you sent Bearer abcd1234, thanks",
        "Bearer abcd1234",
        "you sent Bearer (hidden), thanks",
    );
    check_blackened("abcd1234abcd1234", "abcd1234", "(hidden)(hidden)");
    check_blackened("all fine", "abcd1234", "all fine");
    // Where the answer was cut.
    check_blackened("you sent abcd12", "abcd1234", "you sent (hidden)");
    check_blackened("you sent abc", "abcd1234", "you sent abc");
    check_blackened("you sent abcd, thanks", "abcd1234", "you sent abcd, thanks");
    check_blackened("you sent schlüs", "schlüssel", "you sent (hidden)");
    // So short a secret would blacken what is no secret.
    check_blackened("all fine", "fi", "all fine");
}

#[test]
fn settings_which_name_nothing_are_refused() {
    let settings = ClientSettings { allow_http: vec!["a b".to_owned()], ..ClientSettings::default() };
    assert!(matches!(Client::new(settings), Err(SetupError::NoHost(_))));
    for file in ["/nowhere/ca.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let settings = ClientSettings { ca_file: Some(file.into()), ..ClientSettings::default() };
        let error = Client::new(settings).err().unwrap().to_string();
        assert!(error.contains(file), "{error}");
    }
}
