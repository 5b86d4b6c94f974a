//! What the values of a YAML file and of a configuration look like, and in plain words what is wrong with others.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::nearest::did_you_mean;

/// What a value is.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Text,
    /// A text that is not empty.
    Name,
    /// The name of a table or of a schema.
    Table,
    Truth,
    Word(&'static [&'static str]),
    /// A name, or a list of names.
    Names,
    /// The name of a test, or its name with arguments.
    Test,
    /// Any names with values.
    Map,
    List(&'static Shape),
    Fields(&'static [Field]),
    /// The same, and others that nobody reads.
    SomeFields(&'static [Field]),
}

/// A key of a map, and what its value is. Without a value it is as if the key was not there.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) is_needed: bool,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            is_needed: false,
        }
    }

    pub(crate) const fn needed(name: &'static str, shape: Shape) -> Self {
        Self {
            is_needed: true,
            ..Self::new(name, shape)
        }
    }
}

impl Shape {
    /// Reads a value, if it has this shape.
    ///
    /// # Errors
    ///
    /// A sentence for each key that is wrong.
    pub(crate) fn read<T: DeserializeOwned>(&self, mut value: Value) -> Result<T, Vec<String>> {
        let faults = self.faults("", &value);
        if !faults.is_empty() {
            return Err(faults);
        }
        self.drop_nulls(&mut value);

        serde_json::from_value(value).map_err(|fault| vec![fault.to_string()])
    }

    /// What is wrong with a value. `path` are the keys that lead to it: `columns[0].name`.
    pub(crate) fn faults(&self, path: &str, value: &Value) -> Vec<String> {
        match (self, value) {
            (Self::List(shape), Value::Array(items)) => {
                let items = items.iter().enumerate();
                let faults = items.map(|(at, item)| shape.faults(&format!("{path}[{at}]"), item));
                faults.flatten().collect()
            }
            (Self::Names, Value::Array(_)) => Self::List(&Self::Name).faults(path, value),
            (Self::Fields(fields), Value::Object(entries)) => {
                let mut faults = of_fields(fields, path, entries);
                faults.extend(unknown(fields, path, entries));
                faults
            }
            (Self::SomeFields(fields), Value::Object(entries)) => of_fields(fields, path, entries),
            _ if self.is_alone(value) => Vec::new(),
            _ => vec![self.fault(path, value)],
        }
    }

    /// Whether a value that is no list and no map of fields is right.
    fn is_alone(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::Text, Value::String(_))
            | (Self::Truth, Value::Bool(_))
            | (Self::Map | Self::Test, Value::Object(_)) => true,
            (Self::Name | Self::Names | Self::Test, Value::String(text)) => is_name(text),
            (Self::Table, Value::String(text)) => is_table(text),
            (Self::Word(words), Value::String(text)) => words.contains(&text.as_str()),
            _ => false,
        }
    }

    fn fault(&self, path: &str, value: &Value) -> String {
        let subject = if path.is_empty() {
            "it".to_owned()
        } else {
            format!("`{path}`")
        };
        let found = match value {
            Value::Null => "empty".to_owned(),
            Value::String(text) if text.trim().is_empty() => "empty".to_owned(),
            Value::String(text) => format!("`{text}`"),
            Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a map".to_owned(),
        };
        let is_text = matches!(self, Self::Text | Self::Name | Self::Table | Self::Names);
        let quotes = match value {
            Value::Bool(_) | Value::Number(_) if is_text => format!(", such as `\"{value}\"`"),
            _ => String::new(),
        };

        format!("{subject} is {found}; write {}{quotes}", self.wanted())
    }

    fn wanted(&self) -> String {
        match self {
            Self::Any => "a value".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Name => "a name".to_owned(),
            Self::Table => "a name of letters, digits, `_` and `-`".to_owned(),
            Self::Truth => "`true` or `false`, without quotes".to_owned(),
            Self::Word(words) => listed(words),
            Self::Names => "a name, or a list of names".to_owned(),
            Self::Test => "the name of a test, or its name with arguments".to_owned(),
            Self::Map => "a map of names and values".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Fields(fields) | Self::SomeFields(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                format!("a map with {}", listed(&names))
            }
        }
    }

    /// Removes keys without a value.
    fn drop_nulls(&self, value: &mut Value) {
        match (self, value) {
            (Self::List(shape), Value::Array(items)) => {
                for item in items {
                    shape.drop_nulls(item);
                }
            }
            (Self::Fields(fields) | Self::SomeFields(fields), Value::Object(entries)) => {
                entries.retain(|_, value| !value.is_null());
                for field in *fields {
                    if let Some(value) = entries.get_mut(field.name) {
                        field.shape.drop_nulls(value);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The faults of the known fields.
fn of_fields(fields: &[Field], path: &str, entries: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for field in fields {
        let path = inner(path, field.name);
        match entries.get(field.name).filter(|value| !value.is_null()) {
            Some(value) => faults.extend(field.shape.faults(&path, value)),
            None if field.is_needed => faults.push(format!(
                "`{path}` is missing; write {}",
                field.shape.wanted()
            )),
            None => {}
        }
    }

    faults
}

/// The keys that are no field, each with the nearest one, or with all.
fn unknown(fields: &[Field], path: &str, entries: &Map<String, Value>) -> Vec<String> {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let others = entries.keys().filter(|key| !names.contains(&key.as_str()));
    let fault = |key: &String| {
        let near = did_you_mean(key, names.iter().copied());
        let instead = if near.is_empty() {
            format!("; write {}", listed(&names))
        } else {
            near
        };
        format!("`{}` is not known{instead}", inner(path, key))
    };

    others.map(fault).collect()
}

fn inner(path: &str, key: &str) -> String {
    let point = if path.is_empty() { "" } else { "." };

    format!("{path}{point}{key}")
}

/// `a`, `b` or `c`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => "nothing".to_owned(),
    }
}

pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

fn is_table(text: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);

    !text.is_empty() && text.chars().all(is_part)
}
