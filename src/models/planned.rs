//! What the next refresh of a model would send, as far as that is known before it.

use std::collections::BTreeSet;

use icefront_scopes::Column;

use super::changed_rows::named;
use super::incremental::is_same_sql;
use super::refresh::{Changes, NotIncremental, Refresh, Refreshing, Way};
use super::scopes::MOST_LISTED;
use crate::error::Result;
use crate::pipeline::Names;
use crate::publish::Planned;
use crate::sql::TableName;

/// A refresh that is not made.
#[derive(Debug)]
pub struct PlannedRefresh {
    /// Why the table or view is made anew, whatever changes until then; `None` if it is not.
    pub rebuild: Option<String>,
    /// In the order in which they would be sent, without those of tests.
    pub statements: Vec<Planned>,
    /// The model's own table or view.
    pub table: TableName,
}

/// Why the next refresh makes a model's table or view anew, whatever changes until then; `None` if it does not.
///
/// # Errors
///
/// [`crate::error::Error::ModelBroken`] if something that it reads is not there.
pub async fn whole_because(model: Refreshing<'_>) -> Result<Option<String>> {
    let refresh = Refresh::observe(model).await?;

    Ok(refresh.whole_because())
}

/// Tells what the next refresh would send. `expected` are tables that the run changes before it.
///
/// # Errors
///
/// [`crate::error::Error::ModelBroken`] if something that it reads is not there, or if it would be refused.
pub async fn planned(
    model: Refreshing<'_>,
    expected: &BTreeSet<TableName>,
) -> Result<PlannedRefresh> {
    let mut refresh = Refresh::observe(model).await?;
    let rebuild = refresh.whole_because();
    let mut statements = match refresh.way(expected).await? {
        Way::View if rebuild.is_none() => Vec::new(),
        Way::View => vec![Planned::once(&refresh.table, refresh.view_sql()?)],
        Way::Nothing(_) => Vec::new(),
        Way::Whole(_) => refresh.planned_whole().await?,
        Way::Scopes(changes) => match refresh.planned_scopes(&changes).await {
            Ok(statements) => statements,
            Err(not) => {
                refresh.whole_instead(not)?;
                refresh.planned_whole().await?
            }
        },
    };
    let inputs = refresh.present.inputs.keys();
    let changing: Vec<String> = inputs
        .filter(|table| expected.contains(*table))
        .map(|table| format!("`{table}`"))
        .collect();
    if !changing.is_empty() {
        for statement in &mut statements {
            let before = format!(
                "the run may change {} before it, and then it reads their later snapshots and batches",
                changing.join(" and ")
            );
            statement.detail = Some(match statement.detail.take() {
                None => before,
                Some(own) => format!("{before}; {own}"),
            });
        }
    }

    Ok(PlannedRefresh {
        rebuild,
        statements,
        table: refresh.table,
    })
}

impl Refresh<'_> {
    /// The statements of a full refresh.
    async fn planned_whole(&mut self) -> Result<Vec<Planned>> {
        let Refreshing {
            as_of,
            snapshots,
            publisher,
            ..
        } = self.model;
        let reading = self.present.latest(as_of, snapshots, publisher).await?;
        let analysis = self.analysis().await?;
        let query = self.query_at(&analysis, &reading)?;
        let build = Names::build(&self.table);
        let was_view = self
            .state
            .made_of
            .as_ref()
            .is_some_and(|made_of| made_of["configuration"]["materialized"] == "view");
        let is_by_name = !self.has_its_place() || was_view;

        Ok(vec![
            Planned::once(&build, self.build_sql(&query)?),
            Planned::once(&self.table, self.publish_sql(is_by_name)?),
        ])
    }

    /// The statements of a refresh of scopes. Which scopes, is known only in the run.
    async fn planned_scopes(&mut self, changes: &Changes) -> Result<Vec<Planned>, NotIncremental> {
        let prepared = self.prepare(changes).await?;
        let affected = prepared.affected()?;
        let mut planned = Vec::new();
        if let Some(is_same) = &affected.is_same {
            let detail = "if the result is another one, the whole table is computed";
            planned
                .push(Planned::reading(is_same_sql(is_same)?).with_detail(Some(detail.to_owned())));
        }
        let Some(affected) = &affected.scopes else {
            return Ok(planned);
        };
        let scope: Vec<Column> = prepared.model()?.scope().into_iter().cloned().collect();
        let find = self.affected_sql("models/affected.sql", &named(&scope), affected)?;
        planned.push(Planned::reading(find));
        let scopes = self.kept_scopes()?;
        let recomputed = prepared.recomputed(&scopes)?;
        let differences = self.differences_sql(&scope, &scopes, &recomputed)?;
        let detail = format!(
            "up to {MOST_LISTED} scopes stand in it as a list, in place of `{}`; without a scope, nothing more is sent",
            Names::scopes(&self.table)
        );
        planned.push(
            Planned::once(&Names::changes(&self.table), differences).with_detail(Some(detail)),
        );
        let never_null = vec![false; self.key_columns()?.len()];
        let detail = "if a key column has nulls, the statement compares them too; it is sent only if a row differs";
        planned.push(
            Planned::once(&self.table, self.merge_sql(&never_null)?)
                .with_detail(Some(detail.to_owned())),
        );

        Ok(planned)
    }
}
