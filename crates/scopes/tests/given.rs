//! Small tables as text, and what a model over them is expected to be.

use icefront_queries::{Column, Row, Table};

use crate::trial::{Found, Outcome, Trial, column, known};

/// A table of integers by its columns, and its rows before and after; `-` is null.
pub(crate) struct Given(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

fn table(given: &Given) -> Table {
    let Given(name, columns, old, new) = given;
    let columns = columns.split(',').map(written);

    Table {
        name: (*name).into(),
        columns: columns.collect(),
        old: rows(old),
        new: rows(new),
    }
}

/// `id` is a column of integers, `name text` one of texts.
fn written(name: &str) -> Column {
    match name.strip_suffix(" text") {
        Some(name) => Column::new(name, "varchar"),
        None => Column::new(name, "integer"),
    }
}

/// `1 2; 3 -` is two rows.
fn rows(text: &str) -> Vec<Row> {
    text.split(';')
        .map(str::trim)
        .filter(|row| !row.is_empty())
        .map(|row| {
            row.split_whitespace()
                .map(|value| {
                    if value == "-" {
                        "null".into()
                    } else {
                        value.into()
                    }
                })
                .collect()
        })
        .collect()
}

async fn outcome(sql: &str, scope: &str, output: &str, given: &[Given]) -> Outcome {
    Trial {
        sql: sql.into(),
        scope: vec![scope.into()],
        output: known(&output.split(',').map(written).collect::<Vec<_>>()),
        tables: given.iter().map(table).collect(),
        dates: [
            "2026-01-02",
            if sql.contains("current_date") {
                "2026-01-03"
            } else {
                "2026-01-02"
            },
        ],
    }
    .run()
    .await
}

pub(crate) async fn incremental(sql: &str, scope: &str, output: &str, given: &[Given]) -> Found {
    match outcome(sql, scope, output, given).await {
        Outcome::Incremental(found) => {
            assert!(
                found.is_right(),
                "{sql}: {:?} differ, found {:?}\n  {}",
                found.differing,
                found.affected,
                found.story
            );
            found
        }
        Outcome::Full(reason) => panic!("{sql}: {reason}"),
        Outcome::Refused(message) => panic!("{sql}: {message}"),
    }
}

/// The scopes that differ are found, and these are they.
pub(crate) async fn finds(
    sql: &str,
    scope: &str,
    output: &str,
    given: &[Given],
    differing: &[&str],
) {
    let found = incremental(sql, scope, output, given).await;
    let expected = differing.iter().map(|scope| (*scope).to_owned()).collect();
    assert_eq!(found.differing, expected, "{sql}");
}

/// The model is computed in full, because nothing less is proven.
pub(crate) async fn is_full(sql: &str, scope: &str, output: &str, given: &[Given], reason: &str) {
    match outcome(sql, scope, output, given).await {
        Outcome::Full(why) => assert!(why.to_string().contains(reason), "{sql}: {why}"),
        Outcome::Incremental(found) => panic!("{sql}: is incremental: {}", found.story),
        Outcome::Refused(message) => panic!("{sql}: {message}"),
    }
}

/// What is found where the table stores the columns in these types.
pub(crate) async fn of_type(
    sql: &str,
    scope: &str,
    output: &[(&str, &str)],
    given: &[Given],
) -> Found {
    let trial = Trial {
        sql: sql.into(),
        scope: vec![scope.into()],
        output: output
            .iter()
            .map(|(name, data_type)| column(name, data_type))
            .collect(),
        tables: given.iter().map(table).collect(),
        dates: ["2026-01-02", "2026-01-02"],
    };
    match trial.run().await {
        Outcome::Incremental(found) => found,
        Outcome::Full(reason) => panic!("{sql}: {reason}"),
        Outcome::Refused(message) => panic!("{sql}: {message}"),
    }
}
