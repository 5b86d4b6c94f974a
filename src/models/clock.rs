//! How the rows of a model follow the time: by `current_date`, by `now()` and its kin, or not at all.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use icefront_project::Model;

use super::inputs::Inputs;
use super::refresh::Refresh;
use crate::error::Result;
use crate::pipeline::{Definition, Names};
use crate::state::Reading;

/// Functions of time.
const CLOCKS: [&str; 6] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
];

/// How the rows of a model may follow the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    None,
    /// Each day of UTC may give other rows.
    Day,
    /// Each moment may.
    Moment,
}

/// How the rows of a model may follow the time, by the functions that it names.
#[must_use]
pub fn clock(definition: &Definition, names: &Names<'_>, model: &Model) -> Clock {
    match clock_words(&Inputs::of(definition, names, model), model).as_slice() {
        [] => Clock::None,
        [only] if *only == CLOCKS[0] => Clock::Day,
        _ => Clock::Moment,
    }
}

impl Refresh<'_> {
    /// Whether the time of this refresh may give other rows than that of an earlier one.
    pub(super) async fn has_time_moved(&self, earlier: &Reading) -> Result<bool> {
        let words = clock_words(&self.inputs, self.model.model);
        if words.is_empty() {
            return Ok(false);
        }
        let mut is_only_date = words == [CLOCKS[0]];
        if let Ok(query) = &self.analysis().await?.query {
            let clocks = query.clocks();
            if clocks.is_empty() {
                return Ok(false);
            }
            is_only_date = clocks.iter().all(|clock| clock == CLOCKS[0]);
        }
        let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();

        Ok(!is_only_date || day(earlier.as_of) != day(self.model.as_of))
    }
}

/// The functions of time whose names stand in a model or in a view that it reads.
fn clock_words(inputs: &Inputs, model: &Model) -> Vec<&'static str> {
    let texts = inputs.views.iter().map(|view| &view.sql);
    let texts: Vec<String> = texts
        .chain([&model.sql])
        .map(|sql| sql.to_lowercase())
        .collect();
    let used = |word: &&str| texts.iter().any(|sql| calls(sql, word));

    CLOCKS.into_iter().filter(used).collect()
}

/// Whether a text has a function of time. A word that only looks like one costs a look.
fn calls(sql: &str, function: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = sql.match_indices(function);

    places.any(|(at, _)| {
        let behind = &sql[at + function.len()..];
        let is_word = !sql[..at].ends_with(is_part) && !behind.starts_with(is_part);

        is_word && (function != "now" || behind.trim_start().starts_with('('))
    })
}
