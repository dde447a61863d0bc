//! The event as it is written into a request: CloudEvents over HTTP, version 1.0.2 of its
//! protocol binding, in one of two modes.

use super::answer::DeliveryError;
use crate::rules::webhook::Mode;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use std::fmt::Write;

/// What a request says about the event: headers and the bytes of the body.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The media type of the body.
    pub content_type: &'static str,
    /// The attributes, in binary mode; otherwise none.
    pub attributes: Vec<(HeaderName, HeaderValue)>,
    /// The body. These very bytes are signed and sent.
    pub bytes: Bytes,
}

/// Writes an event, which is the context of the item: a CloudEvent as JSON.
///
/// In structured mode the object is the body as it is. In binary mode each attribute
/// becomes a header, and the body is `data`; without data it is empty.
///
/// # Errors
///
/// If, in binary mode, the event is no object, or has an attribute whose name or value
/// CloudEvents does not know: names are lower-case letters and digits, values are texts,
/// numbers or truth values.
pub fn payload(mode: Mode, event: &Value) -> Result<Payload, DeliveryError> {
    match mode {
        Mode::Structured => Ok(Payload {
            content_type: "application/cloudevents+json; charset=utf-8",
            attributes: Vec::new(),
            bytes: written(event)?,
        }),
        Mode::Binary => binary(event),
    }
}

fn binary(event: &Value) -> Result<Payload, DeliveryError> {
    let Value::Object(event) = event else {
        return Err(unsendable("the item's context is no object, and so no event"));
    };
    let mut attributes = Vec::with_capacity(event.len());
    for (name, value) in event {
        // The type of the data is the header `content-type`, and must not be given twice.
        if matches!(name.as_str(), "data" | "datacontenttype") {
            continue;
        }
        if let Some(text) = text(name, value)? {
            attributes.push(attribute(name, &text)?);
        }
    }
    let bytes = match event.get("data") {
        Some(data) => written(data)?,
        None => Bytes::new(),
    };
    Ok(Payload { content_type: "application/json", attributes, bytes })
}

/// The value of an attribute as text; none for null, which means that it is not set.
fn text(name: &str, value: &Value) -> Result<Option<String>, DeliveryError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => {
            Err(unsendable(&format!("the attribute `{name}` of the event is neither text nor number")))
        }
    }
}

fn attribute(name: &str, text: &str) -> Result<(HeaderName, HeaderValue), DeliveryError> {
    let wrong = || unsendable(&format!("`{name}` is no name of an attribute of an event"));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let header = HeaderName::from_bytes(format!("ce-{name}").as_bytes()).map_err(|_| wrong())?;
    let value = HeaderValue::from_str(&percent_encoded(text)).map_err(|_| wrong())?;
    Ok((header, value))
}

/// As section 3.1.3.2 of the binding says: space, double quote, percent, and everything
/// which is not visible ASCII, byte by byte of its UTF-8.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => push_escape(&mut encoded, byte),
            0x21..=0x7e => encoded.push(char::from(byte)),
            _ => push_escape(&mut encoded, byte),
        }
    }
    encoded
}

fn push_escape(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "%{byte:02X}");
}

fn written(value: &Value) -> Result<Bytes, DeliveryError> {
    let bytes = serde_json::to_vec(value).map_err(|error| unsendable(&error.to_string()))?;
    Ok(Bytes::from(bytes))
}

fn unsendable(why: &str) -> DeliveryError {
    DeliveryError::Unsendable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "specversion": "1.0",
            "id": "e1",
            "source": "/hearken/refund",
            "type": "refund.decided",
            "subject": "Euro € 😀",
            "time": "2026-03-02T09:00:00Z",
            "datacontenttype": "application/json",
            "tenant": "acme",
            "data": { "amount": 900, "b": 1, "a": "\u{1}" },
        })
    }

    #[track_caller]
    fn check_encoded(text: &str, want: &str) {
        assert_eq!(percent_encoded(text), want);
    }

    #[track_caller]
    fn check_refused(event: Value, part: &str) {
        let error = payload(Mode::Binary, &event).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        // The other mode asks for nothing: the object is the body, whatever it is.
        assert!(payload(Mode::Structured, &event).is_ok());
    }

    #[test]
    fn in_structured_mode_the_object_is_the_body() {
        let payload = payload(Mode::Structured, &event()).unwrap();
        assert_eq!(payload.content_type, "application/cloudevents+json; charset=utf-8");
        assert!(payload.attributes.is_empty());
        assert_eq!(serde_json::from_slice::<Value>(&payload.bytes).unwrap(), event());
    }

    #[test]
    fn in_binary_mode_attributes_are_headers_and_data_is_the_body() {
        let payload = payload(Mode::Binary, &event()).unwrap();
        let headers: Vec<(&str, &str)> =
            payload.attributes.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let want = [
            ("ce-specversion", "1.0"),
            ("ce-id", "e1"),
            ("ce-source", "/hearken/refund"),
            ("ce-type", "refund.decided"),
            ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("ce-time", "2026-03-02T09:00:00Z"),
            ("ce-tenant", "acme"),
        ];
        assert_eq!(headers, want);
        assert_eq!(payload.content_type, "application/json");
        assert_eq!(serde_json::from_slice::<Value>(&payload.bytes).unwrap(), event()["data"]);
    }

    #[test]
    fn numbers_are_sent_as_they_were_written() {
        let event: Value = serde_json::from_str(r#"{"data":{"n":12345678901234567890.50}}"#).unwrap();
        let payload = payload(Mode::Binary, &event).unwrap();
        assert_eq!(payload.bytes.as_ref(), br#"{"n":12345678901234567890.50}"#);
    }

    #[test]
    fn attributes_which_are_null_or_no_text_are_written_as_the_standard_says() {
        let event = json!({ "id": "1", "subject": null, "sequence": 7, "dry": true });
        let payload = payload(Mode::Binary, &event).unwrap();
        let headers: Vec<&str> =
            payload.attributes.iter().map(|(_, value)| value.to_str().unwrap()).collect();
        assert_eq!(headers, ["1", "7", "true"]);
        assert!(payload.bytes.is_empty());
    }

    #[test]
    fn what_is_no_visible_ascii_is_encoded() {
        check_encoded("a-b_c~!", "a-b_c~!");
        check_encoded("100% \"sure\"", "100%25%20%22sure%22");
        check_encoded("a\r\nb\0\u{7f}", "a%0D%0Ab%00%7F");
        check_encoded("ü", "%C3%BC");
        check_encoded("", "");
    }

    #[test]
    fn what_is_no_event_is_refused_in_binary_mode() {
        check_refused(json!(["a"]), "no object");
        check_refused(json!({ "id": { "a": 1 } }), "the attribute `id`");
        check_refused(json!({ "Id": "1" }), "`Id` is no name");
        check_refused(json!({ "a b": "1" }), "`a b` is no name");
        check_refused(json!({ "": "1" }), "`` is no name");
        check_refused(json!({ "a\r\nx": "1" }), "is no name");
    }
}
