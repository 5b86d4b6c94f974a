//! Lists that change, as in Python: `{% do names.append('a') %}`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::invalid;

/// A list that a template wrote, or made by the filter `list`.
#[derive(Debug)]
pub(super) struct List(Mutex<Vec<Value>>);

impl List {
    /// A list of these values. Minijinja's own lists do not change, so each list in a template becomes one of these.
    pub(super) fn of(state: &State<'_, '_>, values: &Value) -> Result<Value, Error> {
        let mut items = Vec::new();
        for item in values.try_iter()? {
            state.consume_fuel(1)?;
            items.push(item);
        }

        Ok(Value::from_object(Self(Mutex::new(items))))
    }

    fn items(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what contains the list itself: it could not be printed.
    fn add(&self, state: &State<'_, '_>, added: Vec<Value>) -> Result<Value, Error> {
        let mut left = added.clone();
        while let Some(value) = left.pop() {
            state.consume_fuel(1)?;
            let is_self = value
                .downcast_object_ref::<Self>()
                .is_some_and(|other| std::ptr::eq(other, self));
            if is_self {
                return Err(invalid("a list cannot contain itself".into()));
            }
            match value.kind() {
                ValueKind::Map => {
                    for key in value.try_iter()? {
                        state.consume_fuel(1)?;
                        left.push(value.get_item(&key)?);
                    }
                }
                ValueKind::Seq | ValueKind::Iterable => {
                    for item in value.try_iter()? {
                        state.consume_fuel(1)?;
                        left.push(item);
                    }
                }
                _ => {}
            }
        }
        self.items().extend(added);

        Ok(Value::from(()))
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items().get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "append" => {
                let (item,): (Value,) = from_args(args)?;
                self.add(state, vec![item])
            }
            "extend" => {
                let (items,): (Value,) = from_args(args)?;
                self.add(state, items.try_iter()?.collect())
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Python's methods, and why other lists do not change.
pub(super) fn unknown_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if is_list && matches!(method, "append" | "extend") {
        return Err(invalid(format!(
            "`{method}` changes lists that are written with `[…]`; make this one such by the filter `list`"
        )));
    }

    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}
