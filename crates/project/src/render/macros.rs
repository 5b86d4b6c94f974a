//! The macros of the project and of the packages that come with Icefront.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use minijinja::value::{Kwargs, Object};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::context::Context;
use super::list::List;
use super::map::Map;
use super::python::{closing, translated};
use super::{FUEL, fault, invalid, lock};
use crate::fault::Fault;
use crate::files::File;

/// Macros may call each other this deep, and this often for one model.
const DEEPEST: usize = 40;
const MOST_CALLS: usize = 20_000;
/// The template has each macro under another name, as with dbt. So every call goes through [`Macro`], also one within a file.
const PREFIX: &str = "dbt_macro__";
/// The last parameter of a macro that takes any arguments; before it stand `varargs` and `kwargs`.
const REST: &str = "dbt_rest__";

const PACKAGES: [(&str, &str); 2] = [
    ("dbt", include_str!("../../packages/dbt.jinja")),
    ("dbt_utils", include_str!("../../packages/dbt_utils.jinja")),
];
/// dbt calls these by itself.
const REFUSED: [&str; 5] = [
    "generate_schema_name",
    "generate_alias_name",
    "generate_database_name",
    "ref",
    "source",
];

/// Which template has a macro.
#[derive(Clone, Debug, Default)]
pub(super) struct Macros {
    /// Those of the project.
    own: BTreeMap<String, String>,
    of_packages: BTreeMap<String, Vec<String>>,
}

impl Macros {
    pub(super) fn read(
        environment: &mut Environment<'static>,
        files: &[File],
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut macros = Self::default();
        for (package, text) in PACKAGES {
            let found = renamed(&translated(text));
            if let Err(error) = environment.add_template_owned(package, found.text) {
                faults.push(fault(package, &error));
            }
            macros.of_packages.insert(package.into(), found.names);
        }
        for file in files {
            let found = renamed(&translated(&file.text));
            if let Err(error) = environment.add_template_owned(file.place.clone(), found.text) {
                faults.push(fault(&file.place, &error));
                continue;
            }
            for name in found.names {
                if REFUSED.contains(&name.as_str()) {
                    let message = format!(
                        "a macro `{name}` is not supported; use `schema` and `alias` of the models"
                    );
                    faults.push(Fault::new(&file.place, message));
                }
                if let Some(other) = macros.own.insert(name.clone(), file.place.clone()) {
                    faults.push(Fault::new(
                        &file.place,
                        format!("macro `{name}` is in `{other}`, too; rename one of the two"),
                    ));
                }
            }
        }

        macros
    }

    /// The template of a macro of the project.
    pub(super) fn own(&self, name: &str) -> Option<&str> {
        self.own.get(name).map(String::as_str)
    }

    /// How templates call the macros: the project's and those of dbt also without the package.
    pub(super) fn names(&self) -> Vec<String> {
        let packages = self.of_packages.iter().flat_map(|(package, names)| {
            let full = names.iter().map(move |name| format!("{package}.{name}"));
            let short = names.iter().filter(move |_| package == "dbt").cloned();
            full.chain(short)
        });

        self.own.keys().cloned().chain(packages).collect()
    }

    /// Whether Icefront brings the package.
    pub(super) fn is_package(&self, name: &str) -> bool {
        self.of_packages.contains_key(name)
    }

    /// Whether a package has a macro.
    pub(super) fn has(&self, package: &str, name: &str) -> bool {
        self.of_packages
            .get(package)
            .is_some_and(|names| names.iter().any(|known| known == name))
    }
}

/// Whether a template declares a macro.
pub(super) fn declares(text: &str) -> bool {
    !renamed(text).names.is_empty()
}

struct Renamed {
    text: String,
    names: Vec<String>,
}

/// The text with the prefix before the name of each macro, and these names.
fn renamed(text: &str) -> Renamed {
    let (mut out, mut names, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match macro_name(rest) {
            Some(name) => {
                names.push(
                    name.chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect(),
                );
                let before = rest.len() - name.len();
                out.push_str(&rest[..before]);
                out.push_str(PREFIX);
                let end = takes_any(name).unwrap_or(0);
                out.push_str(&name[..end]);
                if end > 0 {
                    let is_first = name[..end].trim_end().ends_with('(');
                    out.push_str(if is_first { "" } else { ", " });
                    out.push_str("varargs=none, kwargs=none, ");
                    out.push_str(REST);
                    out.push_str("=none");
                }
                rest = &name[end..];
                continue;
            }
            None if rest.starts_with("{#") => rest.find("#}").map_or(rest.len(), |at| at + 2),
            None if is_raw(rest) => rest
                .find("endraw")
                .map_or(rest.len(), |at| at + "endraw".len()),
            None => 1,
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);

    Renamed { text: out, names }
}

/// The text from the name on, if a macro begins here.
fn macro_name(text: &str) -> Option<&str> {
    let name = tag(text)?.strip_prefix("macro")?;

    name.starts_with(char::is_whitespace)
        .then(|| name.trim_start())
}

/// Where the parameters of a macro end, if it asks for all of its arguments. The text begins with its name.
fn takes_any(text: &str) -> Option<usize> {
    let open = text.find('(')?;
    let end = open + closing(&text[open..])?;
    let body = &text[end..];
    let body = &body[..body.find("endmacro").unwrap_or(body.len())];
    let is_asked = ["varargs", "kwargs"]
        .iter()
        .any(|name| has_word(body, name) && !has_word(&text[open..end], name));

    is_asked.then_some(end)
}

fn has_word(text: &str, word: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');

    words.any(|other| other == word)
}

pub(super) fn is_raw(text: &str) -> bool {
    tag(text).is_some_and(|tag| tag.starts_with("raw"))
}

/// The text of the tag that begins here.
fn tag(text: &str) -> Option<&str> {
    text.strip_prefix("{%")
        .map(|tag| tag.trim_start_matches(['-', '+']).trim_start())
}

/// A macro that can be called.
#[derive(Debug)]
pub(super) struct Macro {
    pub(super) template: String,
    pub(super) name: String,
    pub(super) context: Arc<Context>,
}

impl Object for Macro {
    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let notes = &self.context.notes;
        let depth = notes.depth.fetch_add(1, Ordering::Relaxed);
        let calls = notes.calls.fetch_add(1, Ordering::Relaxed);
        let result = if depth >= DEEPEST || calls >= MOST_CALLS {
            Err(invalid(format!(
                "macro `{}` is called too often, or by itself without end",
                self.name
            )))
        } else {
            self.result(state, args)
        };
        notes.depth.fetch_sub(1, Ordering::Relaxed);

        result
    }
}

impl Macro {
    fn result(&self, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let notes = &self.context.notes;
        let args = with_caller(state, args)?;
        let root = Value::from_dyn_object(Arc::clone(&self.context));
        let mut file = state
            .env()
            .get_template(&self.template)?
            .render_captured(root)?;
        let name = format!("{PREFIX}{}", self.name);
        let result = file.with_state_mut(|state| {
            let args = with_rest(state, &name, args)?;
            state.call_macro(&name, &args)
        });
        let (used, _) = file.state().fuel_levels().unwrap_or_default();
        if notes.steps.fetch_add(used, Ordering::Relaxed) + used > FUEL {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        let returned = lock(&notes.returned).take();

        match (returned, result) {
            (Some(value), Err(_)) => Ok(value),
            (_, result) => result.map(Value::from),
        }
    }
}

/// The arguments with the text of `caller`, which can be called in its own template only.
fn with_caller(state: &mut State<'_, '_>, args: &[Value]) -> Result<Vec<Value>, Error> {
    let Some((last, plain)) = args.split_last().filter(|(last, _)| last.is_kwargs()) else {
        return Ok(args.to_vec());
    };
    let named = Kwargs::try_from(last.clone())?;
    let mut all: Vec<(String, Value)> = Vec::new();
    for name in named.args() {
        let mut value: Value = named.peek(name)?;
        if name == "caller" {
            let takes = value
                .get_attr("arguments")
                .ok()
                .and_then(|list| list.len())
                .unwrap_or(0);
            if takes > 0 {
                return Err(invalid(
                    "`call(…)` with arguments is not supported; pass a macro".into(),
                ));
            }
            value = Value::from_object(Constant(value.call(state, &[])?));
        }
        all.push((name.to_owned(), value));
    }

    Ok(plain
        .iter()
        .cloned()
        .chain([Value::from(all.into_iter().collect::<Kwargs>())])
        .collect())
}

/// The arguments, of which those that a macro does not name are in `varargs` and `kwargs`, if it asks for these.
fn with_rest(state: &State<'_, '_>, name: &str, args: Vec<Value>) -> Result<Vec<Value>, Error> {
    let Some(called) = state.lookup(name) else {
        return Ok(args);
    };
    let parameters: Vec<Value> = called.get_attr("arguments")?.try_iter()?.collect();
    let [own @ .., _, _, rest] = parameters.as_slice() else {
        return Ok(args);
    };
    if rest.as_str() != Some(REST) {
        return Ok(args);
    }
    let (mut positional, named): (Vec<Value>, Kwargs) = match args.split_last() {
        Some((last, plain)) if last.is_kwargs() => {
            (plain.to_vec(), Kwargs::try_from(last.clone())?)
        }
        _ => (args, std::iter::empty::<(String, Value)>().collect()),
    };
    let more = positional.split_off(own.len().min(positional.len()));
    let is_named =
        |name: &str| name == "caller" || own.iter().any(|own| own.as_str() == Some(name));
    let mut all: Vec<(String, Value)> = Vec::new();
    let mut others: Vec<(String, Value)> = Vec::new();
    for name in named.args() {
        let value = named.peek(name)?;
        let place = if is_named(name) {
            &mut all
        } else {
            &mut others
        };
        place.push((name.to_owned(), value));
    }
    let more = List::of(state, &Value::from(more))?;
    let others = Map::of(state, &Value::from_iter(others))?;
    all.extend([("varargs".to_owned(), more), ("kwargs".to_owned(), others)]);
    positional.push(Value::from(all.into_iter().collect::<Kwargs>()));

    Ok(positional)
}

/// A function that always gives the same value.
#[derive(Debug)]
pub(super) struct Constant(pub(super) Value);

impl Object for Constant {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(self.0.clone())
    }
}
