//! Leaves out columns of derived tables that nothing reads, so that they do not decide how a model can be refreshed.
//!
//! An order's age in days, `date_diff('day', ordered_on, current_date)`, changes each day. A sum of revenue by month over the same
//! view does not read it.

use std::collections::BTreeSet;

use crate::expression::{Facts, plain_column};
use crate::node::{Block, ColumnRef, Leaf, Node, Source, Tree};

/// Leaves out what nothing reads, until nothing is left to leave out.
pub(crate) fn prune(node: &mut Node) {
    loop {
        let read: BTreeSet<ColumnRef> = node
            .blocks()
            .iter()
            .flat_map(|block| block.expressions())
            .flat_map(|expr| Facts::of(expr).columns)
            .collect();
        if !prune_below(node, &read) {
            return;
        }
    }
}

/// Whether something was left out in the derived tables of a query.
fn prune_below(node: &mut Node, read: &BTreeSet<ColumnRef>) -> bool {
    match node {
        Node::Table(_) | Node::Values(_) => false,
        Node::Set(set) => prune_below(&mut set.left, read) | prune_below(&mut set.right, read),
        Node::Block(block) => {
            let Block {
                from, subqueries, ..
            } = &mut **block;
            let mut has_pruned = false;
            if let Some(tree) = from {
                prune_tree(tree, read, &mut has_pruned);
            }
            for subquery in subqueries {
                has_pruned |= prune_below(&mut subquery.node, read);
            }
            has_pruned
        }
    }
}

fn prune_tree(tree: &mut Tree, read: &BTreeSet<ColumnRef>, has_pruned: &mut bool) {
    match tree {
        Tree::Join(join) => {
            prune_tree(&mut join.left, read, has_pruned);
            prune_tree(&mut join.right, read, has_pruned);
        }
        Tree::Leaf(leaf) => *has_pruned |= prune_leaf(leaf, read),
    }
}

fn prune_leaf(leaf: &mut Leaf, read: &BTreeSet<ColumnRef>) -> bool {
    let id = leaf.id;
    let (Source::Node(node) | Source::Lateral(node)) = &mut leaf.source else {
        return false;
    };
    let mut has_pruned = false;
    if keeps_rows(node) {
        let is_read = |name: &String| {
            read.contains(&ColumnRef {
                leaf: id,
                name: name.clone(),
            })
        };
        let mut kept: Vec<bool> = leaf.columns.iter().map(is_read).collect();
        if !kept.contains(&true) {
            // A query needs a column. Which one does not matter.
            let plain = plain_item(node).unwrap_or_default();
            if let Some(first) = kept.get_mut(plain) {
                *first = true;
            }
        }
        if kept.contains(&false) {
            retain(node, &kept);
            let mut at = kept.iter();
            leaf.columns.retain(|_| at.next().copied().unwrap_or(true));
            has_pruned = true;
        }
    }

    prune_below(node, read) | has_pruned
}

/// Whether the columns of a query do not decide which rows there are, and how often.
fn keeps_rows(node: &Node) -> bool {
    match node {
        Node::Table(_) | Node::Values(_) => false,
        Node::Set(set) => {
            set.operator.eq_ignore_ascii_case("union all")
                && keeps_rows(&set.left)
                && keeps_rows(&set.right)
        }
        Node::Block(block) => {
            // An aggregate without GROUP BY makes one row of all. Without the aggregate, each row would stay.
            let is_grouped_by_nothing = block
                .grouping
                .as_ref()
                .is_some_and(|grouping| !grouping.is_written);

            !block.is_distinct && block.limit.is_none() && !is_grouped_by_nothing
        }
    }
}

/// The place of an item that is a column and nothing else.
fn plain_item(node: &Node) -> Option<usize> {
    match node {
        Node::Block(block) => block
            .items
            .iter()
            .position(|item| plain_column(&item.expr).is_some()),
        _ => None,
    }
}

fn retain(node: &mut Node, kept: &[bool]) {
    match node {
        Node::Table(_) | Node::Values(_) => {}
        Node::Set(set) => {
            retain(&mut set.left, kept);
            retain(&mut set.right, kept);
        }
        Node::Block(block) => {
            let mut at = kept.iter();
            block.items.retain(|_| at.next().copied().unwrap_or(true));
            let used: BTreeSet<usize> = block
                .expressions()
                .into_iter()
                .flat_map(|expr| Facts::of(expr).subqueries)
                .collect();
            block
                .subqueries
                .retain(|subquery| used.contains(&subquery.mark));
        }
    }
}
