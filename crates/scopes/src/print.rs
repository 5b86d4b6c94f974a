//! Writes a resolved query as SQL.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, VisitMut, VisitorMut};

use crate::catalog::{Catalog, InputId};
use crate::clock::Moment;
use crate::node::{
    Block, Grouping, JoinKind, Leaf, LeafId, Node, Source, Subquery, SubqueryKind, Tree,
    leaf_alias, quoted,
};

/// How tables, leaves and the time are written.
pub(crate) struct Printer<'a> {
    pub(crate) catalog: &'a Catalog,
    /// What stands for a table in FROM: its name and the snapshot.
    pub(crate) tables: &'a dyn Fn(InputId) -> String,
    pub(crate) moment: &'a Moment,
    /// Conditions for the rows of leaves. Those of one leaf exclude each other; their rows are put together.
    pub(crate) restrictions: BTreeMap<LeafId, Vec<String>>,
}

impl Printer<'_> {
    pub(crate) fn node(&self, node: &Node) -> String {
        match node {
            Node::Table(input) => format!("select * from {}", (self.tables)(*input)),
            Node::Block(block) => self.block(block),
            Node::Set(set) => format!(
                "({}) {} ({})",
                self.node(&set.left),
                set.operator,
                self.node(&set.right)
            ),
            Node::Values(values) => values.text.clone(),
        }
    }

    fn block(&self, block: &Block) -> String {
        let items: Vec<_> = block
            .items
            .iter()
            .map(|item| {
                format!(
                    "{} as {}",
                    self.expression(&item.expr, &block.subqueries),
                    quoted(&item.name)
                )
            })
            .collect();
        let mut sql = format!(
            "select {}{}",
            if block.is_distinct { "distinct " } else { "" },
            items.join(", ")
        );
        if let Some(tree) = &block.from {
            let _ = write!(sql, " from {}", self.tree(tree, &block.subqueries));
        }
        if !block.conditions.is_empty() {
            let _ = write!(
                sql,
                " where {}",
                self.all(&block.conditions, &block.subqueries)
            );
        }
        if let Some(grouping) = &block.grouping {
            sql.push_str(&self.grouping(grouping, &block.subqueries));
        }
        if let Some(having) = &block.having {
            let _ = write!(
                sql,
                " having {}",
                self.expression(having, &block.subqueries)
            );
        }
        if let Some(limit) = &block.limit {
            let order: Vec<_> = limit
                .order
                .iter()
                .map(|by| {
                    let mut by = by.clone();
                    by.expr = self.timed(&by.expr);
                    self.with_subqueries(&by.to_string(), &block.subqueries)
                })
                .collect();
            if !order.is_empty() {
                let _ = write!(sql, " order by {}", order.join(", "));
            }
            let _ = write!(sql, " {}", limit.text.trim());
        }

        sql
    }

    fn grouping(&self, grouping: &Grouping, subqueries: &[Subquery]) -> String {
        let list = |set: &[Expr]| {
            set.iter()
                .map(|key| self.expression(key, subqueries))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match grouping.sets.as_slice() {
            [set] if set.is_empty() && !grouping.is_written => String::new(),
            [set] if set.is_empty() => " group by ()".into(),
            [set] => format!(" group by {}", list(set)),
            sets => {
                let sets: Vec<_> = sets.iter().map(|set| format!("({})", list(set))).collect();
                format!(" group by grouping sets ({})", sets.join(", "))
            }
        }
    }

    fn tree(&self, tree: &Tree, subqueries: &[Subquery]) -> String {
        let join = match tree {
            Tree::Leaf(leaf) => return self.leaf(leaf),
            Tree::Join(join) => join,
        };
        let left = self.tree(&join.left, subqueries);
        let right = match &join.right {
            Tree::Join(_) => format!("({})", self.tree(&join.right, subqueries)),
            Tree::Leaf(leaf) => self.leaf(leaf),
        };
        let word = match join.kind {
            JoinKind::Cross => return format!("{left} cross join {right}"),
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Full => "full join",
        };

        format!(
            "{left} {word} {right} on {}",
            self.all(&join.on, subqueries)
        )
    }

    pub(crate) fn leaf(&self, leaf: &Leaf) -> String {
        let alias = self.alias(leaf);
        let Some(conditions) = self.restrictions.get(&leaf.id) else {
            return format!("{} as {alias}", self.source(leaf));
        };
        let source = self.source(leaf);
        let parts: Vec<_> = conditions
            .iter()
            .map(|condition| format!("select * from {source} as {alias} where {condition}"))
            .collect();

        format!("({}) as {alias}", parts.join(" union all "))
    }

    /// A leaf by itself, as it stands in FROM.
    pub(crate) fn alone(&self, leaf: &Leaf) -> String {
        format!("{} as {}", self.source(leaf), self.alias(leaf))
    }

    /// The alias with the names of all columns, unless they are the table's own.
    fn alias(&self, leaf: &Leaf) -> String {
        let is_own = match &leaf.source {
            Source::Node(Node::Table(input)) => self
                .catalog
                .relation(*input)
                .columns
                .iter()
                .map(|column| &column.name)
                .eq(&leaf.columns),
            _ => false,
        };
        if is_own {
            return leaf_alias(leaf.id);
        }
        let columns: Vec<_> = leaf
            .columns
            .iter()
            .map(|name| quoted(name).to_string())
            .collect();

        format!("{} ({})", leaf_alias(leaf.id), columns.join(", "))
    }

    fn source(&self, leaf: &Leaf) -> String {
        match &leaf.source {
            Source::Node(Node::Table(input)) => (self.tables)(*input),
            Source::Node(node) => format!("({})", self.node(node)),
            Source::Lateral(node) => format!("lateral ({})", self.node(node)),
            Source::Unnest(unnest) => {
                let arrays: Vec<_> = unnest
                    .arrays
                    .iter()
                    .map(|array| self.expression(array, &[]))
                    .collect();
                let ordinality = if unnest.with_ordinality {
                    " with ordinality"
                } else {
                    ""
                };
                format!("unnest({}){ordinality}", arrays.join(", "))
            }
        }
    }

    fn all(&self, conditions: &[Expr], subqueries: &[Subquery]) -> String {
        let all: Vec<_> = conditions
            .iter()
            .map(|one| format!("({})", self.expression(one, subqueries)))
            .collect();

        all.join(" and ")
    }

    /// An expression with its subqueries, and the time of the refresh.
    pub(crate) fn expression(&self, expr: &Expr, subqueries: &[Subquery]) -> String {
        self.with_subqueries(&self.timed(expr).to_string(), subqueries)
    }

    fn with_subqueries(&self, text: &str, subqueries: &[Subquery]) -> String {
        let mut text = text.to_owned();
        for subquery in subqueries {
            let mark = format!("\u{1}{}\u{2}", subquery.mark);
            if text.contains(&mark) {
                let query = self.node(&subquery.node);
                let query = match subquery.kind {
                    SubqueryKind::Exists { negated: true } => format!("(not exists ({query}))"),
                    SubqueryKind::Exists { negated: false } => format!("(exists ({query}))"),
                    SubqueryKind::In { .. } => query,
                    SubqueryKind::Scalar => format!("({query})"),
                };
                text = text.replace(&mark, &query);
            }
        }
        text
    }

    fn timed(&self, expr: &Expr) -> Expr {
        let mut timed = expr.clone();
        let _: ControlFlow<()> = VisitMut::visit(&mut timed, &mut Timed(self.moment));

        timed
    }
}

struct Timed<'a>(&'a Moment);

impl VisitorMut for Timed<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(literal) = self.0.literal(&function.name.to_string())
        {
            *expr = Expr::Identifier(Ident::new(literal));
        }
        ControlFlow::Continue(())
    }
}
