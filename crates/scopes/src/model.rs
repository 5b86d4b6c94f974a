//! A model: its scope, the paths of its inputs to it, and the queries of a refresh.

use std::cell::RefCell;
use std::collections::BTreeSet;

use sqlparser::ast::{CastKind, DataType, Expr};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::affected::{Changes, Walk};
use crate::carrier::Carriers;
use crate::catalog::{Catalog, Column, InputId};
use crate::clock::{Moment, functions_of_time};
use crate::data_type::{data_type, is_comparable};
use crate::expression::Facts;
use crate::node::{Block, Node, bare, quoted};
use crate::parse::parse;
use crate::print::Printer;
use crate::prune::prune;
use crate::reason::{Reason, Result};
use crate::reproducible::{has_loose_window, not_reproducible_columns};
use crate::resolve::{columns, resolve};
use crate::restrict::{Restrict, Wanted, conditions};

/// Subsets of a longer unique key are not tried one by one.
const MOST_KEY_COLUMNS: usize = 6;

/// A query whose every table and column is known.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) catalog: Catalog,
    pub(crate) node: Node,
}

/// A query with a unique key whose rows can be computed scope by scope.
#[derive(Clone, Debug)]
pub struct Model {
    query: Query,
    output: Vec<Column>,
    /// Positions of the scope's columns in the output.
    scope: Vec<usize>,
}

/// One refresh: what it reads, and what changed since the last one.
#[derive(Clone, Copy)]
pub struct Refresh<'a> {
    /// What stands for a table in FROM, at the snapshot of the refresh: `"lake"."marts"."orders" for version as of 7`.
    pub table: &'a dyn Fn(InputId) -> String,
    /// As `table`, at the snapshot of the last refresh.
    pub table_before: &'a dyn Fn(InputId) -> String,
    /// The changed rows of a table since the last refresh; `None` if no row changed.
    pub images: &'a dyn Fn(InputId) -> Option<Images>,
    /// The time of the last refresh and of this one.
    pub last: &'a Moment,
    pub now: &'a Moment,
}

/// The changed rows of a table, as queries with the columns of the table. A row that is there twice and then once went once.
#[derive(Clone, Debug)]
pub struct Images {
    pub went: String,
    pub came: String,
}

/// What a refresh has to compute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// A query that gives the affected scopes, with a column for each of [`Model::scope`]; `None` if there are none.
    pub scopes: Option<String>,
    /// A query of one boolean: whether the subqueries that no equality links to the scope have the result that they had. If one has
    /// another, the model must be computed in full. `None` if nothing that they read changed.
    pub is_same: Option<String>,
}

impl Query {
    /// # Errors
    ///
    /// The reason why the query is not understood.
    pub fn read(sql: &str, catalog: &Catalog) -> Result<Self> {
        let mut node = resolve(&parse(sql)?, catalog)?;
        prune(&mut node);

        Ok(Self {
            catalog: catalog.clone(),
            node,
        })
    }

    /// The names of the result's columns.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        columns(&self.node, &self.catalog)
    }

    /// The tables that the query reads.
    #[must_use]
    pub fn inputs(&self) -> Vec<InputId> {
        self.node.inputs()
    }

    /// The functions of time that decide over the result, in lower case.
    #[must_use]
    pub fn clocks(&self) -> BTreeSet<String> {
        let blocks = self.node.blocks().into_iter();

        blocks
            .flat_map(Block::expressions)
            .flat_map(functions_of_time)
            .collect()
    }

    /// Whether it sums over rows: a sum of `double` then depends on their order.
    #[must_use]
    pub fn has_sums(&self) -> bool {
        self.node.blocks().iter().any(|block| {
            let expressions = block.expressions().into_iter();
            expressions
                .map(Facts::of)
                .any(|facts| facts.has_aggregate || facts.has_window)
        })
    }

    /// Whether its rows may depend on the order of rows that tie, by a window or a limit.
    #[must_use]
    pub fn has_ties(&self) -> bool {
        self.node.blocks().iter().any(|block| {
            let mut expressions = block.expressions().into_iter();
            block.limit.is_some() || expressions.any(has_loose_window)
        })
    }

    /// The columns that may differ when the query runs again over the same rows, such as `any_value(x)`; `None` if they decide which
    /// rows there are.
    #[must_use]
    pub fn not_reproducible_columns(&self) -> Option<Vec<String>> {
        let names = self.columns();
        let positions = not_reproducible_columns(&self.node)?;

        Some(
            positions
                .into_iter()
                .filter_map(|at| names.get(at).cloned())
                .collect(),
        )
    }

    /// The query as a whole. `table` gives what stands for a table in FROM, `now` the time.
    #[must_use]
    pub fn at(&self, table: &dyn Fn(InputId) -> String, now: &Moment) -> String {
        self.printer(table, now).node(&self.node)
    }

    fn printer<'a>(
        &'a self,
        tables: &'a dyn Fn(InputId) -> String,
        moment: &'a Moment,
    ) -> Printer<'a> {
        Printer {
            catalog: &self.catalog,
            tables,
            moment,
            restrictions: std::collections::BTreeMap::new(),
        }
    }
}

impl Model {
    /// Analyses a query. `output` are the columns of its table, as they are stored.
    ///
    /// # Errors
    ///
    /// The reason why the model must be computed in full whenever an input changes.
    pub fn analyse(
        sql: &str,
        catalog: &Catalog,
        unique_key: &[String],
        output: &[Column],
    ) -> Result<Self> {
        Self::of(Query::read(sql, catalog)?, unique_key, output)
    }

    /// As [`Model::analyse`], for a query that was read.
    ///
    /// # Errors
    ///
    /// As [`Model::analyse`].
    pub fn of(query: Query, unique_key: &[String], output: &[Column]) -> Result<Self> {
        let names = query.columns();
        let is_same =
            |(name, column): (&String, &Column)| name.to_lowercase() == column.name.to_lowercase();
        if names.len() != output.len() || !names.iter().zip(output).all(is_same) {
            return Err(Reason::Unsupported(
                "a query whose columns are not those of its table".into(),
            ));
        }
        let mut model = Self {
            query,
            output: output.to_vec(),
            scope: Vec::new(),
        };
        model.scope = model.best_scope(unique_key)?;

        Ok(model)
    }

    /// The columns of the table that cut it into scopes.
    #[must_use]
    pub fn scope(&self) -> Vec<&Column> {
        self.scope.iter().map(|at| &self.output[*at]).collect()
    }

    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The query that finds the affected scopes.
    ///
    /// # Errors
    ///
    /// The reason why this refresh must compute the model in full.
    pub fn affected(&self, refresh: &Refresh<'_>) -> Result<Affected> {
        let scope = self.scope_exprs(&self.scope);
        let (found, same) = self.with_changes(refresh, |walk| {
            let found = walk.scopes(&self.query.node, &scope, false, &[])?;
            Ok((found, walk.same.take()))
        })?;
        let names: Vec<_> = self
            .scope()
            .iter()
            .map(|column| quoted(&column.name).to_string())
            .collect();

        let scopes = format!(
            "select * from ({}) as affected ({})",
            found.join(" union "),
            names.join(", ")
        );
        let same: Vec<_> = same.into_iter().collect();

        Ok(Affected {
            scopes: (!found.is_empty()).then_some(scopes),
            is_same: (!same.is_empty()).then(|| format!("select {}", same.join(" and "))),
        })
    }

    /// The query that computes some scopes: those of a table that has the columns of [`Model::scope`], and all with a null, if asked for.
    ///
    /// # Errors
    ///
    /// None for a model that was analysed.
    pub fn recomputed(
        &self,
        refresh: &Refresh<'_>,
        scopes: &str,
        with_null: bool,
    ) -> Result<String> {
        let names: Vec<_> = self
            .scope()
            .iter()
            .map(|column| quoted(&column.name).to_string())
            .collect();
        let wanted = Wanted {
            values: format!("select {} from {scopes}", names.join(", ")),
            with_null,
        };
        let exprs = self.scope_exprs(&self.scope);
        let mut printer = self.query.printer(refresh.table, refresh.now);
        Restrict {
            printer: &mut printer,
        }
        .add(&self.query.node, &exprs, &wanted)?;
        let sql = printer.node(&self.query.node);
        let output: Vec<_> = self
            .output
            .iter()
            .map(|column| quoted(&column.name).to_string())
            .collect();
        let scope: Vec<_> = self
            .scope
            .iter()
            .map(|at| self.stored(*at, bare(&self.output[*at].name)))
            .collect();
        let kept = conditions(&printer, &scope, &wanted).join(" or ");

        Ok(format!(
            "select * from ({sql}) as recomputed ({}) where {kept}",
            output.join(", ")
        ))
    }

    /// The columns of the query that make up the scope, in the types in which they are stored.
    fn scope_exprs(&self, scope: &[usize]) -> Vec<Expr> {
        let names = columns(&self.query.node, &self.query.catalog);

        scope
            .iter()
            .map(|at| self.stored(*at, bare(&names[*at])))
            .collect()
    }

    /// A column of the result in the type in which it is stored.
    fn stored(&self, at: usize, column: Expr) -> Expr {
        let stored = &self.output[at].data_type;
        let is_same = data_type(&self.query.node, at, &self.query.catalog).as_ref() == Some(stored);

        if is_same {
            column
        } else {
            cast(column, stored)
        }
    }

    /// The part of the unique key that is a scope: with the fewest inputs that nothing links, then with the most columns.
    fn best_scope(&self, unique_key: &[String]) -> Result<Vec<usize>> {
        let mut key = Vec::new();
        for name in unique_key {
            let at = self
                .output
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name));
            key.push(at.ok_or_else(|| Reason::UnknownColumn(name.clone()))?);
        }
        key.truncate(MOST_KEY_COLUMNS);
        key.retain(|at| is_comparable(&self.output[*at].data_type));
        let mut best: Option<Choice> = None;
        let mut why =
            "the unique key has no column of a type that can be compared exactly".to_owned();
        for chosen in 1..1_usize << key.len() {
            let scope: Vec<_> = (0..key.len())
                .filter(|at| chosen & (1 << at) != 0)
                .map(|at| key[at])
                .collect();
            match self.unlinked(&scope) {
                Ok(unlinked) => {
                    let choice = Choice { unlinked, scope };
                    if best.as_ref().is_none_or(|best| choice.is_better_than(best)) {
                        best = Some(choice);
                    }
                }
                Err(reason) => why = reason.to_string(),
            }
        }

        best.map(|best| best.scope).ok_or(Reason::NoScopes(why))
    }

    /// How many inputs make the model full when they change, with this scope.
    fn unlinked(&self, scope: &[usize]) -> Result<usize> {
        let exprs = self.scope_exprs(scope);
        let carriers = Carriers {
            catalog: &self.query.catalog,
        };
        carriers.check(&self.query.node, &exprs, false)?;
        let faults = self
            .query
            .inputs()
            .into_iter()
            .filter_map(|input| self.link_fault(input, &exprs));

        Ok(faults.count())
    }

    /// Why a change of this input makes the model full, or nothing if it does not.
    #[must_use]
    pub fn fault_of(&self, input: InputId) -> Option<Reason> {
        self.link_fault(input, &self.scope_exprs(&self.scope))
    }

    fn link_fault(&self, input: InputId, exprs: &[Expr]) -> Option<Reason> {
        let moment = any_moment();
        let images = |changed: InputId| {
            (changed == input).then(|| Images {
                went: String::new(),
                came: String::new(),
            })
        };
        let one = Refresh {
            table: &|_| "t".into(),
            table_before: &|_| "t".into(),
            images: &images,
            last: &moment,
            now: &moment,
        };

        self.with_changes(&one, |walk| {
            match walk.scopes(&self.query.node, exprs, false, &[]) {
                Ok(_) if walk.same.borrow().is_empty() => None,
                Ok(_) => Some(Reason::NotLinkedSubquery),
                Err(reason) => Some(reason),
            }
        })
    }

    fn with_changes<T>(&self, refresh: &Refresh<'_>, act: impl FnOnce(&Walk<'_>) -> T) -> T {
        let printers = [
            self.query.printer(refresh.table, refresh.last),
            self.query.printer(refresh.table, refresh.now),
        ];
        let before = self.query.printer(refresh.table_before, refresh.last);
        let changes = Changed {
            refresh,
            printers,
            before,
        };

        act(&Walk {
            catalog: &self.query.catalog,
            changes: &changes,
            same: RefCell::default(),
        })
    }
}

struct Choice {
    unlinked: usize,
    scope: Vec<usize>,
}

impl Choice {
    fn is_better_than(&self, other: &Self) -> bool {
        (other.unlinked, self.scope.len()) > (self.unlinked, other.scope.len())
    }
}

struct Changed<'a> {
    refresh: &'a Refresh<'a>,
    printers: [Printer<'a>; 2],
    before: Printer<'a>,
}

impl Changes for Changed<'_> {
    fn has_changed(&self, input: InputId) -> bool {
        (self.refresh.images)(input).is_some()
    }

    fn went(&self, input: InputId) -> String {
        (self.refresh.images)(input)
            .map(|images| images.went)
            .unwrap_or_default()
    }

    fn came(&self, input: InputId) -> String {
        (self.refresh.images)(input)
            .map(|images| images.came)
            .unwrap_or_default()
    }

    fn printers(&self) -> [&Printer<'_>; 2] {
        [&self.printers[0], &self.printers[1]]
    }

    fn before(&self) -> &Printer<'_> {
        &self.before
    }

    fn has_time_moved(&self) -> bool {
        self.refresh.last != self.refresh.now
    }
}

/// A cast to a type that Trino names. A name that the parser does not know is kept as it is.
fn cast(expr: Expr, data_type: &str) -> Expr {
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(data_type)
        .and_then(|mut parser| parser.parse_data_type());
    let data_type = parsed.unwrap_or_else(|_| {
        DataType::Custom(
            sqlparser::ast::ObjectName::from(vec![sqlparser::ast::Ident::new(data_type)]),
            Vec::new(),
        )
    });

    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type,
        format: None,
    }
}

/// The time of a refresh in which nothing moves.
fn any_moment() -> Moment {
    Moment::parse("2000-01-01 00:00:00.000")
        .unwrap_or_else(|| unreachable!("it has the shape of a moment"))
}
