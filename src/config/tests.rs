//! Settings: what is read, what is refused and where, what wins.

use super::*;

#[test]
fn every_key_is_optional_and_read() {
    let text = "[database]\nurl = \"postgres:///app\"\n[daemon]\ndoorbell = \"off\"\npoll = \"200ms\"\nbatch_max = 500\n\
                data_max = \"512KiB\"\nmigrate = \"off\"\n[http]\nlisten = \"off\"\n[retention]\nevents = \"7d\"\n[log]\nformat = \"json\"\n";
    let config = Config::parse("hearken.toml", text).expect("settings");
    assert_eq!(config.poll(), Duration::from_millis(200));
    assert_eq!((config.daemon.batch_max, config.daemon.data_max), (500, 512 << 10));
    assert_eq!(config.http.listen, HttpListen::Off);
    assert_eq!(config.retention.events, Duration::from_secs(7 * 24 * 3600));
    Config::parse("hearken.toml", "").expect("nothing is settings too");
}

#[test]
fn an_error_says_where() {
    for (text, place, says) in [
        ("[daemon]\npol = \"1s\"\n", "hearken.toml:2:1", "unknown field"),
        ("[daemon]\npoll = \"1 parsec\"\n", "hearken.toml:2:8", "not a duration"),
        ("[daemon]\nbatch_max = 0\n", "hearken.toml:2:13", "0 is not between 1 and 10000"),
        ("[daemon]\nbatch_max = -1\n", "hearken.toml:2:13", "invalid value"),
        ("[daemon]\ndata_max = \"9MB\"\n", "hearken.toml:2:12", "not a size"),
        ("[daemon]\ndata_max = \"1GiB\"\n", "hearken.toml:2:12", "between 1KiB and 64MiB"),
        ("[daemon]\nreconcile = \"2h\"\n", "hearken.toml:2:13", "2h is not between 50ms and 1h"),
        ("[daemon]\nbatch_max = 50\n", "hearken.toml:2:1", "less than `batch_min`"),
        ("[daemon]\nbatch_min = 5000\n", "hearken.toml:2:1", "less than `batch_min`"),
        ("[daemon]\nlinger = \"1s\"\ndata_max = \"8MiB\"\n", "hearken.toml:3:1", "less than `data_max`"),
        ("[log]\nlevel = \"inof\"\n", "hearken.toml:2:9", "none of off, error"),
        ("[database]\nurl = \"a\"\nurl_file = \"b\"\n", "hearken.toml:3:1", "give one of them"),
        ("[http]\nlisten = \"here\"\n", "hearken.toml:2:10", "neither an address"),
    ] {
        let error = Config::parse("hearken.toml", text).expect_err(text).to_string();
        assert!(error.starts_with(place) && error.contains(says), "{error}");
    }
}

#[test]
fn the_environment_wins() {
    let env = |name: &str| match name {
        "HEARKEN_HTTP" => Some("0.0.0.0:80".to_owned()),
        "HEARKEN_DOORBELL" => Some("off".to_owned()),
        _ => None,
    };
    let config = Config::load(None, &env).expect("settings");
    assert_eq!(config.daemon.doorbell, DoorbellMode::Off);
    assert_eq!(config.http.listen, HttpListen::On(SocketAddr::from(([0, 0, 0, 0], 80))));
    let bad = |name: &str| (name == "HEARKEN_DOORBELL").then(|| "perhaps".to_owned());
    assert!(Config::load(None, &bad).is_err());
}

#[test]
fn a_filter_of_logs_is_checked_as_a_level_is() {
    for text in ["info", "DEBUG", "warn,hearken=debug", "hearken[pass]=trace,off"] {
        assert!(parse_level(text.to_owned()).is_ok(), "{text}");
    }
    for text in ["", "inof", "hearken", "hearken=", "info,"] {
        assert!(parse_level(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn a_path_in_the_file_starts_at_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hearken.toml");
    std::fs::write(&path, "[database]\nurl_file = \"secret\"\n[daemon]\nroutines = \"r\"\n").expect("a file");
    std::fs::write(folder.path().join("secret"), "postgres:///app\n").expect("a file");
    let config = Config::load(Some(&path), &|_| None).expect("settings");
    assert_eq!(config.daemon.routines, folder.path().join("r"));
    assert_eq!(config.database_url().expect("a file").as_deref(), Some("postgres:///app"));
    // The environment wins, and the file is not even looked for.
    let env = |name: &str| (name == "DATABASE_URL").then(|| "postgres:///other".to_owned());
    let config = Config::load(Some(&path), &env).expect("settings");
    assert_eq!(config.database_url().expect("a text").as_deref(), Some("postgres:///other"));
    // What nobody wrote starts here.
    std::fs::write(&path, "").expect("a file");
    let config = Config::load(Some(&path), &|_| None).expect("settings");
    assert_eq!(config.daemon.routines, PathBuf::from("routines"));
    assert!(Config::load(Some(&folder.path().join("none.toml")), &|_| None).is_err());
}

#[test]
fn a_password_is_not_printed() {
    let text = "[database]\nurl = \"postgres://u:geheim@h/d\"\n";
    let config = Config::parse("hearken.toml", text).expect("settings");
    assert!(!format!("{config:?}").contains("geheim"));
    for text in [
        "[database]\nurl = \"postgres://u:geheim@h/d\n",
        "[database]\nurl = [\"geheim\"]\n",
        "database = \"postgres://u:geheim@h/d\"\n",
        "[database]\nurl = \"geheim\" \"x\"\n",
    ] {
        let error = Config::parse("hearken.toml", text).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error}");
    }
}

/// The reference cannot forget a key, nor its default.
#[test]
fn the_reference_names_every_key() {
    let reference = include_str!("../../docs/configuration.md");
    for row in [
        "| `url` |",
        "| `url_file` |",
        "| `routines` | `\"routines\"` |",
        "| `doorbell` | `\"on\"` |",
        "| `reconcile` | `\"60s\"` |",
        "| `poll` | `\"1s\"` |",
        "| `linger` | `\"5ms\"` |",
        "| `batch_min` | `100` |",
        "| `batch_max` | `1000` |",
        "| `batch_bytes` | `\"4MiB\"` |",
        "| `data_max` | `\"1MiB\"` |",
        "| `statement_timeout` | `\"10s\"` |",
        "| `finished` | `\"1h\"` |",
        "| `dead` | `\"90d\"` |",
        "| `history` | `\"90d\"` |",
        "| `deliveries` | `\"30d\"` |",
        "| `keys` | `\"365d\"` |",
        "| `lease` | `\"5m\"` |",
        "| `max_attempts` | `5` |",
        "| `concurrency_per_key` | `1` |",
        "| `blocked_by` | `\"leased\"` |",
        "| `in_flight` | `64` |",
        "| `per_endpoint` | `8` |",
        "| `migrate` | `\"auto\"` |",
        "| `sql` | – |",
        "| `queues` | – |",
        "| `refresh` | `\"10s\"` |",
        "| `tenants` | `\"*\"` |",
        "| `run_as` | – |",
        "| `max` | `5000` |",
        "| `every` | `\"10s\"` |",
        "| `strategy` | `\"flag\"` |",
        "| `id` | – |",
        "| `type` | – |",
        "| `source` | the source's name |",
        "| `subject` | none |",
        "| `time` | the time of the claim |",
        "| `tenant` | none |",
        "| `data` | the whole row |",
        "| `old` | none |",
        "| `meta` | none |",
        "| `pending` | – |",
        "| `mark` | – |",
        "| `order` | the id |",
        "| `ready` | at once |",
        "| `batch` | `500` |",
        "| `paused` | `false` |",
        "| `keep` | `\"30d\"` |",
        "| `dedup` | none |",
        "| `due` | none |",
        "| `open` | none |",
        "| `waiting` | none |",
        "| `supersede` | none |",
        "| `replace` | all but",
        "| `append` | none |",
        "| `lease` | none |",
        "| `listen` | `\"127.0.0.1:9464\"` |",
        "| `events` | `\"30d\"` |",
        "| `decisions` | `\"30d\"` |",
        "| `format` | `\"auto\"` |",
        "| `level` | `\"info\"` |",
    ] {
        assert!(reference.contains(row), "docs/configuration.md has no {row}");
    }
}
