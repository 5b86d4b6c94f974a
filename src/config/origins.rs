//! The origins of web pages that may call the API.

use serde::de::{Deserialize, Deserializer, Error};

/// Origins as browsers send them: `https://data.example:8443`.
#[derive(Debug, Clone, Default)]
pub struct Origins(pub Vec<String>);

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let origins = Vec::<String>::deserialize(reader)?;
        match origins.iter().find(|text| !is_origin(text)) {
            None => Ok(Self(origins)),
            Some(text) => Err(D::Error::custom(format!(
                "`http.cors_origins` has `{text}`; write origins such as `https://data.example`, without a path; `*` is not allowed"
            ))),
        }
    }
}

fn is_origin(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme()) && url.origin().ascii_serialization() == text
    })
}
