//! The tables that a query names, wherever they stand in it: also where a condition excludes all their rows.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, ObjectNamePart, Query, SetExpr, TableFactor, Visit, Visitor};

use crate::parse::parse;
use crate::reason::{Reason, Result};

/// The names of the tables that a query names, each with its parts. A name of one part is that of a CTE: Icefront's sessions have no
/// schema of their own.
///
/// # Errors
///
/// The query has a part that is not understood, so that it may read more.
pub fn tables_named(sql: &str) -> Result<Vec<Vec<String>>> {
    let query = parse(sql)?;
    let mut named = Named::default();

    match query.visit(&mut named) {
        ControlFlow::Continue(()) => Ok(named.tables),
        ControlFlow::Break(reason) => Err(reason),
    }
}

#[derive(Default)]
struct Named {
    tables: Vec<Vec<String>>,
}

impl Visitor for Named {
    type Break = Reason;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Reason> {
        if is_of_selects(&query.body) {
            return ControlFlow::Continue(());
        }

        not_known(&query.body.to_string())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Reason> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            other => not_known(&other.to_string()),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Reason> {
        let parts = name.0.iter().map(|part| match part {
            ObjectNamePart::Identifier(part) => Some(part.value.clone()),
            ObjectNamePart::Function(_) => None,
        });
        match parts.collect::<Option<Vec<String>>>() {
            Some(parts) => {
                if parts.len() > 1 {
                    self.tables.push(parts);
                }
                ControlFlow::Continue(())
            }
            None => not_known(&name.to_string()),
        }
    }
}

fn is_of_selects(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_of_selects(left) && is_of_selects(right),
        _ => false,
    }
}

fn not_known(what: &str) -> ControlFlow<Reason> {
    ControlFlow::Break(Reason::Unsupported(format!("`{what}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_wherever_it_stands() {
        for (sql, tables) in [
            ("select 1 as a", ""),
            ("select * from a.b.c where 1 = 2", "a.b.c"),
            (
                "select (select max(x) from b.\"C\") as y from a.b.c limit 0",
                "a.b.c b.C",
            ),
            (
                "with t as (select 1 as x from a.b.d) select * from t where exists (select 1 from a.b.c)",
                "a.b.d a.b.c",
            ),
            (
                "select x from a.b.c union all (select x from a.b.d order by (select 1 from a.b.e))",
                "a.b.c a.b.d a.b.e",
            ),
            (
                "select count(*) filter (where x in (select x from a.b.e)) as n from a.b.c cross join lateral (select 1 from a.b.d) t",
                "a.b.e a.b.c a.b.d",
            ),
        ] {
            let mut found: Vec<String> = tables_named(sql)
                .expect(sql)
                .iter()
                .map(|parts| parts.join("."))
                .collect();
            let mut tables: Vec<&str> = tables.split_whitespace().collect();
            found.sort();
            tables.sort_unstable();
            assert_eq!(found, tables, "{sql}");
        }
    }

    #[test]
    fn what_may_read_more_is_not_understood() {
        for sql in [
            "table a.b.c",
            "select * from (table a.b.c) t",
            "select * from table(system.query(query => 'select 1'))",
            "select 1; select 2",
            "delete from a.b.c",
            "select from from from",
        ] {
            assert!(tables_named(sql).is_err(), "{sql}");
        }
    }
}
