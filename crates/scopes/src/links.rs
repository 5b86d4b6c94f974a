//! Equalities that lead from a leaf to the carrier of a scope.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sqlparser::ast::Expr;

use crate::expression::{Single, equality, is_made_of, without_parentheses};
use crate::joins::{Joins, ids, null_supplied};
use crate::node::{Block, JoinKind, Leaf, LeafId, Node, SubqueryKind, Tree};

/// A change of rows of `from`'s leaf reaches the scope by rows of `to`'s leaf that have the same value.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) from: Single,
    pub(crate) to: Single,
}

/// The links in use: for each leaf but the carrier, the one that leads towards it.
pub(crate) type Paths = BTreeMap<LeafId, Link>;

/// All links of a block.
pub(crate) fn links(block: &Block, joins: &Joins) -> Vec<Link> {
    let mut found = Found::default();
    found.of_block(block, joins, &BTreeSet::new());

    found.links
}

#[derive(Default)]
struct Found {
    links: Vec<Link>,
}

impl Found {
    /// `above` are leaves of the queries around that outer joins there fill with nulls.
    fn of_block(&mut self, block: &Block, joins: &Joins, above: &BTreeSet<LeafId>) {
        let here = joins.tree.as_ref().map(ids).unwrap_or_default();
        let mut nulls = joins.null_supplied.clone();
        nulls.extend(above);
        for condition in &block.conditions {
            self.of_condition(condition, &here, &nulls);
        }
        for join in joins.tree.iter().flat_map(Tree::joins) {
            let mut below = null_supplied(&join.left);
            below.extend(null_supplied(&join.right));
            below.extend(above);
            let start = match join.kind {
                JoinKind::Left => ids(&join.right),
                JoinKind::Full => BTreeSet::new(),
                JoinKind::Inner | JoinKind::Cross => here.clone(),
            };
            for condition in &join.on {
                self.of_condition(condition, &start, &below);
            }
        }
        self.of_subqueries(block, &nulls);
    }

    /// An equality leads out of the leaves in `start`. A side that makes a value of null is none over a leaf in `nulls`.
    fn of_condition(
        &mut self,
        condition: &Expr,
        start: &BTreeSet<LeafId>,
        nulls: &BTreeSet<LeafId>,
    ) {
        let Some((left, right)) = equality(condition) else {
            return;
        };
        let hides = |side: &Single| !side.is_strict() && nulls.contains(&side.leaf);
        if left.leaf == right.leaf || hides(&left) || hides(&right) {
            return;
        }
        for (from, to) in [(&left, &right), (&right, &left)] {
            if start.contains(&from.leaf) {
                self.links.push(Link {
                    from: from.clone(),
                    to: to.clone(),
                });
            }
        }
    }

    fn of_subqueries(&mut self, block: &Block, nulls: &BTreeSet<LeafId>) {
        for (node, kind) in subqueries(block) {
            let Node::Block(inner) = node else {
                continue;
            };
            let joins = Joins::of(inner, &BTreeSet::new());
            self.of_block(inner, &joins, nulls);
            if let Some(SubqueryKind::In { linked: Some(left) }) = kind {
                self.of_in(left, inner, &joins, nulls);
            }
        }
    }

    /// `x in (select y …)` links y to x.
    fn of_in(&mut self, left: &Expr, inner: &Block, joins: &Joins, nulls: &BTreeSet<LeafId>) {
        let (Some(to), Some(from)) = (Single::of(left), only_item(inner)) else {
            return;
        };
        let here = joins.tree.as_ref().map(ids).unwrap_or_default();
        let is_grouped = inner.grouping.is_some() && !is_group_key(inner, &from.expr);
        let is_hidden = joins.null_supplied.contains(&from.leaf)
            || (!to.is_strict() && nulls.contains(&to.leaf));
        if here.contains(&from.leaf) && !is_grouped && !is_hidden && inner.limit.is_none() {
            self.links.push(Link { from, to });
        }
    }
}

/// The only item of a subquery.
fn only_item(block: &Block) -> Option<Single> {
    match block.items.as_slice() {
        [item] => Single::of(&item.expr),
        _ => None,
    }
}

/// The queries below a block whose rows it may read for each of its own: subqueries in expressions, and lateral ones.
pub(crate) fn subqueries(block: &Block) -> Vec<(&Node, Option<&SubqueryKind>)> {
    let lateral = block
        .leaves()
        .into_iter()
        .filter_map(|leaf| match &leaf.source {
            crate::node::Source::Lateral(node) => Some((node, None)),
            _ => None,
        });

    block
        .subqueries
        .iter()
        .map(|subquery| (&subquery.node, Some(&subquery.kind)))
        .chain(lateral)
        .collect()
}

/// The leaves of the subqueries below a block, at any depth.
pub(crate) fn leaves_of_subqueries(block: &Block) -> Vec<&Leaf> {
    let mut all = Vec::new();
    for (node, _) in subqueries(block) {
        all.extend(leaves_of(node));
    }
    all
}

/// The leaves of a query and of its subqueries; those inside of derived tables are theirs.
pub(crate) fn leaves_of(node: &Node) -> Vec<&Leaf> {
    match node {
        Node::Block(block) => {
            let mut all = block.leaves();
            all.extend(leaves_of_subqueries(block));
            all
        }
        Node::Set(set) => {
            let mut all = leaves_of(&set.left);
            all.extend(leaves_of(&set.right));
            all
        }
        Node::Table(_) | Node::Values(_) => Vec::new(),
    }
}

/// Whether every grouping set has this expression, or all that it is made of.
pub(crate) fn is_group_key(block: &Block, expr: &Expr) -> bool {
    let Some(grouping) = &block.grouping else {
        return true;
    };
    grouping.sets.iter().all(|set| {
        is_made_of(expr, &|part| {
            set.iter().any(|key| without_parentheses(key) == part)
        })
    })
}

/// One tree of links with the carrier as its root. A link whose column is a scope of its leaf is preferred.
pub(crate) fn paths(
    carrier: LeafId,
    links: &[Link],
    leaves: &BTreeSet<LeafId>,
    is_scope: &dyn Fn(&Single) -> bool,
) -> Paths {
    let mut paths = Paths::new();
    let mut todo = VecDeque::from([carrier]);
    while let Some(at) = todo.pop_front() {
        for link in links.iter().filter(|link| link.to.leaf == at) {
            let leaf = link.from.leaf;
            if leaf == carrier || paths.contains_key(&leaf) || !leaves.contains(&leaf) {
                continue;
            }
            let best = links
                .iter()
                .filter(|other| other.from.leaf == leaf && other.to.leaf == at)
                .find(|other| is_scope(&other.from))
                .unwrap_or(link);
            paths.insert(leaf, best.clone());
            todo.push_back(leaf);
        }
    }

    paths
}
