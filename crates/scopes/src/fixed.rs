//! Parts of a block that read none of its rows: subqueries that stand alone, and derived tables of one row.
//!
//! If no equality links a change inside such a part to the scope, the part is compared with what it was. While its result is the same,
//! the change has no effect: the part could as well be a constant.

use std::collections::BTreeSet;

use crate::expression::Facts;
use crate::links::{leaves_of, subqueries};
use crate::node::{Block, LeafId, Node, Source, SubqueryKind};
use crate::print::Printer;

/// A part, and what of its result the block reads.
pub(crate) struct Fixed<'a> {
    node: &'a Node,
    reads: Reads,
}

#[derive(Clone, Copy)]
enum Reads {
    /// `exists (…)`: whether there is a row.
    Existence,
    /// `in (…)`: which values there are.
    Values,
    /// All rows.
    Rows,
}

impl<'a> Fixed<'a> {
    /// The outermost part of a block that has this leaf.
    pub(crate) fn around(block: &'a Block, leaf: LeafId) -> Option<Self> {
        let derived = block.leaves().into_iter().find(|one| one.id == leaf);
        if let Some(derived) = derived {
            return match &derived.source {
                Source::Node(node) if is_one_row(node) => Some(Self {
                    node,
                    reads: Reads::Rows,
                }),
                _ => None,
            };
        }
        let holds = |node: &Node| leaves_of(node).iter().any(|one| one.id == leaf);
        let (node, kind) = subqueries(block)
            .into_iter()
            .find(|(node, _)| holds(node))?;
        let reads = match kind {
            Some(SubqueryKind::Exists { .. }) => Some(Reads::Existence),
            Some(SubqueryKind::In { .. }) => Some(Reads::Values),
            Some(SubqueryKind::Scalar) => Some(Reads::Rows),
            None => None,
        };
        match (reads, node) {
            (Some(reads), node) if stands_alone(node) => Some(Self { node, reads }),
            (_, Node::Block(inner)) => Self::around(inner, leaf),
            _ => None,
        }
    }

    /// A condition without free columns: the block reads the same of this part in both states.
    pub(crate) fn is_same(&self, before: &Printer<'_>, now: &Printer<'_>) -> String {
        let [old, new] = [before, now].map(|printer| printer.node(self.node));
        let without = |operator: &str| {
            format!(
                "not exists (({old}) {operator} ({new})) and not exists (({new}) {operator} ({old}))"
            )
        };
        match self.reads {
            Reads::Existence => format!("(exists ({old})) = (exists ({new}))"),
            Reads::Values => without("except"),
            Reads::Rows => without("except all"),
        }
    }
}

/// Whether all columns in a query are of its own tables.
fn stands_alone(node: &Node) -> bool {
    let blocks = node.blocks();
    let own: BTreeSet<LeafId> = blocks
        .iter()
        .flat_map(|block| block.leaves())
        .map(|leaf| leaf.id)
        .collect();
    let mut expressions = blocks.iter().flat_map(|block| block.expressions());

    expressions.all(|expr| {
        let columns = Facts::of(expr).columns;
        columns.iter().all(|column| own.contains(&column.leaf))
    })
}

/// Whether it is an aggregate of all its rows.
fn is_one_row(node: &Node) -> bool {
    match node {
        Node::Block(block) => block
            .grouping
            .as_ref()
            .is_some_and(|grouping| !grouping.is_written),
        _ => false,
    }
}
