//! The cursor of a drop folder: how far its names are listed.
//!
//! A *round* lists every name once. Polls of a folder with many names share a round: each lists some names after those of
//! the last one. A poll also lists what comes after the ends of the branches, where names that rise with time appear.

use std::collections::BTreeMap;

use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// The most names that a poll lists in the order of the round.
pub(super) const MOST_NAMES: usize = 50_000;

/// The cursor's position in a drop folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FilesPosition {
    /// The folder.
    path: String,
    #[serde(serialize_with = "crate::time::exact")]
    listed_at: Timestamp,
    /// The round that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<Round>,
    /// By branch, the last name of the last round and of new names after it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) ends: BTreeMap<String, String>,
}

/// A round that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Round {
    #[serde(serialize_with = "crate::time::exact")]
    pub(super) began_at: Timestamp,
    /// All names up to this one were listed; `None` if none was.
    after: Option<String>,
    /// The time of the oldest listed file that has not landed.
    #[serde(
        default,
        serialize_with = "crate::time::exact",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) waiting: Option<Timestamp>,
    /// By branch, the last name that was listed.
    #[serde(default)]
    highest: BTreeMap<String, String>,
}

impl FilesPosition {
    /// The position before a reading. That of another folder counts as none.
    pub(super) fn before(last: Option<&Value>, folder: &str, now: Timestamp) -> Self {
        let last = last.and_then(|last| Self::deserialize(last).ok());

        match last.filter(|last| last.path == folder) {
            Some(last) => Self {
                listed_at: now,
                ..last
            },
            None => Self {
                path: folder.to_owned(),
                listed_at: now,
                round: None,
                ends: BTreeMap::new(),
            },
        }
    }

    /// Adds files of a reading that could not be read to what waits in the round.
    pub(super) fn note_unread(&mut self, unread: Option<Timestamp>) {
        if let Some(round) = &mut self.round {
            round.note_waiting(unread);
        }
    }

    pub(super) fn to_value(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}

impl Round {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            began_at: now,
            after: None,
            waiting: None,
            highest: BTreeMap::new(),
        }
    }

    /// The name after which the round goes on.
    pub(super) fn after(&self) -> Option<Path> {
        Path::parse(self.after.as_ref()?).ok()
    }

    /// Notes up to which name the round has come.
    pub(super) fn go_on_after(&mut self, last: &Path) {
        self.after = Some(last.to_string());
    }

    pub(super) fn note_waiting(&mut self, time: Option<Timestamp>) {
        self.waiting = [self.waiting, time].into_iter().flatten().min();
    }

    /// Notes a name of a branch that was listed.
    pub(super) fn note_name(&mut self, branch: &str, name: &str) {
        note_highest(&mut self.highest, branch, name);
    }

    /// The ends of the branches after the round. Every name of an empty branch is new.
    pub(super) fn ends(&self, branches: &[Path]) -> BTreeMap<String, String> {
        branches
            .iter()
            .map(|branch| {
                let branch = branch.to_string();
                let end = self.highest.get(&branch).unwrap_or(&branch).clone();
                (branch, end)
            })
            .collect()
    }

    /// The time up to which every file has landed, when the round has ended.
    pub(super) fn covers(&self) -> Timestamp {
        self.waiting
            .map_or(self.began_at, |waiting| waiting.min(self.began_at))
    }
}

/// Notes a name of a branch, if it is the highest so far.
pub(super) fn note_highest(highest: &mut BTreeMap<String, String>, branch: &str, name: &str) {
    match highest.get_mut(branch) {
        Some(known) if known.as_str() < name => name.clone_into(known),
        Some(_) => {}
        None => {
            highest.insert(branch.to_owned(), name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_only_for_its_folder() {
        let now = Timestamp::UNIX_EPOCH;
        let old = json!({"path": "s3://a/", "listed_at": "2026-07-01T00:00:00.000000Z"});
        let mut position = FilesPosition::before(Some(&old), "s3://a/", now);
        assert!(position.round.is_none() && position.ends.is_empty());
        let mut round = Round::begin(now);
        round.go_on_after(&Path::from("a/b"));
        round.note_name("a", "a/b");
        position.ends = round.ends(&[Path::from("a"), Path::from("c")]);
        position.round = Some(round);

        let value = position.to_value().expect("a value");
        let read = FilesPosition::before(Some(&value), "s3://a/", now);

        assert_eq!(read.to_value().expect("a value"), value);
        assert_eq!(value["ends"], json!({"a": "a/b", "c": "c"}));
        let other = FilesPosition::before(Some(&value), "s3://b/", now);
        assert!(other.round.is_none() && other.ends.is_empty());
    }

    #[test]
    fn a_round_covers_what_landed_before_it_began() {
        let time = |second| Timestamp::from_second(second).expect("a time");
        let mut round = Round::begin(time(10));
        assert_eq!(round.covers(), time(10));
        round.note_waiting(Some(time(12)));
        assert_eq!(round.covers(), time(10));
        round.note_waiting(Some(time(7)));
        round.note_waiting(Some(time(8)));
        assert_eq!(round.covers(), time(7));
    }
}
