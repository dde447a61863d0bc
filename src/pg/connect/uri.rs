//! Connection strings of the form `postgres://user:password@host:port/db?name=value`.
//!
//! libpq is lax about these, and so are we, except where laxness would show a
//! password: an `@` or a `/` left unescaped in one shifts every later part.

use super::error::ConnectError;
use super::settings::Pairs;

const ESCAPES: &str = "in a user name or a password `@` must be written %40, `/` %2F, `:` %3A, \
                       `?` %3F, `#` %23 and `%` %25";

/// The text behind `postgres://` or `postgresql://`.
pub(super) fn without_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Reads what follows the scheme into named parameters; a later one of the same
/// name is meant to win.
///
/// # Errors
///
/// A bad escape, an address in brackets which does not end, a parameter without
/// `=`, or an `@` where only a password can have left it.
pub(super) fn parse(rest: &str) -> Result<Pairs, ConnectError> {
    let mut pairs = Vec::new();
    let rest = credentials(rest, &mut pairs)?;
    let (servers, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    hosts_and_ports(servers, &mut pairs)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = path.strip_prefix('/').unwrap_or(path);
    if database.contains('@') {
        return Err(ConnectError::Syntax(ESCAPES));
    }
    pairs.push(("dbname".to_owned(), decode(database)?));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        pairs.push(parameter(pair)?);
    }
    Ok(pairs)
}

/// Takes `user:password@` off the front. As in libpq the first `@` counts, if it
/// stands before the first `/`.
fn credentials<'a>(rest: &'a str, pairs: &mut Pairs) -> Result<&'a str, ConnectError> {
    let Some(end) = rest.find(['@', '/']).filter(|&end| rest[end..].starts_with('@')) else {
        return Ok(rest);
    };
    let (user, password) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
    pairs.push(("user".to_owned(), decode(user)?));
    pairs.push(("password".to_owned(), decode(password)?));
    Ok(&rest[end + 1..])
}

fn hosts_and_ports(servers: &str, pairs: &mut Pairs) -> Result<(), ConnectError> {
    if servers.contains('@') {
        return Err(ConnectError::Syntax(ESCAPES));
    }
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for server in servers.split(',') {
        let (host, port) = host_and_port(server)?;
        hosts.push(host);
        ports.push(port);
    }
    pairs.push(("host".to_owned(), decode(&hosts.join(","))?));
    // Without any port here, `PGPORT` counts for all of them.
    if ports.iter().any(|port| !port.is_empty()) {
        pairs.push(("port".to_owned(), decode(&ports.join(","))?));
    }
    Ok(())
}

fn host_and_port(server: &str) -> Result<(&str, &str), ConnectError> {
    let Some(bracketed) = server.strip_prefix('[') else {
        return Ok(server.split_once(':').unwrap_or((server, "")));
    };
    let Some((host, rest)) = bracketed.split_once(']') else {
        return Err(ConnectError::Syntax("the `[` of an IPv6 address has no `]`"));
    };
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if rest.is_empty() => Ok((host, "")),
        None => Err(ConnectError::Syntax("after the `]` of an IPv6 address comes `:` or nothing")),
    }
}

fn parameter(pair: &str) -> Result<(String, String), ConnectError> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(ConnectError::Syntax("a parameter after the `?` has no `=`"));
    };
    match (name, value) {
        // As Java says it; libpq understands it too.
        ("ssl", "true") => Ok(("sslmode".to_owned(), "require".to_owned())),
        _ => Ok((decode(name)?, decode(value)?)),
    }
}

/// Undoes percent escapes. A `+` stays a `+`.
fn decode(text: &str) -> Result<String, ConnectError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        match (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit)) {
            (Some(high), Some(low)) if high | low != 0 => bytes.push(high << 4 | low),
            _ => return Err(ConnectError::Syntax("a `%` is not followed by two hex digits")),
        }
    }
    String::from_utf8(bytes).map_err(|_| ConnectError::Syntax("its escapes are not UTF-8"))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_uri_become_parameters() {
        check("", "host= dbname=");
        check("db", "host=db dbname=");
        check("db:5433/app", "host=db port=5433 dbname=app");
        check("ann:s3@db/app", "user=ann password=s3 host=db dbname=app");
        check("ann@/app?host=/run/pg", "user=ann password= host= dbname=app host=/run/pg");
        check("/app?host=%2Frun%2Fpg", "host= dbname=app host=/run/pg");
        check("%2Frun%2Fpg:5433/app", "host=/run/pg port=5433 dbname=app");
        check("[::1]:5433,[fe80::1]/app", "host=::1,fe80::1 port=5433, dbname=app");
        check("a,b:1,c/app", "host=a,b,c port=,1, dbname=app");
        check("a%3Ab:p%40%2f%25@db", "user=a:b password=p@/% host=db dbname=");
        check("?user=ann&ssl=true", "host= dbname= user=ann sslmode=require");
        check("ann:p?q@db", "user=ann password=p?q host=db dbname=");
    }

    #[test]
    fn a_password_left_unescaped_is_refused_and_not_shown() {
        for text in [
            "ann:hun@ter2@db/app",
            "ann:1/hunter2@db/app",
            "ann:hunter2%zz@db/app",
            "ann:hunter2%00@db/app",
            "ann:hunter2%ff@db/app",
            "ann:x@db?hunter2",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("ter2"), "{error}");
        }
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let pairs = parse(text).unwrap();
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs.join(" "), want);
    }
}
