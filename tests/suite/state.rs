//! The statements and rows of the state database fit its schema.

use std::collections::HashSet;
use std::path::Path;

use icefront::config::Config;
use icefront::error::Error;
use icefront::state::Store;

use crate::harness::Service;

/// The statements of a file, with their names.
fn statements(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).expect("a file");

    text.split("\n-- name: ")
        .skip(1)
        .map(|statement| {
            let (name, statement) = statement.split_once('\n').expect("a statement");
            (name.to_owned(), statement.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_names_its_columns() {
    let service = Service::items().start().await;
    let state = service.connect_to_state().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statements/state");
    let mut names = HashSet::new();

    for file in std::fs::read_dir(folder).expect("a folder") {
        let file = file.expect("a file").path();
        for (name, statement) in statements(&file) {
            assert!(names.insert(name.clone()), "`{name}` is there twice");
            // Several statements in one text cannot be prepared; they give no rows.
            if statement.contains(';') && file.ends_with("schema.sql") {
                state.batch_execute(&statement).await.expect(&name);
                continue;
            }
            let prepared = state.prepare(&statement).await.expect(&name);
            let columns = prepared.columns();
            let distinct: HashSet<&str> =
                columns.iter().map(tokio_postgres::Column::name).collect();
            assert!(!distinct.contains("?column?"), "`{name}`: {distinct:?}");
            assert_eq!(distinct.len(), columns.len(), "`{name}`: {distinct:?}");
        }
    }

    assert!(names.len() > 70, "{}", names.len());
}

#[tokio::test]
async fn a_column_of_another_type_is_an_error() {
    let service = Service::items().start().await;
    let settings = service.folder.path().join("icefront.toml");
    let config = Config::load(Some(&settings)).expect("settings");
    let store = Store::new(&config.state).expect("a store");
    let state = service.connect_to_state().await;
    let id = uuid::Uuid::now_v7();
    let run =
        "insert into icefront.runs (id, pipeline, state, request) values ($1, 'p', 'failed', '{}')";
    state.execute(run, &[&id]).await.expect("a run");
    store.run(id).await.expect("a run");

    let change = "alter table icefront.runs alter column attempt type bigint";
    state.batch_execute(change).await.expect("changed");

    let read = store.run(id).await;
    assert!(matches!(read, Err(Error::Internal(_))), "{read:?}");
}
