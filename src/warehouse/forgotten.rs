//! Empties the landed events of forgotten keys. Everything else that is held of the keys follows from landing.

use serde::{Deserialize, Serialize};

use super::Target;
use super::target::TableContext;
use crate::error::Result;
use crate::sql::render;

/// The context of `landing/forget_keys.sql` and `landing/unreadable_keys.sql`.
#[derive(Serialize)]
struct ForgetKeysContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    /// Each its values as texts, in the order of the table's key columns.
    keys: &'a [Vec<String>],
}

/// The row of `landing/unreadable_keys.sql`.
#[derive(Deserialize)]
struct UnreadableRow {
    place: Option<i64>,
}

/// The place of the first key with a text that is no exact value of its column. No row can have this key.
pub async fn unreadable_key(target: Target<'_>, keys: &[Vec<String>]) -> Result<Option<i64>> {
    let context = ForgetKeysContext {
        table: target.context(),
        keys,
    };
    let found: UnreadableRow = target
        .publisher
        .row("landing/unreadable_keys.sql", context)
        .await?;

    Ok(found.place)
}

/// Takes the content of all landed events of these keys, and gives the number of events. Doing it twice changes nothing.
pub async fn forget_keys(target: Target<'_>, keys: &[Vec<String>]) -> Result<i64> {
    let landing = target.names.landing();
    target.publisher.resolve(&landing).await?;
    let context = ForgetKeysContext {
        table: target.context(),
        keys,
    };
    let forget = render("landing/forget_keys.sql", context)?;
    let committed = target.publisher.merge(&landing, &forget).await?;

    Ok(committed.rows.unwrap_or_default())
}
