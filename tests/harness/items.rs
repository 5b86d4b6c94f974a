//! A pipeline over one table `items` of three columns, and events of it.

use std::time::Duration;

use icefront_generate::AuditTrigger;
use serde_json::{Value, json};

use super::setup::Setup;
use super::{AuditRow, Service};

/// The pipeline. Text that is appended to the last line belongs to its table.
pub(crate) const ITEMS: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  items: {from: public.items, key: [id]}
";
const NEW_YEAR: i64 = 1_767_225_600_000_000; // 2026-01-01
const MINUTE: i64 = 60_000_000;

impl Service {
    /// Begins the setup of a service over [`ITEMS`], with an audit log that accepts any row.
    pub(crate) fn items() -> Setup {
        Self::of(ITEMS)
            .audit_log()
            .tables("create table items (id bigint, amount numeric(10,2), name text);")
    }
}

/// The SQL that logs the changes of the table `items`, with the trigger that the product ships.
pub(crate) fn items_trigger() -> String {
    let trigger = AuditTrigger {
        table: "public.items".parse().expect("a name"),
        audit_table: "public.audit_log_dml".parse().expect("a name"),
        key: Vec::new(),
    };

    trigger.sql().expect("a trigger")
}

/// Event number `id` inserts the row `key`, that many minutes after the new year 2026.
pub(crate) fn insert(id: i64, key: i64, amount: impl Into<Value>, name: &str) -> AuditRow {
    item(id, key, "I", amount.into(), name)
}

/// Event number `id` updates the row `key` to these values.
pub(crate) fn update(id: i64, key: i64, amount: impl Into<Value>, name: &str) -> AuditRow {
    item(id, key, "U", amount.into(), name)
}

/// Event number `id` deletes the row `key`, which had these values.
pub(crate) fn delete(id: i64, key: i64, amount: impl Into<Value>, name: &str) -> AuditRow {
    item(id, key, "D", amount.into(), name)
}

fn item(id: i64, key: i64, operation: &str, amount: Value, name: &str) -> AuditRow {
    let mut row = json!({"id": key, "name": name});
    row["amount"] = amount;

    AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(NEW_YEAR + id * MINUTE),
        table: "items".into(),
        data: Some(row.to_string()),
    }
}

/// Holds extractions back for as long as it is kept.
pub(crate) async fn hold(service: &Service) -> tokio_postgres::Client {
    let blocker = service.connect_to_source().await;
    let lock = "begin; lock table audit_log_dml in access exclusive mode";
    blocker.batch_execute(lock).await.expect("locked");

    blocker
}

/// Waits until an extraction waits for what `blocker` holds. A run that has not come that far hands itself back at once when its service stops.
pub(crate) async fn held_back(blocker: &tokio_postgres::Client) {
    let waiting = "
        select count(*) from pg_locks join pg_database on pg_database.oid = database
        where not granted and datname = current_database()";
    for _ in 0..3_000 {
        let row = blocker.query_one(waiting, &[]).await.expect("asked");
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no extraction waits for the lock");
}
