//! Which column a name means.

use sqlparser::ast::{Expr, Ident, TableAlias};

use crate::node::{Leaf, LeafId, column};
use crate::reason::{Reason, Result, unsupported};

/// The columns in sight of an expression: those of FROM, then those of the queries around it.
#[derive(Default)]
pub(super) struct Names<'a> {
    visible: Vec<Visible>,
    /// The columns that `using` made one of two.
    merged: Vec<Merged>,
    outer: Option<&'a Names<'a>>,
}

#[derive(Clone)]
struct Visible {
    leaf: LeafId,
    /// The parts of its name: one for an alias, up to three for a table without one.
    name: Vec<String>,
    columns: Vec<String>,
}

#[derive(Clone)]
struct Merged {
    name: String,
    expr: Expr,
    leaves: Vec<LeafId>,
}

/// A column by its name and what it stands for.
pub(super) struct Star {
    pub(super) name: String,
    pub(super) expr: Expr,
}

/// Trino does not distinguish case in names, quoted or not.
pub(super) fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

impl<'a> Names<'a> {
    pub(super) fn within(outer: Option<&'a Names<'a>>) -> Self {
        Self {
            outer,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, leaf: &Leaf, name: Vec<String>) {
        self.visible.push(Visible {
            leaf: leaf.id,
            name,
            columns: leaf.columns.clone(),
        });
    }

    /// Makes one column of two that have this name.
    pub(super) fn merge(&mut self, name: &str, expr: Expr, leaves: Vec<LeafId>) {
        self.merged.retain(|merged| !same(&merged.name, name));
        self.merged.push(Merged {
            name: name.to_owned(),
            expr,
            leaves,
        });
    }

    /// What a name without a table means among some leaves of this FROM.
    pub(super) fn among(&self, name: &str, leaves: &[LeafId]) -> Result<Option<Expr>> {
        if let Some(merged) = self.merged.iter().find(|merged| same(&merged.name, name))
            && merged.leaves.iter().any(|leaf| leaves.contains(leaf))
        {
            return Ok(Some(merged.expr.clone()));
        }
        let mut found = self
            .visible
            .iter()
            .filter(|visible| leaves.contains(&visible.leaf))
            .flat_map(|visible| {
                visible
                    .columns
                    .iter()
                    .map(move |known| (visible.leaf, known))
            })
            .filter(|(_, known)| same(known, name));
        let Some((leaf, known)) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(Reason::UnknownColumn(name.to_owned()));
        }

        Ok(Some(column(leaf, known)))
    }

    pub(super) fn leaves(&self) -> Vec<LeafId> {
        self.visible.iter().map(|visible| visible.leaf).collect()
    }

    pub(super) fn has_merged(&self) -> bool {
        !self.merged.is_empty()
    }

    /// What `name` means, here or in a query around this one.
    pub(super) fn unqualified(&self, name: &Ident) -> Result<Expr> {
        match self.among(&name.value, &self.leaves())? {
            Some(expr) => Ok(expr),
            None => match self.outer {
                Some(outer) => outer.unqualified(name),
                None => Err(Reason::UnknownColumn(name.value.clone())),
            },
        }
    }

    /// What `t.name` means, or `schema.t.name`.
    pub(super) fn qualified(&self, parts: &[Ident]) -> Result<Expr> {
        let [table @ .., name] = parts else {
            return Err(Reason::UnknownColumn(String::new()));
        };
        let of_table: Vec<_> = self
            .visible
            .iter()
            .filter(|visible| visible.is_named(table))
            .collect();
        match of_table.as_slice() {
            [visible] => {
                let is_merged = |merged: &Merged| {
                    same(&merged.name, &name.value) && merged.leaves.contains(&visible.leaf)
                };
                if self.merged.iter().any(is_merged) {
                    return unsupported(format!(
                        "`{}`, a column of `using` with its table,",
                        text(parts)
                    ));
                }
                let known = visible
                    .columns
                    .iter()
                    .find(|known| same(known, &name.value));
                known
                    .map(|known| column(visible.leaf, known))
                    .ok_or_else(|| Reason::UnknownColumn(text(parts)))
            }
            // Trino takes it for the field of a column here, before it looks at the queries around.
            [] if self.has_column(&parts[0]) => {
                unsupported(format!("`{}`, a field of a row,", text(parts)))
            }
            [] => match self.outer {
                Some(outer) => outer.qualified(parts),
                None => Err(Reason::UnknownColumn(text(parts))),
            },
            _ => Err(Reason::UnknownColumn(text(parts))),
        }
    }

    fn has_column(&self, name: &Ident) -> bool {
        self.visible
            .iter()
            .flat_map(|visible| &visible.columns)
            .any(|known| same(known, &name.value))
            || self
                .visible
                .iter()
                .any(|visible| visible.is_named(std::slice::from_ref(name)))
    }

    /// The names of some leaves of this FROM, as the ON between them sees them.
    pub(super) fn only(&self, leaves: &[LeafId]) -> Names<'a> {
        Names {
            visible: self
                .visible
                .iter()
                .filter(|visible| leaves.contains(&visible.leaf))
                .cloned()
                .collect(),
            merged: self
                .merged
                .iter()
                .filter(|merged| merged.leaves.iter().any(|leaf| leaves.contains(leaf)))
                .cloned()
                .collect(),
            outer: self.outer,
        }
    }

    /// The columns of `*`: those of `using` first. With further joins Trino has another order.
    pub(super) fn star(&self) -> Result<Vec<Star>> {
        if self.has_merged() && self.visible.len() != 2 {
            return unsupported("`*` over `using` and further joins");
        }
        let merged = self.merged.iter().map(|merged| Star {
            name: merged.name.clone(),
            expr: merged.expr.clone(),
        });
        let others = self.visible.iter().flat_map(|visible| {
            visible
                .columns
                .iter()
                .filter(|name| {
                    !self.merged.iter().any(|merged| {
                        same(&merged.name, name) && merged.leaves.contains(&visible.leaf)
                    })
                })
                .map(|name| Star {
                    name: name.clone(),
                    expr: column(visible.leaf, name),
                })
        });

        Ok(merged.chain(others).collect())
    }

    /// The columns of `t.*`.
    pub(super) fn star_of(&self, table: &[Ident]) -> Result<Vec<Star>> {
        if self.has_merged() {
            return unsupported("`t.*` beside `using`");
        }
        let of_table: Vec<_> = self
            .visible
            .iter()
            .filter(|visible| visible.is_named(table))
            .collect();
        let [visible] = of_table.as_slice() else {
            return Err(Reason::UnknownColumn(format!("{}.*", text(table))));
        };

        Ok(visible
            .columns
            .iter()
            .map(|name| Star {
                name: name.clone(),
                expr: column(visible.leaf, name),
            })
            .collect())
    }
}

impl Visible {
    fn is_named(&self, parts: &[Ident]) -> bool {
        !parts.is_empty()
            && parts.len() <= self.name.len()
            && self
                .name
                .iter()
                .rev()
                .zip(parts.iter().rev())
                .all(|(name, part)| same(name, &part.value))
    }
}

fn text(parts: &[Ident]) -> String {
    parts
        .iter()
        .map(|part| part.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}

/// The columns that an alias names: `as t (a, b)`.
pub(super) fn alias_columns(alias: &TableAlias) -> Result<Vec<String>> {
    if alias.at.is_some()
        || alias
            .columns
            .iter()
            .any(|column| column.data_type.is_some())
    {
        return unsupported(format!("the alias `{alias}`"));
    }

    Ok(alias
        .columns
        .iter()
        .map(|column| column.name.value.clone())
        .collect())
}
