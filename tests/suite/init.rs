//! `icefront init`: a pipeline for a Postgres that exists, written by the product, then run by it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::json;

use super::client::{Told, told};
use crate::harness::{OwnPostgres, Service, Terminal};

/// A source with names and types that need care. Each table that is left out has another reason.
const ODD: &str = r#"
create table orders (
  order_id bigint primary key, status text, total numeric, price numeric(18,2), attributes jsonb, tags text[],
  valid_from date, _source text, updated_at timestamptz
);
create schema "Sales";
create table "Sales"."Order Items" ("Line No" int, order_id bigint, "No" text, "no" text, primary key (order_id, "Line No"));
create table "Sales".orders (id uuid not null unique, v text);
create table no_key (at timestamptz);
create view latest as select * from orders;
create table by_day (day date, id bigint, primary key (day, id)) partition by range (day);
create table by_day_1 partition of by_day for values from ('2026-01-01') to ('2026-01-02');
create table "line
end" (id int primary key);
create schema "a.b";
create table "a.b".pointed (id int primary key);
create table orders_history (id int primary key);
create table "a${B}" (id int primary key, "$${" text);
"#;

/// A command of the settings' owner, who has no terminal.
fn icefront(service: &Service, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_icefront"));
    command
        .env_clear()
        .env("HOME", service.folder.path())
        .args(arguments)
        .arg("--config")
        .arg(service.folder.path().join("icefront.toml"))
        .stdin(Stdio::null());

    command
}

async fn init(service: &Service, arguments: &[&str]) -> Told {
    told(icefront(service, &[&["init"], arguments].concat())).await
}

fn written(service: &Service, pipeline: &str, file: &str) -> String {
    std::fs::read_to_string(folder(service, pipeline).join(file)).expect("a file")
}

fn folder(service: &Service, pipeline: &str) -> PathBuf {
    service.folder.path().join("pipelines").join(pipeline)
}

/// A text without what differs in each test.
fn masked(service: &Service, text: &str) -> String {
    text.replace(&service.folder.path().display().to_string(), "<folder>")
        .replace(&service.name, "test")
}

#[tokio::test]
async fn tables_of_a_stranger_are_followed_without_a_line_written_by_hand() {
    let own = OwnPostgres::start();
    let owner = own.connect("postgres").await;
    owner
        .batch_execute(
            "create role reader login;
            create schema app;
            create table app.items (id bigint primary key, name text, changed_on timestamptz not null default now());
            insert into app.items values (1, 'before');",
        )
        .await
        .expect("tables");
    let settings = format!("connections.own.url = '{}'", own.url("reader", "postgres"));
    let mut service = Service::items().settings(&settings).start().await;
    let logged = format!("{}_logged", service.name);
    let polled = format!("{}_polled", service.name);
    let source = ["--connection", "own", "--schema", "app", "--pipeline"];

    let wrote = init(
        &service,
        &[&source[..], &[&logged, "--kind", "postgres_audit_log"]].concat(),
    )
    .await
    .ends(0);
    assert_snapshot!(masked(&service, &wrote.out), @"
    wrote <folder>/pipelines/test_logged/pipeline.yaml: 1 table
    wrote <folder>/pipelines/test_logged/source.sql

    Next:
      1. Have the owner of the tables run source.sql in the source; it makes the audit log, the triggers and the rights that are missing:
           psql -v ON_ERROR_STOP=1 -f <folder>/pipelines/test_logged/source.sql <address of the source>
      2. icefront check --config <folder>/icefront.toml
      3. Start the service, or start it again, so that it reads the definition: icefront serve --config <folder>/icefront.toml
      4. icefront sources check test_logged
      5. icefront run test_logged --wait
    ");
    let cursor = [
        &polled,
        "--kind",
        "postgres_table",
        "--cursor",
        "changed_on",
    ];
    init(&service, &[&source[..], &cursor].concat())
        .await
        .ends(0);
    let rights = written(&service, &polled, "source.sql");
    assert_snapshot!(masked(&service, &rights), @r#"
    -- What the tables of pipeline test_polled need. Have it run by the owner of the tables, in the database of connection own:
    --     psql -v ON_ERROR_STOP=1 -f <folder>/pipelines/test_polled/source.sql …
    -- Harmless to repeat.

    -- A statement that waits longer for a table than this gives up, so that no writer waits behind it for long. Then run it again.
    set lock_timeout = '5s';

    -- Lets the user of the connection read a table.
    grant usage on schema "app" to "reader";
    grant select on "app"."items" to "reader";

    -- Lets the user of the connection see when other sessions began their transactions: otherwise nobody can tell how fresh the tables are.
    -- Only a superuser, or who has this role with the right to grant it, can do that.
    grant pg_read_all_stats to "reader";
    "#);
    let checked = told(icefront(&service, &["check"])).await.ends(0);
    for name in [&logged, &polled] {
        assert!(
            checked.out.contains(&format!("pipeline `{name}` is right")),
            "{checked:#?}"
        );
    }

    // Both may be repeated.
    for sql in [&written(&service, &logged, "source.sql"), &rights, &rights] {
        owner.batch_execute(sql).await.expect("rights and triggers");
    }
    owner
        .batch_execute("insert into app.items values (2, 'after'); update app.items set name = 'x' where id = 1")
        .await
        .expect("changes");
    service.restart().await;
    for name in [&logged, &polled] {
        let path = format!("/v1/sources/{name}/check");
        let findings = service.post(&path, &json!({})).await.has_status(200).body;
        let is_error = |finding: &serde_json::Value| finding["status"] == "error";
        let findings = findings["findings"].as_array().expect("findings");
        assert!(!findings.iter().any(is_error), "{findings:#?}");
        let path = format!("/v1/pipelines/{name}/runs");
        service.post_run(&path, &json!({})).await.succeeds();
        let sql = format!(
            "select id, name from {}.{name}_marts.items order by 1",
            service.servers.catalog
        );
        assert_eq!(
            json!(service.servers.query(&sql).await),
            json!([[1, "x"], [2, "after"]]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn odd_names_and_types_become_a_pipeline_that_is_right() {
    let service = Service::items().tables(ODD).start().await;
    let name = format!("{}_odd", service.name);

    let wrote = init(
        &service,
        &[
            "--kind",
            "postgres_audit_log",
            "--pipeline",
            &name,
            "--schema",
            "public",
            "--schema",
            "Sales",
            "--schema",
            "a.b",
            "--table",
            "LATEST",
            "--table",
            "by_day_1",
        ],
    )
    .await
    .ends(0);
    assert_snapshot!(masked(&service, &wrote.out), @r#"
    wrote <folder>/pipelines/test_odd/pipeline.yaml: 6 tables
    wrote <folder>/pipelines/test_odd/source.sql

    Left out:
      a.b.pointed: the name of its schema has a point, which `from` cannot say
      public.audit_log_dml: it is the audit log
      public.by_day_1: it is a partition; name the table that it is a part of by `--table`
      public.items: it has no primary key, and no other unique key that is never null; add one, or add the table to pipeline.yaml with a `key` that identifies a row
      public.latest: it is a view or a foreign table; name the tables behind it by `--table`
      public.line\nend: a name has 1 to 63 bytes, and no control characters
      public.no_key: it has no primary key, and no other unique key that is never null; add one, or add the table to pipeline.yaml with a `key` that identifies a row

    Next:
      1. Have the owner of the tables run source.sql in the source; it makes the audit log, the triggers and the rights that are missing:
           psql -v ON_ERROR_STOP=1 -f <folder>/pipelines/test_odd/source.sql <address of the source>
      2. icefront check --config <folder>/icefront.toml
      3. Start the service, or start it again, so that it reads the definition: icefront serve --config <folder>/icefront.toml
      4. icefront sources check test_odd
      5. icefront run test_odd --wait
    "#);
    assert_snapshot!(masked(&service, &written(&service, &name, "pipeline.yaml")), @r#"
    # yaml-language-server: $schema=http://localhost:7070/v1/schemas/pipeline.json
    # Made by `icefront init` from what the source has. It is yours now: change it as you like.
    pipeline: test_odd
    source:
      kind: postgres_audit_log
      connection: shop
      table: public.audit_log_dml
    # poll: 10s            # starts a run when the source has changes; without it, calls and schedules start runs
    # schedule: every 1h   # or the five fields of cron
    # defaults: {freshness: {warn_after: 10m, error_after: 1h}}   # older tables are told by `icefront freshness --fail-on error`
    tables:
      # 4 columns, never analyzed
      order_items:
        from: "Sales.Order Items"
        key: [order_id, "Line No"]
        columns:   # these names are taken, so their columns have others; the catalogue gives all other columns
          - {name: source_no, from: "no", data_type: varchar}
      # 2 columns, never analyzed
      orders:
        from: Sales.orders
        key: [id]
      # 2 columns, never analyzed
      a__b_:
        from: "public.a$${B}"
        key: [id]
      # 2 columns, never analyzed
      by_day:
        from: public.by_day
        key: [day, id]
      # 9 columns, never analyzed
      public_orders:
        from: public.orders
        key: [order_id]
        columns:   # these names are taken, so their columns have others; the catalogue gives all other columns
          - {name: source_valid_from, from: valid_from, data_type: date}
          - {name: source_source, from: "_source", data_type: varchar}
        # `total` (numeric) becomes varchar, because no decimal holds every number; declare one that holds yours: columns: [{name: total, data_type: "decimal(18,2)"}]
        # `attributes` (jsonb) becomes varchar, with the JSON as text; take a value out of it: columns: [{name: city, from: attributes.city, data_type: varchar}]
        # `tags` (text[]) becomes varchar, with the text that Postgres writes; Iceberg has no such type
      # 1 column, never analyzed
      orders_history_2:
        from: public.orders_history
        key: [id]
    # Left out:
    #   a.b.pointed: the name of its schema has a point, which `from` cannot say
    #   public.audit_log_dml: it is the audit log
    #   public.by_day_1: it is a partition; name the table that it is a part of by `--table`
    #   public.items: it has no primary key, and no other unique key that is never null; add one, or add the table to pipeline.yaml with a `key` that identifies a row
    #   public.latest: it is a view or a foreign table; name the tables behind it by `--table`
    #   public.line\nend: a name has 1 to 63 bytes, and no control characters
    #   public.no_key: it has no primary key, and no other unique key that is never null; add one, or add the table to pipeline.yaml with a `key` that identifies a row
    "#);
    it_can_be_used(&service, &name).await;
}

/// The definition is right, and the triggers log an event of a table with an odd name.
async fn it_can_be_used(service: &Service, name: &str) {
    told(icefront(service, &["check"])).await.ends(0);
    let sql = written(service, name, "source.sql");
    service.write(&sql).await;
    service.write(&sql).await;
    service
        .write(r#"insert into "Sales"."Order Items" values (1, 1, 'a', 'b')"#)
        .await;
    let logged = service
        .shop
        .query_one("select tbl_schema, tbl_name from audit_log_dml", &[]);
    let logged = logged.await.expect("an event");
    assert_eq!(
        (logged.get::<_, &str>(0), logged.get::<_, &str>(1)),
        ("Sales", "Order Items")
    );
}

#[tokio::test]
async fn what_cannot_be_followed_is_said_and_nothing_is_written() {
    let many = "do $$ begin for i in 1..201 loop execute format('create table many.t%s (id int primary key)', i); end loop; end $$;";
    let wide: Vec<String> = (1..1_000).map(|i| format!("c{i} numeric")).collect();
    let tables = format!(
        "create schema many; {many}
        create table wide (id int primary key, {});
        create table plain (id int primary key);
        create table audit (id int);",
        wide.join(", ")
    );
    let service = Service::items().tables(&tables).start().await;
    let name = format!("{}_new", service.name);
    let fails = async |arguments: &[&str]| {
        let told = init(&service, &[&["--pipeline", &name], arguments].concat()).await;
        let told = told.ends(2);
        assert_eq!(told.out, "");
        masked(&service, &told.err)
    };
    let log = ["--kind", "postgres_audit_log"];
    let polled = ["--kind", "postgres_table"];

    assert_snapshot!(fails(&log).await, @"error: no table is named; write `--table public.orders`, again for each one, or `--schema public`. The database has 206 tables, the largest are many.t1, many.t10, many.t100, many.t101, many.t102, many.t103, many.t104, many.t105, many.t106, many.t107");
    assert_snapshot!(fails(&["--table", "plain"]).await, @"error: write `--kind postgres_audit_log` if triggers may write each change into an audit log, which is exact; or `--kind postgres_table` if a column such as `updated_at` tells which rows changed");
    assert_snapshot!(fails(&[&log[..], &["--table", "plian"]].concat()).await, @"error: there is no table `public.plian`; did you mean `public.plain`?");
    assert_snapshot!(fails(&[&log[..], &["--schema", "many"]].concat()).await, @"error: schema `many` has 201 tables, and a pipeline is made of at most 200; name those that you need by `--table`, again for each one");
    assert_snapshot!(fails(&[&log[..], &["--schema", "mnay"]].concat()).await, @"error: schema `mnay` has no tables; schemas with tables: many, public");
    assert_snapshot!(fails(&[&polled[..], &["--table", "plain"]].concat()).await, @"error: no table can be followed. public.plain: it has no column such as `updated_at` that rises with each change of a row; name one by `--cursor`, or follow it by `--kind postgres_audit_log`");
    assert_snapshot!(fails(&[&log[..], &["--table", "plain", "--audit-table", "audit"]].concat()).await, @"error: `public.audit` exists, but has no column `audit_event_id`; name another audit log by `--audit-table`, or write the pipeline by hand and name its columns in `source.columns`");
    assert_snapshot!(fails(&[&log[..], &["--table", "plain", "--connection", "shpo"]].concat()).await, @"error: there is no connection `shpo`; did you mean `shop`?");
    let own = ["--table", "plain", "--pipeline", &service.name];
    let told = init(&service, &[&log[..], &own].concat()).await.ends(2);
    assert_snapshot!(masked(&service, &told.err), @"error: `<folder>/pipelines/test/pipeline.yaml` exists already, and nothing was written; choose another folder by `--dir` or `--pipeline`, or replace its files by `--force`");
    let odd = ["--table", "plain", "--pipeline", "Shop 1"];
    let told = init(&service, &[&log[..], &odd].concat()).await.ends(2);
    assert_snapshot!(told.err, @"error: `--pipeline` is `Shop 1`, and becomes part of table names; write lower-case letters, digits and `_`, such as `shop_1`");
    assert!(!folder(&service, &name).exists());

    let new = [
        "--pipeline",
        &name,
        "--kind",
        "postgres_table",
        "--table",
        "wide",
        "--cursor",
        "c999",
    ];
    init(&service, &new).await.ends(0);
    let text = written(&service, &name, "pipeline.yaml");
    assert!(
        text.contains("# 1,000 columns") && text.contains("# and 979 more such columns"),
        "{text}"
    );
    let refused = init(&service, &new).await.ends(2);
    assert_snapshot!(masked(&service, &refused.err), @"error: `<folder>/pipelines/test_new/pipeline.yaml` exists already, and nothing was written; choose another folder by `--dir` or `--pipeline`, or replace its files by `--force`");
    init(&service, &[&new[..], &["--force"]].concat())
        .await
        .ends(0);
}

#[tokio::test]
async fn a_terminal_is_asked_for_what_is_left_out() {
    let service = Service::items()
        .tables("create table notes (id int primary key, updated_at timestamptz); create table log (at date);")
        .start()
        .await;
    let name = format!("{}_new", service.name);
    let terminal = Terminal::start(&icefront(&service, &["init", "--pipeline", &name]));

    terminal.shows("Which tables?").await;
    terminal.press(&["5", "Enter"]);
    terminal.shows("write numbers from 1 to 4").await;
    terminal.press(&["public.notes", "Enter"]);
    terminal.shows("1 or 2:").await;
    terminal.press(&["2", "Enter"]);
    let screen = terminal.ends(0).await;

    assert!(screen.contains("pipeline.yaml: 1 table"), "{screen}");
    let text = written(&service, &name, "pipeline.yaml");
    assert!(
        text.contains("cursor: updated_at   # it has no index"),
        "{text}"
    );
}
