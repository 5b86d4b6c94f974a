//! A query after its names are resolved.
//!
//! Tables have the aliases `l0`, `l1`, … in the whole model, and each column is written with one: `l3."status"`. A subquery in an
//! expression is a mark that [`print`](crate::print) replaces.

use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::Span;

use crate::catalog::InputId;

/// The number of a leaf, unique in the model.
pub(crate) type LeafId = usize;

/// A column of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ColumnRef {
    pub(crate) leaf: LeafId,
    pub(crate) name: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Table(InputId),
    Block(Box<Block>),
    Set(Box<SetOperation>),
    /// `values (…), (…)` without columns of tables: it never changes.
    Values(Values),
}

#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) text: String,
    pub(crate) columns: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct SetOperation {
    /// `union all`, `except`, …
    pub(crate) operator: String,
    pub(crate) left: Node,
    pub(crate) right: Node,
}

/// One `select`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) from: Option<Tree>,
    /// The conditions of WHERE that AND joins.
    pub(crate) conditions: Vec<Expr>,
    pub(crate) grouping: Option<Grouping>,
    pub(crate) having: Option<Expr>,
    pub(crate) items: Vec<Item>,
    pub(crate) is_distinct: bool,
    /// Subqueries in expressions.
    pub(crate) subqueries: Vec<Subquery>,
    /// `order by … limit …`, if it limits the rows.
    pub(crate) limit: Option<Limit>,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) expr: Expr,
}

/// The grouping sets; `group by a, b` is one set, an aggregate without GROUP BY is one empty set.
#[derive(Clone, Debug)]
pub(crate) struct Grouping {
    pub(crate) sets: Vec<Vec<Expr>>,
    /// Whether it stands in the query: an aggregate alone groups by nothing.
    pub(crate) is_written: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) order: Vec<sqlparser::ast::OrderByExpr>,
    /// `limit 1`, `offset 2 limit 1`.
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Subquery {
    pub(crate) mark: usize,
    pub(crate) kind: SubqueryKind,
    pub(crate) node: Node,
}

#[derive(Clone, Debug)]
pub(crate) enum SubqueryKind {
    /// The mark stands for `exists (…)`, with or without `not`.
    Exists { negated: bool },
    /// The mark stands for the query behind `in`. It links to what is on the left where that is given: IN is not negated, and stands
    /// in WHERE, alone or under AND and OR.
    In { linked: Option<Box<Expr>> },
    /// The mark stands for the query in parentheses.
    Scalar,
}

/// The FROM of a block.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Leaf(Leaf),
    Join(Box<Join>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Full,
    Cross,
}

/// A right join is a left one with its sides exchanged.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) left: Tree,
    pub(crate) right: Tree,
    /// The conditions of ON that AND joins.
    pub(crate) on: Vec<Expr>,
}

/// One mention of a table or of a derived table in FROM.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) id: LeafId,
    /// As the user calls it.
    pub(crate) alias: String,
    pub(crate) source: Source,
    /// The names of its columns, which an alias may have changed.
    pub(crate) columns: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Node(Node),
    /// A subquery that reads the leaves to its left.
    Lateral(Node),
    /// The text of `unnest(…)`, whose arguments read the leaves to its left.
    Unnest(Unnest),
}

#[derive(Clone, Debug)]
pub(crate) struct Unnest {
    pub(crate) arrays: Vec<Expr>,
    pub(crate) with_ordinality: bool,
}

impl Tree {
    pub(crate) fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::Leaf(leaf) => vec![leaf],
            Self::Join(join) => {
                let mut leaves = join.left.leaves();
                leaves.extend(join.right.leaves());
                leaves
            }
        }
    }

    pub(crate) fn joins(&self) -> Vec<&Join> {
        match self {
            Self::Leaf(_) => Vec::new(),
            Self::Join(join) => {
                let mut joins = vec![&**join];
                joins.extend(join.left.joins());
                joins.extend(join.right.joins());
                joins
            }
        }
    }
}

impl Block {
    pub(crate) fn leaves(&self) -> Vec<&Leaf> {
        self.from.as_ref().map(Tree::leaves).unwrap_or_default()
    }

    pub(crate) fn joins(&self) -> Vec<&Join> {
        self.from.as_ref().map(Tree::joins).unwrap_or_default()
    }

    /// All expressions that rows or groups of the block decide.
    pub(crate) fn expressions(&self) -> Vec<&Expr> {
        let mut all: Vec<&Expr> = self.conditions.iter().collect();
        all.extend(self.joins().into_iter().flat_map(|join| &join.on));
        all.extend(
            self.grouping
                .iter()
                .flat_map(|grouping| grouping.sets.iter().flatten()),
        );
        all.extend(&self.having);
        all.extend(self.items.iter().map(|item| &item.expr));
        all.extend(
            self.limit
                .iter()
                .flat_map(|limit| limit.order.iter().map(|by| &by.expr)),
        );
        for leaf in self.leaves() {
            if let Source::Unnest(unnest) = &leaf.source {
                all.extend(&unnest.arrays);
            }
        }
        all
    }
}

impl Node {
    /// The tables that it reads, in their order.
    pub(crate) fn inputs(&self) -> Vec<InputId> {
        let mut inputs = Vec::new();
        self.walk(&mut |node| {
            if let Self::Table(input) = node
                && !inputs.contains(input)
            {
                inputs.push(*input);
            }
        });
        inputs
    }

    /// Visits the node and all nodes below it, those of subqueries as well.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        match self {
            Self::Table(_) | Self::Values(_) => {}
            Self::Set(set) => {
                set.left.walk(visit);
                set.right.walk(visit);
            }
            Self::Block(block) => {
                for leaf in block.leaves() {
                    if let Source::Node(node) | Source::Lateral(node) = &leaf.source {
                        node.walk(visit);
                    }
                }
                for subquery in &block.subqueries {
                    subquery.node.walk(visit);
                }
            }
        }
    }

    /// All blocks in it.
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        let mut blocks = Vec::new();
        self.walk(&mut |node| {
            if let Self::Block(block) = node {
                blocks.push(&**block);
            }
        });
        blocks
    }
}

/// The expression of a leaf's column.
pub(crate) fn column(leaf: LeafId, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::new(leaf_alias(leaf)), quoted(name)])
}

/// The expression of a column that has no table.
pub(crate) fn bare(name: &str) -> Expr {
    Expr::Identifier(quoted(name))
}

pub(crate) fn quoted(name: &str) -> Ident {
    Ident {
        value: name.to_owned(),
        quote_style: Some('"'),
        span: Span::empty(),
    }
}

pub(crate) fn leaf_alias(leaf: LeafId) -> String {
    format!("l{leaf}")
}

/// The identifier that stands for subquery number `mark`.
pub(crate) fn mark(mark: usize) -> Expr {
    Expr::Identifier(Ident::new(format!("\u{1}{mark}\u{2}")))
}

/// The number of the subquery that an identifier stands for.
pub(crate) fn marked(ident: &Ident) -> Option<usize> {
    ident
        .value
        .strip_prefix('\u{1}')?
        .strip_suffix('\u{2}')?
        .parse()
        .ok()
}
