//! One `select`.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Value, WildcardAdditionalOptions,
};

use crate::expression::{Facts, conjuncts, parts as parts_of, plain_column, without_parentheses};
use crate::node::{Block, Grouping, Item, Limit, Node, Subquery};
use crate::reason::{Result, unsupported};

use super::expressions::Place;
use super::from::{Opened, parts};
use super::named_windows::windows_written_out;
use super::names::{Names, Star, same};
use super::{Environment, Resolver};

/// More grouping sets are not analysed: a cube of ten columns has 1,024.
const MOST_SETS: usize = 64;

impl Resolver<'_> {
    /// A block, with the `order by` and `limit` of the query around it, if it limits its rows.
    pub(super) fn select(
        &mut self,
        select: &Select,
        limited: Option<&Query>,
        environment: &Environment<'_>,
    ) -> Result<Node> {
        let written_out = windows_written_out(select)?;
        let select = written_out.as_ref().unwrap_or(select);
        check_clauses(select)?;
        let mut opened = Opened {
            names: Names::within(environment.outer),
            subqueries: Vec::new(),
        };
        let from = self.from(&select.from, &mut opened, environment)?;
        let Opened { names, subqueries } = opened;
        let mut block = Block {
            from,
            subqueries,
            is_distinct: matches!(select.distinct, Some(Distinct::Distinct)),
            ..Block::default()
        };
        if let Some(condition) = &select.selection {
            let condition = self.kept(
                condition,
                &names,
                environment,
                Place::Where,
                &mut block.subqueries,
            )?;
            block.conditions = conjuncts(&condition);
        }
        let before_having = block.subqueries.len();
        if let Some(having) = &select.having {
            block.having = Some(self.kept(
                having,
                &names,
                environment,
                Place::Value,
                &mut block.subqueries,
            )?);
        }
        self.items(select, &names, environment, &mut block)?;
        name_apart(&mut block.items);
        block.grouping = self.grouping(select, &names, environment, &block)?;
        let has_sets = block
            .grouping
            .as_ref()
            .is_some_and(|grouping| grouping.sets.len() > 1);
        if has_sets && block.subqueries.len() > before_having {
            return unsupported("a subquery beside grouping sets");
        }
        if let Some(query) = limited {
            block.limit = Some(self.limit(query, &names, environment, &mut block)?);
        }

        Ok(Node::Block(Box::new(block)))
    }

    /// An expression whose subqueries are the block's.
    fn kept(
        &mut self,
        expr: &Expr,
        names: &Names<'_>,
        environment: &Environment<'_>,
        place: Place,
        subqueries: &mut Vec<Subquery>,
    ) -> Result<Expr> {
        let (resolved, found) = self.expression(expr, names, environment, place)?;
        subqueries.extend(found);

        Ok(resolved)
    }

    fn items(
        &mut self,
        select: &Select,
        names: &Names<'_>,
        environment: &Environment<'_>,
        block: &mut Block,
    ) -> Result<()> {
        for item in &select.projection {
            let (name, expr) = match item {
                SelectItem::UnnamedExpr(expr) => (
                    own_name(expr).unwrap_or_else(|| format!("?{}", block.items.len())),
                    expr,
                ),
                SelectItem::ExprWithAlias { expr, alias } => (alias.value.clone(), expr),
                SelectItem::Wildcard(options) => {
                    check_star(options)?;
                    block.items.extend(names.star()?.into_iter().map(item_of));
                    continue;
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    check_star(options)?;
                    let table: Vec<_> = parts(name)?
                        .into_iter()
                        .map(sqlparser::ast::Ident::new)
                        .collect();
                    block
                        .items
                        .extend(names.star_of(&table)?.into_iter().map(item_of));
                    continue;
                }
                other => return unsupported(format!("`{other}`")),
            };
            let expr = self.kept(
                expr,
                names,
                environment,
                Place::Value,
                &mut block.subqueries,
            )?;
            block.items.push(Item { name, expr });
        }

        Ok(())
    }

    fn grouping(
        &mut self,
        select: &Select,
        names: &Names<'_>,
        environment: &Environment<'_>,
        block: &Block,
    ) -> Result<Option<Grouping>> {
        let GroupByExpr::Expressions(exprs, modifiers) = &select.group_by else {
            return unsupported("`group by all`");
        };
        if !modifiers.is_empty() {
            return unsupported("`group by … with`");
        }
        let is_aggregated = block
            .items
            .iter()
            .map(|item| &item.expr)
            .chain(&block.having)
            .any(|expr| Facts::of(expr).has_aggregate);
        if exprs.is_empty() {
            return Ok((is_aggregated || block.having.is_some()).then(|| Grouping {
                sets: vec![Vec::new()],
                is_written: false,
            }));
        }
        let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
        for expr in exprs {
            let mut next = Vec::new();
            for choice in choices(expr) {
                let choice: Vec<Expr> = choice
                    .iter()
                    .map(|expr| self.key(expr, names, environment, block))
                    .collect::<Result<_>>()?;
                next.extend(
                    sets.iter()
                        .map(|set| set.iter().chain(&choice).cloned().collect()),
                );
            }
            sets = next;
            if sets.len() > MOST_SETS {
                return unsupported(format!("more than {MOST_SETS} grouping sets"));
            }
        }

        let is_column = |key: &Expr| plain_column(key).is_some();
        if sets.len() > 1 && !sets.iter().flatten().all(is_column) {
            return unsupported("an expression in grouping sets");
        }

        Ok(Some(Grouping {
            sets,
            is_written: true,
        }))
    }

    /// What is grouped by: an expression, or the item of a number.
    fn key(
        &mut self,
        expr: &Expr,
        names: &Names<'_>,
        environment: &Environment<'_>,
        block: &Block,
    ) -> Result<Expr> {
        let key = match ordinal(expr) {
            Some(number) => match block.items.get(number.wrapping_sub(1)) {
                Some(item) => item.expr.clone(),
                None => return unsupported(format!("`group by {number}`")),
            },
            None => self.expression(expr, names, environment, Place::Value)?.0,
        };
        let facts = Facts::of(&key);
        if facts.columns.is_empty() || !facts.is_of_a_row() {
            return unsupported(format!(
                "`group by {expr}`, which is no expression over columns,"
            ));
        }

        Ok(key)
    }

    fn limit(
        &mut self,
        query: &Query,
        names: &Names<'_>,
        environment: &Environment<'_>,
        block: &mut Block,
    ) -> Result<Limit> {
        let mut order = Vec::new();
        if let Some(by) = &query.order_by {
            let OrderByKind::Expressions(exprs) = &by.kind else {
                return unsupported("`order by all`");
            };
            for by in exprs {
                let expr = match named_item(&by.expr, block) {
                    Some(number) => Expr::value(Value::Number(number.to_string(), false)),
                    None if ordinal(&by.expr).is_some() => by.expr.clone(),
                    // Trino takes the item before the column of this name.
                    None if names_item(&by.expr, block) => {
                        return unsupported(format!("`order by {}`", by.expr));
                    }
                    None => self.kept(
                        &by.expr,
                        names,
                        environment,
                        Place::Value,
                        &mut block.subqueries,
                    )?,
                };
                order.push(OrderByExpr { expr, ..by.clone() });
            }
        }
        let text = [
            query.limit_clause.as_ref().map(ToString::to_string),
            query.fetch.as_ref().map(ToString::to_string),
        ];

        Ok(Limit {
            order,
            text: text.into_iter().flatten().collect::<Vec<_>>().join(" "),
        })
    }
}

/// The grouping sets that one element of GROUP BY stands for.
fn choices(expr: &Expr) -> Vec<Vec<Expr>> {
    match expr {
        Expr::GroupingSets(sets) => sets.clone(),
        Expr::Rollup(parts) => (0..=parts.len())
            .map(|kept| parts[..kept].iter().flatten().cloned().collect())
            .collect(),
        // With too many parts it is refused by their number.
        Expr::Cube(parts) if parts.len() < 10 => (0..1_usize << parts.len())
            .map(|chosen| {
                let is_chosen = |at: usize| chosen & (1 << at) != 0;
                parts
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| is_chosen(*at))
                    .flat_map(|(_, part)| part.clone())
                    .collect()
            })
            .collect(),
        Expr::Tuple(parts) => vec![parts.clone()],
        other => vec![vec![other.clone()]],
    }
}

/// The number of the item that an element of ORDER BY names.
fn named_item(expr: &Expr, block: &Block) -> Option<usize> {
    let Expr::Identifier(name) = expr else {
        return None;
    };

    block
        .items
        .iter()
        .position(|item| same(&item.name, &name.value))
        .map(|at| at + 1)
}

/// Whether a part of the expression has the name of an item.
fn names_item(expr: &Expr, block: &Block) -> bool {
    named_item(expr, block).is_some() || parts_of(expr).iter().any(|part| names_item(part, block))
}

/// Gives items of one name different ones: nothing can refer to them by it.
fn name_apart(items: &mut [Item]) {
    for at in 1..items.len() {
        let (before, rest) = items.split_at_mut(at);
        if before.iter().any(|other| same(&other.name, &rest[0].name)) {
            rest[0].name = format!("{}?{at}", rest[0].name);
        }
    }
}

fn ordinal(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, false) => number.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// The name of an item without an alias.
fn own_name(expr: &Expr) -> Option<String> {
    match without_parentheses(expr) {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.clone()),
        _ => None,
    }
}

fn item_of(star: Star) -> Item {
    Item {
        name: star.name,
        expr: star.expr,
    }
}

fn check_star(options: &WildcardAdditionalOptions) -> Result<()> {
    if options.to_string().is_empty() {
        Ok(())
    } else {
        unsupported(format!("`*{options}`"))
    }
}

fn check_clauses(select: &Select) -> Result<()> {
    let is_known = select.optimizer_hints.is_empty()
        && !matches!(select.distinct, Some(Distinct::On(_)))
        && select.select_modifiers.is_none()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none();

    if is_known {
        Ok(())
    } else {
        unsupported("a clause that Trino does not have")
    }
}
