//! The leaf of a block whose columns are the scope, and the links that lead to it.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::Expr;

use crate::catalog::Catalog;
use crate::data_type::{both, is_same_type};
use crate::expression::{Facts, Single, equality, replace_columns};
use crate::joins::{Joins, Twins, ids, null_supplied};
use crate::links::{Paths, is_group_key, leaves_of_subqueries, links, paths};
use crate::node::{Block, ColumnRef, JoinKind, Leaf, LeafId, Node, Source, Tree, column};
use crate::reason::{Reason, Result};
use crate::scope::{Scope, check_branches, of_items, own, renamed};
use crate::windows::check_windows;

/// The carrier of a scope in a block, with the scope as expressions over it, and the links that lead to it.
pub(crate) struct Carrier<'a> {
    pub(crate) leaf: &'a Leaf,
    pub(crate) scope: Vec<Expr>,
    pub(crate) paths: Paths,
    pub(crate) leaves: BTreeMap<LeafId, &'a Leaf>,
}

/// Finds carriers.
#[derive(Clone, Copy)]
pub(crate) struct Carriers<'a> {
    pub(crate) catalog: &'a Catalog,
}

impl Carriers<'_> {
    /// Whether the columns are a scope of the query: an error says why not. `ignores_null`: a scope with null is not asked for.
    pub(crate) fn check(self, node: &Node, scope: &Scope, ignores_null: bool) -> Result<()> {
        match node {
            Node::Table(_) | Node::Values(_) => Ok(()),
            Node::Set(set) => {
                check_branches(node, scope, self.catalog)?;
                self.check(&set.left, scope, ignores_null)?;
                self.check(
                    &set.right,
                    &renamed(&set.left, &set.right, scope, self.catalog),
                    ignores_null,
                )
            }
            Node::Block(block) => self.of(block, scope, ignores_null).map(|_| ()),
        }
    }

    /// The carrier of a scope, or the two of a full join's key.
    pub(crate) fn of<'b>(
        self,
        block: &'b Block,
        scope: &Scope,
        ignores_null: bool,
    ) -> Result<Vec<Carrier<'b>>> {
        if block.limit.is_some() {
            return Err(Reason::no_scope(
                &scope[0],
                "`limit` chooses among the rows of all scopes",
            ));
        }
        let mut exprs = Vec::new();
        for expr in scope {
            exprs.push(of_items(block, expr));
        }
        if let [only] = exprs.as_slice()
            && let Some(key) = FullJoinKey::in_block(block, only)
        {
            return self.full_join(block, &key, &scope[0]);
        }
        let mut singles = Vec::new();
        for expr in &exprs {
            let single = Single::of(expr).ok_or_else(|| {
                Reason::no_scope(expr, "it is not made of columns of one table alone")
            })?;
            if !is_group_key(block, &single.expr) {
                return Err(Reason::no_scope(
                    expr,
                    "it is not in GROUP BY, or not in every grouping set",
                ));
            }
            singles.push(single);
        }
        let rejected = singles
            .iter()
            .filter(|single| ignores_null && single.is_strict())
            .map(|single| single.leaf)
            .collect();
        let joins = Joins::of(block, &rejected);
        let twins = Twins::of(block, &joins, &|left, right| {
            is_same_type(self.catalog, block, left, right)
        });
        check_windows(block, &singles, &twins)?;

        self.carrier(block, &joins, &twins, &singles)
            .map(|carrier| vec![carrier])
    }

    fn carrier<'b>(
        self,
        block: &'b Block,
        joins: &Joins,
        twins: &Twins,
        singles: &[Single],
    ) -> Result<Carrier<'b>> {
        let mut why = Reason::no_scope(
            &singles[0].expr,
            "its table's rows may be missing in an outer join, or its columns are of two tables",
        );
        for leaf in block.leaves() {
            let Some(scope) = over(leaf.id, singles, twins) else {
                continue;
            };
            if joins.null_supplied.contains(&leaf.id) {
                continue;
            }
            let carrier = match self.rooted(block, joins, leaf, scope, &BTreeSet::new()) {
                Ok(carrier) => carrier,
                Err(reason) => {
                    why = reason;
                    continue;
                }
            };
            return Ok(carrier);
        }

        Err(why)
    }

    /// The tree of links whose root is this leaf.
    fn rooted<'b>(
        self,
        block: &'b Block,
        joins: &Joins,
        leaf: &'b Leaf,
        scope: Vec<Expr>,
        others: &BTreeSet<LeafId>,
    ) -> Result<Carrier<'b>> {
        let Source::Node(node) = &leaf.source else {
            return Err(Reason::no_scope(
                &scope[0],
                "its rows are made of those of another table",
            ));
        };
        self.check(node, &own(leaf, &scope, self.catalog), false)?;
        let mut leaves: BTreeMap<LeafId, &Leaf> = block
            .leaves()
            .into_iter()
            .map(|leaf| (leaf.id, leaf))
            .collect();
        leaves.extend(
            leaves_of_subqueries(block)
                .into_iter()
                .map(|leaf| (leaf.id, leaf)),
        );
        leaves.retain(|id, _| !others.contains(id));
        let walkable = leaves
            .iter()
            .filter(|(_, leaf)| matches!(leaf.source, Source::Node(_)))
            .map(|(id, _)| *id)
            .collect();
        let is_scope = |link: &Single| {
            leaves.get(&link.leaf).is_some_and(|leaf| {
                let columns = own(leaf, std::slice::from_ref(&link.expr), self.catalog);
                matches!(&leaf.source, Source::Node(node) if self.check(node, &columns, true).is_ok())
            })
        };
        let paths = paths(leaf.id, &links(block, joins), &walkable, &is_scope);

        Ok(Carrier {
            leaf,
            scope,
            paths,
            leaves,
        })
    }

    fn full_join<'b>(
        self,
        block: &'b Block,
        key: &FullJoinKey,
        expr: &Expr,
    ) -> Result<Vec<Carrier<'b>>> {
        let joins = Joins::of(block, &BTreeSet::new());
        let Some(Tree::Join(join)) = &joins.tree else {
            return Err(Reason::no_scope(expr, "it is not the key of a full join"));
        };
        let is_key = join.kind == JoinKind::Full
            && join.on.iter().filter_map(equality).any(|(left, right)| {
                let sides = [left.plain(), right.plain()];
                sides == [Some(key.left.clone()), Some(key.right.clone())]
                    || sides == [Some(key.right.clone()), Some(key.left.clone())]
            });
        if !is_key || !is_same_type(self.catalog, block, &key.left, &key.right) {
            return Err(Reason::no_scope(
                expr,
                "it is not the key of a full join of columns of one type",
            ));
        }
        if block
            .expressions()
            .into_iter()
            .any(|expr| Facts::of(expr).has_window)
        {
            return Err(Reason::no_scope(
                expr,
                "a window function stands over a full join",
            ));
        }
        if let Some(grouping) = &block.grouping
            && !grouping.sets.iter().all(|set| {
                set.iter()
                    .any(|one| FullJoinKey::of(one).as_ref() == Some(key))
            })
        {
            return Err(Reason::no_scope(
                expr,
                "it is not in GROUP BY, or not in every grouping set",
            ));
        }
        let sides = [(&join.left, &join.right), (&join.right, &join.left)];
        let mut carriers = Vec::new();
        for (side, other) in sides {
            let own_key = [&key.left, &key.right]
                .into_iter()
                .find(|column| ids(side).contains(&column.leaf))
                .ok_or_else(|| {
                    Reason::no_scope(expr, "its columns are of one side of the full join")
                })?;
            if null_supplied(side).contains(&own_key.leaf) {
                return Err(Reason::no_scope(
                    expr,
                    "its table's rows may be missing in an outer join",
                ));
            }
            let found = block
                .leaves()
                .into_iter()
                .find(|one| one.id == own_key.leaf);
            let found = found.ok_or_else(|| Reason::no_scope(expr, "its table is not in FROM"))?;
            carriers.push(self.rooted(
                block,
                &joins,
                found,
                vec![column(own_key.leaf, &own_key.name)],
                &ids(other),
            )?);
        }

        Ok(carriers)
    }
}

/// The scope over the columns of one leaf, if it has them or their twins.
fn over(leaf: LeafId, singles: &[Single], twins: &Twins) -> Option<Vec<Expr>> {
    singles
        .iter()
        .map(|single| {
            let columns = Facts::of(&single.expr).columns;
            let all = columns
                .iter()
                .map(|known| Some((known.clone(), twins.within(leaf, known)?)));
            let moved: BTreeMap<_, _> = all.collect::<Option<_>>()?;
            Some(replace_columns(&single.expr, &|id, name| {
                let known = ColumnRef {
                    leaf: id,
                    name: name.to_owned(),
                };
                moved.get(&known).map(|twin| column(leaf, twin))
            }))
        })
        .collect()
}

/// The columns of both sides that a full join's key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FullJoinKey {
    left: ColumnRef,
    right: ColumnRef,
}

impl FullJoinKey {
    fn of(expr: &Expr) -> Option<Self> {
        both(expr).map(|[left, right]| Self { left, right })
    }

    /// The key, if the block's FROM has a full join.
    fn in_block(block: &Block, expr: &Expr) -> Option<Self> {
        block
            .joins()
            .iter()
            .any(|join| join.kind == JoinKind::Full)
            .then(|| Self::of(expr))
            .flatten()
    }
}
