//! What a declared test asks for.

use serde::Serialize;

use super::arguments::Arguments;
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
}

const KNOWN: [&str; 10] = [
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
    /// The other table that it reads.
    pub(crate) fn reads(&self) -> Option<&Relation> {
        match self {
            Self::Relationships { to, .. } | Self::EqualRowcount { to } => Some(to),
            Self::NotNull
            | Self::Unique
            | Self::AcceptedValues(_)
            | Self::UniqueCombination(_)
            | Self::Expression(_)
            | Self::AcceptedRange { .. }
            | Self::Recency { .. }
            | Self::NotNullProportion { .. } => None,
        }
    }

    /// Reads the arguments of a test. `find` gives the table of a `ref('…')` or a `source('…', '…')`.
    pub(super) fn read(
        column: Option<&str>,
        arguments: &mut Arguments<'_>,
        find: &dyn Fn(&str) -> Result<Relation, String>,
    ) -> Result<Self, String> {
        let name = arguments.test;
        if OF_COLUMNS.contains(&name) && column.is_none() {
            return Err(format!(
                "test `{name}` is about a column; write it below `columns`"
            ));
        }

        Ok(match name {
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
                Self::UniqueCombination(arguments.list("combination_of_columns")?)
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
            "dbt_utils.recency" => Self::Recency {
                field: match column {
                    Some(column) => arguments
                        .text("field")?
                        .unwrap_or_else(|| column.to_owned()),
                    None => arguments.needed("field")?,
                },
                part: arguments.part("datepart")?,
                interval: arguments.number("interval")?,
            },
            "dbt_utils.not_null_proportion" => Self::NotNullProportion {
                least: arguments.share("at_least", 0.0)?,
                most: arguments.share("at_most", 1.0)?,
            },
            "dbt_utils.equal_rowcount" => Self::EqualRowcount {
                to: find(&arguments.needed("compare_model")?)?,
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
