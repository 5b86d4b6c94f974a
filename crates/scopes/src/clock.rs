//! The time of a refresh, in the place of `current_timestamp` and its kin.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};

use crate::expression::{Facts, Single, conjuncts, parts};
use crate::functions::{self, Kind};
use crate::joins::Joins;
use crate::links::subqueries;
use crate::node::{Block, LeafId, Node};
use crate::reason::{Reason, Result};

/// A moment in UTC, which stands for `now` in one refresh: `2026-03-01 12:30:00.123`. Sessions of Trino must have the time zone UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    text: String,
}

impl Moment {
    /// Reads a date and a time with three digits of the second; nothing if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const SHAPE: &str = "0000-00-00 00:00:00.000";
        let is_right = text.len() == SHAPE.len()
            && text.chars().zip(SHAPE.chars()).all(|(c, shape)| {
                if shape == '0' {
                    c.is_ascii_digit()
                } else {
                    c == shape
                }
            });

        is_right.then(|| Self {
            text: text.to_owned(),
        })
    }

    /// The literal that stands for a function of time, or nothing if it has none.
    pub(crate) fn literal(&self, function: &str) -> Option<String> {
        let date = self.text.get(..10)?;
        match function.to_ascii_lowercase().as_str() {
            "current_date" => Some(format!("date '{date}'")),
            "current_timestamp" | "now" => Some(format!("timestamp '{} UTC'", self.text)),
            "localtimestamp" => Some(format!("timestamp '{}'", self.text)),
            _ => None,
        }
    }
}

/// The parts of a block's expressions, and of its subqueries', that the time decides over. Each is of one leaf's row.
///
/// # Errors
///
/// A part that is not, so that rows which did not change may count otherwise at another time.
pub(crate) fn clocks(block: &Block) -> Result<Vec<Expr>> {
    within(block, &BTreeSet::new())
}

/// `above` are leaves of the queries around that outer joins there fill with nulls.
fn within(block: &Block, above: &BTreeSet<LeafId>) -> Result<Vec<Expr>> {
    let mut nulls = Joins::of(block, &BTreeSet::new()).null_supplied;
    nulls.extend(above);
    let mut all = Vec::new();
    for expr in block.expressions().into_iter().flat_map(conjuncts) {
        all.extend(timed(&expr)?);
    }
    // A set without a column makes it null in a row that no row of a table explains.
    let has_sets = block
        .grouping
        .as_ref()
        .is_some_and(|grouping| grouping.sets.len() > 1);
    for expr in &all {
        let is_strict = Single::of(expr).is_some_and(|single| single.is_strict() && !has_sets);
        if !is_strict
            && (has_sets
                || Facts::of(expr)
                    .only_leaf()
                    .is_none_or(|leaf| nulls.contains(&leaf)))
        {
            return Err(Reason::Clock(expr.to_string()));
        }
    }
    for (node, _) in subqueries(block) {
        match node {
            Node::Block(inner) => all.extend(within(inner, &nulls)?),
            node if uses_clock(node) => {
                return Err(Reason::Clock("a set operation in a subquery".into()));
            }
            _ => {}
        }
    }

    Ok(all)
}

/// The largest parts of an expression that both the time and one row of one leaf decide over.
fn timed(expr: &Expr) -> Result<Vec<Expr>> {
    let facts = Facts::of(expr);
    if !facts.has_clock {
        return Ok(Vec::new());
    }
    if facts.only_leaf().is_some() && facts.is_of_a_row() {
        return Ok(vec![expr.clone()]);
    }
    let parts = parts(expr);
    if facts.columns.is_empty() || parts.is_empty() {
        return Err(Reason::Clock(expr.to_string()));
    }
    let mut all = Vec::new();
    for part in parts {
        all.extend(timed(&part)?);
    }

    Ok(all)
}

/// The names of the functions of time in an expression, in lower case.
pub(crate) fn functions_of_time(expr: &Expr) -> Vec<String> {
    let mut found = FunctionsOfTime(Vec::new());
    let _: ControlFlow<()> = expr.visit(&mut found);

    found.0
}

struct FunctionsOfTime(Vec<String>);

impl Visitor for FunctionsOfTime {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.to_string().to_lowercase();
            if functions::kind(&name) == Some(Kind::Clock) {
                self.0.push(name);
            }
        }

        ControlFlow::Continue(())
    }
}

/// Those of one leaf.
pub(crate) fn clocks_of(clocks: &[Expr], leaf: LeafId) -> Vec<Expr> {
    clocks
        .iter()
        .filter(|expr| Facts::of(expr).only_leaf() == Some(leaf))
        .cloned()
        .collect()
}

pub(crate) fn uses_clock(node: &Node) -> bool {
    node.blocks().iter().any(|block| {
        block
            .expressions()
            .into_iter()
            .any(|expr| Facts::of(expr).has_clock)
    })
}
