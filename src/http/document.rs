//! What holds for the whole OpenAPI document, and no type says alone: open enums, fields that are always there, headers, statuses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
};

use super::answer::PROBLEM_JSON;

/// An example of each answer: `{operation: {status: body}}`. `tests/api/run record` writes it from answers of a real service.
const ANSWERS: &str = include_str!("../../openapi/answers.json");

/// Enums that may get new words within v1.
const OPEN: [&str; 11] = [
    "Check",
    "DeliveryReason",
    "DriftKind",
    "EventName",
    "LagReason",
    "RefreshAction",
    "RejectReason",
    "ResetAction",
    "RunKind",
    "Trigger",
    "WebhookEvent",
];

/// Operations that need no state database.
const STATELESS: [&str; 8] = [
    "get_livez",
    "get_version",
    "get_engine",
    "get_graph",
    "get_lineage",
    "get_schema",
    "list_webhooks",
    "validate_definition",
];

/// Operations that ask Trino.
const OF_TRINO: [&str; 15] = [
    "delete_leftover",
    "get_engine",
    "get_model",
    "get_plan",
    "get_table",
    "list_leftovers",
    "list_model_row_changes",
    "list_rejects",
    "list_row_changes",
    "list_rows",
    "list_test_failures",
    "list_versions",
    "reset_table",
    "run_unit_tests",
    "validate_models",
];

pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    let asked = asked(&document);
    let answers: Value = serde_json::from_str(ANSWERS).unwrap_or_default();
    let schemas = document
        .components
        .iter_mut()
        .flat_map(|all| &mut all.schemas);
    for (name, schema) in schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && OPEN.contains(&name.as_str())
        {
            open(object);
        }
        if !asked.contains(name) && name != "Problem" {
            require_all(schema);
        }
    }
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            answer_all(path, operation);
        }
    }
    show_answers(&answers, &mut document);

    document
}

/// The schemas that requests consist of.
fn asked(document: &OpenApi) -> BTreeSet<String> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut asked = BTreeSet::new();
    let items = document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values());
    for operation in items
        .filter_map(Value::as_object)
        .flat_map(|item| item.values())
    {
        collect(&document, &operation["requestBody"], &mut asked);
    }

    asked
}

fn collect(document: &Value, part: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Array(parts) => parts.iter().for_each(|part| collect(document, part, names)),
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = reference.and_then(|path| path.rsplit('/').next())
                && names.insert(name.to_owned())
            {
                collect(document, &document["components"]["schemas"][name], names);
            }
            members
                .values()
                .for_each(|part| collect(document, part, names));
        }
        _ => {}
    }
}

/// Lists the words of an enum as those that are known so far.
fn open(object: &mut Object) {
    if let Some(words) = object.enum_values.take() {
        let extensions = object.extensions.get_or_insert_default();
        extensions.insert("x-extensible-enum".to_owned(), Value::from(words));
    }
}

/// Every field of an answer is always there.
fn require_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.required = object.properties.keys().cloned().collect();
        }
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(require_all),
        _ => {}
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// Adds the statuses that can come, with their problem types, and the headers of all answers.
fn answer_all(path: &str, operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let id = id.as_str();
    let parameters = operation.parameters.clone().unwrap_or_default();
    let has = |place: &ParameterIn, names: &[&str]| {
        parameters.iter().any(|parameter| {
            let RefOr::T(parameter) = parameter else {
                return false;
            };
            parameter.parameter_in == *place && names.contains(&parameter.name.as_str())
        })
    };
    let things = ["pipeline", "table", "model", "source"];
    let takes_key = has(&ParameterIn::Header, &["Idempotency-Key"]);
    let takes_body = operation.request_body.is_some();
    let names_thing = has(&ParameterIn::Path, &things)
        || has(&ParameterIn::Query, &things)
        || path.contains("/rejects/");
    let mut statuses: Vec<(u16, &str)> = vec![
        (500, "`internal`: a fault of Icefront"),
        (504, "`timed-out`: the answer took too long"),
    ];
    if path.starts_with("/v1/") {
        statuses.push(if takes_key {
            (422, "`invalid-request`: a parameter or a field is wrong; `field` says which. `unknown-name`: it names something that does not exist. `idempotency-key-reused`: the key was used with another body")
        } else {
            (422, "`invalid-request`: a parameter or a field is wrong; `field` says which. `unknown-name`: it names something that does not exist")
        });
    }
    if path.contains('{') || takes_body {
        statuses.push((400, "`malformed-request`: the request cannot be parsed"));
    }
    if path.contains('{') {
        statuses.push((
            404,
            "`not-found`: the path names something that does not exist; `detail` has the nearest name",
        ));
    }
    if names_thing {
        statuses.push((
            409,
            "`pipeline-broken`: the definition of the pipeline cannot be used",
        ));
    }
    if takes_body {
        statuses.push((
            413,
            "`body-too-large`: the body is larger than `http.body_limit_bytes`",
        ));
        statuses.push((415, "`unsupported-media-type`: the body is not JSON"));
    }
    if takes_key {
        statuses.push((
            429,
            "`queue-full`: too many runs of the pipeline are queued",
        ));
    }
    statuses.extend(of_servers(id));
    let responses = &mut operation.responses.responses;
    for (status, description) in statuses {
        responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            add_headers(status, takes_key, response);
        }
    }
}

/// Adds an example to each answer that has a body: its own, or that of another answer of the same schema.
fn show_answers(answers: &Value, document: &mut OpenApi) {
    let mut of_schemas = BTreeMap::new();
    for is_own in [true, false] {
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let id = operation.operation_id.clone().unwrap_or_default();
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else {
                    continue;
                };
                let Some(RefOr::T(content)) = response.content.get_mut("application/json") else {
                    continue;
                };
                let Some(RefOr::Ref(schema)) = &content.schema else {
                    continue;
                };
                if let (true, Some(own)) = (is_own, answers[&id].get(status)) {
                    of_schemas.insert(schema.ref_location.clone(), own.clone());
                    content.example = Some(own.clone());
                } else if content.example.is_none() {
                    content.example = of_schemas.get(&schema.ref_location).cloned();
                }
            }
        }
    }
}

/// The statuses of an operation whose servers refuse, or do not answer.
fn of_servers(id: &str) -> Vec<(u16, &'static str)> {
    let mut statuses = Vec::new();
    if OF_TRINO.contains(&id) {
        statuses.push((424, "`trino-failed`: Trino refused a statement"));
    }
    if ["list_row_changes", "list_model_row_changes"].contains(&id) {
        statuses.push((
            410,
            "`changes-gone`: the changes after the cursor cannot be told any more; read from the beginning",
        ));
    }
    if id == "set_consumer" {
        statuses.push((
            409,
            "`consumer-moved`: another reader moved the consumer away from `if_cursor`",
        ));
    }
    if id == "delete_leftover" {
        statuses.push((
            409,
            "`still-declared`: a definition declares it. `pipeline-broken`: nobody can say whether one does. `run-active`: its pipeline was removed while a run was executed; cancel that run first",
        ));
    }
    if id == "check_source" {
        statuses.push((
            424,
            "`source-unreadable`: the source cannot be read as it is",
        ));
        statuses.push((503, "`source-unavailable`, `source-conflict`, `files-unavailable`, `state-unavailable`: a server does not answer"));
    }
    if OF_TRINO.contains(&id) {
        statuses.push((
            503,
            "`trino-unavailable`, `state-unavailable`: a server does not answer",
        ));
    } else if id == "get_readyz" {
        statuses.push((
            503,
            "`state-unavailable`, `stopping`: the service cannot take runs",
        ));
    } else if !STATELESS.contains(&id) {
        statuses.push((
            503,
            "`state-unavailable`: the state database does not answer",
        ));
    }

    statuses
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();

    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content)
        .build()
}

fn add_headers(status: &str, takes_key: bool, response: &mut Response) {
    let mut add = |name: &str, kind: Type, description: &str| {
        let header = header(kind, description);
        response
            .headers
            .entry(name.to_owned())
            .or_insert_with(|| RefOr::T(header));
    };
    add(
        "x-request-id",
        Type::String,
        "The name of the call: the caller's, or a new UUID",
    );
    if status == "202" {
        add("Location", Type::String, "The path of the run");
    }
    if ["202", "429", "503"].contains(&status) {
        add(
            "Retry-After",
            Type::Integer,
            "Seconds until the next question",
        );
    }
    if takes_key && ["200", "202"].contains(&status) {
        add(
            "Idempotency-Replayed",
            Type::String,
            "`true` if the key was known",
        );
    }
}

fn header(kind: Type, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind)))
        .description(Some(description))
        .build()
}
