//! Where a connection leads, from everything that may say so.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Resolves with variables given as `NAME=value`; `HOME` is nowhere unless it is
/// among them.
fn resolve(url: Option<&str>, variables: &[&str]) -> Result<ConnectOptions, ConnectError> {
    let env = |name: &str| {
        let given = variables.iter().filter_map(|pair| pair.split_once('='));
        let found = given.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).next();
        found.or_else(|| (name == "HOME").then(|| "/nowhere".to_owned()))
    };
    ConnectOptions::resolve(url, &env)
}

#[track_caller]
fn leads(url: Option<&str>, variables: &[&str], want: &str) {
    assert_eq!(resolve(url, variables).unwrap().describe(), want);
}

#[test]
fn the_url_wins_over_the_environment_parameter_by_parameter() {
    let variables = ["PGHOST=env", "PGPORT=6000", "PGUSER=eva", "PGDATABASE=edb"];
    leads(None, &variables, "edb on env:6000 as eva");
    leads(Some("postgres://ann@db/app"), &variables, "app on db:6000 as ann");
    leads(Some("postgresql://db:5433"), &variables, "edb on db:5433 as eva");
    leads(Some("host=db user=ann"), &variables, "edb on db:6000 as ann");
    leads(Some("postgres:///app?host=/run/pg&port=7"), &variables, "app on /run/pg:7 as eva");
    leads(Some(""), &variables, "edb on env:6000 as eva");
}

#[test]
fn what_nobody_says_is_as_in_libpq() {
    leads(Some("postgres://ann@db"), &[], "ann on db:5432 as ann");
    leads(None, &["PGUSER=ann", "PGHOST=db", "PGDATABASE="], "ann on db:5432 as ann");
    let usual = match std::path::Path::new("/var/run/postgresql").is_dir() {
        true => "/var/run/postgresql",
        false => "localhost",
    };
    leads(Some("user=ann"), &[], &format!("ann on {usual}:5432 as ann"));
    if let Some(user) = operating_system_user() {
        leads(Some("host=db"), &[], &format!("{user} on db:5432 as {user}"));
    }
}

#[test]
fn several_servers_are_kept_in_order_and_the_one_which_takes_writes_is_wanted() {
    let url = "postgres://ann@a,b:5433,[::1]/app";
    leads(Some(url), &[], "app on a:5432,b:5433,[::1]:5432 as ann");
    assert_eq!(resolve(Some(url), &[]).unwrap().target, TargetSessionAttrs::ReadWrite);
    let any = resolve(Some(url), &["PGTARGETSESSIONATTRS=any"]).unwrap();
    assert_eq!(any.target, TargetSessionAttrs::Any);
    assert_eq!(resolve(Some("host=a"), &[]).unwrap().target, TargetSessionAttrs::Any);
    for wrong in ["host=a,b port=1,2,3", "host=a,b hostaddr=10.0.0.1", "hostaddr=db", "port=70000"] {
        assert!(resolve(Some(wrong), &[]).is_err(), "{wrong}");
    }
}

/// A stray `PGHOSTADDR` must not redirect a URL.
#[test]
fn an_address_belongs_to_the_host_it_was_given_with() {
    let stray = ["PGHOSTADDR=10.0.0.9", "PGHOST=env", "PGUSER=ann"];
    leads(Some("host=db"), &stray, "ann on db:5432 as ann");
    assert_eq!(
        resolve(Some("host=db"), &stray).unwrap().endpoints[0].address,
        endpoint::Address::Tcp { name: "db".to_owned(), ip: None }
    );
    leads(Some("hostaddr=10.0.0.1"), &stray, "ann on 10.0.0.1:5432 as ann");
    leads(None, &stray, "ann on env:5432 as ann");
}

#[test]
fn a_service_stands_between_the_text_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services");
    fs::write(&path, "[one]\nhost=shost\nport=6001\ndbname=sdb\n[loop]\nservice=one\n").unwrap();
    let file = format!("PGSERVICEFILE={}", path.display());
    let variables = ["PGSERVICE=one", file.as_str(), "PGHOST=env", "PGUSER=eva"];
    leads(None, &variables, "sdb on shost:6001 as eva");
    leads(Some("dbname=app"), &variables, "app on shost:6001 as eva");
    for service in ["two", "loop"] {
        let error = resolve(Some(&format!("service={service}")), &[&file]).unwrap_err();
        assert_eq!(error.trouble(), ConnectTrouble::Settings, "{error}");
    }
}

#[test]
fn the_password_comes_from_the_nearest_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".pgpass");
    fs::write(&path, "db:*:*:*:of-the-file\nlocalhost:*:*:*:of-the-socket\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let home = format!("HOME={}", folder.path().display());
    let password = |url: &str, variables: &[&str]| {
        let options = resolve(Some(url), variables).unwrap();
        options.endpoints[0].password.as_ref().map(|password| password.reveal().to_owned())
    };
    let env = "PGPASSWORD=of-the-environment";
    assert_eq!(password("postgres://u:of-the-url@db", &[&home, env]).as_deref(), Some("of-the-url"));
    assert_eq!(password("postgres://u@db", &[&home, env]).as_deref(), Some("of-the-environment"));
    assert_eq!(password("postgres://u@db", &[&home]).as_deref(), Some("of-the-file"));
    assert_eq!(password("postgres://u@other", &[&home]), None);
    assert_eq!(password("host=/var/run/postgresql user=u", &[&home]).as_deref(), Some("of-the-socket"));
    assert_eq!(password("host=/run/other user=u", &[&home]), None);
    let elsewhere = format!("PGPASSFILE={}", path.display());
    assert_eq!(password("postgres://u@db", &[&elsewhere]).as_deref(), Some("of-the-file"));
}

#[test]
fn neither_debug_nor_describe_shows_a_password() {
    let variables = ["PGOPTIONS=-c app.key=hunter2"];
    let options = resolve(Some("postgres://ann:hunter2@db/app"), &variables).unwrap();
    assert!(!format!("{options:?} {}", options.describe()).contains("hunter2"), "{options:?}");
}

#[test]
fn no_error_shows_what_may_be_a_password() {
    for text in [
        "hunter2",
        "password=x hunter2",
        "password=x hunter2=y",
        "postgres://ann:hunter2/x@db/app",
        "postgres://ann:x@hunter2@db/app",
        "postgres://ann:hunter2",
        "mysql://ann:hunter2@db",
        "port=hunter2",
        "sslmode=hunter2",
        "hostaddr=hunter2",
        "connect_timeout=hunter2",
    ] {
        let error = resolve(Some(text), &["PGUSER=ann"]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error}");
        assert_eq!(error.trouble(), ConnectTrouble::Settings);
    }
}

#[test]
fn an_error_says_where_the_value_came_from() {
    for (url, variables, want) in [
        (None, &["PGPORT=x"][..], "PGPORT: a port is"),
        (Some("sslmode=on"), &[], "`sslmode` of the connection string: one of disable, allow"),
        (None, &["PGTARGETSESSIONATTRS=standby"], "PGTARGETSESSIONATTRS: hearken writes"),
        (Some("host=db sslmod=disable"), &[], "`sslmod` is no connection parameter: is `sslmode` meant?"),
        (Some("postgres://db/?pool=5"), &[], "`pool` is no connection parameter"),
        (Some("host=db sslcert=/x"), &[], "`sslcert` is not supported"),
    ] {
        let error = resolve(url, variables).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn a_time_limit_there_always_is() {
    for (text, seconds) in [("3", 3), ("0", 10), ("-1", 10)] {
        let options = resolve(Some(&format!("host=db connect_timeout={text}")), &["PGUSER=ann"]).unwrap();
        assert_eq!(options.timeout, Duration::from_secs(seconds), "{text}");
    }
}

#[test]
fn the_application_name_begins_with_hearken_and_ends_with_the_part() {
    let name = |given: &str| {
        let given = format!("PGAPPNAME={given}");
        resolve(Some("host=db user=ann"), &[&given]).unwrap().application_name("listener")
    };
    assert_eq!(name(""), "hearken listener");
    assert_eq!(name("billing"), "hearken/billing listener");
    assert_eq!(name("hearken-eu"), "hearken-eu listener");
    let long = name(&"ä".repeat(40));
    assert!(long.len() <= 63 && long.ends_with("ä listener"), "{long}");
}
