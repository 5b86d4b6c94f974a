//! Lists, page by page: each answers a [`Page`] and takes [`Paging`]. Only this file knows what a cursor consists of.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::error::{Error, Result};

const USUAL_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1_000;
/// The most characters of a cursor. It has the key of a row.
pub(super) const LONGEST_CURSOR: usize = 32_768;

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    /// The rows, in the order of the list.
    data: Vec<T>,
    /// The `after` of the next page; `None` on the last one.
    next: Option<String>,
}

/// Which page of a list a caller asks for.
#[derive(Debug)]
pub(super) struct Paging {
    limit: usize,
    /// The place of the last row before the page.
    after: Option<Value>,
    /// Identifies the list and its filters.
    list: u64,
}

/// What a cursor consists of.
#[derive(Serialize, Deserialize)]
struct Cursor(u64, Value);

impl Paging {
    /// The place of the last row before the page, in the form that the list gives places.
    pub(super) fn after<P: DeserializeOwned>(&self) -> Result<Option<P>> {
        self.after
            .as_ref()
            .map(|place| serde_json::from_value(place.clone()).map_err(|_| foreign()))
            .transpose()
    }

    /// How many rows to ask for: one more than the page takes, which tells whether a page follows.
    pub(super) fn asked(&self) -> usize {
        self.limit + 1
    }

    /// As [`Paging::asked`], for a statement.
    pub(super) fn asked_rows(&self) -> i64 {
        i64::try_from(self.asked()).unwrap_or(i64::MAX)
    }

    /// Cuts `rows`, at most [`Paging::asked`], to a page. `place` says where a row is in the list.
    pub(super) fn page<T, P: Serialize>(
        &self,
        rows: Vec<T>,
        place: impl FnOnce(&T) -> P,
    ) -> Result<Page<T>> {
        self.page_of_some(rows, false, place)
    }

    /// As [`Paging::page`]. If the rows were cut, the list goes on behind them, although they may be fewer than the page takes.
    pub(super) fn page_of_some<T, P: Serialize>(
        &self,
        mut rows: Vec<T>,
        is_cut: bool,
        place: impl FnOnce(&T) -> P,
    ) -> Result<Page<T>> {
        let is_last = rows.len() <= self.limit && !is_cut;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| !is_last);

        Ok(Page {
            next: last.map(|row| self.cursor(place(row))).transpose()?,
            data: rows,
        })
    }

    /// A page that ends at a place, although it may be shorter than the limit.
    pub(super) fn page_until<T>(&self, data: Vec<T>, place: impl Serialize) -> Result<Page<T>> {
        let next = Some(self.cursor(place)?);

        Ok(Page { data, next })
    }

    /// Takes a page out of a list in memory. `place` says where a row is; places must rise.
    pub(super) fn page_of<T, P: Serialize + DeserializeOwned + Ord>(
        &self,
        sorted: impl IntoIterator<Item = T>,
        place: impl Fn(&T) -> P,
    ) -> Result<Page<T>> {
        let after: Option<P> = self.after()?;
        let is_behind = |row: &T| after.as_ref().is_none_or(|after| place(row) > *after);
        let rows = sorted.into_iter().filter(is_behind).take(self.asked());

        self.page(rows.collect(), &place)
    }

    /// The most rows of the page.
    pub(super) fn limit(&self) -> u64 {
        self.limit as u64
    }

    fn cursor(&self, place: impl Serialize) -> Result<String> {
        let place = serde_json::to_value(place).map_err(Error::internal)?;

        written(&Cursor(self.list, place))
    }
}

impl<T> Page<T> {
    /// The page of a list without rows.
    pub(super) fn empty() -> Self {
        Self {
            data: Vec::new(),
            next: None,
        }
    }

    pub(super) fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(view).collect(),
            next: self.next,
        }
    }

    /// The same page with other rows.
    pub(super) fn with<U>(self, data: Vec<U>) -> Page<U> {
        Page {
            data,
            next: self.next,
        }
    }

    pub(super) fn rows(&self) -> &[T] {
        &self.data
    }
}

/// The parameters of [`Paging`].
#[derive(Deserialize)]
struct PageQuery {
    after: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        let PageQuery { after, limit } = PageQuery::deserialize(reader).map_err(|fault| {
            let field = if fault.to_string().contains("after") {
                "after"
            } else {
                "limit"
            };
            invalid(field, format!("`{field}`: {fault}; give it once"))
        })?;
        let limit = self::limit(limit.as_deref())?;
        let list = list(parts.uri.path(), query);
        let after = after.map(|text| place(&text, list)).transpose()?;

        Ok(Self { limit, after, list })
    }
}

/// Identifies a list by its path and its filters, in any order.
fn list(path: &str, query: &str) -> u64 {
    let mut filters: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "after" && name != "limit")
        .collect();
    filters.sort();
    let mut hasher = DefaultHasher::new();
    (path, filters).hash(&mut hasher);

    hasher.finish()
}

/// Reads the place out of a cursor of this list.
fn place(text: &str, list: u64) -> Result<Value> {
    if text.len() > LONGEST_CURSOR {
        return Err(foreign());
    }
    let text = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
    let Cursor(of, place) = serde_json::from_slice(&text).map_err(|_| foreign())?;

    if of == list {
        Ok(place)
    } else {
        Err(foreign())
    }
}

/// A cursor that lasts: it depends on no filters, and a later version of the service reads it too. It names the list.
#[derive(Serialize, Deserialize)]
struct LastingCursor<L, P>(L, P);

/// Writes a place in a list that goes on for ever.
pub(super) fn lasting_cursor(list: &str, place: &impl Serialize) -> Result<String> {
    written(&LastingCursor(list, place))
}

/// Writes a cursor, which can be read again.
fn written(cursor: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(cursor).map_err(Error::internal)?;
    let text = BASE64_URL_SAFE_NO_PAD.encode(text);
    if text.len() > LONGEST_CURSOR {
        let detail = "the key of the last row of this page is too long for a cursor; ask for another `limit`, so that the page ends with another row";
        return Err(invalid("limit", detail.into()));
    }

    Ok(text)
}

/// Reads a cursor of [`lasting_cursor`]. `field` is the parameter with it.
pub(super) fn lasting_place<P: DeserializeOwned>(
    list: &str,
    cursor: &str,
    field: &str,
) -> Result<P> {
    let foreign = || {
        let detail = format!(
            "`{field}` is no cursor of `{list}`; give a `next` or a `cursor` of its row changes as it was"
        );
        invalid(field, detail)
    };
    if cursor.len() > LONGEST_CURSOR {
        return Err(foreign());
    }
    let text = BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_| foreign())?;
    let LastingCursor(of, place): LastingCursor<String, P> =
        serde_json::from_slice(&text).map_err(|_| foreign())?;

    if of == list {
        Ok(place)
    } else {
        Err(foreign())
    }
}

/// Reads the parameter `limit` of a list.
pub(super) fn limit(text: Option<&str>) -> Result<usize> {
    let Some(text) = text else {
        return Ok(USUAL_LIMIT);
    };
    let limit = text.parse().ok();

    limit
        .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
        .ok_or_else(|| {
            let detail = format!("`limit` is `{text}`; it must be between 1 and {LARGEST_LIMIT}");
            invalid("limit", detail)
        })
}

fn foreign() -> Error {
    let detail = "`after` is no cursor of this list with these filters; give the `next` of the page before as it was, with the same filters, or leave `after` out to begin again";

    invalid("after", detail.into())
}

fn invalid(field: &str, detail: String) -> Error {
    Error::Invalid {
        field: field.into(),
        detail,
    }
}

/// Puts the parameters into the document.
impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_CURSOR));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LARGEST_LIMIT))
            .default(Some(json!(USUAL_LIMIT)));
        let parameter = |name: &str, described: &str, schema: ObjectBuilder| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .description(Some(described))
                .schema(Some(schema))
                .build()
        };

        vec![
            parameter(
                "after",
                "The `next` of the page before, with the same filters",
                text,
            ),
            parameter("limit", "The most rows of a page", number),
        ]
    }
}

/// A page is called after its rows, such as `RunPage`.
impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let rows = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("In the order of the list."));
        let next = ObjectBuilder::new()
            .schema_type(
                [Type::String, Type::Null]
                    .into_iter()
                    .collect::<utoipa::openapi::schema::SchemaType>(),
            )
            .description(Some(
                "The `after` of the next page; `null` on the last page.",
            ));

        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A page of a list."))
            .property("data", rows)
            .property("next", next)
            .required("data")
            .required("next")
            .build()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_given_out_can_be_read_again() {
        let key = "k".repeat(20_000);
        let cursor = lasting_cursor("shop.orders", &key).expect("a cursor");
        let place: String = lasting_place("shop.orders", &cursor, "after").expect("a place");
        assert_eq!(place, key);

        let refused = lasting_cursor("shop.orders", &"k".repeat(40_000)).expect_err("too long");
        assert!(refused.to_string().contains("another `limit`"), "{refused}");
    }
}
