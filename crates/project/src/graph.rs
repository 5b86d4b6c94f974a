//! The order of models: each after those that it reads.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::project::Model;

/// The models in levels: first those that read no other, then those that read only these, and so on; each level by name.
///
/// # Errors
///
/// A circle, with its models.
pub(crate) fn order(mut models: Vec<Model>) -> Result<Vec<Model>, Fault> {
    models.sort_by(|one, other| one.name.cmp(&other.name));
    let names: BTreeSet<String> = models.iter().map(|model| model.name.clone()).collect();
    let mut ordered: Vec<Model> = Vec::with_capacity(models.len());
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !models.is_empty() {
        let is_ready = |model: &Model| {
            model
                .refs
                .iter()
                .all(|name| !names.contains(name) || done.contains(name))
        };
        let (ready, waiting): (Vec<_>, Vec<_>) = models.into_iter().partition(is_ready);
        if ready.is_empty() {
            return Err(circle(&waiting));
        }
        done.extend(ready.iter().map(|model| model.name.clone()));
        ordered.extend(ready);
        models = waiting;
    }

    Ok(ordered)
}

/// Each of these models waits for another of them, so following any leads into a circle.
fn circle(waiting: &[Model]) -> Fault {
    let mut path: Vec<&str> = Vec::new();
    let mut at = &waiting[0];
    while !path.contains(&at.name.as_str()) {
        path.push(&at.name);
        let next = waiting.iter().find(|model| at.refs.contains(&model.name));
        at = next.unwrap_or(at);
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
