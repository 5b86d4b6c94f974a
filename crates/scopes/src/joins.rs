//! Outer joins: which of them are inner ones, which leaves they fill with nulls, and which columns are always equal.

use std::collections::BTreeSet;

use sqlparser::ast::Expr;

use crate::expression::{equality, rejected_by};
use crate::node::{Block, ColumnRef, Join, JoinKind, LeafId, Tree};

/// The joins of a block after each outer join whose null rows a condition above rejects became an inner one.
pub(crate) struct Joins {
    pub(crate) tree: Option<Tree>,
    pub(crate) null_supplied: BTreeSet<LeafId>,
}

impl Joins {
    /// `rejected` are further leaves whose null rows do not matter.
    pub(crate) fn of(block: &Block, rejected: &BTreeSet<LeafId>) -> Self {
        let mut rejected = rejected.clone();
        rejected.extend(block.conditions.iter().flat_map(rejected_by));
        let tree = block.from.as_ref().map(|tree| simplified(tree, &rejected));
        let null_supplied = tree.as_ref().map(null_supplied).unwrap_or_default();

        Self {
            tree,
            null_supplied,
        }
    }
}

pub(crate) fn ids(tree: &Tree) -> BTreeSet<LeafId> {
    tree.leaves().into_iter().map(|leaf| leaf.id).collect()
}

/// The leaves that an outer join in the tree fills with nulls.
pub(crate) fn null_supplied(tree: &Tree) -> BTreeSet<LeafId> {
    let Tree::Join(join) = tree else {
        return BTreeSet::new();
    };
    let mut found = null_supplied(&join.left);
    found.extend(null_supplied(&join.right));
    if matches!(join.kind, JoinKind::Left | JoinKind::Full) {
        found.extend(ids(&join.right));
    }
    if join.kind == JoinKind::Full {
        found.extend(ids(&join.left));
    }

    found
}

fn simplified(tree: &Tree, rejected: &BTreeSet<LeafId>) -> Tree {
    let Tree::Join(join) = tree else {
        return tree.clone();
    };
    let rejects = |side: &Tree| !ids(side).is_disjoint(rejected);
    let (rejects_left, rejects_right) = (rejects(&join.left), rejects(&join.right));
    let (kind, is_turned) = match join.kind {
        JoinKind::Full if rejects_left && rejects_right => (JoinKind::Inner, false),
        JoinKind::Full if rejects_left => (JoinKind::Left, false),
        JoinKind::Full if rejects_right => (JoinKind::Left, true),
        JoinKind::Left if rejects_right => (JoinKind::Inner, false),
        kind => (kind, false),
    };
    let (left, right) = if is_turned {
        (&join.right, &join.left)
    } else {
        (&join.left, &join.right)
    };
    let with_on = || {
        let mut all = rejected.clone();
        all.extend(join.on.iter().flat_map(rejected_by));
        all
    };
    let on_alone = || join.on.iter().flat_map(rejected_by).collect();
    let none = BTreeSet::new();
    let (left, right) = match kind {
        JoinKind::Inner | JoinKind::Cross => {
            (simplified(left, &with_on()), simplified(right, &with_on()))
        }
        JoinKind::Left => (simplified(left, rejected), simplified(right, &on_alone())),
        JoinKind::Full => (simplified(left, &none), simplified(right, &none)),
    };

    Tree::Join(Box::new(Join {
        kind,
        left,
        right,
        on: join.on.clone(),
    }))
}

/// Whether two columns have one type.
type SameType<'a> = &'a dyn Fn(&ColumnRef, &ColumnRef) -> bool;

/// Columns that are equal in every row of a block.
#[derive(Default)]
pub(crate) struct Twins {
    classes: Vec<BTreeSet<ColumnRef>>,
}

impl Twins {
    /// Those that an inner equality makes equal. `same_type` says whether two columns have one type: `1.0 = 1` are equal, not the same.
    pub(crate) fn of(block: &Block, joins: &Joins, same_type: SameType<'_>) -> Self {
        let inner = joins
            .tree
            .iter()
            .flat_map(Tree::joins)
            .filter(|join| join.kind == JoinKind::Inner)
            .flat_map(|join| &join.on);
        let mut twins = Self::default();
        for condition in block.conditions.iter().chain(inner) {
            if let Some((left, right)) = plain_equality(condition)
                && !joins.null_supplied.contains(&left.leaf)
                && !joins.null_supplied.contains(&right.leaf)
                && same_type(&left, &right)
            {
                twins.join(left, right);
            }
        }

        twins
    }

    fn join(&mut self, left: ColumnRef, right: ColumnRef) {
        let (mut hit, rest): (Vec<_>, Vec<_>) = self
            .classes
            .drain(..)
            .partition(|class| class.contains(&left) || class.contains(&right));
        let mut merged: BTreeSet<_> = hit.drain(..).flatten().collect();
        merged.extend([left, right]);
        self.classes = rest;
        self.classes.push(merged);
    }

    pub(crate) fn are(&self, left: &ColumnRef, right: &ColumnRef) -> bool {
        left == right
            || self
                .classes
                .iter()
                .any(|class| class.contains(left) && class.contains(right))
    }

    /// The column of a leaf that is always equal to this one.
    pub(crate) fn within(&self, leaf: LeafId, column: &ColumnRef) -> Option<String> {
        if column.leaf == leaf {
            return Some(column.name.clone());
        }
        let class = self.classes.iter().find(|class| class.contains(column))?;

        class
            .iter()
            .find(|twin| twin.leaf == leaf)
            .map(|twin| twin.name.clone())
    }
}

fn plain_equality(condition: &Expr) -> Option<(ColumnRef, ColumnRef)> {
    let (left, right) = equality(condition)?;

    Some((left.plain()?, right.plain()?))
}
