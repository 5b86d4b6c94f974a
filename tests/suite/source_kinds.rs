//! The same events through three kinds of source: an audit log, a polled table with one change per poll, files in shuffled order.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Service, items_trigger};
use crate::reference::Random;

const TABLE: &str = "create table items (id bigint primary key, amount numeric(10,2), note text, updated_at timestamptz not null default clock_timestamp());";
const COLUMNS: &str = "columns: [{name: id, data_type: bigint}, {name: amount, data_type: 'decimal(10,2)'}, {name: note, data_type: varchar}]";
const CHANGES: usize = 12;

async fn current(service: &Service) -> Value {
    service
        .current("items", "id, cast(amount as varchar), note")
        .await
}

#[tokio::test]
async fn at_night_an_audit_log_a_table_and_files_in_any_order_give_the_same_rows() {
    let kind = |source: &str, more: &str| {
        format!(
            "\npipeline: PIPELINE\nsource: {{{source}}}\ntables: {{items: {{key: [id], {COLUMNS}, {more}}}}}\n"
        )
    };
    let trigger = items_trigger();
    let log = Service::of(&kind(
        "kind: postgres_audit_log, connection: shop",
        "from: public.items",
    ))
    .tables(TABLE)
    .tables(&trigger)
    .start()
    .await;
    let table = Service::of(&kind(
        "kind: postgres_table, connection: shop",
        "from: public.items, cursor: updated_at, deletes: {compare_keys: each_run}",
    ))
    .tables(TABLE)
    .start()
    .await;
    let folder = TempDir::new().expect("a folder");
    let files = format!(
        "kind: files, path: 'file://{}/', settle: 0s, sequence: seq, operation: {{column: op}}, occurred_at: at",
        folder.path().display()
    );
    let files = Service::of(&kind(&files, "from: '*.jsonl'")).start().await;
    let mut random = Random::new(3);
    for number in 0..CHANGES {
        let id = random.below(4);
        let sql = match random.below(4) {
            0 => format!("delete from items where id = {id}"),
            _ => format!(
                "insert into items values ({id}, {number}.5, 'n{number}') on conflict (id) do update set amount = excluded.amount, note = excluded.note, updated_at = clock_timestamp()"
            ),
        };
        for service in [&log, &table] {
            service.write(&sql).await;
        }
        table.run().await.succeeds();
    }
    log.run().await.succeeds();
    let events = "select audit_event_id, audit_operation, audit_timestamp::text, raw_data::jsonb from audit_log_dml";
    let rows = log.shop.query(events, &[]).await.expect("events");
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut line: Value = row.get(3);
            line["seq"] = json!(row.get::<_, i64>(0));
            line["op"] = json!(row.get::<_, String>(1));
            line["at"] = json!(row.get::<_, String>(2));
            line.to_string()
        })
        .collect();
    random.shuffle(&mut lines);
    for (at, part) in lines.chunks(3).enumerate() {
        let path = folder.path().join(format!("{at}.jsonl"));
        std::fs::write(path, part.join("\n")).expect("written");
        files.run().await.succeeds();
    }
    let expected = current(&log).await;
    assert!(!expected.as_array().is_none_or(Vec::is_empty), "{expected}");
    assert_eq!(current(&table).await, expected, "the table itself");
    assert_eq!(current(&files).await, expected, "files");
}
