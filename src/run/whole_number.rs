//! Whole numbers in the bodies of calls.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Reads a whole number however JSON writes it: `60` and `60.0` are the same.
pub fn whole_number<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<u32>, D::Error> {
    Option::<f64>::deserialize(reader)?
        .map(|number| {
            let whole = number.to_string().parse();
            whole.map_err(|_| {
                D::Error::custom(format!(
                    "`{number}` is no whole number from 0 to {}",
                    u32::MAX
                ))
            })
        })
        .transpose()
}
