//! Maps that change, as in Python: `{% do labels.update({'new': 1}) %}`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use minijinja::value::{Enumerator, Kwargs, Object, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use super::size::{self, contains};
use super::{invalid, lock};

/// A map that a template wrote, or made by `dict(…)`.
#[derive(Debug, Default)]
pub(super) struct Map(Mutex<Entries>);

/// Values by key. A new key is the last one, as in Python.
#[derive(Debug, Default)]
struct Entries {
    keys: Vec<Value>,
    values: HashMap<Value, Value>,
}

impl Entries {
    fn insert(&mut self, key: Value, value: Value) {
        if self.values.insert(key.clone(), value).is_none() {
            self.keys.push(key);
        }
    }

    fn remove(&mut self, key: &Value) -> Option<Value> {
        let value = self.values.remove(key)?;
        self.keys.retain(|other| other != key);

        Some(value)
    }
}

impl Map {
    /// A map with these entries. Minijinja's own maps do not change, so each map in a template becomes one of these.
    pub(super) fn of(state: &State<'_, '_>, entries: &Value) -> Result<Value, Error> {
        let map = Self::default();
        map.add(state, entries)?;

        Ok(Value::from_object(map))
    }

    /// `dict(map, name=value, …)`: the map may be a list of pairs.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "minijinja gives arguments as values"
    )]
    pub(super) fn of_entries(
        state: &State<'_, '_>,
        entries: Option<Value>,
        named: Kwargs,
    ) -> Result<Value, Error> {
        let map = Self::default();
        map.update(state, entries, &named)?;

        Ok(Value::from_object(map))
    }

    fn update(
        &self,
        state: &State<'_, '_>,
        entries: Option<Value>,
        named: &Kwargs,
    ) -> Result<Value, Error> {
        if let Some(entries) = entries.filter(|entries| !entries.is_undefined()) {
            self.refuse_itself(state, &entries)?;
            self.add(state, &entries)?;
        }
        for name in named.args() {
            let value = named.get(name)?;
            self.refuse_itself(state, &value)?;
            self.insert(state, Value::from(name), value)?;
        }

        Ok(Value::from(()))
    }

    /// Adds the entries of a map, or a list of pairs.
    fn add(&self, state: &State<'_, '_>, entries: &Value) -> Result<(), Error> {
        let is_map = entries.kind() == minijinja::value::ValueKind::Map;
        for entry in entries.try_iter()? {
            if is_map {
                let value = entries.get_item(&entry)?;
                self.insert(state, entry, value)?;
                continue;
            }
            let pair: Vec<Value> = entry.try_iter()?.collect();
            let [key, value] = <[Value; 2]>::try_from(pair).map_err(|_| {
                invalid(
                    "a map is made of a map, of names with values, or of a list of pairs".into(),
                )
            })?;
            self.insert(state, key, value)?;
        }

        Ok(())
    }

    fn insert(&self, state: &State<'_, '_>, key: Value, value: Value) -> Result<(), Error> {
        state.consume_fuel(1)?;
        size::check(state, &value)?;
        lock(&self.0).insert(key, value);

        Ok(())
    }

    fn refuse_itself(&self, state: &State<'_, '_>, added: &Value) -> Result<(), Error> {
        let is_self = |value: &Value| {
            let map = value.downcast_object_ref::<Self>();
            map.is_some_and(|other| std::ptr::eq(other, self))
        };
        if contains(state, std::slice::from_ref(added), is_self)? {
            return Err(invalid("a map cannot contain itself".into()));
        }

        Ok(())
    }
}

impl Object for Map {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        lock(&self.0).values.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(lock(&self.0).keys.clone())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "update" => {
                let (entries, named): (Option<Value>, Kwargs) = from_args(args)?;
                self.update(state, entries, &named)
            }
            "setdefault" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                if let Some(value) = self.get_value(&key) {
                    return Ok(value);
                }
                let value = default.unwrap_or_else(|| Value::from(()));
                self.refuse_itself(state, &value)?;
                self.insert(state, key, value.clone())?;
                Ok(value)
            }
            "pop" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let length = lock(&self.0).keys.len();
                state.consume_fuel(length as u64)?;
                let value = lock(&self.0).remove(&key).or(default);
                value.ok_or_else(|| invalid(format!("the map has no `{key}`")))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
