//! Signatures as [Standard Webhooks](https://www.standardwebhooks.com) wants them, so that
//! a receiver verifies with a library which knows nothing of hearken.
//!
//! What is signed is `ID.TIMESTAMP.BODY`: the header `webhook-id`, the header
//! `webhook-timestamp` (seconds since 1970) and the very bytes of the body. The header
//! `webhook-signature` is `v1,` and HMAC-SHA256 in base64. With several keys it holds a
//! signature by each, separated by spaces, and a receiver is content if one fits: thus a
//! secret is changed without a moment at which deliveries fail.

use super::secret::Secret;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ring::hmac;

/// What a serialised secret begins with.
const PREFIX: &str = "whsec_";

/// Reads base64 with its padding or without: secrets are copied by hand.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys of one endpoint: mostly one; while a secret is being changed, two.
#[derive(Clone, Debug)]
pub struct Keys(Vec<hmac::Key>);

/// Why a secret is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is nothing in it, or nothing after `whsec_`.
    #[error("the secret to sign with is empty")]
    Empty,
    /// It says that it is base64 and is not.
    #[error("the secret to sign with begins with `whsec_`, and what follows is not base64")]
    NotBase64,
}

impl Keys {
    /// The keys of a secret: several if there are spaces in it.
    ///
    /// As the libraries of Standard Webhooks do, `whsec_` is taken off and the rest is read
    /// as base64. A text without `whsec_` which is not base64 is used as it stands. Beware
    /// that a word like `swordfish123` *is* base64: a receiver which does not use such a
    /// library has to decode it too.
    ///
    /// # Errors
    ///
    /// If there is no key in the secret.
    pub fn parse(secret: &Secret) -> Result<Self, KeyError> {
        let keys = secret.expose().split_whitespace().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature` of a message sent at `timestamp`, in seconds since
    /// 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        let mut header = String::new();
        for key in &self.0 {
            let mut context = hmac::Context::with_key(key);
            context.update(head.as_bytes());
            context.update(body);
            if !header.is_empty() {
                header.push(' ');
            }
            header.push_str("v1,");
            STANDARD.encode_string(context.sign(), &mut header);
        }
        header
    }
}

fn key(word: &str) -> Result<hmac::Key, KeyError> {
    let (encoded, prefixed) = match word.strip_prefix(PREFIX) {
        Some(rest) => (rest, true),
        None => (word, false),
    };
    let bytes = match LENIENT.decode(encoded) {
        Ok(bytes) => bytes,
        Err(_) if prefixed => return Err(KeyError::NotBase64),
        Err(_) => encoded.as_bytes().to_vec(),
    };
    if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example which the reference libraries of Standard Webhooks test themselves with.
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[track_caller]
    fn check(secret: &str, id: &str, body: &[u8], want: &str) {
        let keys = Keys::parse(&Secret::new(secret)).unwrap();
        assert_eq!(keys.sign(id, 1_614_265_330, body), want);
    }

    #[track_caller]
    fn check_refused(secret: &str, want: KeyError) {
        assert_eq!(Keys::parse(&Secret::new(secret)).unwrap_err(), want);
    }

    #[test]
    fn the_example_of_the_reference_libraries_is_signed_as_they_do() {
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ID, BODY, SIGNATURE);
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ID, BODY, SIGNATURE);
        check(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", ID, BODY, SIGNATURE);
    }

    /// Computed with Python's hmac.
    #[test]
    fn a_text_which_is_not_base64_is_the_key_itself() {
        check("not-base64!", "msg_1", b"{}", "v1,JOGcakN1XGrz4u1lD66olcQ3Qqj1E/sK4wbRLEEortM=");
    }

    /// Computed with Python's hmac.
    #[test]
    fn padding_does_not_matter() {
        for secret in ["YWJjZA==", "YWJjZA", "whsec_YWJjZA"] {
            check(secret, "msg_1", b"{}", "v1,w/GVemKcPnrwS//7Oe9424bW+DywfR9L+QGa0Kn0s6c=");
        }
    }

    #[test]
    fn two_secrets_make_two_signatures_in_their_order() {
        let two = "v1,w/GVemKcPnrwS//7Oe9424bW+DywfR9L+QGa0Kn0s6c= \
                   v1,JOGcakN1XGrz4u1lD66olcQ3Qqj1E/sK4wbRLEEortM=";
        check("YWJjZA==  not-base64!", "msg_1", b"{}", two);
    }

    #[test]
    fn what_is_no_key_says_why() {
        check_refused("", KeyError::Empty);
        check_refused("  ", KeyError::Empty);
        check_refused("whsec_", KeyError::Empty);
        check_refused("whsec_not-base64!", KeyError::NotBase64);
        check_refused("YWJjZA== whsec_?", KeyError::NotBase64);
    }

    #[test]
    fn keys_show_themselves_to_nobody() {
        let keys = Keys::parse(&Secret::new("not-base64!")).unwrap();
        assert!(!format!("{keys:?}").contains("base64!"));
    }
}
