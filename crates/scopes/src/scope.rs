//! The columns that cut a query's result into scopes, seen from the queries below it.

use sqlparser::ast::Expr;

use crate::catalog::Catalog;
use crate::data_type::data_type;
use crate::expression::{parts, replace_columns, replace_identifiers};
use crate::node::{Block, Leaf, LeafId, Node, Source, bare};
use crate::reason::{Reason, Result};
use crate::resolve::columns;

/// Expressions over the bare names of a query's columns.
pub(crate) type Scope = [Expr];

/// The scope over the columns of the right side of a set operation, which have other names.
pub(crate) fn renamed(left: &Node, right: &Node, scope: &Scope, catalog: &Catalog) -> Vec<Expr> {
    let (from, to) = (columns(left, catalog), columns(right, catalog));
    let replace = |identifier: &Expr| {
        let name = bare_name(identifier)?;
        let at = from.iter().position(|known| *known == name)?;
        Some(bare(&to[at]))
    };

    scope
        .iter()
        .map(|expr| replace_identifiers(expr, &replace))
        .collect()
}

/// Expressions over a leaf's columns, as ones over the bare names of its query's columns.
pub(crate) fn own(leaf: &Leaf, exprs: &[Expr], catalog: &Catalog) -> Vec<Expr> {
    let names = match &leaf.source {
        Source::Node(node) => columns(node, catalog),
        Source::Lateral(_) | Source::Unnest(_) => leaf.columns.clone(),
    };
    let replace = |id: LeafId, name: &str| {
        let at = leaf
            .columns
            .iter()
            .position(|known| known == name)
            .filter(|_| id == leaf.id)?;
        Some(bare(&names[at]))
    };

    exprs
        .iter()
        .map(|expr| replace_columns(expr, &replace))
        .collect()
}

/// An expression over a query's columns, as one over the leaves of its block.
pub(crate) fn of_items(block: &Block, expr: &Expr) -> Expr {
    let replace = |identifier: &Expr| {
        let name = bare_name(identifier)?;
        let item = block.items.iter().find(|item| item.name == name)?;
        Some(item.expr.clone())
    };

    replace_identifiers(expr, &replace)
}

pub(crate) fn bare_name(identifier: &Expr) -> Option<&str> {
    match identifier {
        Expr::Identifier(ident) if ident.quote_style.is_some() => Some(&ident.value),
        _ => None,
    }
}

/// Refuses an expression over columns for which the two sides of a set operation may have other types: there it would be computed
/// before Trino makes them one.
pub(crate) fn check_branches(node: &Node, scope: &Scope, catalog: &Catalog) -> Result<()> {
    let names = columns(node, catalog);
    for expr in scope.iter().filter(|expr| bare_name(expr).is_none()) {
        let has_one_type = names
            .iter()
            .enumerate()
            .filter(|(_, name)| uses(expr, name))
            .all(|(at, _)| data_type(node, at, catalog).is_some());
        if !has_one_type {
            return Err(Reason::no_scope(
                expr,
                "the sides of a set operation may have different types",
            ));
        }
    }

    Ok(())
}

/// Whether an expression has the bare name of a column.
fn uses(expr: &Expr, name: &str) -> bool {
    bare_name(expr) == Some(name) || parts(expr).iter().any(|part| uses(part, name))
}
