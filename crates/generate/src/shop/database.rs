//! The shop's database: its sessions, tables, triggers and prepared statements.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::ids::{IdRange, ShopIds};
use super::write_kind::WriteKind;
use crate::audit_trigger::AuditTrigger;
use crate::error::GenerateError;
use crate::name::{Identifier, QualifiedName};

const TABLES: &str = include_str!("../../sql/tables.sql");
const IDS: &str = include_str!("../../sql/ids.sql");
const LOG_STATE: &str = include_str!("../../sql/log_state.sql");
const LOCK: &str = include_str!("../../sql/lock.sql");
const HAS_SCHEMA: &str = include_str!("../../sql/has_schema.sql");
const CREATE_SCHEMA: &str = include_str!("../../sql/create_schema.sql");
const DROP_TRANSACTION_ID: &str = include_str!("../../sql/drop_transaction_id.sql");

/// A connection with its prepared statements.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: WriteStatements,
}

/// The prepared statements of all kinds, in the order of their numbers.
pub(super) struct WriteStatements(Vec<Statement>);

impl Session {
    pub(super) async fn open(
        url: &SecretString,
        schema: &Identifier,
    ) -> Result<Self, GenerateError> {
        let client = connect(url).await?;
        let statements = WriteStatements::prepare(&client, schema)
            .await
            .map_err(GenerateError::Write)?;
        Ok(Self { client, statements })
    }
}

impl WriteStatements {
    async fn prepare(client: &Client, schema: &Identifier) -> Result<Self, Error> {
        let mut statements = Vec::with_capacity(WriteKind::ALL.len());
        for kind in WriteKind::ALL {
            statements.push(client.prepare(&within(schema, kind.sql())).await?);
        }
        Ok(Self(statements))
    }

    pub(super) fn of(&self, kind: WriteKind) -> &Statement {
        &self.0[kind as usize]
    }
}

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

/// Makes the missing tables, log and triggers, and reads the lowest and highest ids.
pub(super) async fn prepare(
    client: &mut Client,
    schema: &Identifier,
    transaction_ids: bool,
) -> Result<ShopIds, GenerateError> {
    let failed = |source| GenerateError::Prepare {
        schema: schema.clone(),
        source,
    };
    let table = |name| QualifiedName {
        schema: schema.clone(),
        name: Identifier::known(name),
    };
    let log = table("audit_log_dml");
    let state = client
        .query_one(LOG_STATE, &[&log.to_string()])
        .await
        .map_err(failed)?;
    let is_new = !state.try_get::<_, bool>("exists").map_err(failed)?;
    if state.try_get("has_transaction_id").map_err(failed)? && !transaction_ids {
        return Err(GenerateError::LogHasTransactionId(log));
    }
    make_tables(client, schema).await.map_err(failed)?;
    // Foreign tables with these names fail here, before they get a trigger.
    WriteStatements::prepare(client, schema)
        .await
        .map_err(failed)?;

    for name in ["customers", "orders"] {
        let trigger = AuditTrigger {
            table: table(name),
            key: Vec::new(),
            audit_table: log.clone(),
        };
        client
            .batch_execute(&trigger.sql()?)
            .await
            .map_err(failed)?;
    }
    if is_new && !transaction_ids {
        let drop_column = within(schema, DROP_TRANSACTION_ID);
        client.batch_execute(&drop_column).await.map_err(failed)?;
    }
    ids(client, schema).await.map_err(failed)
}

async fn make_tables(client: &mut Client, schema: &Identifier) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.execute(LOCK, &[]).await?;
    let exists: bool = transaction
        .query_one(HAS_SCHEMA, &[&schema.as_str()])
        .await?
        .try_get("has_schema")?;
    // `if not exists` needs the right to create schemas even if the schema exists.
    if !exists {
        transaction
            .batch_execute(&within(schema, CREATE_SCHEMA))
            .await?;
    }
    transaction.batch_execute(&within(schema, TABLES)).await?;
    transaction.commit().await
}

async fn ids(client: &Client, schema: &Identifier) -> Result<ShopIds, Error> {
    let row = client.query_one(&within(schema, IDS), &[]).await?;
    Ok(ShopIds {
        customers: IdRange::new(
            row.try_get("lowest_customer")?,
            row.try_get("highest_customer")?,
        ),
        orders: IdRange::new(row.try_get("lowest_order")?, row.try_get("highest_order")?),
    })
}

fn within(schema: &Identifier, sql: &str) -> String {
    sql.replace("{{ schema }}", &schema.to_string())
}
