//! Finds the files that a reading takes, in as many names as its purpose allows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use object_store::path::Path;
use serde_json::Value;

use super::folder::DropFolder;
use super::listing::LOOKED_UP;
use super::round::{FilesPosition, MOST_NAMES, Round};
use super::search::{Search, Seen};
use super::stretch::Stretch;
use super::taken_files::TakenFiles;
use crate::error::{Error, Result};
use crate::source::reading::Purpose;
use crate::state::UnreadPaths;

/// The most new names that a poll lists at the ends of all branches.
const MOST_NEW_NAMES: usize = 25_000;

/// The files that a reading takes, and how far it has listed.
pub(super) struct NewFiles {
    pub(super) taken: TakenFiles,
    /// The name that the reading began after.
    pub(super) began_after: Option<Path>,
    /// The position, if the taken files are not read.
    pub(super) before: FilesPosition,
    pub(super) after: FilesPosition,
    /// The time up to which every file has landed, if the reading ended a round.
    pub(super) covers: Option<Timestamp>,
}

impl DropFolder<'_> {
    /// Finds the files that a reading takes. To read them, it also forgets unread files that are gone.
    pub(super) async fn new_files(
        &self,
        last: Option<&Value>,
        now: Timestamp,
        purpose: Purpose,
    ) -> Result<NewFiles> {
        let before = FilesPosition::before(last, self.source.split().0, now);
        let going_on = before.round.clone().filter(|_| purpose.goes_on());
        let mut turn = Turn {
            search: Search::new(self, now),
            round: going_on.unwrap_or_else(|| Round::begin(now)),
            purpose,
        };
        let began_after = turn.round.after();
        let mut is_over = turn.list_names().await?;
        while !is_over && purpose == Purpose::Read {
            is_over = turn.list_names().await?;
        }
        let mut after = before.clone();
        // A part that was not begun with the first name may end behind names that are new.
        if purpose.goes_on() && !(is_over && began_after.is_none()) {
            turn.list_ends(&mut after.ends).await?;
        }
        let Turn {
            search, mut round, ..
        } = turn;
        round.note_waiting(search.taken.waiting);
        let covers = is_over.then(|| round.covers());
        if is_over {
            after.ends = round.ends(&self.branches);
        }
        after.round = Some(round).filter(|_| !is_over);

        Ok(NewFiles {
            taken: search.taken,
            began_after,
            before,
            after,
            covers,
        })
    }

    /// Forgets unread files of a stretch that are gone from the folder.
    async fn forget_gone(&self, after: Option<&Path>, seen: &Seen) -> Result<()> {
        let asked = UnreadPaths {
            after: after.map(AsRef::as_ref),
            upto: seen.more.as_ref().map(AsRef::as_ref),
            most: i64::try_from(MOST_NAMES).map_err(Error::internal)?,
        };
        let mut gone = self.ledger.unread_files(self.pipeline, asked).await?;
        gone.retain(|path| !seen.unread.contains(path));
        if gone.is_empty() {
            return Ok(());
        }

        self.ledger.forget_files(self.pipeline, &gone).await
    }
}

/// What one reading lists.
struct Turn<'a> {
    search: Search<'a>,
    round: Round,
    purpose: Purpose,
}

impl Turn<'_> {
    /// Lists the next names of the round; whether they were the last ones.
    async fn list_names(&mut self) -> Result<bool> {
        let folder = self.search.folder;
        let after = self.round.after();
        let stretch = Stretch {
            folder: folder.root.clone(),
            after: after.clone(),
            most: MOST_NAMES,
        };
        let seen = self.search.look_through(stretch).await?;
        self.note_names(&seen.highest);
        if seen.has_unseen {
            // Freshness stays where it is until somebody makes the entry readable.
            self.search.taken.note_waiting(Timestamp::UNIX_EPOCH);
        } else if self.purpose.reads() {
            folder.forget_gone(after.as_ref(), &seen).await?;
        }
        if let Some(last) = &seen.more {
            self.round.go_on_after(last);
        }

        Ok(seen.more.is_none())
    }

    /// Lists what comes after the ends of the branches, and moves the ends on.
    async fn list_ends(&mut self, ends: &mut BTreeMap<String, String>) -> Result<()> {
        let folder = self.search.folder;
        let most = (MOST_NEW_NAMES / folder.branches.len().max(1)).max(LOOKED_UP);
        for branch in &folder.branches {
            let Some(end) = ends.get_mut(branch.as_ref()) else {
                continue;
            };
            let stretch = Stretch {
                folder: branch.clone(),
                after: Path::parse(&*end).ok(),
                most,
            };
            let seen = self.search.look_through(stretch).await?;
            // Too many names to look at them again: a file that waits among them is found by the round.
            let last: Option<&str> = seen.more.as_ref().map(AsRef::as_ref);
            let highest = seen.highest.get(branch.as_ref()).map(String::as_str);
            if let Some(last) = last.or(highest) {
                last.clone_into(end);
            }
            self.note_names(&seen.highest);
        }

        Ok(())
    }

    fn note_names(&mut self, highest: &BTreeMap<String, String>) {
        for (branch, name) in highest {
            self.round.note_name(branch, name);
        }
    }
}
