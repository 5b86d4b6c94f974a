//! Facts about expressions whose names are resolved.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, InTarget, ObjectName, UnaryOperator, Visit, VisitMut, Visitor,
    VisitorMut,
};

use crate::functions::{self, Kind};
use crate::node::{ColumnRef, LeafId, marked};

/// The columns, subqueries and kinds of functions in an expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) columns: BTreeSet<ColumnRef>,
    pub(crate) subqueries: BTreeSet<usize>,
    pub(crate) has_clock: bool,
    pub(crate) has_aggregate: bool,
    pub(crate) has_window: bool,
}

impl Facts {
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut facts = Self::default();
        let _: ControlFlow<()> = expr.visit(&mut facts);

        facts
    }

    /// The leaf that all columns are of.
    pub(crate) fn only_leaf(&self) -> Option<LeafId> {
        let mut leaves = self.columns.iter().map(|column| column.leaf);
        let first = leaves.next()?;

        leaves.all(|leaf| leaf == first).then_some(first)
    }

    /// Whether a row alone decides over the result: no group, no other row, no subquery, no chance.
    pub(crate) fn is_of_a_row(&self) -> bool {
        self.subqueries.is_empty() && !self.has_aggregate && !self.has_window
    }
}

impl Visitor for Facts {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.subqueries.extend(marked(ident)),
            Expr::CompoundIdentifier(_) => self.columns.extend(column_of(expr)),
            Expr::Function(function) => self.note(function),
            _ => {}
        }

        ControlFlow::Continue(())
    }
}

impl Facts {
    fn note(&mut self, function: &Function) {
        let name = function.name.to_string();
        let kind = functions::kind(&name);
        self.has_window |= function.over.is_some();
        self.has_aggregate |= function.over.is_none() && kind.is_some_and(Kind::is_aggregate);
        self.has_clock |= kind == Some(Kind::Clock);
    }
}

/// The leaf and the name of a column, of which the expression may take a field.
pub(crate) fn column_of(expr: &Expr) -> Option<ColumnRef> {
    let Expr::CompoundIdentifier(parts) = expr else {
        return None;
    };
    let leaf = parts[0].value.strip_prefix('l')?.parse().ok()?;

    Some(ColumnRef {
        leaf,
        name: parts[1].value.clone(),
    })
}

/// The leaf and the name, if the expression is a column and nothing else.
pub(crate) fn plain_column(expr: &Expr) -> Option<ColumnRef> {
    match expr {
        Expr::Nested(inner) => plain_column(inner),
        Expr::CompoundIdentifier(parts) if parts.len() == 2 => column_of(expr),
        _ => None,
    }
}

/// An expression over one leaf, which a row of it alone decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Single {
    pub(crate) leaf: LeafId,
    pub(crate) expr: Expr,
}

impl Single {
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        let facts = Facts::of(expr);
        let leaf = facts.only_leaf().filter(|_| facts.is_of_a_row())?;

        Some(Self {
            leaf,
            expr: without_parentheses(expr).clone(),
        })
    }

    /// Whether it is null for a row whose columns are all null.
    pub(crate) fn is_strict(&self) -> bool {
        null_with(&self.expr).contains(&self.leaf)
    }

    pub(crate) fn plain(&self) -> Option<ColumnRef> {
        plain_column(&self.expr)
    }
}

pub(crate) fn without_parentheses(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => without_parentheses(inner),
        _ => expr,
    }
}

/// The leaves without which the expression is null: it is null as soon as all columns of one of them are.
///
/// Only what is known to be so counts; a leaf that is missing here costs time, not exactness.
pub(crate) fn null_with(expr: &Expr) -> BTreeSet<LeafId> {
    match expr {
        Expr::CompoundIdentifier(_) => column_of(expr)
            .map(|column| column.leaf)
            .into_iter()
            .collect(),
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::Substring { expr: inner, .. }
        | Expr::Trim { expr: inner, .. }
        | Expr::Between { expr: inner, .. }
        | Expr::AtTimeZone {
            timestamp: inner, ..
        }
        | Expr::UnaryOp {
            op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus,
            expr: inner,
        } => null_with(inner),
        // `null in (…)` is false, not null, where the subquery is empty.
        Expr::In { expr: inner, .. } if !is_of_subquery(expr) => null_with(inner),
        Expr::Like {
            expr: inner,
            pattern,
            ..
        } => union(null_with(inner), null_with(pattern)),
        Expr::BinaryOp { left, op, right } if is_strict(op) => {
            union(null_with(left), null_with(right))
        }
        Expr::Function(function)
            if functions::kind(&function.name.to_string()) == Some(Kind::Strict) =>
        {
            arguments(function)
                .into_iter()
                .map(null_with)
                .fold(BTreeSet::new(), union)
        }
        _ => BTreeSet::new(),
    }
}

/// The leaves whose null rows a condition rejects.
pub(crate) fn rejected_by(condition: &Expr) -> BTreeSet<LeafId> {
    match without_parentheses(condition) {
        Expr::IsNotNull(inner) | Expr::IsFalse(inner) => null_with(inner),
        Expr::IsTrue(inner) => rejected_by(inner),
        Expr::In {
            expr,
            negated: false,
            ..
        } => null_with(expr),
        other => null_with(other),
    }
}

/// Whether it is `x in (select …)`.
fn is_of_subquery(expr: &Expr) -> bool {
    match expr {
        Expr::In {
            target: InTarget::List(list),
            ..
        } => list.iter().any(|one| !Facts::of(one).subqueries.is_empty()),
        _ => false,
    }
}

/// The operators that are null as soon as one side is. `||` of arrays is not.
fn is_strict(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::Gt
            | BinaryOperator::Lt
            | BinaryOperator::GtEq
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
    )
}

/// The arguments of a function.
pub(crate) fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };

    list.args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// The conditions that AND joins.
pub(crate) fn conjuncts(condition: &Expr) -> Vec<Expr> {
    match without_parentheses(condition) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other.clone()],
    }
}

/// Both sides of an equality, if each is of one leaf.
pub(crate) fn equality(condition: &Expr) -> Option<(Single, Single)> {
    match without_parentheses(condition) {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => Some((Single::of(left)?, Single::of(right)?)),
        _ => None,
    }
}

/// The direct parts of an expression.
pub(crate) fn parts(expr: &Expr) -> Vec<Expr> {
    struct Parts {
        depth: usize,
        found: Vec<Expr>,
    }
    impl Visitor for Parts {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if self.depth == 1 {
                self.found.push(expr.clone());
            }
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
    }
    let mut parts = Parts {
        depth: 0,
        found: Vec::new(),
    };
    let _: ControlFlow<()> = expr.visit(&mut parts);

    parts.found
}

/// Whether an expression is one of some keys, or made of nothing but these and constants.
pub(crate) fn is_made_of(expr: &Expr, is_key: &dyn Fn(&Expr) -> bool) -> bool {
    let expr = without_parentheses(expr);
    if is_key(expr) {
        return true;
    }
    let facts = Facts::of(expr);
    if facts.columns.is_empty() {
        return facts.is_of_a_row();
    }
    let parts = parts(expr);

    !parts.is_empty() && parts.iter().all(|part| is_made_of(part, is_key))
}

/// The expression with each column replaced by what `replace` gives for it; a column for which it gives nothing stays.
pub(crate) fn replace_columns(expr: &Expr, replace: &dyn Fn(LeafId, &str) -> Option<Expr>) -> Expr {
    replace_identifiers(expr, &|identifier| {
        let column = plain_column(identifier)?;
        replace(column.leaf, &column.name)
    })
}

/// The expression with each identifier replaced by what `replace` gives for it.
pub(crate) fn replace_identifiers(expr: &Expr, replace: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
    struct Replace<'a>(&'a dyn Fn(&Expr) -> Option<Expr>);
    impl VisitorMut for Replace<'_> {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                && let Some(other) = (self.0)(expr)
            {
                *expr = match other {
                    Expr::Identifier(_)
                    | Expr::CompoundIdentifier(_)
                    | Expr::Nested(_)
                    | Expr::Value(_) => other,
                    other => Expr::Nested(Box::new(other)),
                };
            }
            ControlFlow::Continue(())
        }
    }
    let mut replaced = expr.clone();
    let _: ControlFlow<()> = VisitMut::visit(&mut replaced, &mut Replace(replace));

    replaced
}

fn union(mut left: BTreeSet<LeafId>, right: BTreeSet<LeafId>) -> BTreeSet<LeafId> {
    left.extend(right);
    left
}

/// The call of a function.
pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `left = right`.
pub(crate) fn equal(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Eq,
        right: Box::new(right),
    }
}
