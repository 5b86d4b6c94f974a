//! Writes the page of the API from the OpenAPI document.

use icefront::http;
use serde_json::{Map, Value};

use super::{cell, keep};

const INTRODUCTION: &str = "\
This page lists every call. A running service has the same at `/docs`, where each call can be tried, and the OpenAPI document at `/openapi.json`.

[The conventions](api-conventions.md) hold for all of them: names, values, lists, filters, statuses, headers.

- Bodies and answers are JSON. An empty body runs with all defaults.
- Every answer with a status of 400 or more is a [problem](problems.md).
- A call that starts a run answers `202` with the run, and takes an `Idempotency-Key`. [Runs](../explanation/runs.md) explains it.
- Times are RFC 3339 in UTC with six digits of a second. Ids are text.
";

#[test]
fn the_page_of_the_api_is_up_to_date() {
    let document: Value =
        serde_json::from_str(&http::openapi().expect("a document")).expect("JSON");
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mut body = vec![INTRODUCTION.to_owned()];
    let mut calls = Vec::new();
    for tag in document["tags"].as_array().expect("tags") {
        let name = text(&tag["name"]);
        body.push(format!(
            "\n**{}.** {}.\n\n| call | |\n|---|---|\n",
            capital(name),
            text(&tag["description"])
        ));
        calls.push(format!("\n## {}\n", capital(name)));
        for (method, path, operation) in operations(&document, name) {
            let id = text(&operation["operationId"]);
            let anchor = id.replace('_', "-");
            body.push(format!(
                "| [`{method} {path}`](#{anchor}) | {} |\n",
                cell(text(&operation["summary"]))
            ));
            calls.push(call(&anchor, (&method, path), operation));
        }
    }
    body.append(&mut calls);
    body.push("\n## Bodies and answers\n".to_owned());
    for (name, schema) in schemas {
        body.push(object(name, schema));
    }

    keep("api.md", "API", &body.concat());
}

fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(String, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            if operation["tags"][0] == tag {
                found.push((method.to_uppercase(), path.as_str(), operation));
            }
        }
    }

    found
}

fn call(anchor: &str, (method, path): (&str, &str), operation: &Value) -> String {
    let mut lines = vec![format!(
        "\n### {} {{ #{anchor} }}\n\n`{method} {path}`\n",
        text(&operation["summary"]).trim_end_matches('.')
    )];
    let description = text(&operation["description"]);
    if !description.is_empty() {
        lines.push(format!("\n{}\n", description.replace('\n', " ")));
    }
    let parameters = operation["parameters"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        lines.push("\n| parameter | in | type | |\n|---|---|---|---|\n".to_owned());
    }
    for parameter in parameters {
        lines.push(format!(
            "| `{}` | {} | {} | {} |\n",
            text(&parameter["name"]),
            text(&parameter["in"]),
            kind(&parameter["schema"]),
            cell(text(&parameter["description"])),
        ));
    }
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        let schema = content
            .values()
            .next()
            .map_or(&Value::Null, |body| &body["schema"]);
        lines.push(format!("\nBody: {}\n", kind(schema)));
    }
    lines.push("\n| status | answer | |\n|---|---|---|\n".to_owned());
    for (status, answer) in operation["responses"].as_object().expect("answers") {
        let content = answer["content"]
            .as_object()
            .and_then(|content| content.iter().next());
        let answered = content.map_or_else(String::new, |(media, body)| {
            match kind(&body["schema"]).as_str() {
                "" => format!("`{media}`"),
                kind => kind.to_owned(),
            }
        });
        lines.push(format!(
            "| `{status}` | {answered} | {} |\n",
            linked(&cell(text(&answer["description"])), content)
        ));
    }

    lines.concat()
}

/// A description, in which each problem type links to its chapter.
fn linked(description: &str, content: Option<(&String, &Value)>) -> String {
    let examples = content.and_then(|(_, body)| body["examples"].as_object());
    let mut linked = description.to_owned();
    for slug in examples.into_iter().flat_map(Map::keys) {
        let link = format!("[`{slug}`](problems.md#{slug}): ");
        linked = linked.replace(&format!("`{slug}`: "), &link);
    }

    linked
}

fn object(name: &str, schema: &Value) -> String {
    let mut lines = vec![format!(
        "\n### {name} {{ #{} }}\n\n{}\n",
        anchor(name),
        text(&schema["description"])
            .replace('\n', " ")
            .replace("  ", "\n\n")
    )];
    if let Some(words) = words(schema) {
        lines.push(format!("\nOne of {words}.\n"));
    }
    let properties = properties(schema);
    if !properties.is_empty() {
        lines.push("\n| field | type | |\n|---|---|---|\n".to_owned());
    }
    for (field, schema) in properties {
        let default = match &schema["default"] {
            Value::Null => String::new(),
            default => format!(" Default: `{default}`."),
        };
        lines.push(format!(
            "| `{field}` | {} | {}{default} |\n",
            kind(&schema),
            cell(text(&schema["description"]))
        ));
    }

    lines.concat()
}

/// The fields of an object, also of one that is composed of others.
fn properties(schema: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    for part in schema["allOf"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([schema])
    {
        for (field, schema) in part["properties"].as_object().into_iter().flatten() {
            all.insert(field.clone(), schema.clone());
        }
    }

    all
}

/// The type of a schema, as a word or a link.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return format!("[{name}](#{})", anchor(name));
    }
    if let Some(words) = words(schema) {
        return words;
    }
    for parts in ["oneOf", "anyOf", "allOf"] {
        let parts = schema[parts].as_array().into_iter().flatten();
        let kinds: Vec<String> = parts
            .map(kind)
            .filter(|kind| !kind.is_empty() && kind != "null")
            .collect();
        if !kinds.is_empty() {
            return kinds.join(" or ");
        }
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names
            .iter()
            .map(text)
            .filter(|name| *name != "null")
            .collect(),
        name => vec![text(name)],
    };
    match (names.join(" or "), text(&schema["format"])) {
        (name, _) if name == "array" => format!("list of {}", kind(&schema["items"])),
        (name, "date-time") if name == "string" => "time".into(),
        (name, "uuid") if name == "string" => "UUID".into(),
        (name, _) => name,
    }
}

/// The allowed values of a text.
fn words(schema: &Value) -> Option<String> {
    let listed = schema["enum"].as_array();
    let words: Vec<String> = listed
        .or(schema["x-extensible-enum"].as_array())?
        .iter()
        .map(|word| format!("`{}`", text(word)))
        .collect();

    Some(words.join(", "))
}

fn anchor(schema: &str) -> String {
    format!("schema-{}", schema.to_lowercase())
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
