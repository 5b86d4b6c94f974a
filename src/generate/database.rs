//! The shop's database: connections, its tables and triggers, and the prepared statements.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::audit_trigger::{AuditTrigger, audit_trigger};
use super::change::{Ids, Shop};
use super::error::GenerateError;
use super::name::{Identifier, QualifiedName};
use super::workload::Kind;

const TABLES: &str = include_str!("../../sql/generate/tables.sql");
const IDS: &str = include_str!("../../sql/generate/ids.sql");
const LOG_STATE: &str = include_str!("../../sql/generate/log_state.sql");
const LOCK: &str = include_str!("../../sql/generate/lock.sql");
const HAS_SCHEMA: &str = include_str!("../../sql/generate/has_schema.sql");
const CREATE_SCHEMA: &str = include_str!("../../sql/generate/create_schema.sql");
const DROP_TRANSACTION_ID: &str = include_str!("../../sql/generate/drop_transaction_id.sql");

/// Opens a connection, which closes with the client.
pub(super) async fn connect(url: &SecretString) -> Result<Client, GenerateError> {
    let mut config: Config = url
        .expose_secret()
        .parse()
        .map_err(GenerateError::Connect)?;
    config.application_name("icefront generate");
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(GenerateError::Connect)?;
    // Its errors reach the client's calls, too.
    tokio::spawn(connection);
    Ok(client)
}

/// Makes what is missing of the tables, the log and the triggers, and reads where the ids stand.
pub(super) async fn prepare(
    client: &mut Client,
    schema: &Identifier,
    transaction_ids: bool,
) -> Result<Shop, GenerateError> {
    let failed = |source| GenerateError::Prepare {
        schema: schema.clone(),
        source,
    };
    let log = QualifiedName::new(schema.clone(), Identifier::known("audit_log_dml"));
    let (has_transaction_id, is_new) = log_state(client, &log).await.map_err(failed)?;
    if has_transaction_id && !transaction_ids {
        return Err(GenerateError::LogHasTransactionId(log));
    }
    make_tables(client, schema).await.map_err(failed)?;
    // Tables of these names that are somebody else's fail here, before they get a trigger.
    statements(client, schema).await.map_err(failed)?;

    for table in ["customers", "orders"] {
        let script = audit_trigger(&AuditTrigger {
            table: QualifiedName::new(schema.clone(), Identifier::known(table)),
            key: Vec::new(),
            audit_table: log.clone(),
        })?;
        client.batch_execute(&script).await.map_err(failed)?;
    }
    if is_new && !transaction_ids {
        let drop_column = within(schema, DROP_TRANSACTION_ID);
        client.batch_execute(&drop_column).await.map_err(failed)?;
    }
    ids(client, schema).await.map_err(failed)
}

/// Prepares the statements of all kinds, in the order of their numbers.
pub(super) async fn statements(
    client: &Client,
    schema: &Identifier,
) -> Result<Vec<Statement>, Error> {
    let mut statements = Vec::with_capacity(Kind::ALL.len());
    for kind in Kind::ALL {
        statements.push(client.prepare(&within(schema, sql(kind))).await?);
    }
    Ok(statements)
}

fn sql(kind: Kind) -> &'static str {
    match kind {
        Kind::InsertCustomers => include_str!("../../sql/generate/insert_customers.sql"),
        Kind::UpdateCustomers => include_str!("../../sql/generate/update_customers.sql"),
        Kind::DeleteCustomers => include_str!("../../sql/generate/delete_customers.sql"),
        Kind::InsertOrders => include_str!("../../sql/generate/insert_orders.sql"),
        Kind::UpdateOrders => include_str!("../../sql/generate/update_orders.sql"),
        Kind::DeleteOrders => include_str!("../../sql/generate/delete_orders.sql"),
        Kind::RekeyOrders => include_str!("../../sql/generate/rekey_orders.sql"),
    }
}

/// Whether the log has transaction ids, and whether it is missing.
async fn log_state(client: &Client, log: &QualifiedName) -> Result<(bool, bool), Error> {
    let row = client.query_one(LOG_STATE, &[&log.to_string()]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn make_tables(client: &mut Client, schema: &Identifier) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.execute(LOCK, &[]).await?;
    let exists: bool = transaction
        .query_one(HAS_SCHEMA, &[&schema.as_str()])
        .await?
        .try_get(0)?;
    // `if not exists` asks for the right to create schemas even where nothing is to be made.
    if !exists {
        transaction
            .batch_execute(&within(schema, CREATE_SCHEMA))
            .await?;
    }
    transaction.batch_execute(&within(schema, TABLES)).await?;
    transaction.commit().await
}

async fn ids(client: &Client, schema: &Identifier) -> Result<Shop, Error> {
    let row = client.query_one(&within(schema, IDS), &[]).await?;
    Ok(Shop {
        customers: Ids::new(row.try_get(0)?, row.try_get(1)?),
        orders: Ids::new(row.try_get(2)?, row.try_get(3)?),
    })
}

fn within(schema: &Identifier, sql: &str) -> String {
    sql.replace("{{ schema }}", &schema.to_string())
}
