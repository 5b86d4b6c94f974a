//! `[auth]`: how callers show who they are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Http;
use crate::error::{Error, Result, did_you_mean};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    mode: Modes,
    keys_file: Option<PathBuf>,
    /// Whether the API may listen on a network although everybody may do everything.
    allow_unauthenticated: bool,
    /// The key is the name in logs and runs.
    #[serde(default)]
    issuers: BTreeMap<String, Issuer>,
}

/// Whose tokens are taken, and what their owners may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The claim `iss` of its tokens, to the letter.
    pub issuer: String,
    /// What the claim `aud` must have.
    pub audience: String,
    /// Where its keys are; without it, discovery says so.
    pub jwks_url: Option<String>,
    /// The certificates that may sign the server's, instead of those that this machine trusts.
    pub sslrootcert: Option<PathBuf>,
    /// A token that is sent to the issuer, as Kubernetes asks for one.
    pub token_file: Option<PathBuf>,
    /// The claim with the caller's name.
    #[serde(default = "Issuer::default_name_claim")]
    pub name_claim: String,
    #[serde(default)]
    pub grants: Vec<ClaimGrants>,
}

/// Gives grants to callers whose token has a value in a claim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimGrants {
    /// The claim's name, or a path such as `realm_access.roles`.
    pub claim: String,
    pub value: String,
    /// Such as `runner:shop`.
    pub grants: Vec<String>,
}

/// `none`, or any of `keys` and `oidc`.
#[derive(Debug, Clone, Copy, Default)]
struct Modes {
    keys: bool,
    oidc: bool,
}

impl Issuer {
    fn default_name_claim() -> String {
        "sub".into()
    }
}

impl Auth {
    /// Whether everybody may do everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.mode.keys && !self.mode.oidc
    }

    /// The file of keys; `None` if keys are not taken.
    pub(crate) fn keys(&self) -> Result<Option<&Path>> {
        match (&self.keys_file, self.mode.keys) {
            (_, false) => Ok(None),
            (Some(path), true) => Ok(Some(path)),
            (None, true) => Err(Error::Settings(
                "`auth.mode` has `keys`, but `auth.keys_file` is not set; make a key by `icefront key new`, and write its line into a file".into(),
            )),
        }
    }

    /// The issuers whose tokens are taken.
    pub(crate) fn issuers(&self) -> Result<impl Iterator<Item = (&str, &Issuer)>> {
        if self.mode.oidc && self.issuers.is_empty() {
            return Err(Error::Settings(
                "`auth.mode` has `oidc`, but no issuer is set; write one, as `[auth.issuers.corp]` in `icefront settings` shows".into(),
            ));
        }
        let is_on = self.mode.oidc;

        Ok(self
            .issuers
            .iter()
            .filter(move |_| is_on)
            .map(|(name, issuer)| (name.as_str(), issuer)))
    }

    /// Refuses what would let everybody in from the network, and issuers whose keys anybody could replace.
    pub(super) fn check(&self, http: &Http) -> Result<()> {
        let bind = http.bind.ip();
        let is_reached = !bind.is_loopback() || http.behind_tls_proxy;
        if self.is_open() && is_reached && http.hosts.is_empty() && self.allow_unauthenticated {
            return Err(Error::Settings(
                "`auth.allow_unauthenticated` is true and `http.hosts` is empty, so any web page could call the service through the browser of somebody inside; list the names of the service in `http.hosts`".into(),
            ));
        }
        if self.is_open() && is_reached && !self.allow_unauthenticated {
            return Err(Error::Settings(format!(
                "`auth.mode` is `none`, and `http.bind` ({bind}) or a proxy lets the network in: everybody in the network could read and rebuild every table. Set `auth.mode = \"keys\"` and make a key by `icefront key new`; or set `auth.allow_unauthenticated = true` if something else keeps callers out"
            )));
        }
        for (name, issuer) in &self.issuers {
            for (setting, address) in [
                ("issuer", Some(&issuer.issuer)),
                ("jwks_url", issuer.jwks_url.as_ref()),
            ] {
                let fault = address.map(|address| check_issuer_address(address));
                if let Some(Err(fault)) = fault {
                    return Err(Error::Settings(format!(
                        "`auth.issuers.{name}.{setting}`: {fault}"
                    )));
                }
            }
            if issuer.audience.is_empty() {
                return Err(Error::Settings(format!(
                    "`auth.issuers.{name}.audience` is empty; write what the tokens for this service have in `aud`, such as `icefront`"
                )));
            }
        }

        Ok(())
    }
}

/// Refuses an address over which keys could be replaced on their way.
pub(crate) fn check_issuer_address(address: &str) -> std::result::Result<(), String> {
    let url = reqwest::Url::parse(address).map_err(|_| format!("`{address}` is no address"))?;
    let is_local = url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    });
    if url.scheme() == "https" || (url.scheme() == "http" && is_local) {
        return Ok(());
    }

    Err(format!(
        "`{address}` is not `https`, so anybody on the way could replace the issuer's keys"
    ))
}

/// Reads a list, or a text with commas as a variable has it.
pub(super) fn words<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Several(Vec<String>),
    }

    Ok(match Written::deserialize(reader)? {
        Written::One(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Written::Several(words) => words,
    })
}

impl<'de> Deserialize<'de> for Modes {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let words = words(reader)?;
        let mut modes = Self::default();
        for word in &words {
            match word.as_str() {
                "keys" => modes.keys = true,
                "oidc" => modes.oidc = true,
                "none" if words.len() == 1 => {}
                "none" => {
                    return Err(D::Error::custom(
                        "`auth.mode` has `none` beside another mode; remove one of them",
                    ));
                }
                other => {
                    let near = did_you_mean(other, ["keys", "oidc", "none"]);
                    return Err(D::Error::custom(format!(
                        "`auth.mode` is `{other}`{near}; write `none`, `keys`, `oidc`, or a list of the last two"
                    )));
                }
            }
        }
        if words.is_empty() {
            return Err(D::Error::custom(
                "`auth.mode` is empty; write `none`, `keys` or `oidc`",
            ));
        }

        Ok(modes)
    }
}
