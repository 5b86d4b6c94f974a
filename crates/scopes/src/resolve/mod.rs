//! Names each table and column without doubt, and puts CTEs and views where they are used.

mod expressions;
mod from;
mod named_windows;
mod names;
mod select;

use std::rc::Rc;

use sqlparser::ast::{
    Cte, LimitClause, Query, SetExpr, SetOperator, SetQuantifier, Values as ValuesExpr,
};

use crate::catalog::Catalog;
use crate::expression::Facts;
use crate::node::{LeafId, Node, SetOperation, Values};
use crate::parse::parse;
use crate::reason::{Result, unsupported};

use names::{Names, same};

pub(crate) use from::columns;

/// A model that reads more tables than this is not analysed: a CTE counts at each of its uses.
const MOST_LEAVES: usize = 500;

/// Resolves the names of a query over the relations of a catalog.
pub(crate) fn resolve(query: &Query, catalog: &Catalog) -> Result<Node> {
    let mut resolver = Resolver {
        catalog,
        leaves: 0,
        marks: 0,
        depth: 0,
    };

    resolver.query(query, &Environment::default())
}

struct Resolver<'a> {
    catalog: &'a Catalog,
    /// How many leaves and subqueries have a number.
    leaves: usize,
    marks: usize,
    /// How many views are around the query.
    depth: usize,
}

/// What a query may refer to beyond its own FROM.
#[derive(Clone, Default)]
struct Environment<'a> {
    /// The CTEs in sight, the nearest last.
    ctes: Vec<Rc<KnownCte>>,
    /// The columns of the queries around a subquery.
    outer: Option<&'a Names<'a>>,
}

/// A CTE with those that it may use itself.
struct KnownCte {
    name: String,
    columns: Vec<String>,
    query: Query,
    ctes: Vec<Rc<KnownCte>>,
}

impl Resolver<'_> {
    fn query(&mut self, query: &Query, around: &Environment<'_>) -> Result<Node> {
        check_clauses(query)?;
        let mut environment = around.clone();
        if let Some(with) = &query.with {
            if with.recursive {
                return unsupported("a recursive query");
            }
            for cte in &with.cte_tables {
                environment.ctes.push(Rc::new(known(cte, &environment)?));
            }
        }
        let limits = query.limit_clause.is_some() || query.fetch.is_some();
        match &*query.body {
            SetExpr::Select(select) => self.select(select, limits.then_some(query), &environment),
            _ if limits => unsupported("`limit` around more than one `select`"),
            body => self.body(body, &environment),
        }
    }

    fn body(&mut self, body: &SetExpr, environment: &Environment<'_>) -> Result<Node> {
        match body {
            SetExpr::Select(select) => self.select(select, None, environment),
            SetExpr::Query(query) => self.query(query, environment),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                let operator = operator(*op, *set_quantifier)?;
                let left = self.body(left, environment)?;
                let right = self.body(right, environment)?;
                Ok(Node::Set(Box::new(SetOperation {
                    operator,
                    left,
                    right,
                })))
            }
            SetExpr::Values(values) => self.values(values),
            _ => unsupported(format!("`{body}`")),
        }
    }

    fn values(&mut self, values: &ValuesExpr) -> Result<Node> {
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut text = values.clone();
        for expr in text.rows.iter_mut().flat_map(|row| &mut row.content) {
            *expr = self.constant(expr)?;
        }

        Ok(Node::Values(Values {
            text: text.to_string(),
            columns: (0..width).map(|n| format!("?{n}")).collect(),
        }))
    }

    /// An expression without columns, subqueries, time and chance.
    fn constant(&mut self, expr: &sqlparser::ast::Expr) -> Result<sqlparser::ast::Expr> {
        let (resolved, _) = self.expression(
            expr,
            &Names::default(),
            &Environment::default(),
            expressions::Place::Value,
        )?;
        let facts = Facts::of(&resolved);
        if !facts.is_of_a_row() || facts.has_clock {
            return unsupported(format!("`{expr}` in `values`"));
        }

        Ok(resolved)
    }

    fn next_leaf(&mut self) -> Result<LeafId> {
        if self.leaves == MOST_LEAVES {
            return unsupported(format!(
                "a model that reads more than {MOST_LEAVES} tables, views and CTEs counted at each use,"
            ));
        }
        self.leaves += 1;

        Ok(self.leaves - 1)
    }

    /// The query of a view.
    fn view(&mut self, sql: &str) -> Result<Node> {
        if self.depth == 50 {
            return unsupported("more than 50 views that read each other");
        }
        self.depth += 1;
        let node = self.query(&parse(sql)?, &Environment::default());
        self.depth -= 1;

        node
    }
}

fn check_clauses(query: &Query) -> Result<()> {
    if !query.locks.is_empty()
        || query.for_clause.is_some()
        || query.settings.is_some()
        || query.format_clause.is_some()
        || !query.pipe_operators.is_empty()
    {
        return unsupported("a clause that Trino does not have");
    }
    match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty() => {
            unsupported("`limit … by`")
        }
        Some(LimitClause::OffsetCommaLimit { .. }) => unsupported("`limit a, b`"),
        _ => Ok(()),
    }
}

fn known(cte: &Cte, environment: &Environment<'_>) -> Result<KnownCte> {
    if cte.from.is_some() || cte.materialized.is_some() {
        return unsupported(format!("`with {}`", cte.alias));
    }

    Ok(KnownCte {
        name: cte.alias.name.value.clone(),
        columns: names::alias_columns(&cte.alias)?,
        query: (*cte.query).clone(),
        ctes: environment.ctes.clone(),
    })
}

impl Environment<'_> {
    fn cte(&self, name: &str) -> Option<Rc<KnownCte>> {
        self.ctes
            .iter()
            .rev()
            .find(|cte| same(&cte.name, name))
            .cloned()
    }
}

fn operator(op: SetOperator, quantifier: SetQuantifier) -> Result<String> {
    let name = match op {
        SetOperator::Union => "union",
        SetOperator::Intersect => "intersect",
        SetOperator::Except => "except",
        SetOperator::Minus => return unsupported("`minus`"),
    };

    match quantifier {
        SetQuantifier::All => Ok(format!("{name} all")),
        SetQuantifier::None | SetQuantifier::Distinct => Ok(name.to_owned()),
        _ => unsupported("`by name`"),
    }
}
