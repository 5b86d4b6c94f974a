//! Tests of `dbt_utils` that are queries over all rows: the macros of the package, written for Trino.

use super::arguments::Arguments;
use super::check::Check;
use crate::relation::Relation;

/// Stands in the SQL of [`Check::Query`] for the rows that are tested. In its place comes a table's name or a query in parentheses, without an alias.
pub const TESTED_ROWS: &str = "{{ tested_rows }}";

/// The tests that this file has the SQL of: those about a column, and those about a model.
pub(super) const OF_COLUMNS: [&str; 7] = [
    "dbt_utils.at_least_one",
    "dbt_utils.not_constant",
    "dbt_utils.not_empty_string",
    "dbt_utils.not_accepted_values",
    "dbt_utils.sequential_values",
    "dbt_utils.cardinality_equality",
    "dbt_utils.relationships_where",
];
pub(super) const OF_MODELS: [&str; 3] = [
    "dbt_utils.fewer_rows_than",
    "dbt_utils.mutually_exclusive_ranges",
    "dbt_utils.equality",
];

/// The columns and tables that a test can name in its SQL. A contract lists the columns of the model.
pub(super) struct Readable<'a> {
    /// Nothing without an enforced contract.
    pub(super) columns: Option<&'a [String]>,
    /// Gives the table of a `ref('…')` or a `source('…', '…')`.
    pub(super) find: &'a dyn Fn(&str) -> Result<Relation, String>,
}

/// A check with the other table that it reads.
pub(super) struct Asked {
    pub(super) check: Check,
    pub(super) reads: Option<Relation>,
}

impl Asked {
    fn alone(sql: String) -> Self {
        Self {
            check: Check::Query(sql),
            reads: None,
        }
    }

    fn with(sql: String, table: Relation) -> Self {
        Self {
            check: Check::Query(sql),
            reads: Some(table),
        }
    }
}

/// Reads a test of a column, whose quoted name is given.
pub(super) fn of_column(
    column: &str,
    arguments: &mut Arguments<'_>,
    readable: &Readable<'_>,
) -> Result<Asked, String> {
    match arguments.test {
        "dbt_utils.at_least_one" => at_least_one(column, arguments),
        "dbt_utils.not_constant" => not_constant(column, arguments),
        "dbt_utils.not_empty_string" => not_empty_string(column, arguments),
        "dbt_utils.not_accepted_values" => not_accepted_values(column, arguments),
        "dbt_utils.sequential_values" => sequential_values(column, arguments),
        "dbt_utils.cardinality_equality" => cardinality_equality(column, arguments, readable),
        _ => relationships_where(column, arguments, readable),
    }
}

/// Reads a test of a model.
pub(super) fn of_model(
    arguments: &mut Arguments<'_>,
    readable: &Readable<'_>,
) -> Result<Asked, String> {
    match arguments.test {
        "dbt_utils.fewer_rows_than" => fewer_rows_than(arguments, readable),
        "dbt_utils.mutually_exclusive_ranges" => mutually_exclusive_ranges(arguments),
        _ => equality(arguments, readable),
    }
}

fn at_least_one(column: &str, arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    let groups = Groups::of(arguments)?;

    Ok(Asked::alone(format!(
        "select {}count({column}) as not_null_rows from {TESTED_ROWS} as tested{} having count({column}) = 0",
        groups.listed(),
        groups.by(),
    )))
}

fn not_constant(column: &str, arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    let groups = Groups::of(arguments)?;

    Ok(Asked::alone(format!(
        "select {}count(distinct {column}) as distinct_values from {TESTED_ROWS} as tested{} having count(distinct {column}) = 1",
        groups.listed(),
        groups.by(),
    )))
}

fn not_empty_string(column: &str, arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    let text = if arguments.is("trim_whitespace", true)? {
        format!("trim({column})")
    } else {
        column.to_owned()
    };

    Ok(Asked {
        check: Check::Expression(format!("{text} <> ''")),
        reads: None,
    })
}

fn not_accepted_values(column: &str, arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    // As with accepted values, texts are compared; without quotes the values are SQL.
    let is_text = arguments.is("quote", true)?;
    let values = if is_text {
        arguments.list("values")?
    } else {
        arguments.columns("values")?
    };
    let condition = if is_text {
        let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
        format!("cast({column} as varchar) in ({})", values.join(", "))
    } else {
        format!("{column} in ({})", values.join(", "))
    };

    Ok(Asked::alone(format!(
        "select distinct {column} as value_field from {TESTED_ROWS} as tested where {condition}"
    )))
}

fn sequential_values(column: &str, arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    let groups = Groups::of(arguments)?;
    let interval = arguments.text("interval")?.unwrap_or_else(|| "1".into());
    if interval.parse::<f64>().is_err() {
        return Err(format!(
            "test `{}`: `interval` is no number",
            arguments.test
        ));
    }
    let is_next = match arguments.optional_part("datepart")? {
        Some(part) => format!(
            "cast({column} as timestamp(6)) = cast(date_add('{part}', {interval}, previous_value) as timestamp(6))"
        ),
        None => format!("{column} = previous_value + {interval}"),
    };

    Ok(Asked::alone(format!(
        "select * from (select {}{column}, lag({column}) over ({}order by {column}) as previous_value from {TESTED_ROWS} as tested) where not ({is_next})",
        groups.listed(),
        groups.partition(),
    )))
}

/// How often each value is there must be the same in both tables.
fn cardinality_equality(
    column: &str,
    arguments: &mut Arguments<'_>,
    readable: &Readable<'_>,
) -> Result<Asked, String> {
    let to = (readable.find)(&arguments.needed("to")?)?;
    let field = name(&arguments.needed("field")?);
    let sql = format!(
        "with own as (select {column} as value_field, count(*) as num_rows from {TESTED_ROWS} as tested group by {column}),
other as (select {field} as value_field, count(*) as num_rows from {to} as compared group by {field})
(select * from own except select * from other) union all (select * from other except select * from own)"
    );

    Ok(Asked::with(sql, to))
}

fn relationships_where(
    column: &str,
    arguments: &mut Arguments<'_>,
    readable: &Readable<'_>,
) -> Result<Asked, String> {
    let to = (readable.find)(&arguments.needed("to")?)?;
    let field = name(&arguments.needed("field")?);
    let condition = |text: Option<String>| text.unwrap_or_else(|| "true".into());
    let from_condition = condition(arguments.text("from_condition")?);
    let to_condition = condition(arguments.text("to_condition")?);
    let sql = format!(
        "with compared as (select {field} as id from {to} as compared where {field} is not null and (
{to_condition}
))
select * from {TESTED_ROWS} as tested where {column} is not null and (
{from_condition}
) and {column} not in (select id from compared)"
    );

    Ok(Asked::with(sql, to))
}

fn fewer_rows_than(
    arguments: &mut Arguments<'_>,
    readable: &Readable<'_>,
) -> Result<Asked, String> {
    let to = (readable.find)(&arguments.needed("compare_model")?)?;
    let groups = Groups::of(arguments)?;
    let sql = groups.counts(&to, "tested_rows >= compared_rows");

    Ok(Asked::with(sql, to))
}

/// The numbers of rows of each group are the same. As in dbt, groups that only one of both has do not count.
pub(super) fn equal_rowcount(to: &Relation, groups: &Groups) -> Check {
    Check::Query(groups.counts(to, "tested_rows <> compared_rows"))
}

/// The latest value, of each group or without its time of day.
pub(super) fn recency(
    field: &str,
    part: &str,
    interval: i64,
    is_of_days: bool,
    groups: &Groups,
) -> Check {
    let field = name(field);
    let latest = format!("max({field})");
    let threshold = format!("date_add('{part}', -{interval}, current_timestamp)");
    let (latest, is_old) = if is_of_days {
        (
            format!("cast({latest} as date)"),
            format!("most_recent < cast({threshold} as date)"),
        )
    } else {
        (
            latest,
            format!("cast(most_recent as timestamp(6) with time zone) < {threshold}"),
        )
    };

    Check::Query(format!(
        "select * from (select {}{latest} as most_recent from {TESTED_ROWS} as tested{}) where most_recent is null or {is_old}",
        groups.listed(),
        groups.by(),
    ))
}

/// Ranges of one partition that overlap or leave what they may not.
fn mutually_exclusive_ranges(arguments: &mut Arguments<'_>) -> Result<Asked, String> {
    let lower = name(&arguments.needed("lower_bound_column")?);
    let upper = name(&arguments.needed("upper_bound_column")?);
    let partition = arguments.text("partition_by")?;
    let gaps = arguments.text("gaps")?.unwrap_or_else(|| "allowed".into());
    let before_next = match gaps.as_str() {
        "not_allowed" => "=",
        "allowed" => "<=",
        "required" => "<",
        other => {
            return Err(format!(
                "test `{}`: `gaps` is `{other}`; write `allowed`, `not_allowed` or `required`",
                arguments.test
            ));
        }
    };
    let before_upper = if arguments.is("zero_length_range_allowed", false)? {
        "<="
    } else {
        "<"
    };
    let listed = partition
        .as_ref()
        .map(|by| format!("{by} as partition_by_col, "));
    let by = partition.map(|by| format!("partition by {by} "));
    let (listed, by) = (listed.unwrap_or_default(), by.unwrap_or_default());

    Ok(Asked::alone(format!(
        "select * from (
  select {listed}{lower} as lower_bound, {upper} as upper_bound,
    lead({lower}) over ({by}order by {lower}, {upper}) as next_lower_bound,
    row_number() over ({by}order by {lower} desc, {upper} desc) = 1 as is_last_record
  from {TESTED_ROWS} as tested
)
where not (
  coalesce(lower_bound {before_upper} upper_bound, false)
  and coalesce(upper_bound {before_next} next_lower_bound, is_last_record, false)
)"
    )))
}

/// Rows that only one of both tables has.
fn equality(arguments: &mut Arguments<'_>, readable: &Readable<'_>) -> Result<Asked, String> {
    let to = (readable.find)(&arguments.needed("compare_model")?)?;
    let compared = arguments.optional_columns("compare_columns")?;
    let excluded = arguments.optional_columns("exclude_columns")?;
    if !compared.is_empty() && !excluded.is_empty() {
        return Err(format!(
            "test `{}` takes `compare_columns` or `exclude_columns`, not both",
            arguments.test
        ));
    }
    let compared = if compared.is_empty() {
        let columns = readable.columns.ok_or_else(|| {
            format!(
                "test `{}` needs `compare_columns`, or an enforced contract that lists the columns of the model",
                arguments.test
            )
        })?;
        let is_excluded = |column: &str| {
            let mut excluded = excluded.iter();
            excluded.any(|name| name.eq_ignore_ascii_case(column))
        };
        let columns = columns.iter().filter(|column| !is_excluded(column));
        columns.cloned().collect()
    } else {
        compared
    };
    if compared.is_empty() {
        return Err(format!("test `{}` has no column left", arguments.test));
    }
    let columns: Vec<_> = compared.iter().map(|column| name(column)).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "with own as (select {columns} from {TESTED_ROWS} as tested),
other as (select {columns} from {to} as compared)
select 'a_minus_b' as which_diff, own_rows.* from (select * from own except select * from other) as own_rows
union all
select 'b_minus_a' as which_diff, other_rows.* from (select * from other except select * from own) as other_rows"
    );

    Ok(Asked::with(sql, to))
}

/// The columns of `group_by_columns`, as SQL.
pub(super) struct Groups(Vec<String>);

impl Groups {
    pub(super) fn of(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        let names = arguments.optional_columns("group_by_columns")?;

        Ok(Self(names.iter().map(|column| name(column)).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At the beginning of a select list.
    fn listed(&self) -> String {
        self.clause("", ", ")
    }

    fn by(&self) -> String {
        self.clause(" group by ", "")
    }

    fn partition(&self) -> String {
        self.clause("partition by ", " ")
    }

    fn clause(&self, before: &str, behind: &str) -> String {
        if self.is_empty() {
            return String::new();
        }

        format!("{before}{}{behind}", self.0.join(", "))
    }

    /// The numbers of rows in both tables, where a condition about `tested_rows` and `compared_rows` holds.
    fn counts(&self, to: &Relation, condition: &str) -> String {
        let (listed, by) = (self.listed(), self.by());
        let on: Vec<_> = self
            .0
            .iter()
            .map(|column| format!("own.{column} = other.{column}"))
            .collect();
        let on = if on.is_empty() {
            "true".to_owned()
        } else {
            on.join(" and ")
        };
        let own: Vec<_> = self
            .0
            .iter()
            .map(|column| format!("own.{column}"))
            .collect();
        let own = Self(own).listed();

        format!(
            "with own as (select {listed}count(*) as tested_rows from {TESTED_ROWS} as tested{by}),
other as (select {listed}count(*) as compared_rows from {to} as compared{by})
select {own}tested_rows, compared_rows from own join other on {on} where {condition}"
        )
    }
}

/// A plain name in quotes, as it may be a word of SQL. Other texts are SQL, as in dbt.
pub(super) fn name(text: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_plain =
        text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    if is_plain {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
