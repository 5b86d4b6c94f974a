//! The types of columns, as far as they are known.

use sqlparser::ast::Expr;

use crate::catalog::Catalog;
use crate::expression::{arguments, plain_column, without_parentheses};
use crate::node::{Block, ColumnRef, Leaf, Node, Source};

/// Whether each value of the type is equal to itself and to no other, and `in` finds it. `nan = nan` is false; an array with a null is
/// not found.
#[must_use]
pub fn is_comparable(data_type: &str) -> bool {
    let name = data_type.split('(').next().unwrap_or_default().trim();

    matches!(
        name,
        "boolean"
            | "tinyint"
            | "smallint"
            | "integer"
            | "bigint"
            | "decimal"
            | "varchar"
            | "varbinary"
            | "date"
            | "uuid"
    ) || ["time", "timestamp"]
        .iter()
        .any(|kind| name.starts_with(kind))
}

/// The type of a query's column, where it is known.
pub(crate) fn data_type(node: &Node, at: usize, catalog: &Catalog) -> Option<String> {
    match node {
        Node::Table(input) => catalog
            .relation(*input)
            .columns
            .get(at)
            .map(|column| column.data_type.clone()),
        Node::Block(block) => {
            let expr = &block.items.get(at)?.expr;
            if let Some(key) = both(expr) {
                let types = key.map(|column| of_column(block, &column, catalog));
                return types[0]
                    .clone()
                    .filter(|first| types[1].as_ref() == Some(first));
            }
            of_expression(block, expr, catalog)
        }
        Node::Set(set) => {
            let (left, right) = (
                data_type(&set.left, at, catalog)?,
                data_type(&set.right, at, catalog)?,
            );
            (left == right).then_some(left)
        }
        Node::Values(_) => None,
    }
}

/// The type of an expression: a column, a cast, or a function that always gives this type.
fn of_expression(block: &Block, expr: &Expr, catalog: &Catalog) -> Option<String> {
    match expr {
        Expr::Nested(inner) => of_expression(block, inner, catalog),
        Expr::Cast { data_type, .. } => {
            let name = data_type.to_string().to_lowercase();
            let is_plain = ["varchar", "bigint", "boolean", "date", "uuid", "varbinary"];
            match name.as_str() {
                "int" | "integer" => Some("integer".to_owned()),
                plain if is_plain.contains(&plain) => Some(name),
                _ => None,
            }
        }
        Expr::Function(function) => match function.name.to_string().to_lowercase().as_str() {
            "to_hex" => Some("varchar".to_owned()),
            "md5" | "sha256" | "sha512" | "to_utf8" | "xxhash64" => Some("varbinary".to_owned()),
            "lower" | "upper" => match arguments(function).as_slice() {
                [argument] => of_expression(block, argument, catalog)
                    .filter(|data_type| data_type == "varchar"),
                _ => None,
            },
            _ => None,
        },
        _ => of_column(block, &plain_column(expr)?, catalog),
    }
}

/// The columns of `coalesce(a.k, b.k)`.
pub(crate) fn both(expr: &Expr) -> Option<[ColumnRef; 2]> {
    let Expr::Function(function) = without_parentheses(expr) else {
        return None;
    };
    match arguments(function).as_slice() {
        [left, right] if function.name.to_string().eq_ignore_ascii_case("coalesce") => {
            Some([plain_column(left)?, plain_column(right)?])
        }
        _ => None,
    }
}

/// The type of a column of a block's leaf, where it is known.
pub(crate) fn of_column(block: &Block, column: &ColumnRef, catalog: &Catalog) -> Option<String> {
    let leaf = block
        .leaves()
        .into_iter()
        .find(|leaf| leaf.id == column.leaf)?;

    of_leaf(leaf, &column.name, catalog)
}

pub(crate) fn of_leaf(leaf: &Leaf, name: &str, catalog: &Catalog) -> Option<String> {
    let at = leaf.columns.iter().position(|known| known == name)?;
    match &leaf.source {
        Source::Node(node) => data_type(node, at, catalog),
        Source::Lateral(_) | Source::Unnest(_) => None,
    }
}

/// Whether two columns are known to have one type, which is not `real` or `double`: `nan = nan` is false.
pub(crate) fn is_same_type(
    catalog: &Catalog,
    block: &Block,
    left: &ColumnRef,
    right: &ColumnRef,
) -> bool {
    match (
        of_column(block, left, catalog),
        of_column(block, right, catalog),
    ) {
        (Some(left), Some(right)) => left == right && is_comparable(&left),
        _ => false,
    }
}
