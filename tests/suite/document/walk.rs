//! Reads the OpenAPI document: its operations, its schemas and their properties.

use icefront::http;
use serde_json::{Map, Value};

/// The document.
pub(in crate::suite) struct Document(Value);

/// An operation, with where it is.
pub(in crate::suite) struct Operation<'a> {
    /// Its id, such as `list_runs`.
    pub(in crate::suite) id: &'a str,
    pub(in crate::suite) path: &'a str,
    /// In lower case.
    pub(in crate::suite) method: &'a str,
    pub(in crate::suite) value: &'a Value,
}

/// A property of a schema, with where it is.
pub(in crate::suite) struct Property<'a> {
    /// The schema's name.
    pub(in crate::suite) of: &'a str,
    pub(in crate::suite) name: &'a str,
    pub(in crate::suite) schema: &'a Value,
    /// Whether the schema lists it as `required`.
    pub(in crate::suite) is_required: bool,
}

impl Document {
    pub(in crate::suite) fn read() -> Self {
        let text = http::openapi().expect("a document");

        Self(serde_json::from_str(&text).expect("JSON"))
    }

    pub(in crate::suite) fn operations(&self) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        for (path, methods) in object(&self.0["paths"]) {
            for (method, value) in object(methods) {
                found.push(Operation {
                    id: text(&value["operationId"]),
                    path,
                    method,
                    value,
                });
            }
        }

        found
    }

    pub(in crate::suite) fn schemas(&self) -> impl Iterator<Item = (&str, &Value)> {
        object(&self.0["components"]["schemas"])
            .iter()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    /// The own properties of all schemas.
    pub(in crate::suite) fn properties(&self) -> Vec<Property<'_>> {
        self.schemas()
            .flat_map(|(of, schema)| {
                let required = list(&schema["required"]);
                let own = parts(schema).flat_map(move |part| {
                    let required = required.clone();
                    object(&part["properties"])
                        .iter()
                        .map(move |(name, of_name)| {
                            let also = list(&part["required"]);
                            let is_required = required
                                .iter()
                                .chain(&also)
                                .any(|required| required == name);
                            Property {
                                of,
                                name,
                                schema: of_name,
                                is_required,
                            }
                        })
                });
                own.collect::<Vec<_>>()
            })
            .collect()
    }

    /// The schema, or the one that it refers to, without `null`.
    pub(in crate::suite) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = reference(schema) {
            return &self.0["components"]["schemas"][name];
        }
        for choice in ["oneOf", "anyOf"] {
            let mut choices = schema[choice]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| one["type"] != "null");
            if let (Some(only), None) = (choices.next(), choices.next()) {
                return self.resolved(only);
            }
        }

        schema
    }

    /// The examples of an answer's content, by name.
    pub(super) fn examples<'a>(&'a self, content: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let resolved = |example: &'a Value| match reference(example) {
            Some(name) => &self.0["components"]["examples"][name]["value"],
            None => &example["value"],
        };

        object(&content["examples"])
            .iter()
            .map(|(name, example)| (name.as_str(), resolved(example)))
            .collect()
    }

    /// The names of the schemas that requests reach, or that answers reach.
    pub(in crate::suite) fn reached(&self, from: &str) -> Vec<String> {
        let mut found = Vec::new();
        for operation in self.operations() {
            self.collect(&operation.value[from], &mut found);
        }

        found
    }

    fn collect(&self, value: &Value, found: &mut Vec<String>) {
        if let Some(name) = reference(value)
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
            self.collect(&self.0["components"]["schemas"][name], found);
        }
        match value {
            Value::Array(values) => values.iter().for_each(|one| self.collect(one, found)),
            Value::Object(members) => members.values().for_each(|one| self.collect(one, found)),
            _ => {}
        }
    }
}

impl<'a> Operation<'a> {
    pub(in crate::suite) fn parameters(&self, place: &str) -> Vec<&'a Value> {
        let all = self.value["parameters"].as_array().into_iter().flatten();

        all.filter(|parameter| parameter["in"] == *place).collect()
    }

    pub(in crate::suite) fn has(&self, place: &str, name: &str) -> bool {
        self.parameters(place).iter().any(|one| one["name"] == name)
    }

    /// Its answers, by status.
    pub(in crate::suite) fn answers(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        object(&self.value["responses"])
            .iter()
            .map(|(status, answer)| (status.as_str(), answer))
    }
}

/// The schema of an answer's JSON.
pub(in crate::suite) fn body(answer: &Value) -> Option<&Value> {
    let (_, content) = answer["content"].as_object()?.iter().next()?;

    Some(&content["schema"])
}

/// The name of the schema that a schema refers to.
pub(in crate::suite) fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The types of a schema without `null`, joined; a reference has the type of what it refers to.
pub(in crate::suite) fn kind(document: &Document, schema: &Value) -> String {
    let schema = document.resolved(schema);
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names
            .iter()
            .map(text)
            .filter(|name| *name != "null")
            .collect(),
        Value::Null if schema["allOf"].is_array() => vec!["object"],
        name => vec![text(name)],
    };

    names.join(" or ")
}

/// The parts of a schema that have properties.
fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let all = schema["allOf"].as_array().into_iter().flatten();

    all.chain([schema])
}

pub(in crate::suite) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(in crate::suite) fn list(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();

    all.map(|one| text(one).to_owned()).collect()
}

fn object(value: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();

    value
        .as_object()
        .unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}
