//! Polled tables: one full load, then changed rows, in any commit order.

use serde_json::json;

use crate::harness::Service;

const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  customers: {from: public.customers, key: [id], cursor: updated_at, overlap: 0s}
";
const CUSTOMERS: &str = "
create table customers (id bigint primary key, name text, points integer, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';
create trigger touch before update on customers for each row execute function touch();
";

async fn names(service: &Service) -> serde_json::Value {
    service.current("customers", "id, name").await
}

#[tokio::test]
async fn a_table_is_loaded_once_and_then_by_what_changed() {
    let service = Service::of(PIPELINE).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers values (1, 'a', 1, '2020-01-01'), (2, 'b', 2, '2021-01-01')")
        .await;
    service.run().await.succeeds().counts("inserted", 2);
    service.write(
        "update customers set name = 'b2' where id = 2; insert into customers values (3, 'c', 3)",
    )
    .await;
    service
        .run()
        .await
        .succeeds()
        .counts("events", 2)
        .counts("inserted", 1)
        .counts("updated", 1);
    service.run().await.succeeds().counts("updated", 0);
    assert_eq!(
        names(&service).await,
        json!([[1, "a"], [2, "b2"], [3, "c"]])
    );
    let source = service.source().await;
    assert_eq!(source.body["now"]["cursor_safety"], "proven", "{source:?}");
    assert_eq!(source.body["kind"], "postgres_table", "{source:?}");
}

#[tokio::test]
async fn a_row_that_commits_after_it_was_overtaken_is_read_by_the_next_run() {
    let service = Service::of(PIPELINE).tables(CUSTOMERS).start().await;
    let mut slow = service.connect_to_source().await;
    // Begun before the first run, without a transaction id; the row carries the begin as its time.
    let slow = slow.transaction().await.expect("begun");
    slow.batch_execute("select 1").await.expect("asked");
    service
        .write("insert into customers values (1, 'a', 1)")
        .await;
    service.run().await.succeeds();
    slow.batch_execute("savepoint s; insert into customers values (2, 'late', 2); release s")
        .await
        .expect("written");
    service
        .write("insert into customers values (3, 'c', 3)")
        .await;
    service.run().await.succeeds();
    slow.commit().await.expect("committed");
    service
        .write("insert into customers values (4, 'd', 4)")
        .await;

    service.run().await.succeeds();

    assert_eq!(
        names(&service).await,
        json!([[1, "a"], [2, "late"], [3, "c"], [4, "d"]])
    );
    assert_eq!(
        service.count("marts.customers_history").await,
        4,
        "what was read twice is no version"
    );
}

#[tokio::test]
async fn of_rows_with_one_key_the_last_changed_counts() {
    let loose =
        "create table customers (id bigint, name text, points integer, updated_at timestamp);";
    let service = Service::of(PIPELINE).tables(loose).start().await;
    service.write("insert into customers values (1, 'new', 1, '2021-01-01'), (1, 'old', 1, '2020-01-01'), (2, 'b', 2, null)").await;
    service.run().await.succeeds().counts("not_unique", 1);
    assert_eq!(names(&service).await, json!([[1, "new"], [2, "b"]]));
}

#[tokio::test]
async fn a_row_whose_cursor_is_null_is_read_when_it_changes() {
    let tables =
        "create table customers (id bigint primary key, name text, updated_at timestamptz);";
    let service = Service::of(PIPELINE).tables(tables).start().await;
    service
        .write("insert into customers values (1, 'a', now()), (2, 'b', null)")
        .await;
    service.run().await.succeeds();
    service
        .write("update customers set name = 'c' where id = 2")
        .await;
    service.run().await.succeeds();
    assert_eq!(names(&service).await, json!([[1, "a"], [2, "c"]]));
}

#[tokio::test]
async fn a_number_that_rises_is_a_cursor_as_well_and_it_is_told_how_far_it_was_read() {
    let numbered = PIPELINE.replace("cursor: updated_at, overlap: 0s", "cursor: version");
    let table = "
create sequence versions;
create table customers (id bigint primary key, name text, version bigint not null default nextval('versions'));
create function touch() returns trigger language plpgsql as 'begin new.version := nextval(''versions''); return new; end';
create trigger touch before update on customers for each row execute function touch();
";
    let service = Service::of(&numbered).tables(table).start().await;
    service
        .write("insert into customers select n, 'n' || n from generate_series(1, 3) as n")
        .await;
    service.run().await.succeeds();
    service
        .write("update customers set name = 'two' where id = 2")
        .await;
    service.run().await.succeeds().counts("updated", 1);
    assert_eq!(
        names(&service).await,
        json!([[1, "n1"], [2, "two"], [3, "n3"]])
    );
    let source = service.source().await.body;
    let table = &source["cursor"]["tables"][0];
    let name = format!("{}.customers", service.name);
    assert_eq!(table["table"], name, "{source:#}");
    assert_eq!(table["cursor_value"], "4", "{source:#}");
}

#[tokio::test]
async fn a_pipeline_that_polls_publishes_at_its_start_what_only_landed_before() {
    let mut service = Service::of(PIPELINE).tables(CUSTOMERS).start().await;
    let write = "insert into customers values (1, 'a')";
    service.write(write).await;
    service
        .run_with(&json!({"steps": ["extract"]}))
        .await
        .succeeds();
    service.define(&format!("{PIPELINE}poll: 1s\n"));
    service.restart().await;
    let table = service.table_path("customers");
    for _ in 0..120 {
        if service.get(&table).await.body["history_batch_id"].is_string() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert_eq!(names(&service).await, json!([[1, "a"]]));
}

#[tokio::test]
async fn a_pipeline_that_polls_runs_by_itself_and_stays_fresh_when_idle() {
    let service = Service::of(&format!("{PIPELINE}poll: 1s\n"))
        .tables(CUSTOMERS)
        .start()
        .await;
    service.write("insert into customers values (1, 'a')").await;
    let runs = async || {
        let path = format!("/v1/runs?pipeline={}", service.name);
        service.get(&path).await.body["data"]
            .as_array()
            .expect("runs")
            .clone()
    };
    for _ in 0..60 {
        if runs()
            .await
            .first()
            .is_some_and(|run| run["succeeded"] == true)
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert_eq!(names(&service).await, json!([[1, "a"]]));
    let count = runs().await.len();
    let freshness = async || {
        service.freshness("customers").await["covered_until"]
            .as_str()
            .expect("a time")
            .to_owned()
    };
    let before = freshness().await;
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    assert!(freshness().await > before);
    assert!(
        runs().await.len() <= count + 1,
        "an idle source starts no runs"
    );
}

#[tokio::test]
async fn a_cursor_that_tells_less_than_a_clock_skips_nothing() {
    for kind in [
        "date default current_date",
        "timestamp default now()",
        "timestamp(0) with time zone default now()",
    ] {
        let tables =
            format!("create table customers (id bigint primary key, name text, updated_at {kind})");
        let service = Service::of(PIPELINE).tables(&tables).start().await;
        let zone = format!(
            "alter database {}_shop set timezone = 'America/New_York'",
            service.name
        );
        service.write(&zone).await;
        let shop = service.connect_to_source().await;
        let write = async |sql: &str| shop.batch_execute(sql).await.expect("written");
        write("insert into customers values (1, 'a'), (2, 'b')").await;
        service.run().await.succeeds();
        write("update customers set name = 'c', updated_at = now() where id = 1; insert into customers values (3, 'd')").await;
        service.run().await.succeeds();
        assert_eq!(
            names(&service).await,
            json!([[1, "c"], [2, "b"], [3, "d"]]),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_row_lands_as_the_json_that_its_server_makes_of_it() {
    let tables = r#"
        do $$ begin
            execute format('alter database %I set datestyle = ''SQL, DMY''', current_database());
            execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
        end $$;
        create type mood as enum ('"glad"', 'sad');
        create type place as (street text, at date);
        create domain digits as numeric(10, 4);
        create domain moments as timestamptz(3)[];
        create table customers (
            id bigint primary key, updated_at timestamptz not null default '2025-01-02 03:04:05.6',
            "a ""name""\" text, name varchar(9), padded char(5), small smallint, yes boolean, sum numeric, cut digits, single real,
            double double precision, day date, plain timestamp, zoned timestamptz, cut_time timestamp(2), hour time, zoned_hour timetz,
            span interval, bytes bytea, feeling mood, whole json, binary_json jsonb, texts text[], sums numeric(9, 2)[], times moments,
            home place, guid uuid, net inet, ids int4range, bits bit(3), price money
        );
        insert into customers (id) values (1);
        insert into customers values (
            2, '2025-01-02 03:04:05.6', E'x "y" \\z\u0001\u001f\u007f\b\f\n\r\té\U0001F600', '', 'ab', -3, true, 1.50, -0.1, 1e-7, 1e20,
            '2025-12-31', '2025-12-31 23:59:59.5', '2025-12-31 23:59:59.123456+05:30', '2025-01-01', '23:59:59.9', '01:02:03+05:30',
            '1 mon 2 days 03:04:05.6', '\x00ff', '"glad"', '{"b" : 1,  "a": [1.50,2], "b": null}', '{"b": 1, "a": [1.50, 2]}',
            '{a,"b c",null}', '{1.50,2}', '{2025-01-01 00:00:00+00}', row('a "b"', '2025-01-01'), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
            '10.0.0.1/8', '[1,5)', '101', 12.5
        );
        insert into customers (id, sum, double, single, day, plain, zoned, yes, whole) values
            (3, 'NaN', 'NaN', '-0', '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00 BC', false, 'null'),
            (4, 'Infinity', '-Infinity', 1e10, 'infinity', '-infinity', 'infinity', null, '"text"'),
            (5, '-123456789012345678901234567890.10', 5e-324, 3.4e38, '12025-01-01', '12025-01-01 01:00', '12025-01-01 01:00', null, ' [ ] ');
    "#;
    let service = Service::of(PIPELINE).tables(tables).start().await;
    service.run().await.succeeds();
    let landed = service.table(&format!("landing.{}_events", service.name));
    let rows = service
        .query(&format!(
            "select raw_data from {landed} order by audit_event_id"
        ))
        .await;
    let zone = "set timezone = 'UTC'";
    service.write(zone).await;
    let made = "select to_jsonb(source)::text from customers as source";
    let made = service.shop.query(made, &[]).await.expect("rows");
    let made: Vec<Vec<String>> = made.iter().map(|row| vec![row.get(0)]).collect();
    assert_eq!(json!(rows), json!(made));
}
