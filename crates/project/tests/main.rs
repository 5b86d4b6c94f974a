//! Projects in a temporary folder.

mod columns;
mod configuration;
mod files;
mod jinja;
mod macros;
mod ordering;
mod packages;
mod rendering;
mod selecting;
mod shapes;
mod testing;
mod unit_tests;

use std::collections::BTreeMap;

use icefront_project::{Fault, Known, Project, Relation, SourceKey};
use tempfile::TempDir;

/// Reads a project of these files, beside the tables `orders` and `customers` of a pipeline `shop`.
fn read(files: &[(&str, &str)]) -> Result<Project, Vec<Fault>> {
    read_with(&known(), files)
}

/// The same, with other things known.
fn read_with(known: &Known, files: &[(&str, &str)]) -> Result<Project, Vec<Fault>> {
    let folder = TempDir::new().expect("a folder");
    for (place, text) in files {
        let path = folder.path().join(place);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    Project::read(folder.path(), "shop", known)
}

fn known() -> Known {
    let table = |name: &str| Relation::new("lake", "marts", name);
    let tables =
        ["orders", "orders_history", "customers"].map(|name| (name.to_owned(), table(name)));
    let log = SourceKey {
        source: "shop".into(),
        table: "orders".into(),
    };

    Known {
        catalog: "lake".into(),
        schema: "marts".into(),
        target: "prod".into(),
        tables: BTreeMap::from(tables),
        sources: BTreeMap::from([(log, Relation::new("lake", "staging", "orders"))]),
        env: BTreeMap::from([("REGION".to_owned(), Some("north".to_owned()))]),
        ..Known::default()
    }
}

/// The SQL of the only model.
fn sql(files: &[(&str, &str)]) -> String {
    let project = read(files).unwrap_or_else(|faults| panic!("{faults:?}"));
    project.models.last().expect("a model").sql.clone()
}

/// The SQL of a model with this text.
fn rendered(text: &str) -> String {
    sql(&[("models/m.sql", text)])
}

/// All faults as lines.
fn faults(files: &[(&str, &str)]) -> String {
    lines(&read(files).expect_err("faults"))
}

/// All warnings as lines.
fn warnings(project: &Project) -> String {
    lines(&project.warnings)
}

fn lines(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
