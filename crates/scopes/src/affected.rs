//! The query that finds the affected scopes.
//!
//! The carrier gives its own scopes. Each other leaf that changed gives the values of its link's column, from the old and the new image
//! of its changed rows. From there the query walks the links to the carrier, at the new snapshot, without the filters of the block.

use std::cell::RefCell;
use std::collections::BTreeSet;

use sqlparser::ast::Expr;

use crate::carrier::{Carrier, Carriers};
use crate::catalog::{Catalog, InputId};
use crate::clock::{clocks, clocks_of, uses_clock};
use crate::expression::{Facts, column_of};
use crate::fixed::Fixed;
use crate::node::{Block, Leaf, Node, Source};
use crate::print::Printer;
use crate::reason::{Reason, Result};
use crate::scope::{Scope, bare_name, check_branches, own, renamed};

/// What changed since the last refresh.
pub(crate) trait Changes {
    fn has_changed(&self, input: InputId) -> bool;
    /// Queries for the rows of a table that went, and for those that came.
    fn went(&self, input: InputId) -> String;
    fn came(&self, input: InputId) -> String;
    /// Writes what is read at the new snapshots, with the old and with the new time.
    fn printers(&self) -> [&Printer<'_>; 2];
    /// Writes what the last refresh read.
    fn before(&self) -> &Printer<'_>;
    fn has_time_moved(&self) -> bool;
}

pub(crate) struct Walk<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) changes: &'a dyn Changes,
    /// Conditions under which the changes that no equality links have no effect.
    pub(crate) same: RefCell<BTreeSet<String>>,
}

impl Walk<'_> {
    /// Queries whose rows together are the affected scopes of a query's result. `ignores_null`: a scope with null is not asked for.
    pub(crate) fn scopes(
        &self,
        node: &Node,
        scope: &Scope,
        ignores_null: bool,
        clocks: &[Expr],
    ) -> Result<Vec<String>> {
        match node {
            Node::Table(input) => Ok(self.of_table(*input, scope, clocks)),
            Node::Values(_) => Ok(Vec::new()),
            Node::Set(set) => {
                check_branches(node, scope, self.catalog)?;
                let mut all = self.scopes(&set.left, scope, ignores_null, &[])?;
                let renamed = renamed(&set.left, &set.right, scope, self.catalog);
                all.extend(self.scopes(&set.right, &renamed, ignores_null, &[])?);
                Ok(all)
            }
            Node::Block(block) => self.of_block(block, scope, ignores_null),
        }
    }

    fn of_table(&self, input: InputId, scope: &Scope, clocks: &[Expr]) -> Vec<String> {
        if !self.changes.has_changed(input) && !self.changes.has_time_moved() {
            return Vec::new();
        }
        let [old, new] = self.changes.printers();
        let select = |printer: &Printer<'_>, from: &str| {
            format!("select {} from {from}", list(printer, scope))
        };
        let mut all = Vec::new();
        if self.changes.has_changed(input) {
            all.push(select(
                old,
                &format!("({}) as went", self.changes.went(input)),
            ));
            all.push(select(
                new,
                &format!("({}) as came", self.changes.came(input)),
            ));
        }
        let mut timed: Vec<&Expr> = clocks.iter().collect();
        timed.extend(scope.iter().filter(|expr| Facts::of(expr).has_clock));
        if self.changes.has_time_moved() && !timed.is_empty() {
            let moved: Vec<_> = timed
                .iter()
                .map(|expr| {
                    format!(
                        "{} is distinct from {}",
                        guarded(old, expr),
                        guarded(new, expr)
                    )
                })
                .collect();
            let from = format!(
                "{} as moved where {}",
                (new.tables)(input),
                moved.join(" or ")
            );
            all.push(select(old, &from));
            all.push(select(new, &from));
        }

        all
    }

    fn of_block(&self, block: &Block, scope: &Scope, ignores_null: bool) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let carriers = Carriers {
            catalog: self.catalog,
        };
        let found = carriers.of(block, scope, ignores_null)?;
        let clocks = if self.changes.has_time_moved() {
            clocks(block)?
        } else {
            Vec::new()
        };
        for carrier in &found {
            let others: Vec<_> = found
                .iter()
                .filter(|other| other.leaf.id != carrier.leaf.id)
                .collect();
            all.extend(self.of_carrier(block, carrier, &others, &clocks)?);
        }

        Ok(all)
    }

    /// The scopes that changes reach by the paths of one carrier. Leaves that only another carrier has paths for are its.
    fn of_carrier(
        &self,
        block: &Block,
        carrier: &Carrier<'_>,
        others: &[&Carrier<'_>],
        clocks: &[Expr],
    ) -> Result<Vec<String>> {
        let mut all = self.own_scopes(carrier, clocks)?;
        for (id, leaf) in &carrier.leaves {
            let timed = clocks_of(clocks, *id);
            let is_others = !carrier.paths.contains_key(id)
                && others.iter().any(|other| other.paths.contains_key(id));
            if *id == carrier.leaf.id || is_others || !self.is_touched(leaf, &timed) {
                continue;
            }
            match (
                self.walked(carrier, leaf, &timed),
                Fixed::around(block, *id),
            ) {
                (Ok(found), _) => all.extend(found),
                (Err(_), Some(fixed)) => {
                    let [_, now] = self.changes.printers();
                    let is_same = fixed.is_same(self.changes.before(), now);
                    self.same.borrow_mut().insert(is_same);
                }
                (Err(reason), None) => return Err(reason),
            }
        }

        Ok(all)
    }

    fn own_scopes(&self, carrier: &Carrier<'_>, clocks: &[Expr]) -> Result<Vec<String>> {
        let Source::Node(node) = &carrier.leaf.source else {
            return Ok(Vec::new());
        };
        let timed = clocks_of(clocks, carrier.leaf.id);
        self.check_clock(carrier.leaf, &timed)?;
        let timed = own(carrier.leaf, &timed, self.catalog);

        self.scopes(
            node,
            &own(carrier.leaf, &carrier.scope, self.catalog),
            false,
            &timed,
        )
    }

    /// Whether a leaf's rows may have changed, or what the time makes of them.
    fn is_touched(&self, leaf: &Leaf, timed: &[Expr]) -> bool {
        let has_time_moved = self.changes.has_time_moved();
        let is_changed = match &leaf.source {
            // The leaves inside a lateral query are checked one by one.
            Source::Unnest(_) | Source::Lateral(_) => false,
            Source::Node(node) => {
                node.inputs()
                    .into_iter()
                    .any(|input| self.changes.has_changed(input))
                    || (has_time_moved && uses_clock(node))
            }
        };

        is_changed || (has_time_moved && !timed.is_empty())
    }

    fn check_clock(&self, leaf: &Leaf, timed: &[Expr]) -> Result<()> {
        match timed.first() {
            Some(expr)
                if self.changes.has_time_moved()
                    && !matches!(leaf.source, Source::Node(Node::Table(_))) =>
            {
                Err(Reason::Clock(expr.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// The scopes that the changed rows of a leaf reach by its path.
    fn walked(&self, carrier: &Carrier<'_>, leaf: &Leaf, timed: &[Expr]) -> Result<Vec<String>> {
        let (Some(link), Source::Node(node)) = (carrier.paths.get(&leaf.id), &leaf.source) else {
            return Err(Reason::NotLinked(format!("`{}`", leaf.alias)));
        };
        self.check_clock(leaf, timed)?;
        let from = own(leaf, std::slice::from_ref(&link.from.expr), self.catalog);
        let timed = own(leaf, timed, self.catalog);
        let started = self
            .scopes(node, &from, true, &timed)
            .map_err(|reason| Reason::NotLinked(format!("`{}`, {reason}; it", leaf.alias)))?;
        let [_, new] = self.changes.printers();
        let mut found = Vec::new();
        for start in started {
            let (mut values, mut at) = (start, link.clone());
            loop {
                let reached = carrier.leaves[&at.to.leaf];
                let here = format!(
                    "{} where {} in ({values})",
                    new.alone(reached),
                    guarded(new, &at.to.expr)
                );
                if at.to.leaf == carrier.leaf.id {
                    found.push(format!("select {} from {here}", list(new, &carrier.scope)));
                    break;
                }
                let next = &carrier.paths[&at.to.leaf];
                values = format!("select {} from {here}", guarded(new, &next.from.expr));
                at = next.clone();
            }
        }

        Ok(found)
    }
}

/// The text of an expression. In the query a filter may keep it from rows in which it fails: without that filter it is null there.
pub(crate) fn guarded(printer: &Printer<'_>, expr: &Expr) -> String {
    let text = printer.expression(expr, &[]);
    let is_column = column_of(expr).is_some() || bare_name(expr).is_some();

    if is_column {
        text
    } else {
        format!("try({text})")
    }
}

fn list(printer: &Printer<'_>, scope: &Scope) -> String {
    scope
        .iter()
        .map(|expr| guarded(printer, expr))
        .collect::<Vec<_>>()
        .join(", ")
}
