//! The order of models: each after those that it reads and those that its tests read.

use std::collections::BTreeMap;

use crate::config::Materialized;
use crate::data_test::SingularTest;
use crate::fault::Fault;
use crate::project::Model;

/// The models in levels: first those that come after no other, then those that come only after these, and so on; each level by name.
///
/// # Errors
///
/// A circle, with its models.
pub(crate) fn order(models: Vec<Model>) -> Result<Vec<Model>, Fault> {
    let levels = levels(&models)?;
    let mut leveled: Vec<_> = levels.into_iter().zip(models).collect();
    leveled.sort_by(|(level, one), (other_level, other)| {
        level
            .cmp(other_level)
            .then_with(|| one.name.cmp(&other.name))
    });

    Ok(leveled.into_iter().map(|(_, model)| model).collect())
}

/// Lets models that are in order come after those that their declared tests read, where that makes no circle.
pub(crate) fn add_tested(models: &mut [Model]) {
    let tables: BTreeMap<_, _> = models
        .iter()
        .enumerate()
        .map(|(place, model)| (&model.relation, place))
        .collect();
    let mut wanted = Vec::new();
    for (place, model) in models.iter().enumerate() {
        // Tests of a view do not run.
        if model.config.materialized == Materialized::View {
            continue;
        }
        let read = model.tests.iter().filter_map(|test| test.reads.as_ref());
        let read = read.filter_map(|table| tables.get(table).copied());
        wanted.extend(read.map(|before| Edge { before, place }));
    }
    // Edges that follow one order make no circle together.
    let (along, against): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|edge| edge.before < edge.place);
    let mut before = before(models);
    for edge in along {
        before[edge.place].push(edge.before);
    }
    for edge in against {
        if !reaches(&before, edge.before, edge.place) {
            before[edge.place].push(edge.before);
        }
    }
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    for (model, before) in models.iter_mut().zip(before) {
        let before = before.into_iter().map(|place| names[place].clone());
        model.after.extend(before);
    }
}

/// Lets the models of singular tests come after the others that the tests read. As they are the last ones, that makes no circle.
pub(crate) fn add_singular(models: &mut [Model], tests: &[SingularTest]) {
    let places: BTreeMap<String, usize> = models
        .iter()
        .enumerate()
        .map(|(place, model)| (model.name.clone(), place))
        .collect();
    for test in tests {
        let others = test.refs.iter().filter(|name| **name != test.model);
        let others = others.filter(|name| places.contains_key(*name));
        if let Some(place) = places.get(&test.model) {
            models[*place].after.extend(others.cloned());
        }
    }
}

/// A model, by its place, and one that comes before it.
struct Edge {
    before: usize,
    place: usize,
}

/// The places of the models that come before each model.
fn before(models: &[Model]) -> Vec<Vec<usize>> {
    let names = models.iter().enumerate();
    let places: BTreeMap<&str, usize> = names
        .map(|(place, model)| (model.name.as_str(), place))
        .collect();
    let before = |model: &Model| {
        let names = model.after.iter();
        names
            .filter_map(|name| places.get(name.as_str()).copied())
            .collect()
    };

    models.iter().map(before).collect()
}

/// Whether a model comes after another one, also through others.
fn reaches(before: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; before.len()];
    let mut left = vec![from];
    while let Some(place) = left.pop() {
        if place == to {
            return true;
        }
        if !std::mem::replace(&mut seen[place], true) {
            left.extend(&before[place]);
        }
    }

    false
}

/// The level of each model: how many models are at most in a row before it.
fn levels(models: &[Model]) -> Result<Vec<usize>, Fault> {
    let before = before(models);
    let mut behind = vec![Vec::new(); models.len()];
    for (place, before) in before.iter().enumerate() {
        for other in before {
            behind[*other].push(place);
        }
    }
    let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut levels = vec![0; models.len()];
    let mut ready: Vec<usize> = (0..models.len())
        .filter(|place| waits[*place] == 0)
        .collect();
    while let Some(place) = ready.pop() {
        for other in &behind[place] {
            levels[*other] = levels[*other].max(levels[place] + 1);
            waits[*other] -= 1;
            if waits[*other] == 0 {
                ready.push(*other);
            }
        }
    }
    let mut waiting: Vec<&Model> = models
        .iter()
        .zip(waits)
        .filter(|(_, waits)| *waits > 0)
        .map(|(model, _)| model)
        .collect();
    if waiting.is_empty() {
        return Ok(levels);
    }
    waiting.sort_by(|one, other| one.name.cmp(&other.name));

    Err(circle(&waiting))
}

/// Each of these models waits for another of them, so following any leads into a circle.
fn circle(waiting: &[&Model]) -> Fault {
    let mut path: Vec<&str> = Vec::new();
    let mut at = waiting[0];
    while !path.contains(&at.name.as_str()) {
        path.push(&at.name);
        let next = waiting.iter().find(|model| at.after.contains(&model.name));
        at = next.copied().unwrap_or(at);
    }
    let begin = path.iter().position(|name| *name == at.name).unwrap_or(0);
    let circle: Vec<_> = path[begin..]
        .iter()
        .chain([&at.name.as_str()])
        .map(|name| format!("`{name}`"))
        .collect();

    Fault::new(
        &at.file,
        format!(
            "models read each other in a circle: {}",
            circle.join(" reads ")
        ),
    )
}
