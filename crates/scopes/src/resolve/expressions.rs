//! Expressions: their columns, and the subqueries in them.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, InTarget,
    SetExpr, VisitMut, VisitorMut, WindowType,
};

use crate::expression::arguments;
use crate::functions;
use crate::node::{Subquery, SubqueryKind, mark, marked};
use crate::reason::{Reason, Result};

use super::names::Names;
use super::{Environment, Resolver};

/// Where an expression stands. `x in (select …)` links only in WHERE, alone or under AND and OR.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Where,
    Value,
}

impl Resolver<'_> {
    /// The expression with its names resolved, and its subqueries.
    pub(super) fn expression(
        &mut self,
        expr: &Expr,
        names: &Names<'_>,
        environment: &Environment<'_>,
        place: Place,
    ) -> Result<(Expr, Vec<Subquery>)> {
        let mut resolved = expr.clone();
        let mut inner = Inner {
            resolver: self,
            names,
            environment,
            subqueries: Vec::new(),
        };
        if place == Place::Where {
            inner.link_in(&mut resolved)?;
        }
        match VisitMut::visit(&mut resolved, &mut inner) {
            ControlFlow::Continue(()) => Ok((resolved, inner.subqueries)),
            ControlFlow::Break(reason) => Err(reason),
        }
    }
}

struct Inner<'a, 'b, 'c> {
    resolver: &'a mut Resolver<'b>,
    names: &'a Names<'c>,
    environment: &'a Environment<'c>,
    subqueries: Vec<Subquery>,
}

impl Inner<'_, '_, '_> {
    /// Takes out the subqueries of those `in` that link.
    fn link_in(&mut self, condition: &mut Expr) -> Result<()> {
        match condition {
            Expr::Nested(inner) => self.link_in(inner),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And | BinaryOperator::Or,
                right,
            } => {
                self.link_in(left)?;
                self.link_in(right)
            }
            Expr::In {
                expr,
                target,
                negated: false,
                ..
            } => {
                let (left, subqueries) =
                    self.resolver
                        .expression(expr, self.names, self.environment, Place::Value)?;
                if !subqueries.is_empty() {
                    return Ok(());
                }
                self.take_target(target, Some(Box::new(left)))
            }
            _ => Ok(()),
        }
    }

    fn take_target(&mut self, target: &mut InTarget, linked: Option<Box<Expr>>) -> Result<()> {
        match target {
            InTarget::List(_) => Ok(()),
            // Trino reads two pairs of parentheses as a list with a scalar subquery.
            InTarget::Subquery(query) if matches!(*query.body, SetExpr::Query(_)) => Err(
                Reason::Unsupported("`in` with two pairs of parentheses".into()),
            ),
            InTarget::Subquery(query) => {
                let mark = self.take(query, SubqueryKind::In { linked })?;
                *target = InTarget::List(vec![mark]);
                Ok(())
            }
            InTarget::Unnest(_) | InTarget::Table { .. } => {
                Err(Reason::Unsupported("`in` without a list or a query".into()))
            }
        }
    }

    fn take(&mut self, query: &sqlparser::ast::Query, kind: SubqueryKind) -> Result<Expr> {
        let environment = Environment {
            ctes: self.environment.ctes.clone(),
            outer: Some(self.names),
        };
        let node = self.resolver.query(query, &environment)?;
        self.resolver.marks += 1;
        let number = self.resolver.marks;
        self.subqueries.push(Subquery {
            mark: number,
            kind,
            node,
        });

        Ok(mark(number))
    }

    fn enter(&mut self, expr: &mut Expr) -> Result<()> {
        check(expr)?;
        match expr {
            Expr::Exists { subquery, negated } => {
                *expr = self.take(subquery, SubqueryKind::Exists { negated: *negated })?;
            }
            Expr::Subquery(query) => *expr = self.take(query, SubqueryKind::Scalar)?,
            Expr::In { target, .. } => self.take_target(target, None)?,
            _ => {}
        }

        Ok(())
    }

    fn leave(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::Identifier(ident) if marked(ident).is_some() => {}
            Expr::Identifier(ident) => *expr = self.names.unqualified(ident)?,
            Expr::CompoundIdentifier(parts) => *expr = self.names.qualified(parts)?,
            _ => {}
        }

        Ok(())
    }
}

impl VisitorMut for Inner<'_, '_, '_> {
    type Break = Reason;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Reason> {
        flow(self.enter(expr))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Reason> {
        flow(self.leave(expr))
    }

    fn pre_visit_query(&mut self, query: &mut sqlparser::ast::Query) -> ControlFlow<Reason> {
        ControlFlow::Break(Reason::Unsupported(format!(
            "the subquery `{query}` where it stands"
        )))
    }
}

fn flow(result: Result<()>) -> ControlFlow<Reason> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(reason) => ControlFlow::Break(reason),
    }
}

/// Refuses what the analysis does not know.
fn check(expr: &Expr) -> Result<()> {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::UnaryOp { .. }
        | Expr::Cast { format: None, .. }
        | Expr::AtTimeZone { .. }
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::Tuple(_)
        | Expr::Array(_)
        | Expr::Interval(_) => Ok(()),
        Expr::BinaryOp { op, .. } if is_known(op) => Ok(()),
        Expr::Function(function) => check_function(function),
        other => Err(Reason::Unsupported(format!("`{other}`"))),
    }
}

fn check_function(function: &Function) -> Result<()> {
    let name = function.name.to_string();
    let kind =
        functions::kind(&name).ok_or_else(|| Reason::UnknownFunction(name.to_ascii_lowercase()))?;
    if kind == functions::Kind::Random {
        return Err(Reason::Random(name));
    }
    let is_plain = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::Subquery(_) => false,
        FunctionArguments::List(list) => list.args.iter().all(|argument| {
            matches!(
                argument,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(_) | FunctionArgExpr::Wildcard)
            )
        }),
    };
    let has_named_window = match &function.over {
        Some(WindowType::WindowSpec(window)) => window.window_name.is_some(),
        Some(WindowType::NamedWindow(_)) => true,
        None => false,
    };
    let is_time = ["current_date", "current_timestamp", "localtimestamp", "now"]
        .contains(&name.to_ascii_lowercase().as_str());
    if kind == functions::Kind::Clock && !(is_time && arguments(function).is_empty()) {
        return Err(Reason::Unsupported(format!("`{function}`")));
    }
    if !is_plain
        || has_named_window
        || !matches!(function.parameters, FunctionArguments::None)
        || function.uses_odbc_syntax
    {
        return Err(Reason::Unsupported(format!("`{function}`")));
    }

    Ok(())
}

/// The operators that Trino has. The parser reads the arrow of a lambda as one, too.
fn is_known(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::StringConcat
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::And
            | BinaryOperator::Or
    )
}
