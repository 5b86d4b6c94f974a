//! FROM: tables, derived tables and joins.

use sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, TableAlias, TableFactor,
    TableWithJoins,
};

use crate::catalog::RelationKind;
use crate::data_type::of_leaf;
use crate::expression::{conjuncts, plain_column};
use crate::node::{Join, JoinKind, Leaf, LeafId, Node, Source, Tree, Unnest};
use crate::reason::{Reason, Result, unsupported};

use super::expressions::Place;
use super::names::{Names, alias_columns, same};
use super::{Environment, Resolver};

/// What the resolver has of a FROM by now: its columns, and the subqueries of its ON conditions.
pub(super) struct Opened<'a> {
    pub(super) names: Names<'a>,
    pub(super) subqueries: Vec<crate::node::Subquery>,
}

/// How the constraint of a join is written.
struct Constraint<'a> {
    kind: JoinKind,
    /// Whether the sides are to be exchanged.
    is_right: bool,
    condition: Option<&'a JoinConstraint>,
}

impl Resolver<'_> {
    pub(super) fn from(
        &mut self,
        from: &[TableWithJoins],
        opened: &mut Opened<'_>,
        environment: &Environment<'_>,
    ) -> Result<Option<Tree>> {
        let mut tree = None;
        for table in from {
            let next = self.joined(table, opened, environment)?;
            tree = Some(match tree {
                None => next,
                Some(left) => Tree::Join(Box::new(Join {
                    kind: JoinKind::Cross,
                    left,
                    right: next,
                    on: Vec::new(),
                })),
            });
        }

        Ok(tree)
    }

    fn joined(
        &mut self,
        table: &TableWithJoins,
        opened: &mut Opened<'_>,
        environment: &Environment<'_>,
    ) -> Result<Tree> {
        let mut left = self.factor(&table.relation, opened, environment)?;
        for join in &table.joins {
            let right = self.factor(&join.relation, opened, environment)?;
            let constraint = constraint(&join.join_operator)?;
            let on = self.on(&constraint, &left, &right, opened, environment)?;
            let (left_side, right_side) = if constraint.is_right {
                (right, left)
            } else {
                (left, right)
            };
            left = Tree::Join(Box::new(Join {
                kind: constraint.kind,
                left: left_side,
                right: right_side,
                on,
            }));
        }

        Ok(left)
    }

    fn on(
        &mut self,
        constraint: &Constraint<'_>,
        left: &Tree,
        right: &Tree,
        opened: &mut Opened<'_>,
        environment: &Environment<'_>,
    ) -> Result<Vec<Expr>> {
        match constraint.condition {
            None | Some(JoinConstraint::None) if constraint.kind == JoinKind::Cross => {
                Ok(Vec::new())
            }
            Some(JoinConstraint::On(condition)) => {
                let leaves: Vec<LeafId> = [left, right]
                    .iter()
                    .flat_map(|tree| tree.leaves())
                    .map(|leaf| leaf.id)
                    .collect();
                let names = opened.names.only(&leaves);
                let (condition, subqueries) =
                    self.expression(condition, &names, environment, Place::Value)?;
                opened.subqueries.extend(subqueries);
                Ok(conjuncts(&condition))
            }
            Some(JoinConstraint::Using(columns)) => columns
                .iter()
                .map(|name| self.using(constraint, name, left, right, &mut opened.names))
                .collect(),
            _ => unsupported("a natural join, or a join without a condition,"),
        }
    }

    /// Makes one column of those with this name on both sides, and gives the condition that they are equal.
    fn using(
        &self,
        constraint: &Constraint<'_>,
        name: &ObjectName,
        left: &Tree,
        right: &Tree,
        names: &mut Names<'_>,
    ) -> Result<Expr> {
        let name = only_part(name)?;
        let ids = |tree: &Tree| {
            tree.leaves()
                .iter()
                .map(|leaf| leaf.id)
                .collect::<Vec<LeafId>>()
        };
        let (of_left, of_right) = (ids(left), ids(right));
        let side = |leaves: &[LeafId]| {
            names
                .among(&name, leaves)?
                .ok_or_else(|| Reason::UnknownColumn(name.clone()))
        };
        let trees = [left, right];
        let (left, right) = (side(&of_left)?, side(&of_right)?);
        self.check_using(&name, &left, &right, trees)?;
        let merged = match (constraint.kind, constraint.is_right) {
            (JoinKind::Full, _) => {
                crate::expression::call("coalesce", vec![left.clone(), right.clone()])
            }
            (_, true) => right.clone(),
            _ => left.clone(),
        };
        names.merge(&name, merged, of_left.into_iter().chain(of_right).collect());

        Ok(crate::expression::equal(left, right))
    }

    /// Refuses columns of different types: Trino makes them one. Times with a zone may be equal and not the same.
    fn check_using(&self, name: &str, left: &Expr, right: &Expr, trees: [&Tree; 2]) -> Result<()> {
        let data_type = |expr: &Expr| {
            let column = plain_column(expr)?;
            let mut leaves = trees.iter().flat_map(|tree| tree.leaves());
            of_leaf(
                leaves.find(|known| known.id == column.leaf)?,
                &column.name,
                self.catalog,
            )
        };
        match (data_type(left), data_type(right)) {
            (Some(left), Some(right)) if left == right && !left.contains("with time zone") => {
                Ok(())
            }
            _ => unsupported(format!(
                "`using ({name})` over columns that may have different types"
            )),
        }
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        opened: &mut Opened<'_>,
        environment: &Environment<'_>,
    ) -> Result<Tree> {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.joined(table_with_joins, opened, environment),
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_directives,
                inheritance: None,
            } if with_hints.is_empty() && partitions.is_empty() && index_directives.is_empty() => {
                self.named(name, alias.as_ref(), opened, environment)
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample: None,
            } => {
                let alias = alias.as_ref();
                if *lateral {
                    let inner = Environment {
                        ctes: environment.ctes.clone(),
                        outer: Some(&opened.names),
                    };
                    let node = self.query(subquery, &inner)?;
                    return self.leaf(Source::Lateral(node), alias, None, opened);
                }
                let inner = Environment {
                    ctes: environment.ctes.clone(),
                    outer: None,
                };
                let node = self.query(subquery, &inner)?;
                self.leaf(Source::Node(node), alias, None, opened)
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => {
                let mut arrays = Vec::new();
                for array in array_exprs {
                    let (array, subqueries) =
                        self.expression(array, &opened.names, environment, Place::Value)?;
                    if !subqueries.is_empty() {
                        return unsupported("a subquery in `unnest`");
                    }
                    arrays.push(array);
                }
                let unnest = Unnest {
                    arrays,
                    with_ordinality: *with_ordinality,
                };
                self.leaf(Source::Unnest(unnest), alias.as_ref(), None, opened)
            }
            other => unsupported(format!("`{other}`")),
        }
    }

    /// A table, a view or a CTE.
    fn named(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        opened: &mut Opened<'_>,
        environment: &Environment<'_>,
    ) -> Result<Tree> {
        let parts = parts(name)?;
        if let [only] = parts.as_slice()
            && let Some(cte) = environment.cte(only)
        {
            let inner = Environment {
                ctes: cte.ctes.clone(),
                outer: None,
            };
            let node = self.query(&cte.query, &inner)?;
            let names = if cte.columns.is_empty() {
                columns(&node, self.catalog)
            } else {
                cte.columns.clone()
            };
            return self.named_leaf(Source::Node(node), names, alias, parts, opened);
        }
        let input = self
            .catalog
            .find(&parts)
            .ok_or_else(|| Reason::UnknownTable(name.to_string()))?;
        let relation = self.catalog.relation(input);
        let full_name = relation.name.clone();
        let node = match &relation.kind {
            RelationKind::Table => Node::Table(input),
            RelationKind::View { sql } => self.view(sql)?,
        };
        let names = columns(&node, self.catalog);

        self.named_leaf(Source::Node(node), names, alias, full_name, opened)
    }

    /// A leaf whose columns the alias may name, which it must for `unnest`.
    fn leaf(
        &mut self,
        source: Source,
        alias: Option<&TableAlias>,
        name: Option<Vec<String>>,
        opened: &mut Opened<'_>,
    ) -> Result<Tree> {
        let names = match &source {
            Source::Node(node) | Source::Lateral(node) => columns(node, self.catalog),
            Source::Unnest(_) => Vec::new(),
        };

        self.named_leaf(source, names, alias, name.unwrap_or_default(), opened)
    }

    fn named_leaf(
        &mut self,
        source: Source,
        mut columns: Vec<String>,
        alias: Option<&TableAlias>,
        mut name: Vec<String>,
        opened: &mut Opened<'_>,
    ) -> Result<Tree> {
        if let Some(alias) = alias {
            name = vec![alias.name.value.clone()];
            let given = alias_columns(alias)?;
            if !given.is_empty() {
                columns = given;
            }
        }
        if let Some(twice) = columns
            .iter()
            .enumerate()
            .find(|(at, one)| columns[..*at].iter().any(|other| same(other, one)))
        {
            return Err(Reason::UnknownColumn(twice.1.clone()));
        }
        if columns.is_empty() {
            return unsupported("`unnest` without names for its columns");
        }
        let alias = name
            .last()
            .cloned()
            .unwrap_or_else(|| "a subquery without a name".into());
        let leaf = Leaf {
            id: self.next_leaf()?,
            alias,
            source,
            columns,
        };
        opened.names.add(&leaf, name);

        Ok(Tree::Leaf(leaf))
    }
}

/// The names of a query's columns.
pub(crate) fn columns(node: &Node, catalog: &crate::catalog::Catalog) -> Vec<String> {
    match node {
        Node::Table(input) => catalog
            .relation(*input)
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        Node::Block(block) => block.items.iter().map(|item| item.name.clone()).collect(),
        Node::Set(set) => columns(&set.left, catalog),
        Node::Values(values) => values.columns.clone(),
    }
}

fn constraint(operator: &JoinOperator) -> Result<Constraint<'_>> {
    let made = |kind, is_right, constraint| {
        Ok(Constraint {
            kind,
            is_right,
            condition: Some(constraint),
        })
    };
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
            made(JoinKind::Inner, false, constraint)
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            made(JoinKind::Left, false, constraint)
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            made(JoinKind::Left, true, constraint)
        }
        JoinOperator::FullOuter(constraint) => made(JoinKind::Full, false, constraint),
        JoinOperator::CrossJoin(constraint) => made(JoinKind::Cross, false, constraint),
        _ => unsupported("a join that Trino does not have"),
    }
}

pub(super) fn parts(name: &ObjectName) -> Result<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
            ObjectNamePart::Function(_) => unsupported(format!("the name `{name}`")),
        })
        .collect()
}

fn only_part(name: &ObjectName) -> Result<String> {
    match parts(name)?.as_slice() {
        [only] => Ok(only.clone()),
        _ => unsupported(format!("`using ({name})`")),
    }
}
