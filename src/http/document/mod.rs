//! What holds for the whole OpenAPI document, and no type says alone: open enums, fields that are always there, headers, problems.

mod operation;
mod problems;
mod security;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Header, HeaderBuilder, OpenApi, RefOr, Response};

use self::operation::{operations, takes_key};

/// An example of each answer: `{operation: {status: body}}`. `tests/api/run record` writes it from answers of a real service.
const ANSWERS: &str = include_str!("../../../openapi/answers.json");

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
    problems::add(&mut document);
    security::add(&mut document);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        add_headers(operation);
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

/// Adds an example to each answer that has a body: its own; else that of another answer of the same schema, of the same operation if there is one.
fn show_answers(answers: &Value, document: &mut OpenApi) {
    let mut of_schemas = BTreeMap::new();
    let mut of_operations = BTreeMap::new();
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
                    of_operations.insert((id.clone(), schema.ref_location.clone()), own.clone());
                    content.example = Some(own.clone());
                } else if content.example.is_none() {
                    let near = of_operations.get(&(id.clone(), schema.ref_location.clone()));
                    let far = of_schemas.get(&schema.ref_location);
                    content.example = near.or(far).cloned();
                }
            }
        }
    }
}

fn add_headers(operation: &mut Operation) {
    let takes_key = takes_key(operation);
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            add_headers_of(status, takes_key, response);
        }
    }
}

fn add_headers_of(status: &str, takes_key: bool, response: &mut Response) {
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
