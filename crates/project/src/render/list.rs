//! Lists that change, as in Python: `{% do names.append('a') %}`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use super::invalid;
use super::size::contains;

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
        contains(state, &items, |_| false)?;

        Ok(Value::from_object(Self(Mutex::new(items))))
    }

    fn items(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &State<'_, '_>, added: Vec<Value>) -> Result<Value, Error> {
        let is_self = |value: &Value| {
            let list = value.downcast_object_ref::<Self>();
            list.is_some_and(|other| std::ptr::eq(other, self))
        };
        if contains(state, &added, is_self)? {
            return Err(invalid("a list cannot contain itself".into()));
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
