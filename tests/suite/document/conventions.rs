//! Compares the OpenAPI document with the rules of `docs/reference/api-conventions.md`.
//!
//! `exceptions.txt` lists what differs, by rule. The test takes lines off the list; nothing may be added to it without a reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::walk::{Document, Operation, body, kind, list, reference, text};

const VERBS: &[&str] = &[
    "list", "get", "start", "cancel", "retry", "pause", "resume", "suspend", "verify", "rebuild",
    "restage", "resync", "reset", "forget", "replay", "dismiss", "refresh", "validate", "check",
    "reload", "run", "follow", "test", "set", "delete",
];

/// Words that have another one in this API.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("before", "after"),
    ("fault", "error"),
    ("problem", "error"),
    ("message", "detail"),
    ("verdict", "status"),
    ("target", "trino_table"),
    ("size", "bytes"),
];

/// Words that need a list of their values.
const ENUMS: &[&str] = &[
    "kind",
    "state",
    "status",
    "severity",
    "action",
    "mode",
    "materialized",
    "operation",
    "trigger",
    "check",
    "event",
];

/// Times of parameters whose names have no ending.
const TIME_PARAMETERS: &[&str] = &["since", "until", "as_of", "loaded_as_of"];

/// Filters that are no field of what is listed.
const OTHER_FILTERS: &[&str] = &[
    "since",
    "until",
    "label",
    "key",
    "tag",
    "by",
    "as_of",
    "loaded_as_of",
    "after",
    "limit",
    "pipeline",
    "net",
    "from",
    "consumer",
];

/// Objects whose members nobody can list, as the page of the conventions says.
const FREE_FORM: [&str; 4] = [
    "CursorView.position",
    "Row",
    "RowChange",
    "RowDifference.row",
];

/// What differs from the rules: a line for each, `rule: place`.
fn differences() -> BTreeSet<String> {
    let document = Document::read();
    let mut found = BTreeSet::new();
    for operation in document.operations() {
        for difference in of_operation(&document, &operation) {
            found.insert(difference);
        }
    }
    found.extend(of_schemas(&document));
    found.extend(of_properties(&document));

    found
}

fn of_operation(document: &Document, operation: &Operation<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |rule: &str, place: &str| {
        found.push(
            format!("{rule}: {} {place}", operation.id)
                .trim_end()
                .to_owned(),
        );
    };
    let verb = operation.id.split('_').next().unwrap_or_default();
    if !VERBS.contains(&verb) {
        differs("an operation id begins with a verb", "");
    }
    if text(&operation.value["summary"]).is_empty() {
        differs("an operation has a summary", "");
    }
    let segments: Vec<&str> = operation
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for segment in segments.iter().filter(|part| !part.starts_with('{')) {
        if !is_snake(segment) {
            differs("a path is in snake_case", segment);
        }
    }
    if let ["v1", first, ..] = segments[..]
        && !first.ends_with('s')
        && !["engine", "version", "maintenance"].contains(&first)
    {
        differs("a path begins with a plural noun", first);
    }
    for parameter in operation
        .parameters("path")
        .iter()
        .chain(&operation.parameters("query"))
    {
        let name = text(&parameter["name"]);
        let schema = &parameter["schema"];
        if !is_snake(name) {
            differs("a parameter is in snake_case", name);
        }
        if text(&parameter["description"]).is_empty() {
            differs("a parameter has a description", name);
        }
        let is_shown = [
            &parameter["example"],
            &schema["default"],
            &schema["enum"],
            &document.resolved(&schema["items"])["enum"],
        ];
        if is_shown.iter().all(|shown| shown.is_null()) && name != "after" {
            differs("a parameter has an example, a default or its words", name);
        }
        if schema["format"] == "uuid" && !name.ends_with("_id") {
            differs("a UUID ends with `_id`", name);
        }
        if let Some((_, right)) = OTHER_WORDS.iter().find(|(wrong, _)| *wrong == name) {
            differs(&format!("the word is `{right}`"), name);
        }
        if (schema["format"] == "date-time") != TIME_PARAMETERS.contains(&name) {
            differs("a time has the format `date-time`", name);
        }
    }
    of_list(document, operation, &mut differs);
    of_answers(document, operation, &mut differs);

    found
}

/// Lists have one form.
fn of_list(document: &Document, operation: &Operation<'_>, differs: &mut impl FnMut(&str, &str)) {
    let ok = operation.answers().find(|(status, _)| *status == "200");
    let answer = ok.and_then(|(_, answer)| body(answer));
    let page = answer.map(|schema| document.resolved(schema));
    let names: Vec<&String> = page
        .and_then(|page| page["properties"].as_object())
        .into_iter()
        .flat_map(|properties| properties.keys())
        // A list that goes on for ever also answers where it was read to.
        .filter(|name| *name != "cursor")
        .collect();
    let is_page = names == ["data", "next"];
    if operation.id.starts_with("list_") != is_page {
        differs(
            "`list_` answers `data` and `next`, and no other call does",
            "",
        );
    }
    for name in ["after", "limit"] {
        if operation.has("query", name) != operation.id.starts_with("list_") {
            differs(
                "a list takes `after` and `limit`, and no other call does",
                name,
            );
        }
    }
    for parameter in operation.parameters("query") {
        if parameter["name"] == "limit" {
            let schema = &parameter["schema"];
            let bounds = [&schema["minimum"], &schema["maximum"], &schema["default"]];
            if bounds != [1, 1_000, 100] {
                differs("`limit` is 1 to 1000, by default 100", "");
            }
        }
    }
    if let (true, Some(page)) = (is_page, page) {
        let item = document.resolved(&page["properties"]["data"]["items"]);
        let has = |name: &str| !item["properties"][name].is_null();
        let is_of_pipeline = ["pipeline", "table", "model"].into_iter().any(has);
        let is_within = operation.path.contains('{');
        if is_of_pipeline && !is_within && !operation.has("query", "pipeline") {
            differs("a list of things of pipelines takes `pipeline`", "");
        }
        for parameter in operation.parameters("query") {
            let name = text(&parameter["name"]);
            if !has(name) && !OTHER_FILTERS.contains(&name) && item["properties"].is_object() {
                differs("a filter has the name of the field that it tests", name);
            }
        }
    }
}

/// Statuses, problems and headers.
fn of_answers(
    document: &Document,
    operation: &Operation<'_>,
    differs: &mut impl FnMut(&str, &str),
) {
    for (status, answer) in operation.answers() {
        let is_problem = status.starts_with('4') || status.starts_with('5');
        if status.ends_with("XX") {
            differs("a status is no range", status);
        }
        let content = &answer["content"];
        let of_problem = &content["application/problem+json"];
        if is_problem && reference(&of_problem["schema"]) != Some("Problem") {
            differs("an answer from 400 on is a problem", status);
        }
        if is_problem && !shows_its_problems(document, status, answer) {
            differs(
                "an answer from 400 on names its problem types, with an example of each",
                status,
            );
        }
        let shown = &content["application/json"];
        let fields = list(&document.resolved(&shown["schema"])["required"]);
        if !shown.is_null()
            && (shown["example"].is_null()
                || fields
                    .iter()
                    .any(|field| shown["example"].get(field).is_none()))
        {
            differs(
                "an answer has an example with all its fields; `tests/api/run record` writes it",
                status,
            );
        }
        let has = |header: &str| !answer["headers"][header].is_null();
        if status == "202" && !(has("Location") && has("Retry-After")) {
            differs("`202` has `Location` and `Retry-After`", "");
        }
        if ["429", "503"].contains(&status) && !has("Retry-After") {
            differs("`429` and `503` have `Retry-After`", status);
        }
        if !has("x-request-id") {
            differs("an answer has `x-request-id`", status);
        }
        if text(&answer["description"]).is_empty() {
            differs("an answer has a description", status);
        }
    }
    let starts = operation
        .answers()
        .any(|(status, answer)| status == "202" && body(answer).and_then(reference) == Some("Run"));
    let takes_key = operation.has("header", "Idempotency-Key");
    let repeats = ["cancel_run", "retry_run"].contains(&operation.id);
    if takes_key != starts && !repeats {
        differs("a call that starts a run takes `Idempotency-Key`", "");
    }
}

/// Whether a problem has an example of each type that its description names, and each under its own status.
fn shows_its_problems(document: &Document, status: &str, answer: &Value) -> bool {
    let shown = document.examples(&answer["content"]["application/problem+json"]);
    let told = text(&answer["description"]);
    let named = told.matches("`: ").count();
    let is_right = |(name, body): &(&str, &Value)| {
        told.contains(&format!("`{name}`: "))
            && text(&body["type"]) == format!("urn:icefront:problem:{name}")
            && body["status"].as_u64() == status.parse().ok()
            && !text(&body["detail"]).is_empty()
    };

    !shown.is_empty() && shown.len() == named && shown.iter().all(is_right)
}

fn of_schemas(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    let requests = document.reached("requestBody");
    let answers = document.reached("responses");
    for (name, schema) in document.schemas() {
        if answers.iter().any(|answer| answer == name) && has_unknown_members(name, schema) {
            found.push(format!("an object of an answer lists its members: {name}"));
        }
        let own = snake(name);
        let has = |property: &str| !schema["properties"][property].is_null();
        if has(&format!("{own}_id")) {
            found.push(format!("what has an id has `id`: {name}.{own}_id"));
        }
        if has("name") && has(&own) {
            found.push(format!("what has a name has `name`: {name}.{own}"));
        }
        let is_request = requests.iter().any(|request| request == name);
        let is_object = schema["properties"].is_object();
        if is_request && is_object && schema["additionalProperties"] != false {
            found.push(format!("a request refuses unknown fields: {name}"));
        }
        for word in list(&schema["enum"]) {
            // An event is called after a thing and what happened to it: `run.failed`.
            if !word.split('.').all(is_snake) {
                found.push(format!("a word is in snake_case: {name} {word}"));
            }
        }
        times(&schema["example"], &mut |time| {
            found.push(format!("a time has six digits: {name} {time}"));
        });
    }

    found
}

fn of_properties(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    let mut types: BTreeMap<&str, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    let requests = document.reached("requestBody");
    let properties = document.properties();
    for property in &properties {
        let name = property.name;
        let schema = property.schema;
        let place = format!("{}.{name}", property.of);
        let mut differs = |rule: &str| found.push(format!("{rule}: {place}"));
        let kind = kind(document, schema);
        let resolved = document.resolved(schema);
        let words = [
            &schema["enum"],
            &resolved["enum"],
            &resolved["x-extensible-enum"],
        ];
        let has_words = words.iter().any(|words| words.is_array());
        // What is no column of a row begins with `_`.
        if !is_snake(name.trim_start_matches('_')) {
            differs("a field is in snake_case");
        }
        if kind == "boolean"
            && ["is_", "are_", "has_", "was_"]
                .iter()
                .any(|word| name.starts_with(word))
        {
            differs("a boolean has no verb");
        }
        if ["_ms", "_secs"].iter().any(|end| name.ends_with(end))
            || ["size", "seconds"].contains(&name)
        {
            differs("a number ends with its unit");
        }
        if (name == "reason" || name.ends_with("_reason")) && !has_words {
            differs("a `reason` is a word from a list");
        }
        if ENUMS.contains(&name) && kind == "string" && !has_words {
            differs("a word has its list");
        }
        if (name == "error") != is_problem(schema) {
            differs("an `error` is a problem");
        }
        if let Some((_, right)) = OTHER_WORDS.iter().find(|(wrong, _)| *wrong == name) {
            differs(&format!("the word is `{right}`"));
        }
        let is_id = name == "id"
            || name.ends_with("_id")
            || name.ends_with("_id_before")
            || name.ends_with("_id_after");
        if is_id && kind != "string" {
            differs("an id is a string");
        }
        if kind == "integer"
            && (name.contains("batch") || name.contains("snapshot"))
            && !name.ends_with("batches")
        {
            differs("an id is a string");
        }
        if name == "next" && !resolved["format"].is_null() {
            differs("a cursor is opaque");
        }
        let is_time = ["_at", "_until"].iter().any(|end| name.ends_with(end)) || name == "as_of";
        if (resolved["format"] == "date-time") != is_time {
            differs("a time ends with `_at` or `_until`");
        }
        let is_asked = requests.iter().any(|request| request == property.of);
        if !is_asked && has_unknown_members(&place, schema) {
            differs("an object of an answer lists its members");
        }
        if !is_asked && !property.is_required && property.of != "Problem" {
            differs("a field is always there");
        }
        if text(&schema["description"]).is_empty() && text(&resolved["description"]).is_empty() {
            differs("a field has a description");
        }
        // Links are paths, whatever they lead to.
        if !kind.is_empty() && property.of != "RunLinks" {
            let of_kind = types.entry(name).or_default().entry(kind).or_default();
            of_kind.push(property.of);
        }
    }
    // `status` and `data` have types of standards in two places, and the cursor of a source is no text.
    for (name, kinds) in types
        .iter()
        .filter(|(name, kinds)| kinds.len() > 1 && !["status", "data", "cursor"].contains(name))
    {
        let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
        found.push(format!(
            "a field has one type everywhere: {name} ({})",
            kinds.join(", ")
        ));
    }

    found
}

/// Whether nothing says what an object consists of.
fn has_unknown_members(place: &str, schema: &Value) -> bool {
    let is_described = ["$ref", "oneOf", "anyOf", "allOf", "enum"]
        .iter()
        .any(|word| !schema[word].is_null());
    let types = [
        list(&schema["type"]),
        vec![text(&schema["type"]).to_owned()],
    ]
    .concat();
    let can_be = |kind: &str| types.iter().any(|one| one == kind);
    let has_members = schema["properties"].is_object()
        || schema["additionalProperties"]
            .as_object()
            .is_some_and(|members| !members.is_empty());
    let is_open = schema["type"].is_null() || can_be("object") && !has_members;
    let is_free = is_open || schema["additionalProperties"] == true;
    let is_list = can_be("array") && has_unknown_members("", &schema["items"]);

    !FREE_FORM.contains(&place) && (is_free && !is_described || is_list)
}

fn is_problem(schema: &Value) -> bool {
    let mut choices = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([schema]);

    choices.any(|choice| reference(choice) == Some("Problem"))
}

/// Finds the times of an example that have other than six digits.
fn times(example: &Value, differs: &mut impl FnMut(&str)) {
    match example {
        Value::String(time) if time.parse::<jiff::Timestamp>().is_ok() => {
            let is_exact = time.len() == "2026-01-01T12:00:00.000000Z".len() && time.ends_with('Z');
            if !is_exact {
                differs(time);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| times(value, differs)),
        Value::Object(members) => members.values().for_each(|value| times(value, differs)),
        _ => {}
    }
}

fn is_snake(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };

    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('_').all(is_part)
}

/// `ModelRefresh` as `model_refresh`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }

    snake
}

#[test]
fn the_document_keeps_the_conventions() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/suite/document/exceptions.txt"
    );
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let excepted: BTreeSet<String> = kept.lines().map(str::to_owned).collect();
    let now = differences();
    let new: Vec<&String> = now.difference(&excepted).collect();
    assert!(
        new.is_empty(),
        "the API differs from docs/reference/api-conventions.md: {new:#?}"
    );
    if now != excepted {
        let lines: Vec<String> = now.into_iter().map(|line| line + "\n").collect();
        std::fs::write(path, lines.concat()).expect("a file");
        panic!(
            "exceptions.txt had lines that hold by now, and has been written anew: review and commit it"
        );
    }
}
