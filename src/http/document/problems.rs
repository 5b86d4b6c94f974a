//! The problems that each operation can answer, and an example of each problem type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, Ref, RefOr, Response};

use super::operation::{has_parameter, operations, takes_key};
use crate::error::{Problem, examples};
use crate::http::answer::PROBLEM_JSON;
use crate::http::roles::role;
use crate::http::turns::asks_trino;

/// The status of a failed run, with `sync`.
const OF_FAILED_RUN: u16 = 424;
/// The call that is answered in the examples.
const REQUEST: &str = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f61";

/// Problem types of single operations, beside those that follow from their paths and parameters.
const OWN: [(&str, &[&str]); 9] = [
    (
        "check_source",
        &[
            "source-unreadable",
            "source-unavailable",
            "source-conflict",
            "files-unavailable",
        ],
    ),
    (
        "delete_leftover",
        &["still-declared", "pipeline-broken", "run-active"],
    ),
    ("get_readyz", &["schema-unfit", "stopping"]),
    ("get_run_outcome", &["outcome-pending", "run-unknown"]),
    ("list_model_row_changes", &["changes-gone"]),
    ("list_row_changes", &["changes-gone"]),
    ("refresh_model", &["model-suspended"]),
    ("set_consumer", &["consumer-moved"]),
    ("start_run", &["run-active", "cancelled"]),
];

/// Operations that need no state database.
const STATELESS: [&str; 9] = [
    "get_livez",
    "get_version",
    "get_engine",
    "get_graph",
    "get_lineage",
    "get_schema",
    "list_webhooks",
    "reload_pipelines",
    "validate_definition",
];

/// Adds to each operation the statuses of its problems, and to the document an example of each problem type.
pub(super) fn add(document: &mut OpenApi) {
    let known: Vec<Problem> = examples().iter().map(Problem::from).collect();
    let mut shown = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            let problems = problems_of(operation, path, &known);
            shown.extend(problems.iter().map(|problem| problem.slug().to_owned()));
            show(&problems, operation);
        }
    }
    let components = document.components.get_or_insert_default();
    // The others are only of runs.
    let is_shown = |problem: &Problem| shown.contains(problem.slug());
    for problem in known.into_iter().filter(is_shown) {
        let (slug, title) = (problem.slug().to_owned(), problem.title.clone());
        let example = ExampleBuilder::new()
            .summary(title)
            .value(Some(body(problem)));
        components.examples.insert(slug, RefOr::T(example.build()));
    }
}

fn body(mut problem: Problem) -> Value {
    problem.request_id = Some(REQUEST.to_owned());

    serde_json::to_value(problem).unwrap_or_default()
}

/// The problems that an operation can answer.
fn problems_of<'a>(operation: &Operation, path: &str, known: &'a [Problem]) -> Vec<&'a Problem> {
    let types = types(operation, path);
    // With `sync`, the problem of a run is that of the call.
    let takes_sync = has_parameter(operation, &ParameterIn::Query, &["sync"]);
    let can_come = |problem: &&Problem| {
        types.contains(problem.slug()) || takes_sync && problem.status == OF_FAILED_RUN
    };

    known.iter().filter(can_come).collect()
}

/// Adds problems to an operation, by their statuses.
fn show(problems: &[&Problem], operation: &mut Operation) {
    let mut statuses: BTreeMap<u16, Vec<&Problem>> = BTreeMap::new();
    for problem in problems {
        statuses.entry(problem.status).or_default().push(problem);
    }
    for (status, problems) in statuses {
        let response = operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(Response::new("")));
        if let RefOr::T(response) = response {
            let told = problems
                .iter()
                .map(|problem| format!("`{}`: {}", problem.slug(), problem.title));
            let own = Some(response.description.clone()).filter(|own| !own.is_empty());
            let told: Vec<String> = own.into_iter().chain(told).collect();
            response.description = told.join(". ");
            response.content = [(PROBLEM_JSON.to_owned(), RefOr::T(content(&problems)))].into();
        }
    }
}

/// A problem, with a reference to the example of each type.
fn content(problems: &[&Problem]) -> Content {
    let examples = problems.iter().map(|problem| {
        let slug = problem.slug();
        let place = Ref::new(format!("#/components/examples/{slug}"));
        (slug, RefOr::Ref(place))
    });

    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build()
}

/// The types of the problems that an operation can answer.
fn types(operation: &Operation, path: &str) -> BTreeSet<&'static str> {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let own = OWN.iter().find(|(of, _)| *of == id);
    let own = own.map_or(&[][..], |(_, types)| types);
    let things = ["pipeline", "table", "model", "source"];
    let names_thing = has_parameter(operation, &ParameterIn::Path, &things)
        || has_parameter(operation, &ParameterIn::Query, &things)
        || path.contains("/rejects/");
    let has_place = path.contains('{');
    let takes_body = operation.request_body.is_some();
    let takes_key = takes_key(operation);
    let asks_trino = asks_trino(id);
    let is_open = role(id).is_none();
    let groups: [(bool, &[&str]); 11] = [
        (true, &["internal", "timed-out"]),
        (true, own),
        (
            path.starts_with("/v1/"),
            &["invalid-request", "unknown-name"],
        ),
        (has_place || takes_body, &["malformed-request"]),
        // A sensor has to tell a run that does not exist from one that is active.
        (has_place && id != "get_run_outcome", &["not-found"]),
        (names_thing, &["pipeline-broken"]),
        (takes_body, &["body-too-large", "unsupported-media-type"]),
        (
            !is_open,
            &[
                "unauthenticated",
                "forbidden",
                "cross-origin",
                "too-many-calls",
                "issuer-unavailable",
                "overloaded",
                "unknown-host",
            ],
        ),
        (takes_key, &["idempotency-key-reused", "queue-full"]),
        (asks_trino, &["trino-failed", "trino-unavailable"]),
        (!STATELESS.contains(&id), &["state-unavailable"]),
    ];

    groups
        .into_iter()
        .filter_map(|(applies, types)| applies.then_some(types))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_that_is_named_exists() {
        let known: Vec<Problem> = examples().iter().map(Problem::from).collect();
        for (operation, types) in OWN {
            for named in types {
                let is_known = known.iter().any(|problem| problem.slug() == *named);
                assert!(is_known, "{operation}: {named}");
            }
        }
    }
}
