//! Where the columns of a result come from, and which columns decide over its rows.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlparser::ast::Expr;

use crate::catalog::{Catalog, InputId};
use crate::expression::{Facts, plain_column};
use crate::model::Query;
use crate::node::{ColumnRef, Leaf, LeafId, Node, Source, Subquery, SubqueryKind};
use crate::resolve::columns;

/// A column of a table that a query reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputColumn {
    pub input: InputId,
    pub column: String,
}

/// How a value is made from a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// It is the column's value.
    Same,
    /// An expression computes it from the values of a row.
    Computed,
    /// It sums up several rows.
    Aggregated,
}

/// How a column decides which rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Influence {
    Filter,
    Join,
    GroupBy,
    Sort,
}

/// The columns that a value is made from.
pub type Origins = BTreeMap<InputColumn, Made>;

/// What the columns and rows of a result come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Each column of the result, in order.
    pub columns: Vec<(String, Origins)>,
    /// The columns that decide which rows there are.
    pub rows: BTreeSet<(InputColumn, Influence)>,
}

impl Query {
    /// Where its columns come from. Every table and column of the query is known, so this leaves nothing out.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        let trace = Trace::of(&self.node, &self.catalog);
        let names = self.columns().into_iter().enumerate();

        Lineage {
            columns: names
                .map(|(at, name)| (name, trace.of_node(&self.node, at)))
                .collect(),
            rows: trace.rows(&self.node),
        }
    }
}

/// Follows columns from a result to the tables.
struct Trace<'a> {
    catalog: &'a Catalog,
    leaves: HashMap<LeafId, &'a Leaf>,
    subqueries: HashMap<usize, &'a Subquery>,
    known: RefCell<BTreeMap<ColumnRef, Origins>>,
}

impl<'a> Trace<'a> {
    fn of(node: &'a Node, catalog: &'a Catalog) -> Self {
        let blocks = node.blocks();
        let leaves = blocks.iter().flat_map(|block| block.leaves());
        let subqueries = blocks.iter().flat_map(|block| &block.subqueries);

        Self {
            catalog,
            leaves: leaves.map(|leaf| (leaf.id, leaf)).collect(),
            subqueries: subqueries.map(|of| (of.mark, of)).collect(),
            known: RefCell::default(),
        }
    }

    fn of_node(&self, node: &Node, at: usize) -> Origins {
        match node {
            Node::Table(input) => {
                let column = self.catalog.relation(*input).columns.get(at);
                let column = column.map(|column| InputColumn {
                    input: *input,
                    column: column.name.clone(),
                });
                column
                    .map(|column| (column, Made::Same))
                    .into_iter()
                    .collect()
            }
            Node::Values(_) => Origins::new(),
            Node::Block(block) => block
                .items
                .get(at)
                .map(|item| self.of_expression(&item.expr))
                .unwrap_or_default(),
            Node::Set(set) => {
                let mut origins = self.of_node(&set.left, at);
                if takes_rows_of_both(&set.operator) {
                    add(&mut origins, self.of_node(&set.right, at), Made::Same);
                }
                origins
            }
        }
    }

    fn of_expression(&self, expr: &Expr) -> Origins {
        let facts = Facts::of(expr);
        let made = if plain_column(expr).is_some() {
            Made::Same
        } else if facts.has_aggregate {
            Made::Aggregated
        } else {
            Made::Computed
        };
        let mut origins = Origins::new();
        for column in &facts.columns {
            add(&mut origins, self.of_column(column), made);
        }
        for mark in &facts.subqueries {
            let Some(subquery) = self.subqueries.get(mark) else {
                continue;
            };
            if !matches!(subquery.kind, SubqueryKind::Exists { .. }) {
                add(&mut origins, self.of_node(&subquery.node, 0), made);
            }
        }

        origins
    }

    fn of_column(&self, column: &ColumnRef) -> Origins {
        if let Some(known) = self.known.borrow().get(column) {
            return known.clone();
        }
        let origins = self.follow(column);
        self.known
            .borrow_mut()
            .insert(column.clone(), origins.clone());

        origins
    }

    fn follow(&self, column: &ColumnRef) -> Origins {
        let Some(leaf) = self.leaves.get(&column.leaf) else {
            return Origins::new();
        };
        match &leaf.source {
            Source::Unnest(unnest) => {
                let mut origins = Origins::new();
                for array in &unnest.arrays {
                    add(&mut origins, self.of_expression(array), Made::Computed);
                }
                origins
            }
            Source::Node(node) | Source::Lateral(node) => {
                let at = leaf.columns.iter().position(|name| *name == column.name);
                at.map(|at| self.of_node(node, at)).unwrap_or_default()
            }
        }
    }

    /// The columns that decide which rows there are.
    fn rows(&self, node: &Node) -> BTreeSet<(InputColumn, Influence)> {
        let mut rows = BTreeSet::new();
        let mut keep = |expr: &Expr, influence| {
            let origins = self.of_expression(expr).into_keys();
            rows.extend(origins.map(|column| (column, influence)));
        };
        for block in node.blocks() {
            for condition in block.conditions.iter().chain(&block.having) {
                keep(condition, Influence::Filter);
            }
            for condition in block.joins().into_iter().flat_map(|join| &join.on) {
                keep(condition, Influence::Join);
            }
            for key in block
                .grouping
                .iter()
                .flat_map(|of| of.sets.iter().flatten())
            {
                keep(key, Influence::GroupBy);
            }
            for by in block.limit.iter().flat_map(|limit| &limit.order) {
                keep(&by.expr, Influence::Sort);
            }
        }
        node.walk(&mut |node| {
            if let Node::Set(set) = node
                && !takes_rows_of_both(&set.operator)
            {
                for at in 0..columns(&set.right, self.catalog).len() {
                    let origins = self.of_node(&set.right, at).into_keys();
                    rows.extend(origins.map(|column| (column, Influence::Filter)));
                }
            }
        });

        rows
    }
}

/// Adds origins; a value that passes another expression is made by the stronger one of both.
fn add(origins: &mut Origins, more: Origins, made: Made) {
    for (column, before) in more {
        let made = before.max(made);
        let known = origins.entry(column).or_insert(made);
        *known = made.max(*known);
    }
}

fn takes_rows_of_both(operator: &str) -> bool {
    operator.to_lowercase().starts_with("union")
}
