//! Which columns of a result would be the same if the query were asked again over the same rows.
//!
//! An aggregate such as `any_value` takes whichever row comes first. Window functions with ties do so as well, but mostly their order
//! has no ties, so they count as reproducible.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, FunctionArgumentClause, FunctionArguments, Visit, Visitor};

use crate::expression::Facts;
use crate::functions::{self, Kind};
use crate::node::{Block, ColumnRef, LeafId, Node, Source, SubqueryKind};

/// The positions of columns that may differ; `None` if they decide which rows there are.
pub(crate) fn not_reproducible_columns(node: &Node) -> Option<BTreeSet<usize>> {
    match node {
        Node::Table(_) | Node::Values(_) => Some(BTreeSet::new()),
        Node::Set(set) => {
            let mut loose = not_reproducible_columns(&set.left)?;
            loose.extend(not_reproducible_columns(&set.right)?);
            let keeps_all = set.operator.eq_ignore_ascii_case("union all");

            (keeps_all || loose.is_empty()).then_some(loose)
        }
        Node::Block(block) => of_block(block),
    }
}

fn of_block(block: &Block) -> Option<BTreeSet<usize>> {
    let mut known = Known::default();
    for leaf in block.leaves() {
        if let Source::Node(node) | Source::Lateral(node) = &leaf.source {
            for position in not_reproducible_columns(node)? {
                let name = leaf.columns.get(position)?.clone();
                known.columns.entry(leaf.id).or_default().insert(name);
            }
        }
    }
    for subquery in &block.subqueries {
        let loose = not_reproducible_columns(&subquery.node)?;
        let is_read = !matches!(subquery.kind, SubqueryKind::Exists { .. });
        if is_read && !loose.is_empty() {
            known.subqueries.insert(subquery.mark);
        }
    }
    let mut within = block
        .subqueries
        .iter()
        .flat_map(|subquery| subquery.node.blocks())
        .flat_map(Block::expressions);
    if within.any(|expr| known.is_loose(expr)) {
        return None;
    }
    let loose: BTreeSet<usize> = block
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| known.is_loose(&item.expr))
        .map(|(position, _)| position)
        .collect();
    let of_items = block.items.iter().filter(|item| known.is_loose(&item.expr));
    // Those of the items are among all expressions.
    let all = block.expressions().into_iter();
    let decides = all.filter(|expr| known.is_loose(expr)).count() > of_items.count();

    (!decides && (loose.is_empty() || !block.is_distinct)).then_some(loose)
}

/// What of a block's inputs may differ.
#[derive(Default)]
struct Known {
    columns: BTreeMap<LeafId, BTreeSet<String>>,
    subqueries: BTreeSet<usize>,
}

impl Known {
    fn is_loose(&self, expr: &Expr) -> bool {
        let facts = Facts::of(expr);
        let is_loose = |ColumnRef { leaf, name }: &ColumnRef| {
            let columns = self.columns.get(leaf);
            columns.is_some_and(|columns| columns.contains(name))
        };
        let mut loose = Loose(false);
        let _: ControlFlow<()> = expr.visit(&mut loose);

        loose.0
            || facts.columns.iter().any(is_loose)
            || facts
                .subqueries
                .iter()
                .any(|mark| self.subqueries.contains(mark))
    }
}

/// Whether an expression has a window function whose result depends on the order of rows that tie.
pub(crate) fn has_loose_window(expr: &Expr) -> bool {
    let mut found = LooseWindow(false);
    let _: ControlFlow<()> = expr.visit(&mut found);

    found.0
}

struct LooseWindow(bool);

impl Visitor for LooseWindow {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.0 |= functions::kind(&function.name.to_string()) == Some(Kind::LooseWindow);
        }

        ControlFlow::Continue(())
    }
}

/// Whether an expression has a function whose result depends on the order of rows, or on chance.
struct Loose(bool);

impl Visitor for Loose {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let kind = functions::kind(&function.name.to_string());
            self.0 |= match kind {
                Some(Kind::Random) => true,
                Some(Kind::Loose) => !is_ordered(function),
                _ => false,
            };
        }

        ControlFlow::Continue(())
    }
}

/// `array_agg(x order by y)`, `listagg(x, ',') within group (order by y)`.
fn is_ordered(function: &Function) -> bool {
    let by_argument = match &function.args {
        FunctionArguments::List(list) => list
            .clauses
            .iter()
            .any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))),
        _ => false,
    };

    by_argument || !function.within_group.is_empty()
}
