//! The file of keys. It is read again when it changes; while it cannot be read, the keys before hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::audit::reloaded;
use super::grant::{Grant, Grants};
use super::key::{self, Hash};
use super::principal::Principal;
use crate::error::{Error, Result};

/// How long a look at the file holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_FILE: u64 = 1 << 20;
const LONGEST_NAME: usize = 63;

/// The keys that callers may have.
#[derive(Debug)]
pub(super) struct Keys {
    path: PathBuf,
    read: Mutex<Read>,
}

/// What the last look at the file gave.
#[derive(Debug)]
struct Read {
    looked_at: Instant,
    /// The text that was read last, right or not; `None` if it could not be read.
    text: Option<String>,
    keys: Arc<BTreeMap<String, KnownKey>>,
}

#[derive(Debug)]
struct KnownKey {
    hash: Hash,
    not_after: Option<Timestamp>,
    principal: Principal,
}

/// A key, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The part of the key between its underscores.
    id: String,
    /// The caller's name in logs and runs.
    name: String,
    /// The SHA-256 of the whole key, in hexadecimal digits.
    sha256: String,
    grants: Vec<Grant>,
    /// From this time on the key is refused.
    #[serde(default)]
    not_after: Option<Timestamp>,
}

impl Keys {
    /// # Errors
    ///
    /// [`Error::Settings`] with the path and what is wrong. It quotes no hash.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = text(path)?;
        let keys = parse(path, &text)?;

        Ok(Self {
            path: path.to_owned(),
            read: Mutex::new(Read {
                looked_at: Instant::now(),
                text: Some(text),
                keys: Arc::new(keys),
            }),
        })
    }

    /// Finds who has a key. The time that it takes does not depend on how much of the key is right.
    pub(super) fn find(&self, credential: &str) -> Option<Principal> {
        let keys = self.current();
        let hash = key::hash(credential);
        let known = key::id(credential).and_then(|id| keys.get(id));
        // An unknown id is compared as well.
        let expected = known.map_or(Hash::default(), |known| known.hash);
        let is_equal: bool = hash.ct_eq(&expected).into();
        let known = known.filter(|_| is_equal)?;
        let is_over = known.not_after.is_some_and(|end| Timestamp::now() >= end);

        (!is_over).then(|| known.principal.clone())
    }

    /// The keys of now. Looks at the file, if the last look was some time ago.
    fn current(&self) -> Arc<BTreeMap<String, KnownKey>> {
        let mut read = self
            .read
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if read.looked_at.elapsed() >= LOOK_INTERVAL {
            read.looked_at = Instant::now();
            self.look(&mut read);
        }

        Arc::clone(&read.keys)
    }

    fn look(&self, read: &mut Read) {
        let text = match text(&self.path) {
            Ok(text) if read.text.as_ref() == Some(&text) => return,
            Ok(text) => text,
            Err(fault) => {
                // A mounted file may be away for a moment; this is logged once.
                if read.text.take().is_some() {
                    reloaded(Err(&fault));
                }
                return;
            }
        };
        match parse(&self.path, &text) {
            Ok(keys) => {
                reloaded(Ok(keys.len()));
                read.keys = Arc::new(keys);
            }
            Err(fault) => reloaded(Err(&fault)),
        }
        read.text = Some(text);
    }
}

fn text(path: &Path) -> Result<String> {
    let unreadable = |fault: &dyn std::fmt::Display| {
        Error::Settings(format!(
            "`auth.keys_file` is `{}`, which cannot be read: {fault}; `icefront key new` prints a line for it",
            path.display()
        ))
    };
    let found = std::fs::metadata(path).map_err(|fault| unreadable(&fault))?;
    // Opening a pipe would wait for whoever writes it.
    if !found.is_file() {
        return Err(unreadable(&"it is no plain file"));
    }
    if found.len() > LONGEST_FILE {
        return Err(unreadable(&"it is larger than 1 MiB"));
    }

    std::fs::read_to_string(path).map_err(|fault| unreadable(&fault))
}

fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, KnownKey>> {
    let wrong =
        |detail: String| Error::Settings(format!("`auth.keys_file`: {}: {detail}", path.display()));
    let lines: Vec<Line> = match text.trim() {
        // Whoever removes the last line takes back the last key.
        "" => Vec::new(),
        text => serde_saphyr::from_str(text).map_err(|fault| wrong(first_line(&fault)))?,
    };
    let mut keys = BTreeMap::new();
    for line in lines {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
        if !(1..=LONGEST_NAME).contains(&line.name.len()) || !line.name.chars().all(is_name) {
            return Err(wrong(format!(
                "the name of key `{}` must have 1 to {LONGEST_NAME} letters, digits, `_`, `-`, `.` or `@`",
                line.id
            )));
        }
        let Some(hash) = key::from_hex(&line.sha256) else {
            return Err(wrong(format!(
                "`sha256` of key `{}` must have 64 hexadecimal digits; `icefront key new` prints the whole line",
                line.id
            )));
        };
        let known = KnownKey {
            hash,
            not_after: line.not_after,
            principal: Principal {
                name: Some(line.name.into()),
                grants: Arc::new(Grants::new(line.grants)),
            },
        };
        if keys.insert(line.id.clone(), known).is_some() {
            return Err(wrong(format!(
                "two keys have the id `{}`; remove one",
                line.id
            )));
        }
    }

    Ok(keys)
}

/// The message of a fault without the lines that it quotes.
fn first_line(fault: &serde_saphyr::Error) -> String {
    let text = fault.to_string();

    text.lines().next().unwrap_or_default().to_owned()
}
