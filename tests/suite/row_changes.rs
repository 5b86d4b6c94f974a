//! Row changes: whoever applies them in their order to a copy has the rows of the table.

use std::collections::BTreeMap;

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::harness::{AuditRow, ITEMS, Service, delete, depth, insert, shown, update};
use crate::reference::{self, Event, Random};
use crate::suite::evolution;

const COLUMNS: [&str; 5] = ["seed", "id", "amount", "name", "note"];
const ITEMS_OF: &str =
    "create table items (seed integer, id bigint, amount numeric(18,2), name text, note text);";
const SEEDS_MOST: i64 = 100_000;

/// A row: its values as texts, in the order of the reader's columns.
type Row = Vec<Option<String>>;

/// A reader that applies row changes to a copy. It refuses a change that does not fit its copy.
pub(super) struct Reader {
    path: String,
    /// The parameters of each call, such as `net=true&limit=3`.
    query: String,
    columns: Vec<String>,
    /// So many of the first columns are the key.
    key: usize,
    rows: BTreeMap<Row, Row>,
    pub(super) cursor: Option<String>,
    /// The changes of each type that it applied.
    applied: BTreeMap<String, usize>,
}

impl Reader {
    pub(super) fn new(path: &str, query: &str, columns: &[&str], key: usize) -> Self {
        Self {
            path: format!("{path}/changes/rows"),
            query: query.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            key,
            rows: BTreeMap::new(),
            cursor: None,
            applied: BTreeMap::new(),
        }
    }

    /// Reads one page and applies it. Says whether there are more.
    pub(super) async fn page(&mut self, service: &Service) -> bool {
        let after = self.cursor.iter().map(|cursor| format!("&after={cursor}"));
        let call = format!("{}?{}{}", self.path, self.query, after.collect::<String>());
        let page = service.get(&call).await.has_status(200).body;
        for change in page["data"].as_array().expect("changes") {
            self.apply(change);
        }
        self.cursor = page["cursor"].as_str().map(str::to_owned);
        assert!(
            page["next"].is_null() || page["next"] == page["cursor"],
            "{page:#}"
        );

        !page["next"].is_null()
    }

    /// Reads and applies all that there is.
    pub(super) async fn follow(&mut self, service: &Service) {
        while self.page(service).await {}
    }

    fn apply(&mut self, change: &Value) {
        let row: Row = self
            .columns
            .iter()
            .map(|name| text(&change[name]))
            .collect();
        let key = row[..self.key].to_vec();
        let kind = change["_change_type"].as_str().expect("a type");
        let before = match kind {
            "insert" | "update_postimage" => self.rows.insert(key, row.clone()),
            _ => self.rows.remove(&key),
        };
        let expected = match kind {
            "insert" | "update_postimage" => None,
            _ => Some(row),
        };
        // A column that came later is null in rows that were there before.
        let before = before.map(|mut before| {
            before.resize(self.columns.len(), None);
            before
        });
        assert_eq!(before, expected, "{change:#}");
        *self.applied.entry(kind.to_owned()).or_default() += 1;
    }

    /// The copy has exactly these rows.
    #[track_caller]
    pub(super) fn has(&self, rows: &[Vec<Value>], context: &str) {
        let rows: BTreeMap<Row, Row> = rows
            .iter()
            .map(|row| {
                let row: Row = row.iter().map(text).collect();
                (row[..self.key].to_vec(), row)
            })
            .collect();
        assert_eq!(self.rows, rows, "{context}, {}", self.query);
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

struct Kind {
    name: &'static str,
    seeds: &'static [u64],
    truncates: usize,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "mixed",
        seeds: &[1, 2],
        truncates: 0,
    },
    Kind {
        name: "truncated",
        seeds: &[7],
        truncates: 3,
    },
];

#[tokio::test]
async fn copies_equal_current_rows_whatever_the_order_of_events() {
    follow_random_histories("history: {tracked: all}").await;
}

#[tokio::test]
async fn at_night_copies_equal_current_rows_that_are_a_view() {
    follow_random_histories("current: view, history: {tracked: [amount]}").await;
}

#[tokio::test]
async fn at_night_copies_equal_current_rows_without_a_history() {
    follow_random_histories("history: off").await;
}

/// Readers of each kind follow two tables while batches come, late events among them, and while tables are rebuilt and restaged.
async fn follow_random_histories(marts: &str) {
    const BATCHES: usize = 5;
    let mut pipeline =
        "pipeline: PIPELINE\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n"
            .to_owned();
    let mut tables = String::new();
    for Kind { name, .. } in &KINDS {
        let table = format!("  {name}: {{from: public.{name}, key: [seed, id], {marts}}}\n");
        pipeline.push_str(&table);
        tables.push_str(&ITEMS_OF.replace("items", name));
    }
    let service = Service::of(&pipeline)
        .audit_log()
        .tables(&tables)
        .start()
        .await;
    let mut random = Random::new(depth::seeds(1));
    let batches = depth::batches(BATCHES);
    let mut deliveries = vec![Vec::new(); batches];
    for Kind {
        name,
        seeds,
        truncates,
    } in &KINDS
    {
        for seed in *seeds {
            let history = reference::random_history(*seed, 8, 80);
            let events = reference::with_truncates(*seed, history, *truncates);
            let delivered = reference::deliver(*seed, &events, batches, 20);
            for (batch, events) in delivered.into_iter().enumerate() {
                deliveries[batch].extend(events.iter().map(|event| audit_row(name, *seed, event)));
            }
        }
    }
    let mut readers: Vec<(&str, Reader)> = Vec::new();
    for Kind { name, .. } in &KINDS {
        for query in ["net=false&limit=1000", "net=true&limit=7", "limit=2"] {
            let reader = Reader::new(&service.table_path(name), query, &COLUMNS, 2);
            readers.push((name, reader));
        }
    }

    for (batch, rows) in deliveries.iter().enumerate() {
        service.log(rows).await;
        service.run().await.succeeds();
        for (at, (name, reader)) in readers.iter_mut().enumerate() {
            // Some follow each batch, others read a few pages now and then, and stop in the middle of a publication.
            if at % 3 < 2 {
                reader.follow(&service).await;
                reader.has(
                    &rows_of(&service, name).await,
                    &format!("{name} after batch {batch}"),
                );
            } else {
                for _ in 0..random.below(4) {
                    reader.page(&service).await;
                }
            }
        }
        let (what, body) = match batch {
            1 => (
                "rebuild",
                json!({"keys": [{"seed": "1", "id": "3"}, {"seed": "2", "id": "5"}]}),
            ),
            2 => ("rebuild", json!({})),
            3 => ("restage", json!({})),
            _ => continue,
        };
        service.post_table("mixed", what, &body).await.succeeds();
    }

    for (name, reader) in &mut readers {
        reader.follow(&service).await;
        reader.has(
            &rows_of(&service, name).await,
            &format!("{name} at the end"),
        );
    }
    for kind in ["insert", "update_preimage", "update_postimage", "delete"] {
        assert!(
            readers[0].1.applied.contains_key(kind),
            "{kind}: {:?}",
            readers[0].1.applied
        );
    }
    // A new reader needs no history of changes.
    let mut late = Reader::new(&service.table_path("mixed"), "limit=9", &COLUMNS, 2);
    late.follow(&service).await;
    late.has(&rows_of(&service, "mixed").await, "a new reader");
}

async fn rows_of(service: &Service, table: &str) -> Vec<Vec<Value>> {
    let columns = COLUMNS.join(", ");

    service
        .query(&format!("select {columns} from {{marts.{table}}}"))
        .await
}

fn audit_row(table: &str, seed: u64, event: &Event) -> AuditRow {
    let values = &event.values;
    let data = (event.operation != 'T').then(|| {
        json!({"seed": seed, "id": event.key, "amount": values[0], "name": values[1], "note": values[2]}).to_string()
    });

    AuditRow {
        id: Some(event.id * SEEDS_MOST + i64::try_from(seed).expect("small")),
        operation: Some(event.operation.to_string()),
        occurred_at: Some(event.occurred_at),
        table: table.into(),
        data,
    }
}

async fn items() -> Service {
    let service = Service::items().start().await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, 3, "c"),
        ])
        .await;
    service.run().await.succeeds();

    service
}

fn changes(service: &Service, query: &str) -> String {
    format!("{}/changes/rows?{query}", service.table_path("items"))
}

/// The cursor of a reader who begins with the next change.
async fn end(service: &Service) -> String {
    let page = service
        .get(&changes(service, "from=end"))
        .await
        .has_status(200)
        .body;
    assert_eq!(page["data"], json!([]));
    assert_eq!(page["next"], json!(null));

    page["cursor"].as_str().expect("a cursor").to_owned()
}

#[tokio::test]
async fn a_changed_row_is_told_as_it_was_and_as_it_is() {
    let service = items().await;
    let cursor = end(&service).await;
    service
        .log(&[
            update(4, 1, 10, "d"),
            delete(5, 2, 2, "b"),
            insert(6, 4, 4, "e"),
        ])
        .await;
    service.run().await.succeeds();

    let page = service
        .get(&changes(&service, &format!("after={cursor}")))
        .await;

    let mut told = shown(&page.body);
    told["cursor"] = json!("<cursor>");
    assert_json_snapshot!(told, @r#"
{
  "data": [
    {
      "id": "1",
      "amount": "1.00",
      "name": "a",
      "_change_type": "update_preimage",
      "_batch_id": "2",
      "_changed_at": "<time>"
    },
    {
      "id": "1",
      "amount": "10.00",
      "name": "d",
      "_change_type": "update_postimage",
      "_batch_id": "2",
      "_changed_at": "<time>"
    },
    {
      "id": "2",
      "amount": "2.00",
      "name": "b",
      "_change_type": "delete",
      "_batch_id": "2",
      "_changed_at": "<time>"
    },
    {
      "id": "4",
      "amount": "4.00",
      "name": "e",
      "_change_type": "insert",
      "_batch_id": "2",
      "_changed_at": "<time>"
    }
  ],
  "next": null,
  "cursor": "<cursor>"
}
"#);
    assert!(page.body["cursor"].is_string());
}

#[tokio::test]
async fn a_page_of_long_rows_is_shorter_and_loses_none() {
    const COLUMNS: [&str; 3] = ["id", "amount", "name"];
    let long = |sign: &str, megabytes: usize| sign.repeat(megabytes << 20);
    let service = Service::items().start().await;
    let sizes = [3, 3, 3, 9, 1, 3];
    let rows: Vec<AuditRow> = (1..)
        .zip(sizes)
        .map(|(id, size)| insert(id, id, id, &long("a", size)))
        .collect();
    service.log(&rows).await;
    service.run().await.succeeds();
    let mut reader = Reader::new(&service.table_path("items"), "limit=1000", &COLUMNS, 1);
    let current = async || {
        service
            .query("select id, amount, name from {marts.items}")
            .await
    };

    let mut read = Vec::new();
    let mut has_more = true;
    while has_more {
        has_more = reader.page(&service).await;
        read.push(reader.rows.len());
    }
    assert_eq!(read[..3], [2, 3, 4]);
    assert_eq!(read.last(), Some(&6), "{read:?}");
    reader.has(&current().await, "at the beginning");
    // A row as it was and as it is can be parted by the end of a page.
    service
        .log(&[
            update(7, 1, 1, &long("b", 4)),
            update(8, 2, 2, &long("c", 6)),
            delete(9, 3, 3, &long("a", 3)),
        ])
        .await;
    service.run().await.succeeds();
    reader.follow(&service).await;
    reader.has(&current().await, "at the end");
}

#[tokio::test]
async fn net_changes_tell_a_row_once_and_others_tell_each_publication() {
    let service = items().await;
    let cursor = end(&service).await;
    for (event, name) in (4..).zip(["x", "y", "c"]) {
        service.log(&[update(event, 3, 3, name)]).await;
        service.run().await.succeeds();
    }
    service.log(&[delete(7, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let told = async |query: &str| {
        let page = service
            .get(&changes(&service, &format!("{query}&after={cursor}")))
            .await;
        let data = page.body["data"].as_array().expect("changes").clone();
        let told = data
            .iter()
            .map(|row| json!([row["id"], row["name"], row["_change_type"]]));
        json!(told.collect::<Vec<_>>())
    };

    let deleted = json!(["1", "a", "delete"]);
    assert_eq!(told("net=true").await, json!([deleted]));
    assert_eq!(
        told("net=false").await,
        json!([
            ["3", "c", "update_preimage"],
            ["3", "x", "update_postimage"],
            ["3", "x", "update_preimage"],
            ["3", "y", "update_postimage"],
            ["3", "y", "update_preimage"],
            ["3", "c", "update_postimage"],
            deleted,
        ])
    );
}

#[tokio::test]
async fn a_page_can_be_read_again_while_new_batches_come() {
    let service = items().await;
    let cursor = end(&service).await;
    service
        .log(&[update(4, 1, 10, "d"), update(5, 2, 20, "e")])
        .await;
    service.run().await.succeeds();
    let first = service
        .get(&changes(
            &service,
            &format!("net=true&limit=3&after={cursor}"),
        ))
        .await
        .body;
    service
        .log(&[update(6, 1, 30, "f"), update(7, 2, 40, "g")])
        .await;
    service.run().await.succeeds();

    let next = first["next"].as_str().expect("more");
    let second = changes(&service, &format!("net=true&limit=3&after={next}"));
    let pages = [
        service.get(&second).await.body,
        service.get(&second).await.body,
    ];
    assert_eq!(pages[0], pages[1]);
    // The step ends where it was to end: at the publication that was the newest when it began.
    assert_eq!(pages[0]["data"][0]["name"], "e", "{:#}", pages[0]);
    assert_eq!(pages[0]["data"][1]["name"], "d", "{:#}", pages[0]);
}

#[tokio::test]
async fn a_table_that_is_not_published_has_no_changes_yet() {
    let service = Service::items().start().await;
    let page = service
        .get(&changes(&service, "limit=10"))
        .await
        .has_status(200)
        .body;
    assert_eq!((&page["data"], &page["next"]), (&json!([]), &json!(null)));
    let cursor = page["cursor"].as_str().expect("a cursor");
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();

    let page = service
        .get(&changes(&service, &format!("after={cursor}")))
        .await
        .body;
    assert_eq!(page["data"][0]["_change_type"], "insert", "{page:#}");
}

#[tokio::test]
async fn a_new_column_and_a_wider_one_reach_the_copy() {
    let mut service = evolution::start_with_a_row(evolution::PIPELINE).await;
    let columns = ["id", "n", "price", "name"];
    let mut reader = Reader::new(&service.table_path("items"), "limit=1", &columns, 1);
    reader.follow(&service).await;
    evolution::alter(
        &service,
        "alter table items add note text; alter table items alter n type bigint",
    )
    .await;
    let rows = [
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a", "note": "new"}),
        json!({"id": 2, "n": 5_000_000_000_i64, "price": 2, "name": "b", "note": null}),
    ];
    for (id, row) in (2..).zip(rows) {
        evolution::write(&mut service, id, "I", row).await;
    }
    service.run().await.succeeds();

    reader.columns.push("note".into());
    reader.follow(&service).await;
    let rows = service
        .query("select id, n, price, name, note from {marts.items}")
        .await;
    reader.has(&rows, "with the new columns");
}

#[tokio::test]
async fn changes_are_gone_when_their_snapshots_are_expired_or_the_marts_are_others() {
    let mut service = items().await;
    let cursor = end(&service).await;
    service.log(&[update(4, 1, 10, "d")]).await;
    service.run().await.succeeds();
    let middle = end(&service).await;
    service.log(&[update(5, 1, 11, "e")]).await;
    service.run().await.succeeds();
    service.expire(&service.table("marts.items")).await;

    let after = changes(&service, &format!("after={cursor}"));
    let gone = service.get(&after).await;
    gone.is_problem(410, "changes-gone")
        .saying("expired")
        .saying("Read all rows again");
    let mut reader = Reader::new(
        &service.table_path("items"),
        "limit=2",
        &["id", "amount", "name"],
        1,
    );
    reader.follow(&service).await;

    service.define(&ITEMS.replace("key: [id]}", "key: [id], current: view}"));
    service.restart().await;
    service
        .post_table("items", "rebuild", &json!({}))
        .await
        .succeeds();
    let path = changes(
        &service,
        &format!("after={}", reader.cursor.as_deref().expect("a cursor")),
    );
    service.get(&path).await.is_problem(410, "changes-gone");
    service
        .get(&changes(&service, &format!("after={middle}")))
        .await
        .is_problem(410, "changes-gone");
    let mut anew = Reader::new(
        &service.table_path("items"),
        "limit=2",
        &["id", "amount", "name"],
        1,
    );
    anew.follow(&service).await;
    anew.has(
        &service
            .query("select id, amount, name from {marts.items}")
            .await,
        "anew",
    );
}

#[tokio::test]
async fn an_idle_table_whose_files_were_rewritten_keeps_its_changes_when_snapshots_expire() {
    let service = items().await;
    let table = service.table("marts.items");
    let cursor = end(&service).await;
    let mut early = Reader::new(
        &service.table_path("items"),
        "limit=2",
        &["id", "amount", "name"],
        1,
    );
    early.follow(&service).await;
    service.log(&[update(4, 1, 10, "d")]).await;
    service.run().await.succeeds();
    early.follow(&service).await;
    service
        .servers
        .query(&format!("alter table {table} execute optimize"))
        .await;
    service.expire(&table).await;
    let gone = service
        .get(&changes(&service, &format!("after={cursor}")))
        .await;
    gone.is_problem(410, "changes-gone");

    let mut anew = Reader::new(
        &service.table_path("items"),
        "limit=2",
        &["id", "amount", "name"],
        1,
    );
    anew.follow(&service).await;
    service
        .log(&[update(5, 1, 11, "e"), delete(6, 2, 2, "b")])
        .await;
    service.run().await.succeeds();
    for reader in [&mut early, &mut anew] {
        reader.follow(&service).await;
        reader.has(
            &service
                .query("select id, amount, name from {marts.items}")
                .await,
            "idle",
        );
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_table_and_one_parameter_says_where_to_begin() {
    let service = items().await;
    let cursor = end(&service).await;
    for query in [
        "after=x",
        "after=",
        "after=WyJvdGhlciIsW251bGwsbnVsbCxudWxsXV0",
    ] {
        service
            .get(&changes(&service, query))
            .await
            .is_problem(422, "invalid-request")
            .about("after");
    }
    let both = changes(&service, &format!("after={cursor}&from=end"));
    service
        .get(&both)
        .await
        .is_problem(422, "invalid-request")
        .about("after");
    service
        .get(&changes(&service, "from=now"))
        .await
        .is_problem(422, "invalid-request");
    service
        .get(&changes(&service, "limit=0"))
        .await
        .is_problem(422, "invalid-request")
        .about("limit");
    service
        .get(&changes(&service, "consumer=nobody"))
        .await
        .is_problem(422, "unknown-name")
        .about("consumer");
    service
        .get(&changes(&service, "consumer=no%00body"))
        .await
        .is_problem(422, "unknown-name");
    service
        .get("/v1/consumers/%00")
        .await
        .is_problem(404, "not-found");
    let parent = service.request(reqwest::Method::PUT, "/v1/consumers/.search");
    let table = format!("{}.items", service.name);
    service
        .call(parent.json(&json!({"table": table})))
        .await
        .is_problem(422, "invalid-request")
        .about("consumer");
}

#[tokio::test]
async fn a_consumer_moves_only_when_it_says_so_and_only_from_where_it_was() {
    let service = items().await;
    let table = format!("{}.items", service.name);
    let put = async |body: Value| {
        let request = service.request(reqwest::Method::PUT, "/v1/consumers/search");
        service.call(request.json(&body)).await
    };
    put(json!({"table": table, "if_cursor": "WyJ"}))
        .await
        .is_problem(422, "unknown-name")
        .about("if_cursor");
    let consumer = put(json!({"table": table})).await.has_status(200).body;
    assert_eq!(consumer["cursor"], json!(null));
    assert_eq!(consumer["publications_behind"], 1);

    let read = changes(&service, "consumer=search");
    let page = service.get(&read).await.has_status(200).body;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(3), "{page:#}");
    assert_eq!(service.get(&read).await.body, page, "it did not move");
    let first = page["cursor"].clone();
    let consumer = put(json!({"table": table, "cursor": first, "if_cursor": null}))
        .await
        .has_status(200)
        .body;
    put(json!({"table": table, "cursor": first, "if_cursor": null}))
        .await
        .is_problem(409, "consumer-moved");
    let kept = put(json!({"table": table})).await.has_status(200).body;
    assert_eq!(kept["cursor"], first, "without `cursor` it stays");
    assert_eq!(
        (&consumer["publications_behind"], &consumer["lag_seconds"]),
        (&json!(0), &json!(0.0))
    );

    service.log(&[update(4, 1, 10, "d")]).await;
    service.run().await.succeeds();
    let consumer = service
        .get("/v1/consumers/search")
        .await
        .has_status(200)
        .body;
    assert_eq!(consumer["publications_behind"], 1);
    let page = service.get(&read).await.has_status(200).body;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(2), "{page:#}");
    let second = page["cursor"].clone();
    let to_second = json!({"table": table, "cursor": second, "if_cursor": first});
    put(to_second.clone()).await.has_status(200);
    put(to_second)
        .await
        .is_problem(409, "consumer-moved")
        .saying("another reader");

    put(json!({"table": "nobody.items"}))
        .await
        .is_problem(422, "unknown-name")
        .about("table");
    put(json!({})).await.is_problem(422, "invalid-request");
    put(json!({"table": table, "cursor": "x"}))
        .await
        .is_problem(422, "invalid-request")
        .about("cursor");
    let long = format!("/v1/consumers/{}", "n".repeat(65));
    let request = service.request(reqwest::Method::PUT, &long);
    service
        .call(request.json(&json!({"table": table})))
        .await
        .is_problem(422, "invalid-request")
        .about("consumer");
    let listed = service
        .get(&format!("/v1/consumers?table={table}"))
        .await
        .has_status(200)
        .body;
    assert_eq!(listed["data"][0]["name"], "search", "{listed:#}");

    let request = service.request(reqwest::Method::DELETE, "/v1/consumers/search");
    service.call(request).await.has_status(200);
    service
        .get("/v1/consumers/search")
        .await
        .is_problem(404, "not-found");
    service
        .get(&read)
        .await
        .is_problem(422, "unknown-name")
        .about("consumer");
}

impl Service {
    /// Lets Trino forget all snapshots of a table but the last one.
    async fn expire(&self, table: &str) {
        let client = reqwest::Client::new();
        let session = format!("{}.expire_snapshots_min_retention=0s", self.servers.catalog);
        let statement =
            format!("alter table {table} execute expire_snapshots(retention_threshold => '0s')");
        let first = client
            .post(format!(
                "{}/v1/statement",
                self.servers.trino.trim_end_matches('/')
            ))
            .header("x-trino-user", "test")
            .header("x-trino-session", session)
            .body(statement);
        let mut answer: Value = first
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        while let Some(next) = answer["nextUri"].as_str() {
            answer = client
                .get(next)
                .send()
                .await
                .expect("an answer")
                .json()
                .await
                .expect("JSON");
        }
        assert!(answer["error"].is_null(), "{answer:#}");
    }
}
