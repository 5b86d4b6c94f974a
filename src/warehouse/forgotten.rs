//! Empties the landed events of forgotten keys. Everything else that is held of the keys follows from landing.

use serde::Serialize;

use super::Target;
use super::target::TableContext;
use crate::error::Result;
use crate::sql::render;

/// The context of `landing/forget_keys.sql`.
#[derive(Serialize)]
struct ForgetKeysContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    /// Each its values as texts, in the order of the table's key columns.
    keys: &'a [Vec<String>],
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
