//! Measures how long a project of a thousand models takes to be read and selected from.
//!
//! `cargo run --release -p icefront-project --example thousand_models`; behind `--`, another number of models.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use icefront_project::{Known, Last, Project, Relation};

/// The models of a level read those of the level above.
const LEVELS: usize = 30;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let models = std::env::args().nth(1).and_then(|text| text.parse().ok());
    generate(folder.path(), models.unwrap_or(1_000));
    let orders = Relation::new("lake", "marts", "orders");
    let known = Known {
        catalog: "lake".into(),
        schema: "marts".into(),
        tables: BTreeMap::from([("orders".to_owned(), orders)]),
        ..Known::default()
    };
    let read = || {
        Project::read(folder.path(), "shop", &known).unwrap_or_else(|faults| panic!("{faults:?}"))
    };
    let project = read();
    println!(
        "{} models, {} tests, {} singular tests",
        project.models.len(),
        project.models.iter().map(|m| m.tests.len()).sum::<usize>(),
        project.singular_tests.len()
    );
    measure("read", || read().models.len());
    let last = project.models.last().map(|model| model.name.clone());
    let last = last.unwrap_or_default();
    for words in [
        format!("+{last}"),
        "orders+".to_owned(),
        "@m10".to_owned(),
        "tag:nightly".to_owned(),
        "+path:models/level_20+".to_owned(),
        "m1*".to_owned(),
    ] {
        measure(&words, || {
            let named = project.named(&words, &Last::default());
            named.unwrap_or_else(|fault| panic!("{fault}")).len()
        });
    }
}

/// Prints the least and the most time that it takes, and what it gives.
fn measure(what: &str, call: impl Fn() -> usize) {
    let round = |_| {
        let began = Instant::now();
        let given = call();
        (began.elapsed(), given)
    };
    let times: Vec<(Duration, usize)> = (0..ROUNDS).map(round).collect();
    let least = times.iter().min().expect("a round");
    let most = times.iter().max().expect("a round");
    println!("{what}: {:?} to {:?}, {}", least.0, most.0, least.1);
}

/// Models with one to three others that they read, two tests, a macro, and a singular test for each hundredth.
fn generate(folder: &Path, models: usize) {
    let write = |place: &str, text: &str| {
        let path = folder.join(place);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "macros/m.sql",
        "{% macro cents(column) %}cast({{ column }} * 100 as bigint){% endmacro %}",
    );
    write(
        "dbt_project.yml",
        "name: shop\nvars: {since: '2024-01-01'}\nmodels: {+tags: all, level_10: {+tags: nightly}}\n",
    );
    let per_level = models.div_ceil(LEVELS);
    let mut yaml: BTreeMap<usize, String> = BTreeMap::new();
    for n in 0..models {
        let level = n / per_level;
        let read = |k: usize| {
            if level == 0 {
                "orders".to_owned()
            } else {
                let above = (level - 1) * per_level;
                format!("m{}", above + (n * (k + 2) + k) % per_level)
            }
        };
        let joined: Vec<String> = (0..=n % 3)
            .map(|k| format!("{{{{ ref('{}') }}}} as t{k}", read(k)))
            .collect();
        write(
            &format!("models/level_{level}/m{n}.sql"),
            &format!(
                "{{{{ config(materialized='incremental', unique_key=['id']) }}}}\n\n-- The amounts of each id.\nselect t0.id, {{{{ cents('sum(t0.amount)') }}}} as amount, {{% for s in ['a', 'b', 'c'] %}}count(case when t0.state = '{{{{ s }}}}' then 1 end) as n_{{{{ s }}}}{{{{ ', ' if not loop.last }}}}{{% endfor %}}\nfrom {}\nwhere t0.day >= date '{{{{ var('since') }}}}'\ngroup by t0.id\n",
                joined.join("\njoin ")
            ),
        );
        let related = read(0);
        let entry = format!(
            "  - name: m{n}\n    description: Model {n}\n    columns:\n      - {{name: id, data_type: bigint, data_tests: [not_null, {{relationships: {{to: ref('{related}'), field: id}}}}]}}\n      - {{name: amount, data_type: bigint}}\n"
        );
        let text = yaml.entry(level).or_insert_with(|| "models:\n".to_owned());
        text.push_str(&entry);
        if n % 100 == 99 {
            write(
                &format!("tests/t{n}.sql"),
                &format!("select id from {{{{ ref('m{n}') }}}} where amount < 0"),
            );
        }
    }
    for (level, text) in yaml {
        write(&format!("models/level_{level}/models.yml"), &text);
    }
}
