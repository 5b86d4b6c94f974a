//! One refresh of a model: its query over two states of its tables, and whether the affected scopes explain all that differs.

use std::collections::{BTreeMap, BTreeSet};

use icefront_queries::{Case, Row, Table};
use icefront_scopes::{
    Affected, Catalog, Column, Images, InputId, Model, Moment, Reason, Refresh, Relation,
    RelationKind,
};

use crate::trino::{Rows, query};

pub(crate) struct Trial {
    pub(crate) sql: String,
    /// The columns of the result that are to be the scope.
    pub(crate) scope: Vec<String>,
    pub(crate) output: Vec<Column>,
    pub(crate) tables: Vec<Table>,
    /// The dates of the two refreshes.
    pub(crate) dates: [&'static str; 2],
}

/// A scope's values as text.
pub(crate) type Scopes = BTreeSet<String>;

pub(crate) enum Outcome {
    /// No scope, or not with what changed.
    Full(Reason),
    /// Trino does not have this query.
    Refused(String),
    Incremental(Found),
}

pub(crate) struct Found {
    /// The scopes whose rows differ between the two states.
    pub(crate) differing: Scopes,
    pub(crate) affected: Scopes,
    /// Whether the recomputed rows are those of the affected scopes in the new state.
    pub(crate) is_recomputed: bool,
    /// The queries of the analysis, for the message of a failed test.
    pub(crate) story: String,
}

impl Found {
    pub(crate) fn is_right(&self) -> bool {
        self.differing.is_subset(&self.affected) && self.is_recomputed
    }
}

pub(crate) fn column(name: &str, data_type: &str) -> Column {
    Column {
        name: name.into(),
        data_type: data_type.into(),
    }
}

/// The columns of a table as the analysis names them.
pub(crate) fn known(columns: &[icefront_queries::Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|of| column(&of.name, &of.data_type))
        .collect()
}

impl Trial {
    /// A trial without a scope.
    pub(crate) fn of(case: Case) -> Self {
        Self {
            sql: case.sql,
            scope: Vec::new(),
            output: case
                .output
                .iter()
                .map(|name| column(name, "integer"))
                .collect(),
            tables: case.tables,
            dates: case.dates,
        }
    }

    pub(crate) fn model(&self) -> Result<Model, Reason> {
        let relations = self.tables.iter().map(|table| Relation {
            name: vec!["lake".into(), "marts".into(), table.name.clone()],
            columns: known(&table.columns),
            kind: RelationKind::Table,
        });

        Model::analyse(
            &self.sql,
            &Catalog::new("lake", "marts", relations.collect()),
            &self.scope,
            &self.output,
        )
    }

    pub(crate) async fn run(&self) -> Outcome {
        let model = match self.model() {
            Ok(model) => model,
            Err(reason) => return Outcome::Full(reason),
        };
        let moments = self
            .dates
            .map(|date| Moment::parse(&format!("{date} 00:00:00.000")).expect("a moment"));
        let old = |input: InputId| rows(&self.tables[input], &self.tables[input].old);
        let new = |input: InputId| rows(&self.tables[input], &self.tables[input].new);
        let images = |input: InputId| {
            let table = &self.tables[input];
            (sorted(&table.old) != sorted(&table.new)).then(|| Images {
                went: format!(
                    "select * from {} except all select * from {}",
                    old(input),
                    new(input)
                ),
                came: format!(
                    "select * from {} except all select * from {}",
                    new(input),
                    old(input)
                ),
            })
        };
        let refresh = Refresh {
            table: &new,
            table_before: &old,
            images: &images,
            last: &moments[0],
            now: &moments[1],
        };
        let affected = match model.affected(&refresh) {
            Ok(affected) => affected,
            Err(reason) => return Outcome::Full(reason),
        };
        match self.is_same(&affected).await {
            Ok(true) => {}
            Ok(false) => return Outcome::Full(Reason::NotLinkedSubquery),
            Err(message) => return Outcome::Refused(message),
        }
        let (old_rows, new_rows) = match futures::try_join!(
            run(self.stored(&model.query().at(&old, &moments[0]))),
            run(self.stored(&model.query().at(&new, &moments[1])))
        ) {
            Ok(rows) => rows,
            Err(message) => return Outcome::Refused(message),
        };

        match self
            .found(&model, &refresh, &affected, &old_rows, &new_rows)
            .await
        {
            Ok(found) => Outcome::Incremental(found),
            Err(message) => Outcome::Refused(message),
        }
    }

    /// The rows of a query of the analysis. Trino may refuse it where it takes the model: it has limits that depend on the plan. A
    /// refresh is then full. Any other fault is one of the analysis.
    async fn answer(&self, sql: &str) -> Result<Rows, String> {
        let answer = query(sql).await;
        if let Err(message) = &answer
            && !message.contains("Given correlated subquery is not supported")
            && !message.contains("Number of stages in the query")
        {
            panic!("{message}\n{}\n{sql}", self.sql);
        }
        answer
    }

    /// Whether the subqueries that nothing links have their old result.
    async fn is_same(&self, affected: &Affected) -> Result<bool, String> {
        let Some(is_same) = &affected.is_same else {
            return Ok(true);
        };
        let rows = self.answer(is_same).await?;

        Ok(rows[0][0].as_bool().expect("a boolean"))
    }

    /// A query whose rows are as the model's table stores them.
    fn stored(&self, sql: &str) -> String {
        let names: Vec<_> = self
            .output
            .iter()
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        let cast: Vec<_> = self
            .output
            .iter()
            .zip(&names)
            .map(|(column, name)| format!("cast({name} as {})", column.data_type))
            .collect();

        format!(
            "select {} from ({sql}) as result ({})",
            cast.join(", "),
            names.join(", ")
        )
    }

    async fn found(
        &self,
        model: &Model,
        refresh: &Refresh<'_>,
        affected: &Affected,
        before: &Rows,
        after: &Rows,
    ) -> Result<Found, String> {
        let scope: Vec<_> = model
            .scope()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let at: Vec<_> = scope
            .iter()
            .map(|name| {
                self.output
                    .iter()
                    .position(|known| known.name == *name)
                    .expect("a column")
            })
            .collect();
        let (old, new) = (by_scope(before, &at), by_scope(after, &at));
        let differing = old
            .keys()
            .chain(new.keys())
            .filter(|key| old.get(*key) != new.get(*key))
            .cloned()
            .collect();
        let mut with_null = false;
        let (mut scopes, mut recomputed, mut story) =
            (Scopes::new(), BTreeMap::new(), String::new());
        if let Some(sql) = &affected.scopes {
            let all: Vec<_> = (0..at.len()).collect();
            let found = self.answer(sql).await?;
            let columns = model
                .scope()
                .into_iter()
                .map(|of| icefront_queries::Column::new(&of.name, &of.data_type))
                .collect();
            let table = Table {
                name: String::new(),
                columns,
                old: Vec::new(),
                new: Vec::new(),
            };
            let text = |row: &Vec<serde_json::Value>| row.iter().map(literal).collect::<Row>();
            let stored = rows(&table, &found.iter().map(text).collect::<Vec<_>>());
            scopes = by_scope(&found, &all).into_keys().collect();
            with_null = scopes.iter().any(|scope| has_null(scope));
            let again = self.stored(
                &model
                    .recomputed(refresh, &stored, with_null)
                    .expect("it was analysed"),
            );
            story = format!("affected: {sql}\n  recomputed: {again}");
            recomputed = by_scope(&self.answer(&again).await?, &at);
        }
        // With one of them, all scopes with a null are computed again.
        let is_wanted = |scope: &String| scopes.contains(scope) || (with_null && has_null(scope));
        let wanted: BTreeMap<_, _> = new
            .clone()
            .into_iter()
            .filter(|(scope, _)| is_wanted(scope))
            .collect();
        recomputed.retain(|scope, _| is_wanted(scope));

        Ok(Found {
            differing,
            affected: scopes,
            is_recomputed: recomputed == wanted,
            story,
        })
    }
}

/// Rows of a table as something to select from.
fn rows(table: &Table, rows: &[Row]) -> String {
    let names: Vec<_> = (0..table.columns.len())
        .map(|at| format!("c{at}"))
        .collect();
    let cast: Vec<_> = table
        .columns
        .iter()
        .zip(&names)
        .map(|(column, name)| {
            format!(
                "cast({name} as {}) as \"{}\"",
                column.data_type, column.name
            )
        })
        .collect();
    let nulls = vec!["null"; table.columns.len()].join(", ");
    let values: Vec<_> = rows
        .iter()
        .map(|row| format!("({})", row.join(", ")))
        .collect();
    let (values, filter) = if rows.is_empty() {
        (format!("({nulls})"), " where false")
    } else {
        (values.join(", "), "")
    };

    format!(
        "(select {} from (values {values}) as v ({}){filter})",
        cast.join(", "),
        names.join(", ")
    )
}

/// A value of an answer as SQL. Decimals and times come as texts.
fn literal(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), |text| format!("'{text}'"))
}

fn has_null(scope: &str) -> bool {
    scope.split(", ").any(|value| value == "null")
}

async fn run(sql: String) -> Result<Rows, String> {
    query(&sql).await
}

fn sorted(rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows
}

/// The rows of each scope, as a multiset.
fn by_scope(rows: &Rows, at: &[usize]) -> BTreeMap<String, Vec<String>> {
    let mut scopes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let scope: Vec<_> = at.iter().map(|at| row[*at].to_string()).collect();
        scopes
            .entry(scope.join(", "))
            .or_default()
            .push(serde_json::Value::from(row.clone()).to_string());
    }
    for rows in scopes.values_mut() {
        rows.sort();
    }
    scopes
}
