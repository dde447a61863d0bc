//! Values of parameters as SQL writes them.

use crate::pg::routine_sql::type_name;
use serde_json::Value;
use tokio_postgres::types::{Kind, Type};

/// A value as SQL writes it. The statement runs once, so nothing is gained by
/// preparing it, and as text any type can be given.
pub(super) fn literal(value: &Value, kind: &Type) -> String {
    if value.is_null() {
        return format!("(null::{})", type_name(kind));
    }
    // Backslashes mean the same whatever `standard_conforming_strings` is.
    let text = written(value, kind).replace('\\', "\\\\").replace('\'', "''");
    format!("(E'{text}'::{})", type_name(kind))
}

/// A value as text which its type reads.
fn written(value: &Value, kind: &Type) -> String {
    let kind = under_domains(kind);
    match (value, kind.kind()) {
        (value, _) if *kind == Type::JSONB || *kind == Type::JSON => value.to_string(),
        (Value::String(text), _) => text.clone(),
        (Value::Array(values), Kind::Array(element)) => array_text(values, element),
        (value, _) => value.to_string(),
    }
}

/// The type which a domain restricts.
fn under_domains(kind: &Type) -> &Type {
    match kind.kind() {
        Kind::Domain(inner) => under_domains(inner),
        _ => kind,
    }
}

fn array_text(values: &[Value], element: &Type) -> String {
    let text = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(values) => array_text(values, element),
        value => quoted(&written(value, element)),
    };
    let elements: Vec<String> = values.iter().map(text).collect();
    format!("{{{}}}", elements.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_becomes_a_literal_of_its_type() {
        check(json!(14), &Type::INT4, r#"(E'14'::"pg_catalog"."int4")"#);
        check(json!("it's"), &Type::TEXT, r#"(E'it''s'::"pg_catalog"."text")"#);
        check(json!(r"a\b"), &Type::TEXT, r#"(E'a\\b'::"pg_catalog"."text")"#);
        check(json!(true), &Type::BOOL, r#"(E'true'::"pg_catalog"."bool")"#);
        check(json!("x"), &Type::JSONB, r#"(E'"x"'::"pg_catalog"."jsonb")"#);
        check(json!(["a", "b\"c"]), &Type::TEXT_ARRAY, r#"(E'{"a","b\\"c"}'::"pg_catalog"."_text")"#);
        check(json!([[1], [2]]), &Type::INT4_ARRAY, r#"(E'{{"1"},{"2"}}'::"pg_catalog"."_int4")"#);
        check(json!(["a", 1]), &Type::JSONB_ARRAY, r#"(E'{"\\"a\\"","1"}'::"pg_catalog"."_jsonb")"#);
        check(json!([null, true]), &Type::BOOL_ARRAY, r#"(E'{NULL,"true"}'::"pg_catalog"."_bool")"#);
        check(json!(null), &Type::INT4, r#"(null::"pg_catalog"."int4")"#);
    }

    #[test]
    fn a_value_of_a_domain_is_written_as_what_it_restricts() {
        let domain = |over| Type::new("d".to_owned(), 90_000, Kind::Domain(over), "app".to_owned());
        check(json!("x"), &domain(Type::JSONB), r#"(E'"x"'::"app"."d")"#);
        check(json!([1, 2]), &domain(domain(Type::INT4_ARRAY)), r#"(E'{"1","2"}'::"app"."d")"#);
        check(json!("x"), &domain(Type::TEXT), r#"(E'x'::"app"."d")"#);
    }

    #[track_caller]
    fn check(value: Value, kind: &Type, want: &str) {
        assert_eq!(literal(&value, kind), want);
    }
}
