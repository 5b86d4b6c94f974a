//! Contexts: servers by name, in a file of the user's. They say which server a command asks, and with which token.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Result};

const USUAL_SERVER: &str = "http://localhost:7070";
const SERVER: &str = "ICEFRONT_SERVER";
const TOKEN: &str = "ICEFRONT_TOKEN";

/// The file of contexts.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The context that commands use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    pub(crate) server: String,
    /// A file with the token. The token itself is never in this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Where a command sends its calls.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) server: Url,
    pub(crate) token: Option<SecretString>,
}

impl Contexts {
    /// Where the file is: `~/.config/icefront/config.toml`.
    pub(crate) fn path() -> Result<PathBuf> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let config =
            set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));

        config
            .map(|config| config.join("icefront/config.toml"))
            .ok_or_else(|| {
                Fault::Usage(
                    "neither `XDG_CONFIG_HOME` nor `HOME` is set; set one, or give `--server`"
                        .into(),
                )
            })
    }

    /// Reads the file; without one there are no contexts.
    pub(crate) fn load() -> Result<Self> {
        let path = Self::path()?;
        let text = match std::fs::read_to_string(&path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(fault) => {
                return Err(Fault::Usage(format!(
                    "`{}` cannot be read: {fault}",
                    path.display()
                )));
            }
            Ok(text) => text,
        };

        toml::from_str(&text).map_err(|fault| {
            // The fault itself would quote a line of the file.
            Fault::Usage(format!(
                "`{}` cannot be used: {}; correct it",
                path.display(),
                fault.message()
            ))
        })
    }

    /// Writes the file.
    pub(crate) fn save(&self) -> Result<()> {
        let path = Self::path()?;
        let failed = |fault: &dyn std::fmt::Display| {
            Fault::Usage(format!("`{}` cannot be written: {fault}", path.display()))
        };
        let text = toml::to_string(self).map_err(|fault| failed(&fault))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|fault| failed(&fault))?;
        }

        // Whoever reads meanwhile sees the old file or the new one.
        let new = path.with_extension("toml.new");
        std::fs::write(&new, text).map_err(|fault| failed(&fault))?;

        std::fs::rename(&new, &path).map_err(|fault| failed(&fault))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<String> = self.contexts.keys().map(|name| format!("`{name}`")).collect();
            Fault::Usage(if known.is_empty() {
                format!("there is no context `{name}`; add it by `icefront context set {name} --server URL`")
            } else {
                format!("there is no context `{name}`; there are {}", known.join(", "))
            })
        })
    }
}

impl Target {
    /// The server of `--server`, of `--context`, of `ICEFRONT_SERVER`, of the current context, or this machine's: the first that is given.
    ///
    /// The token of a context is sent to the server of that context only.
    pub(crate) fn find(server: Option<&str>, context: Option<&str>) -> Result<Self> {
        let token = of_environment(TOKEN)?.map(SecretString::from);
        let given = match (server, context) {
            (Some(server), _) => Some(server.to_owned()),
            (None, Some(_)) => None,
            (None, None) => of_environment(SERVER)?,
        };
        if let Some(server) = given {
            return Self::new(&server, token);
        }
        let contexts = Contexts::load().or_else(|fault| {
            if context.is_some() {
                Err(fault)
            } else {
                usual(fault)
            }
        })?;
        let Some(name) = context.or(contexts.current.as_deref()) else {
            return Self::new(USUAL_SERVER, token);
        };
        let context = contexts.get(name)?;
        let token = match (token, &context.token_file) {
            (Some(token), _) => Some(token),
            (None, None) => None,
            (None, Some(path)) => Some(
                std::fs::read_to_string(path)
                    .map(|text| text.trim().into())
                    .map_err(|fault| {
                        Fault::Usage(format!(
                            "the token of context `{name}`, `{}`, cannot be read: {fault}",
                            path.display()
                        ))
                    })?,
            ),
        };

        Self::new(&context.server, token)
    }

    fn new(server: &str, token: Option<SecretString>) -> Result<Self> {
        let server = address(server)?;
        if token.is_some() && server.scheme() == "http" && !is_loopback(&server) {
            return Err(Fault::Usage(format!(
                "the token would go to `{server}` without encryption, for everybody to read; use `https:`, or send no token"
            )));
        }
        if let Some(token) = token.as_ref().map(ExposeSecret::expose_secret)
            && (token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Fault::Usage(
                "the token is empty, or has blanks or signs that are not ASCII; correct it".into(),
            ));
        }

        Ok(Self { server, token })
    }
}

/// A variable of the environment; `None` if it is empty.
fn of_environment(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Fault::Usage(format!(
            "`{name}` is no UTF-8 text; correct it, or unset it"
        ))),
    }
}

/// Without a home there is no file, which is fine if nobody asked for a context.
fn usual(fault: Fault) -> Result<Contexts> {
    if Contexts::path().is_err() {
        Ok(Contexts::default())
    } else {
        Err(fault)
    }
}

/// Reads the address of a server: `http://localhost:7070`.
pub(crate) fn address(text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Fault::Usage(format!(
            "`{text}` is no address of a server: {why}; write it as `http://localhost:7070` or `https://icefront.example.com`"
        ))
    };
    // Not by the text: a wrong address may have a password in it.
    let url: Url = text.parse().map_err(|_| {
        Fault::Usage(
            "the server's address cannot be read; write it as `http://localhost:7070` or `https://icefront.example.com`"
                .into(),
        )
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::Usage(format!(
            "the server's address has a user or a password in it; leave them out, and give a token by `{TOKEN}`"
        )));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("it must begin with `http://` or `https://`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::Usage(
            "the server's address has a `?` or a `#` in it; leave out what begins there".into(),
        ));
    }

    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');

    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.expect_err("a fault").told().expect("a text")
    }

    #[test]
    fn a_token_is_sent_without_encryption_to_this_machine_only() {
        for server in [
            "http://localhost:7070",
            "http://127.0.0.1",
            "http://[::1]:7070",
            "https://icefront.example.com",
        ] {
            assert!(
                Target::new(server, Some("secret".into())).is_ok(),
                "{server}"
            );
        }
        for server in [
            "http://icefront.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
        ] {
            let told = told(Target::new(server, Some("secret".into())));
            assert!(
                told.contains("without encryption") && !told.contains("secret"),
                "{told}"
            );
        }
        assert!(Target::new("http://icefront.example.com", None).is_ok());
    }

    #[test]
    fn a_token_is_never_printed() {
        let target =
            Target::new("https://icefront.example.com", Some("hunter2".into())).expect("a target");

        assert!(!format!("{target:?}").contains("hunter2"));
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        assert!(told(address("ftp://icefront")).contains("must begin with"));
        let told = told(address("https://me:hunter2@icefront"));
        assert!(
            told.contains("leave them out") && !told.contains("hunter2"),
            "{told}"
        );
    }

    #[test]
    fn contexts_are_read_as_they_were_written() {
        let context = Context {
            server: "https://icefront.example.com".into(),
            token_file: Some("/run/token".into()),
        };
        let contexts = Contexts {
            current: Some("prod".into()),
            contexts: [("prod".into(), context)].into(),
        };
        let text = toml::to_string(&contexts).expect("TOML");

        assert_eq!(
            toml::from_str::<Contexts>(&text).expect("contexts"),
            contexts
        );
        assert!(told(contexts.get("test")).contains("there are `prod`"));
    }
}
