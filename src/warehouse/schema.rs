//! Makes the Iceberg tables of one source table where there are none.

use super::Target;
use crate::error::Result;
use crate::sql::render;

/// Makes schemas and tables; what exists is left as it is.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`], [`crate::error::Error::StateUnavailable`].
pub async fn ensure(target: Target<'_>) -> Result<()> {
    let context = target.context();
    for table in [target.staging(), target.current()] {
        let schema = serde_json::json!({"schema": table.schema()});
        let create = render("landing/create_schema.sql", schema)?;
        target.publisher.run(&table, &create).await?;
    }
    for (table, template) in [
        (target.staging(), "staging/create.sql"),
        (target.names.rejects(), "staging/create_rejects.sql"),
        (target.current(), "marts/create_current.sql"),
        (target.history(), "marts/create_history.sql"),
    ] {
        let create = render(template, &context)?;
        target.publisher.run(&table, &create).await?;
    }

    Ok(())
}
