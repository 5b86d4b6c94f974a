//! What a declared test asks for.

use serde::Serialize;

use super::arguments::Arguments;
use super::query::{self, Asked, Groups, Readable};
use crate::nearest::did_you_mean;
use crate::relation::Relation;

/// What a test asks for. Texts are SQL, unless they are said to be names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Check {
    NotNull,
    /// Nulls do not count.
    Unique,
    /// Null is accepted.
    AcceptedValues(Vec<String>),
    /// The value is in a column, by its name, of another table. Null is accepted.
    Relationships {
        to: Relation,
        field: String,
    },
    /// The names of columns.
    UniqueCombination(Vec<String>),
    /// Null is accepted.
    Expression(String),
    AcceptedRange {
        least: Option<String>,
        most: Option<String>,
        is_inclusive: bool,
    },
    /// The latest value of `field` is at most so many parts of a date old.
    Recency {
        field: String,
        part: String,
        interval: i64,
    },
    NotNullProportion {
        least: f64,
        most: f64,
    },
    EqualRowcount {
        to: Relation,
    },
    /// A query whose rows are failures. [`TESTED_ROWS`](crate::TESTED_ROWS) stands in it, once and before `as`, for all rows that the test reads, of which `where` is part.
    Query(String),
}

pub(crate) const KNOWN: [&str; 20] = [
    "not_null",
    "unique",
    "accepted_values",
    "relationships",
    "dbt_utils.unique_combination_of_columns",
    "dbt_utils.expression_is_true",
    "dbt_utils.accepted_range",
    "dbt_utils.recency",
    "dbt_utils.not_null_proportion",
    "dbt_utils.equal_rowcount",
    "dbt_utils.at_least_one",
    "dbt_utils.not_constant",
    "dbt_utils.not_empty_string",
    "dbt_utils.not_accepted_values",
    "dbt_utils.sequential_values",
    "dbt_utils.cardinality_equality",
    "dbt_utils.relationships_where",
    "dbt_utils.fewer_rows_than",
    "dbt_utils.mutually_exclusive_ranges",
    "dbt_utils.equality",
];
const OF_COLUMNS: [&str; 6] = [
    "not_null",
    "unique",
    "accepted_values",
    "relationships",
    "dbt_utils.accepted_range",
    "dbt_utils.not_null_proportion",
];

impl Check {
    /// Reads the arguments of a test.
    pub(super) fn read(
        column: Option<&str>,
        arguments: &mut Arguments<'_>,
        readable: &Readable<'_>,
    ) -> Result<Asked, String> {
        let name = arguments.test;
        let is_query = query::OF_COLUMNS.contains(&name);
        let Some(column) = column else {
            if is_query || OF_COLUMNS.contains(&name) {
                return Err(format!(
                    "test `{name}` is about a column; write it below `columns`"
                ));
            }
            return Self::of_model(None, arguments, readable);
        };
        if is_query {
            let column = format!("\"{}\"", column.replace('"', "\"\""));
            return query::of_column(&column, arguments, readable);
        }

        Self::of_model(Some(column), arguments, readable)
    }

    fn of_model(
        column: Option<&str>,
        arguments: &mut Arguments<'_>,
        readable: &Readable<'_>,
    ) -> Result<Asked, String> {
        if query::OF_MODELS.contains(&arguments.test) {
            return query::of_model(arguments, readable);
        }
        if arguments.test == "dbt_utils.equal_rowcount" {
            return Self::equal_rowcount(arguments, readable);
        }
        let check = Self::plain(column, arguments, readable)?;
        let reads = match &check {
            Self::Relationships { to, .. } => Some(to.clone()),
            _ => None,
        };

        Ok(Asked { check, reads })
    }

    /// A test of which the service has the SQL.
    fn plain(
        column: Option<&str>,
        arguments: &mut Arguments<'_>,
        readable: &Readable<'_>,
    ) -> Result<Self, String> {
        let find = readable.find;

        Ok(match arguments.test {
            "not_null" => Self::NotNull,
            "unique" => Self::Unique,
            "accepted_values" => {
                // Values are compared as texts.
                arguments.take("quote");
                Self::AcceptedValues(arguments.list("values")?)
            }
            "relationships" => Self::Relationships {
                to: find(&arguments.needed("to")?)?,
                field: arguments.needed("field")?,
            },
            "dbt_utils.unique_combination_of_columns" => {
                arguments.take("quote_columns");
                Self::UniqueCombination(arguments.columns("combination_of_columns")?)
            }
            "dbt_utils.expression_is_true" => {
                let expression = arguments.needed("expression")?;
                // dbt writes the column before the expression.
                Self::Expression(match column {
                    Some(column) => format!("\"{}\" {expression}", column.replace('"', "\"\"")),
                    None => expression,
                })
            }
            "dbt_utils.accepted_range" => Self::range(arguments)?,
            "dbt_utils.recency" => Self::recency(column, arguments)?,
            "dbt_utils.not_null_proportion" => Self::NotNullProportion {
                least: arguments.share("at_least", 0.0)?,
                most: arguments.share("at_most", 1.0)?,
            },
            other => {
                return Err(format!(
                    "there is no test `{other}`{}; write it as a `select` in `tests/`, or use one of {}",
                    did_you_mean(other, KNOWN),
                    KNOWN.join(", ")
                ));
            }
        })
    }

    fn equal_rowcount(
        arguments: &mut Arguments<'_>,
        readable: &Readable<'_>,
    ) -> Result<Asked, String> {
        let to = (readable.find)(&arguments.needed("compare_model")?)?;
        let groups = Groups::of(arguments)?;
        let check = if groups.is_empty() {
            Self::EqualRowcount { to: to.clone() }
        } else {
            query::equal_rowcount(&to, &groups)
        };

        Ok(Asked {
            check,
            reads: Some(to),
        })
    }

    fn recency(column: Option<&str>, arguments: &mut Arguments<'_>) -> Result<Self, String> {
        let field = match column {
            Some(column) => arguments
                .text("field")?
                .unwrap_or_else(|| column.to_owned()),
            None => arguments.needed("field")?,
        };
        let part = arguments.part("datepart")?;
        let interval = arguments.number("interval")?;
        let is_of_days = arguments.is("ignore_time_component", false)?;
        let groups = Groups::of(arguments)?;
        if groups.is_empty() && !is_of_days {
            return Ok(Self::Recency {
                field,
                part,
                interval,
            });
        }

        Ok(query::recency(&field, &part, interval, is_of_days, &groups))
    }

    fn range(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        let least = arguments.text("min_value")?;
        let most = arguments.text("max_value")?;
        if least.is_none() && most.is_none() {
            return Err(format!(
                "test `{}` needs `min_value` or `max_value`",
                arguments.test
            ));
        }

        Ok(Self::AcceptedRange {
            least,
            most,
            is_inclusive: arguments.is("inclusive", true)?,
        })
    }
}
