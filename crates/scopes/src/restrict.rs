//! The model's query for some scopes only: each table is read only where it can matter.

use std::collections::BTreeMap;

use sqlparser::ast::Expr;

use crate::affected::guarded;
use crate::carrier::{Carrier, Carriers};
use crate::expression::Single;
use crate::node::{Block, Leaf, LeafId, Node, Source};
use crate::print::Printer;
use crate::reason::Result;
use crate::scope::{own, renamed};

/// Leaves that are further from the carrier are read whole: each step writes the one before it once more.
const MOST_STEPS: usize = 2;

/// The values that a scope may have.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// A query with one column for each of the scope's.
    pub(crate) values: String,
    /// Whether scopes with null are wanted, too: all of them.
    pub(crate) with_null: bool,
}

pub(crate) struct Restrict<'a, 'p> {
    pub(crate) printer: &'a mut Printer<'p>,
}

impl Restrict<'_, '_> {
    /// Adds the restrictions that leave only rows of the wanted scopes.
    pub(crate) fn add(&mut self, node: &Node, scope: &[Expr], wanted: &Wanted) -> Result<()> {
        match node {
            Node::Table(_) | Node::Values(_) => Ok(()),
            Node::Set(set) => {
                self.add(&set.left, scope, wanted)?;
                let renamed = renamed(&set.left, &set.right, scope, self.printer.catalog);
                self.add(&set.right, &renamed, wanted)
            }
            Node::Block(block) => self.block(block, scope, wanted),
        }
    }

    fn block(&mut self, block: &Block, scope: &[Expr], wanted: &Wanted) -> Result<()> {
        let carriers = Carriers {
            catalog: self.printer.catalog,
        };
        for carrier in carriers.of(block, scope, !wanted.with_null)? {
            self.leaf(carrier.leaf, &carrier.scope, wanted);
            self.linked(&carrier);
        }

        Ok(())
    }

    /// Restricts the leaves near the carrier by their paths to it.
    fn linked(&mut self, carrier: &Carrier<'_>) {
        let mut parents = vec![carrier.leaf.id];
        for _ in 0..MOST_STEPS {
            let mut children = Vec::new();
            for (id, link) in carrier
                .paths
                .iter()
                .filter(|(_, link)| parents.contains(&link.to.leaf))
            {
                let values = self.values(carrier.leaves[&link.to.leaf], &link.to);
                let wanted = Wanted {
                    values,
                    with_null: false,
                };
                self.leaf(
                    carrier.leaves[id],
                    std::slice::from_ref(&link.from.expr),
                    &wanted,
                );
                children.push(*id);
            }
            parents = children;
        }
    }

    /// The values of a link in the rows of a leaf that are read.
    fn values(&self, leaf: &Leaf, link: &Single) -> String {
        format!(
            "select {} from {}",
            guarded(self.printer, &link.expr),
            self.printer.leaf(leaf)
        )
    }

    /// Restricts a leaf inside, where the columns are a scope of it, or else as a whole.
    fn leaf(&mut self, leaf: &Leaf, columns: &[Expr], wanted: &Wanted) {
        if self.printer.restrictions.contains_key(&leaf.id) {
            return;
        }
        if let Source::Node(node @ (Node::Block(_) | Node::Set(_))) = &leaf.source {
            let before: BTreeMap<LeafId, Vec<String>> = self.printer.restrictions.clone();
            let inner = own(leaf, columns, self.printer.catalog);
            if self.add(node, &inner, wanted).is_ok() {
                return;
            }
            self.printer.restrictions = before;
        }
        if !matches!(leaf.source, Source::Node(_)) {
            return;
        }
        let conditions = conditions(self.printer, columns, wanted);
        self.printer.restrictions.insert(leaf.id, conditions);
    }
}

/// The conditions that leave the wanted values of some expressions. They exclude each other.
pub(crate) fn conditions(printer: &Printer<'_>, exprs: &[Expr], wanted: &Wanted) -> Vec<String> {
    let texts: Vec<_> = exprs.iter().map(|expr| guarded(printer, expr)).collect();
    let row = if let [only] = texts.as_slice() {
        only.clone()
    } else {
        format!("({})", texts.join(", "))
    };
    let mut all = vec![format!("{row} in ({})", wanted.values)];
    if wanted.with_null {
        let nulls: Vec<_> = texts.iter().map(|text| format!("{text} is null")).collect();
        all.push(nulls.join(" or "));
    }

    all
}
