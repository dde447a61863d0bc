//! Tests of telling SQL apart.

use super::*;
use proptest::prelude::*;

#[test]
fn parameters_are_found_where_postgresql_finds_them() {
    check("select $1, $2", &[1, 2]);
    check("select $1+$1", &[1, 1]);
    check("select $12::int", &[12]);
    check("select '$1', \"$2\", $3", &[3]);
    check("select 'it''s $1', $2", &[2]);
    check(r"select E'\'$1', $2", &[2]);
    check(r"select e'a''$1\\', $2", &[2]);
    check(r"select '\', $1", &[1]);
    check("select U&'$1', U&\"$2\", u & $3", &[3]);
    check("select b'1', x'f', n'$1', $2", &[2]);
    check("select $$ $1 $$, $2", &[2]);
    check("select $a$ $1 $$ $b$ $a$, $2", &[2]);
    check("select $ä$ $1 $ä$, $2", &[2]);
    check("select 1 -- $1\n, $2", &[2]);
    check("select /* $1 /* $2 */ $3 */ $4", &[4]);
    check("select foo$1, a.b$2, $3", &[3]);
    check("select ä$1, $2", &[2]);
    check("select 1 - $1 / $2", &[1, 2]);
    check("select data -> 'a' #>> '{b}' from t where x = any ($1) limit $2", &[1, 2]);
    check("select a[1:$1], a[l:h]", &[1]);
}

#[test]
fn a_statement_ends_at_its_semicolon() {
    for text in ["select 1", "select 1;", "select 1 ; ; -- end", "select 1 /* ; */;\n"] {
        assert_eq!(Sql::parse(text).unwrap().text(), "select 1", "{text}");
    }
    assert_eq!(Sql::parse("-- why\nselect ';'").unwrap().text(), "-- why\nselect ';'");
}

#[test]
fn what_is_not_one_statement_is_refused_with_its_place() {
    check_error("", "there is no statement", "");
    check_error(" -- nothing\n;", "there is no statement", " -- nothing\n;");
    check_error("select 1; select 2", "a routine runs one statement, and this is its second", "select");
    check_error("select 'a", "this text does not end", "'");
    check_error("select \"a", "this quoted name does not end", "\"");
    check_error(r"select E'a\'", "this text does not end", "E");
    check_error("select $q$ $$", "this text does not end", "$q$");
    check_error("select 1 /* /* */", "this comment does not end", "/*");
    check_error("select $99999999999", "no statement has so many parameters", "$99999999999");
    check_error("select 'a\0'", "SQL cannot hold the character 0", "\0");
}

#[test]
fn what_is_for_psql_is_refused() {
    check_error("\\copy t from f", "a backslash command is for psql, and no SQL", "\\");
    check_error("select 1 \\gset", "a backslash command is for psql, and no SQL", "\\");
    check_error("select :days", "`:days` is a variable of psql, and no SQL", ":days");
    check_error("select :'day'", "`:'day'` is a variable of psql, and no SQL", ":'day'");
    check_error("select a::int, :b", "`:b` is a variable of psql, and no SQL", ":b");
    check("select a::int, b :: text, f(x := 1), a[l:h], '{\"a\": :b}'", &[]);
}

#[test]
fn the_verb_is_the_first_word() {
    for (text, want) in
        [("SELECT 1", "select"), ("/* x */ With a as (select 1) select 2", "with"), ("(select 1)", "(")]
    {
        assert_eq!(Sql::parse(text).unwrap().verb(), want, "{text}");
    }
}

#[test]
fn a_statement_becomes_a_part_of_with() {
    check_named("select 1 -- one", "with q as materialized (\nselect 1\n)");
    check_named("delete from t returning id", "with q as materialized (\ndelete from t returning id\n)");
    check_named(
        "with a as (select $1) select * from a",
        "with a as (select <1>) \n, q as materialized (\nselect * from a\n)",
    );
    check_named(
        "with a as (select 1), update as not materialized (select 2) UPDATE t set x = $1 returning x",
        "with a as (select 1), update as not materialized (select 2) \n, q as materialized (\nUPDATE t set x = <1> returning x\n)",
    );
    check_named(
        "with recursive a (x) as (values (1) union all select x + 1 from a) -- so\n(select x from a)",
        "with recursive a (x) as (values (1) union all select x + 1 from a) -- so\n\n, q as materialized (\n(select x from a)\n)",
    );
    let search = "with recursive a as (select 1) search depth first by x, y set o ";
    check_named(&format!("{search}table a"), &format!("{search}\n, q as materialized (\ntable a\n)"));
    assert_eq!(Sql::parse("with a as (select 1)").unwrap().named("q", |n| n.to_string()), None);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "(?s).{0,60}") {
        let _ = Sql::parse(&text);
    }

    #[test]
    fn what_is_put_back_is_the_statement(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "$1", "$22", "'$1'", "\"$1\"", "$$ $1 $$", "$a$ $1 $a$", "E'\\'$1'", "/* $1 */", "-- $1\n",
                "select", " ", "\n", "ä", "(", ")", "'ö'", "::int", "1.5",
            ]),
            1..12,
        ),
    ) {
        if let Ok(sql) = Sql::parse(&parts.join(" ")) {
            prop_assert_eq!(sql.replaced(|number| format!("${number}")), sql.text());
            let want = parts.iter().filter(|part| ["$1", "$22"].contains(*part)).count();
            prop_assert_eq!(sql.parameters().len(), want);
        }
    }
}

#[track_caller]
fn check(text: &str, want: &[u32]) {
    let sql = Sql::parse(text).unwrap();
    let numbers = sql.parameters().iter().map(|(_, number)| *number).collect::<Vec<_>>();
    assert_eq!(numbers, want, "{text}");
}

#[track_caller]
fn check_error(text: &str, message: &str, part: &str) {
    let error = Sql::parse(text).unwrap_err();
    assert_eq!((error.message.as_str(), &text[error.span]), (message, part), "{text}");
}

#[track_caller]
fn check_named(text: &str, want: &str) {
    let named = Sql::parse(text).unwrap().named("q", |number| format!("<{number}>"));
    assert_eq!(named.as_deref(), Some(want));
}
