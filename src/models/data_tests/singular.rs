//! Singular tests: queries of their own, in which the model's name stands for the rows that it is about to have.

use icefront_project::SingularTest;
use icefront_scopes::{Catalog, Column, Query, Relation, RelationKind};

use crate::error::Result;
use crate::models::analysis::columns_of;
use crate::models::inputs::Inputs;
use crate::models::refresh::{Refresh, moment};
use crate::sql::TableName;
use crate::state::ModelColumn;

impl<'a> Refresh<'a> {
    /// The singular tests that are run with this model.
    pub(super) fn singular_tests(&self) -> impl Iterator<Item = &'a SingularTest> {
        let all = self.model.definition.models.singular_tests.iter();

        all.filter(|test| test.model == self.id.name)
    }

    /// The query of a singular test, in which the model's table stands for the rows that it is about to have.
    pub(super) async fn over_new_rows(
        &self,
        test: &SingularTest,
        all_rows: &str,
        columns: &[ModelColumn],
    ) -> Result<String> {
        let inputs = Inputs::of_test(self.model.definition, self.model.names, test);
        let tables: Vec<&TableName> = inputs.tables.iter().map(|read| &read.table).collect();
        let mut known = columns_of(&tables, self.model.publisher).await?;
        for (table, known) in tables.iter().zip(&mut known) {
            if **table == self.table {
                *known = columns.iter().map(column).collect();
            }
        }
        let of_tables = tables.iter().zip(known).map(|(table, columns)| Relation {
            name: table.0.clone(),
            columns,
            kind: RelationKind::Table,
        });
        let of_views = inputs.views.iter().map(|view| Relation {
            name: view.name.0.clone(),
            columns: Vec::new(),
            kind: RelationKind::View {
                sql: view.sql.clone(),
            },
        });
        let session = &self.model.model.relation;
        let catalog = Catalog::new(
            &session.catalog,
            &session.schema,
            of_tables.chain(of_views).collect(),
        );
        let Ok(query) = Query::read(&test.sql, &catalog) else {
            // Icefront cannot read this query, but Trino may. The new rows then replace the name of the model, so the query must give
            // that name an alias.
            let name = self.model.model.relation.to_string();
            return Ok(test.sql.replace(&name, all_rows));
        };
        let rows_of = |input: icefront_scopes::InputId| {
            if *tables[input] == self.table {
                all_rows.to_owned()
            } else {
                tables[input].to_string()
            }
        };

        Ok(query.at(&rows_of, &moment(self.model.as_of)?))
    }
}

fn column(column: &ModelColumn) -> Column {
    Column {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
    }
}
