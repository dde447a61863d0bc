//! Servers which do what they should not: the client ends in time, with little memory, and
//! says what was wrong.

use super::*;
use crate::support::until;

/// A time which no well-behaved server needs, and a test can wait for.
const SHORT: Duration = Duration::from_millis(400);

/// Whether an attempt ended by itself, or its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    ByItself,
    AtTheTimeout,
}

/// Sends to a server which behaves like this; an error whose text has this in it, and after
/// which there is another attempt, comes in time.
async fn check(behaviour: Behaviour, end: End, part: &str) {
    let name = format!("{behaviour:?}");
    let outcome = send(behaviour, end, &name).await;
    assert_eq!(outcome.verdict(), Verdict::Retry(None), "{name}: {outcome:?}");
    let error = outcome.error.expect("an error");
    assert_eq!(error.fault(), Fault::Endpoint, "{name}: {error}");
    assert!(error.to_string().contains(part), "{name}: {error}");
}

async fn send(behaviour: Behaviour, end: End, name: &str) -> Outcome {
    let endpoint = Endpoint::start(behaviour);
    let timeout = match end {
        End::ByItself => AMPLE,
        End::AtTheTimeout => SHORT,
    };
    let outcome = client().send(request(&endpoint.url(), timeout)).await;
    match end {
        End::ByItself => assert!(outcome.duration < AMPLE, "{name}: {outcome:?}"),
        End::AtTheTimeout => {
            assert!(outcome.duration >= SHORT && outcome.duration < AMPLE, "{name}: {outcome:?}");
        }
    }
    // Whatever happened, the connection is not left open.
    if !matches!(outcome.error, Some(DeliveryError::Connect { .. })) {
        until("a closed connection", || async { (endpoint.open() == 0).then_some(()) }).await;
    }
    outcome
}

#[tokio::test]
async fn a_server_which_does_not_answer_is_left_at_the_timeout() {
    check(Behaviour::Deaf, End::AtTheTimeout, "did not answer within 400 ms").await;
    check(Behaviour::Late(Duration::from_secs(5)), End::AtTheTimeout, "did not answer within 400 ms").await;
    check(Behaviour::DripHead(Duration::from_millis(50)), End::AtTheTimeout, "did not answer").await;
}

#[tokio::test]
async fn a_server_which_never_answers_is_not_waited_for() {
    let endpoint = Endpoint::start(Behaviour::Hang);
    let outcome = client().send(request(&endpoint.url(), SHORT)).await;
    assert_eq!(outcome.error, Some(DeliveryError::Timeout(SHORT)));
    assert!(outcome.duration >= SHORT && outcome.duration < AMPLE, "{outcome:?}");
}

#[tokio::test]
async fn a_server_which_takes_connections_late_is_waited_for() {
    let outcome = send_to(Behaviour::Late(Duration::from_millis(100))).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_said_and_tried_again() {
    check(Behaviour::Reset, End::ByItself, "gave no proper answer").await;
    check(Behaviour::Close, End::ByItself, "it closed the connection before it had answered").await;
    check(Behaviour::Garbage, End::ByItself, "what it sent is not HTTP/1.1").await;
    check(Behaviour::EndlessHead, End::ByItself, "the head of its answer is too long").await;
}

/// The status was there: that it was taken is known.
#[tokio::test]
async fn a_body_which_drips_is_cut_at_the_timeout() {
    let outcome = send(Behaviour::Drip(Duration::from_millis(50)), End::AtTheTimeout, "drip").await;
    assert_eq!((outcome.verdict(), outcome.status), (Verdict::Delivered, Some(200)));
    assert!(outcome.body.starts_with('a') && outcome.body.len() < 100, "{outcome:?}");
}

#[tokio::test]
async fn a_body_which_breaks_off_is_kept_as_far_as_it_came() {
    let outcome = send(Behaviour::Short, End::ByItself, "short").await;
    assert_eq!((outcome.verdict(), outcome.body.as_str()), (Verdict::Delivered, "abc"));
}

#[tokio::test]
async fn of_a_large_answer_only_the_beginning_is_read() {
    for behaviour in [Behaviour::huge(10 * 1024 * 1024), Behaviour::EndlessBody] {
        let outcome = send(behaviour, End::ByItself, "large").await;
        assert_eq!(outcome.verdict(), Verdict::Delivered);
        assert_eq!(outcome.body.len(), 4096);
    }
}

#[tokio::test]
async fn as_much_of_an_answer_is_kept_as_the_settings_say() {
    let endpoint = Endpoint::start(Behaviour::huge(1000));
    for (limit, want) in [(0, 0), (999, 999), (1000, 1000), (1001, 1000)] {
        let client = Client::new(ClientSettings { response_bytes: limit, ..settings() }).expect("a client");
        let outcome = client.send(request(&endpoint.url(), AMPLE)).await;
        assert_eq!((outcome.verdict(), outcome.body.len()), (Verdict::Delivered, want));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let outcome = send_to(Behaviour::redirect("http://169.254.169.254/latest/meta-data/")).await;
    assert_eq!(outcome.verdict(), Verdict::Never, "{outcome:?}");
    let error = outcome.error.expect("an error");
    assert_eq!(error.fault(), Fault::Request);
    assert!(
        error.to_string().contains("`http://169.254.169.254/latest/meta-data/`, which is not followed"),
        "{error}"
    );

    // Not even to where we may go.
    let elsewhere = Endpoint::start(Behaviour::ok());
    let outcome = send_to(Behaviour::redirect(&elsewhere.url())).await;
    assert_eq!(outcome.verdict(), Verdict::Never, "{outcome:?}");
    assert_eq!(elsewhere.connections(), 0);
}

/// A server which has misbehaved is called again as if nothing had been.
#[tokio::test]
async fn after_each_misbehaviour_the_next_request_arrives() {
    let client = client();
    for behaviour in [Behaviour::Reset, Behaviour::Close, Behaviour::Garbage, Behaviour::EndlessBody] {
        let name = format!("{behaviour:?}");
        let endpoint = Endpoint::start(behaviour);
        client.send(request(&endpoint.url(), AMPLE)).await;
        endpoint.change(Behaviour::ok());
        let outcome = client.send(request(&endpoint.url(), AMPLE)).await;
        assert_eq!(outcome.verdict(), Verdict::Delivered, "{name}: {outcome:?}");
    }
}
