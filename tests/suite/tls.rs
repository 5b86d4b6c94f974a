//! Connections to servers with TLS and passwords: each setting works as in libpq, and each fault is reported with its remedy.

use std::collections::BTreeMap;
use std::fmt::Write;

use icefront::config::Config;
use icefront::error::Error;
use icefront::state::{Schema, Store};
use serde_json::Value;

use crate::harness::{Authority, EVENTS, LOOSE_AUDIT_TABLE, OwnPostgres, Service};

const ITEMS: &str = "create table items (seed integer, id bigint, name text);";

/// The users that may connect, and how: only `anyone` without TLS.
const HBA: &str = "
host all postgres 127.0.0.1/32 trust
hostssl all certified 127.0.0.1/32 cert
hostssl all reader 127.0.0.1/32 scram-sha-256
host all anyone 127.0.0.1/32 scram-sha-256
";
const USERS: &str = "
create role reader login password 'se+cr%t';
create role anyone login password 'se+cr%t';
create role certified login;
create database shop;
";

/// The placeholders in [`CASES`], with their values.
const ADDRESSES: [(&str, &str); 5] = [
    (
        "READER",
        "postgres://reader:se%2Bcr%25t@127.0.0.1:PORT/shop",
    ),
    (
        "BY_NAME",
        "postgres://reader:se%2Bcr%25t@localhost:PORT/shop",
    ),
    (
        "ANYONE",
        "postgres://anyone:se%2Bcr%25t@127.0.0.1:PORT/shop",
    ),
    ("BARE", "postgres://reader@127.0.0.1:PORT/shop"),
    (
        "CERTIFIED",
        "postgres://certified@127.0.0.1:PORT/shop?sslmode=require",
    ),
];
const SECRETS: [(&str, &str); 3] = [
    ("password", "se+cr%t\n"),
    ("other", "other\n"),
    ("empty", "\n"),
];

/// The name of a connection, its address and other settings, and its result: `ok`, or a part of its problem.
const CASES: &str = "
disabled | ANYONE?sslmode=disable | ok
disabled_in_vain | READER?sslmode=disable | set `sslmode` to `require` or more
unsaid | READER | ok
preferred | READER?sslmode=prefer | ok
preferred_wrong | READER?sslmode=prefer&sslrootcert=FOLDERwrong.crt | signed by nobody who is trusted; set `sslrootcert`
required | READER?sslmode=require&connect_timeout=5 | ok
required_right | READER?sslmode=require&sslrootcert=FOLDERright.crt | ok
required_wrong | READER?sslmode=require&sslrootcert=FOLDERwrong.crt | signed by nobody who is trusted
required_in_vain | STACK?sslmode=require | offers no TLS, which its `sslmode` wants; set `ssl = on`
ca_right | READER?sslmode=verify-ca&sslrootcert=FOLDERright.crt | ok
ca_by_settings | READER, sslmode = 'verify-ca', sslrootcert = 'FOLDERright.crt' | ok
ca_wrong | READER?sslmode=verify-ca&sslrootcert=FOLDERwrong.crt | signed by nobody who is trusted
ca_unsaid | READER?sslmode=verify-ca | has `sslmode` `verify-ca` without `sslrootcert`
ca_of_the_machine | READER?sslmode=verify-ca&sslrootcert=system | wants `sslmode` `verify-full`
full_right | BY_NAME?sslmode=verify-full&sslrootcert=FOLDERright.crt | ok
full_of_the_machine | BY_NAME?sslmode=verify-full | signed by nobody who is trusted
full_other_name | READER?sslmode=verify-full&sslrootcert=FOLDERright.crt | is not for the host that the address names
full_wrong | BY_NAME?sslmode=verify-full&sslrootcert=FOLDERwrong.crt | signed by nobody who is trusted
file_missing | READER?sslrootcert=/nowhere | `connections.file_missing` has `sslrootcert` `/nowhere`, which cannot be used
file_other | READER?sslrootcert=FOLDERpassword | there is no certificate in it
password_file | BARE, password_file = 'FOLDERpassword' | ok
password_wrong | READER, password_file = 'FOLDERother' | does not let its user in (SQLSTATE 28P01)
password_none | BARE | set `connections.password_none.password_file`
password_missing | BARE, password_file = '/nowhere' | `connections.password_missing.password_file` names `/nowhere`, which cannot be read
password_empty | BARE, password_file = 'FOLDERempty' | which is empty
client | CERTIFIED&sslcert=FOLDERclient.crt&sslkey=FOLDERclient.key | ok
client_none | CERTIFIED | `sslcert` and `sslkey`
client_half | CERTIFIED&sslcert=FOLDERclient.crt | set both or none
mode_unknown | READER?sslmode=allow | must be `disable`, `prefer`
option_unknown | READER?service=shop | unknown option `service`
database_unknown | BARE/none, password_file = 'FOLDERpassword' | there is no such database
";

fn parts(line: &str) -> [&str; 3] {
    let mut parts = line.split(" | ");

    [(); 3].map(|()| parts.next().expect("three parts"))
}

/// A service with a pipeline for each case.
async fn start(cases: &[[&str; 3]]) -> Service {
    let mut settings = String::new();
    for [case, connection, _] in cases {
        let (url, more) = connection.split_once(", ").unwrap_or((connection, ""));
        let more = more.replace(", ", "\n");
        writeln!(settings, "[connections.{case}]\nurl = '{url}'\n{more}").expect("text");
    }
    let mut service = Service::of(EVENTS)
        .audit_log()
        .tables(ITEMS)
        .settings(&settings)
        .start()
        .await;
    for [case, ..] in cases {
        let pipeline = EVENTS
            .replace("PIPELINE", case)
            .replace("connection: shop", &format!("connection: {case}"));
        let schemas =
            format!("schemas: {{landing: {case}_l, staging: {case}_s, marts: {case}_m}}\n");
        let path = service.folder.path().join("pipelines").join(case);
        std::fs::create_dir_all(&path).expect("a folder");
        std::fs::write(path.join("pipeline.yaml"), pipeline + &schemas).expect("a pipeline");
    }
    service.restart().await;

    service
}

/// A server with TLS whose certificate is for `localhost`.
async fn server(authority: &Authority) -> OwnPostgres {
    let own = OwnPostgres::start();
    authority.sign("server", "localhost", "subjectAltName=DNS:localhost", 2);
    let client = own.connect("postgres").await;
    for statement in USERS.split_inclusive(';') {
        client.batch_execute(statement).await.expect("users");
    }
    own.write("pg_hba.conf", HBA);
    show(&own, authority, "server").await;
    client
        .batch_execute("alter system set ssl = on")
        .await
        .expect("set");
    reload(&own).await;
    let shop = own.connect("shop").await;
    let tables = format!(
        "{LOOSE_AUDIT_TABLE}{ITEMS} grant select on all tables in schema public to reader, anyone, certified"
    );
    shop.batch_execute(&tables).await.expect("tables");

    own
}

/// Makes the server show a certificate from now on.
async fn show(own: &OwnPostgres, authority: &Authority, file: &str) {
    own.write("server.crt", &authority.text(&format!("{file}.crt")));
    own.write("server.key", &authority.text(&format!("{file}.key")));
    own.write("root.crt", &authority.text("right.crt"));
    let client = own.connect("postgres").await;
    let set = "alter system set ssl_ca_file = 'root.crt'";
    client.batch_execute(set).await.expect("set");
    reload(own).await;
}

async fn reload(own: &OwnPostgres) {
    let client = own.connect("postgres").await;
    client
        .batch_execute("select pg_reload_conf(), pg_sleep(0.5)")
        .await
        .expect("reloaded");
}

/// Asks every source and compares its result: `ok`, or a part of its problem.
async fn compare(service: &Service, cases: &BTreeMap<&str, &str>) {
    for (case, expected) in cases {
        let source = service.get(&format!("/v1/sources/{case}")).await;
        let problem = source.body["error"]["detail"].as_str().unwrap_or("ok");
        assert!(problem.contains(expected), "{case}: {source:?}");
        assert_eq!(problem == "ok", *expected == "ok", "{case}: {source:?}");
        assert_eq!(
            source.body["now"].is_object(),
            *expected == "ok",
            "{case}: {source:?}"
        );
        assert!(!source.body.to_string().contains("cr%t"), "{source:?}");
        if problem != "ok" {
            let retryable: &Value = &source.body["error"]["retryable"];
            assert_eq!(retryable, false, "{case}: {source:?}");
        }
    }
}

#[tokio::test]
async fn each_ssl_mode_does_what_it_does_in_psql_and_each_fault_names_its_remedy() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let right = Authority::new(folder.path(), "right");
    Authority::new(folder.path(), "wrong");
    let own = server(&right).await;
    right.sign("client", "certified", "extendedKeyUsage=clientAuth", 2);
    right.sign("old", "localhost", "subjectAltName=DNS:localhost", -1);
    for (name, text) in SECRETS {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let stack = std::env::var("ICEFRONT_TEST_POSTGRES_URL").expect("the stack's address");
    let mut cases = CASES.replace("STACK", &stack);
    for (word, text) in ADDRESSES {
        cases = cases.replace(word, text);
    }
    for (word, text) in [("PORT", &own.port.to_string()), ("FOLDER", &right.path(""))] {
        cases = cases.replace(word, text);
    }
    let cases: Vec<[&str; 3]> = cases.trim().lines().map(parts).collect();
    let service = start(&cases).await;
    let expected = cases.iter().map(|[case, _, expected]| (*case, *expected));
    compare(&service, &expected.collect()).await;

    show(&own, &right, "old").await;
    let expired = [
        ("required", "ok"),
        ("ca_right", "has expired; give the server a new one"),
        ("full_right", "has expired"),
    ];
    compare(&service, &expired.into()).await;
    // A certificate that signed itself, as a manual makes it, is trusted where it is the one that is given.
    show(&own, &right, "right").await;
    let own_authority = [
        ("required", "ok"),
        ("ca_right", "ok"),
        ("full_right", "is not for the host"),
        (
            "ca_wrong",
            "set `sslrootcert` to a file with this very certificate",
        ),
    ];
    compare(&service, &own_authority.into()).await;
}

#[tokio::test]
async fn the_state_database_is_reached_by_the_same_settings() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let right = Authority::new(folder.path(), "right");
    let wrong = Authority::new(folder.path(), "wrong");
    let own = server(&right).await;
    let client = own.connect("postgres").await;
    let grant = "grant all on database shop to reader";
    client.batch_execute(grant).await.expect("granted");
    std::fs::write(folder.path().join("password"), "se+cr%t\n").expect("a file");
    let store = |more: &str| {
        let file = folder.path().join("icefront.toml");
        let settings = format!(
            "trino = {{ url = 'http://127.0.0.1:9', catalog = 'lake' }}\nlanding = {{ write_to = '', read_from = '' }}\n[state]\nurl = 'postgres://reader@localhost:{}/shop?sslmode=verify-full'\n{more}",
            own.port
        );
        std::fs::write(&file, settings).expect("settings");
        Store::new(&Config::load(Some(&file)).expect("right settings").state)
    };
    let password = format!("password_file = '{}'\n", right.path("password"));
    let by =
        |authority: &Authority| format!("{password}sslrootcert = '{}'", authority.certificate());

    let good = store(&by(&right)).expect("a store");
    good.migrate().await.expect("migrated");
    assert_eq!(good.schema().await.expect("there"), Schema::UpToDate);
    let untrusted = store(&by(&wrong)).expect("a store").schema().await;
    let Err(Error::Settings(detail)) = untrusted else {
        panic!("{untrusted:?}");
    };
    assert!(
        detail.contains("the server of `state` is signed by nobody"),
        "{detail}"
    );
    let unreadable = store("password_file = '/nowhere/password'");
    let Err(Error::Settings(detail)) = unreadable else {
        panic!("{unreadable:?}");
    };
    assert!(
        detail.contains("`state.password_file` names `/nowhere/password`"),
        "{detail}"
    );
}

#[test]
fn a_secret_of_the_engine_that_cannot_be_read_is_no_secret_that_is_left_out() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("icefront.toml");
    for name in ["password", "jwt"] {
        let settings = format!(
            "state.url = ''\ntrino = {{ url = 'https://127.0.0.1:9', catalog = 'lake', {name}_file = '/nowhere' }}\nlanding = {{ write_to = '', read_from = '' }}"
        );
        std::fs::write(&file, settings).expect("settings");
        let config = Config::load(Some(&file)).expect("right settings");
        let fault = icefront::trino::Trino::new(config.trino).expect_err("no secret");
        assert!(
            fault.to_string().contains(&format!(
                "`trino.{name}_file` names `/nowhere`, which cannot be read"
            )),
            "{fault}"
        );
    }
}

#[test]
fn a_mistyped_sslmode_is_answered_with_the_right_word_and_not_repeated() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("icefront.toml");
    for (mode, told) in [
        ("verify_full", "did you mean `verify-full`?"),
        ("VERIFY-CA", "`require`, `verify-ca` or `verify-full`"),
        ("se+cr%t", "`sslmode` must be `disable`, `prefer`"),
    ] {
        let settings = format!(
            "trino = {{ url = 'http://127.0.0.1:9', catalog = 'lake' }}\nlanding = {{ write_to = '', read_from = '' }}\nstate.url = 'postgres://state'\nconnections.shop.sslmode = '{mode}'"
        );
        std::fs::write(&file, settings).expect("settings");
        let refused = Config::load(Some(&file));
        let Err(Error::Settings(detail)) = refused else {
            panic!("{mode}: {refused:?}");
        };
        assert!(detail.contains(told), "{detail}");
        assert!(detail.contains("connections.shop.sslmode"), "{detail}");
        assert!(!detail.contains(mode), "{detail}");
    }
}
