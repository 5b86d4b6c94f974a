//! Short names: `orders` for `shop.orders`, `latest` for the last run.

use serde::Deserialize;

use crate::answers::{Run, Table};
use crate::fault::{Fault, Result};
use crate::server::{Call, Server, read};

/// The longest name for which a near one is looked for, in bytes.
const LONGEST_NAME: usize = 100;

/// The most tables or models that a short name is looked for in.
const MOST: usize = 100_000;
const LATEST: &str = "latest";

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// A table or a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Table(String),
    Model(String),
}

/// The table of a name. Its answer has the columns of the key.
pub(crate) async fn table(server: &Server, name: &str) -> Result<Table> {
    if name.contains('.') {
        return read(&server.call(Call::get(&["tables", name])).await?);
    }
    let mut tables: Vec<Table> = server.list(Call::get(&["tables"]), MOST).await?.read()?;
    let at = pick(
        "table",
        name,
        &tables
            .iter()
            .map(|table| table.name.as_str())
            .collect::<Vec<_>>(),
    )?;

    Ok(tables.swap_remove(at))
}

/// The full name of a model.
pub(crate) async fn model(server: &Server, name: &str) -> Result<String> {
    if name.contains('.') {
        return Ok(name.to_owned());
    }
    let models = names(server, "models").await?;
    let at = pick(
        "model",
        name,
        &models.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;

    Ok(models[at].clone())
}

/// The table or model of a name.
pub(crate) async fn data(server: &Server, name: &str) -> Result<Data> {
    let tables = names(server, "tables").await?;
    let models = names(server, "models").await?;
    let all: Vec<&str> = tables.iter().chain(&models).map(String::as_str).collect();
    let at = pick("table or model", name, &all)?;

    Ok(if at < tables.len() {
        Data::Table(all[at].to_owned())
    } else {
        Data::Model(all[at].to_owned())
    })
}

async fn names(server: &Server, list: &str) -> Result<Vec<String>> {
    let named: Vec<Named> = server.list(Call::get(&[list]), MOST).await?.read()?;

    Ok(named.into_iter().map(|named| named.name).collect())
}

/// The run of an id, of `latest`, or of `latest:shop`.
pub(crate) async fn run_id(server: &Server, id: &str) -> Result<String> {
    let pipeline = match id.split_once(':') {
        None if id == LATEST => None,
        Some((LATEST, pipeline)) => Some(pipeline),
        _ if uuid::Uuid::try_parse(id).is_ok() => return Ok(id.to_owned()),
        _ => {
            return Err(Fault::Usage(format!(
                "`{id}` is no id of a run; give an id that `icefront runs` shows, `latest`, or `latest:PIPELINE`"
            )));
        }
    };
    let runs: Vec<Run> = server
        .list(Call::get(&["runs"]).with("pipeline", pipeline), 1)
        .await?
        .read()?;

    runs.into_iter().next().map(|run| run.id).ok_or_else(|| {
        let of = pipeline
            .map(|pipeline| format!(" of `{pipeline}`"))
            .unwrap_or_default();
        Fault::Usage(format!(
            "there is no run{of} yet; start one by `icefront run`"
        ))
    })
}

/// The place of the one full name that a name means.
fn pick(kind: &str, name: &str, known: &[&str]) -> Result<usize> {
    let fits =
        |full: &str| full == name || full.split_once('.').is_some_and(|(_, short)| short == name);
    let places: Vec<usize> = (0..known.len()).filter(|at| fits(known[*at])).collect();
    match places[..] {
        [at] => Ok(at),
        [] => Err(Fault::Usage(format!(
            "there is no {kind} `{name}`{}",
            hint(name, known)
        ))),
        _ => {
            let full: Vec<String> = places
                .iter()
                .map(|at| format!("`{}`", known[*at]))
                .collect();
            Err(Fault::Usage(format!(
                "`{name}` is the name of several: {}; give the full name",
                full.join(", ")
            )))
        }
    }
}

/// The nearest name, if one is near.
fn hint(name: &str, known: &[&str]) -> String {
    // Nobody mistypes such a name, and the comparison takes the square of its length.
    if name.len() > LONGEST_NAME {
        return String::new();
    }
    let distance = |full: &str| {
        let short = full.split_once('.').map_or(full, |(_, short)| short);
        strsim::damerau_levenshtein(full, name).min(strsim::damerau_levenshtein(short, name))
    };
    let nearest = known.iter().map(|full| (distance(full), full)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 1 + name.chars().count() / 4 => {
            format!("; did you mean `{nearest}`?")
        }
        _ if known.is_empty() => "; there is none at all".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = [
        "crm.customers",
        "shop.customers",
        "shop.orders",
        "shop.daily_revenue",
    ];

    fn refused(name: &str) -> String {
        pick("table", name, &KNOWN)
            .expect_err("a fault")
            .told()
            .expect("a text")
    }

    #[test]
    fn a_name_without_its_pipeline_is_enough_if_only_one_has_it() {
        assert_eq!(pick("table", "orders", &KNOWN).expect("a table"), 2);
        assert_eq!(pick("table", "crm.customers", &KNOWN).expect("a table"), 0);
        assert_eq!(
            refused("customers"),
            "error: `customers` is the name of several: `crm.customers`, `shop.customers`; give the full name"
        );
    }

    #[test]
    fn a_wrong_name_gives_the_nearest_one() {
        assert_eq!(
            refused("order"),
            "error: there is no table `order`; did you mean `shop.orders`?"
        );
        assert_eq!(
            refused("shop.order"),
            "error: there is no table `shop.order`; did you mean `shop.orders`?"
        );
        assert_eq!(refused("weather"), "error: there is no table `weather`");
    }
}
