//! Windows: a scope stands in the PARTITION BY of each.

use sqlparser::ast::{Expr, WindowType};

use crate::expression::{Single, is_made_of, parts, plain_column, without_parentheses};
use crate::joins::Twins;
use crate::node::Block;
use crate::reason::{Reason, Result};

/// The scope must stand in PARTITION BY of every window of the block.
pub(crate) fn check_windows(block: &Block, singles: &[Single], twins: &Twins) -> Result<()> {
    for partition in block.expressions().into_iter().flat_map(windows) {
        for single in singles {
            let is_key = |expr: &Expr| {
                partition.iter().any(|key| {
                    without_parentheses(key) == expr
                        || plain_column(key)
                            .zip(plain_column(expr))
                            .is_some_and(|(key, known)| twins.are(&key, &known))
                })
            };
            if !is_made_of(&single.expr, &is_key) {
                return Err(Reason::no_scope(
                    &single.expr,
                    "it is not in PARTITION BY of every window",
                ));
            }
        }
    }

    Ok(())
}

/// The PARTITION BY of each window in an expression.
fn windows(expr: &Expr) -> Vec<Vec<Expr>> {
    let mut all: Vec<_> = parts(expr).iter().flat_map(windows).collect();
    if let Expr::Function(function) = expr
        && let Some(over) = &function.over
    {
        match over {
            WindowType::WindowSpec(window) => all.push(window.partition_by.clone()),
            WindowType::NamedWindow(_) => all.push(Vec::new()),
        }
    }

    all
}
