//! Times as the API writes them: RFC 3339 in UTC with six digits of a second, so that they sort as text.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Writes a time, for `#[serde(serialize_with)]` of every field with a time.
///
/// # Errors
///
/// That of the serializer.
pub fn exact<S: Serializer, T: Time>(time: &T, serializer: S) -> Result<S::Ok, S::Error> {
    time.text().serialize(serializer)
}

/// A time that is written, or none.
pub trait Time {
    fn text(&self) -> Option<String>;
}

impl Time for Timestamp {
    fn text(&self) -> Option<String> {
        Some(text(*self))
    }
}

impl Time for Option<Timestamp> {
    fn text(&self) -> Option<String> {
        self.map(text)
    }
}

#[must_use]
pub fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
