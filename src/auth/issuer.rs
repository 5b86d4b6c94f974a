//! Tokens of an identity provider: JSON Web Tokens, checked as RFC 8725 asks, with keys of the issuer's JWK set.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::grant::{Grant, Grants};
use super::principal::Principal;
use crate::config;
use crate::error::{Cause, Error, Result};

/// What may sign a token. A secret shared with the issuer may not.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// A key that is not known is asked for at most this often.
const FETCH_INTERVAL: Duration = Duration::from_secs(30);
/// Known keys are asked for again after this time, so that the issuer can withdraw one.
const KEYS_HOLD: Duration = Duration::from_hours(1);
/// Without an answer of the issuer, its keys end after this time.
const KEYS_END: Duration = Duration::from_hours(24);
const FETCH_LIMIT: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 1 << 20;
/// How far the clocks of issuer and service may be apart, in seconds.
const LEEWAY: u64 = 30;
/// Characters that are not seen, or that turn around what follows them: a name in the log must be what it looks like. Names of some
/// languages need U+200C and U+200D.
const HIDDEN: [RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{e0000}'..='\u{e007f}',
];
const LONGEST_NAME: usize = 200;

/// Whose tokens are taken.
#[derive(Debug)]
pub(super) struct Issuer {
    /// Its name in the settings.
    name: String,
    settings: config::Issuer,
    rules: Vec<Rule>,
    client: reqwest::Client,
    keys: RwLock<Option<Fetched>>,
    /// When the keys were asked for last; held while they are.
    asked_at: Mutex<Option<Instant>>,
}

/// Gives grants to callers whose token has a value in a claim.
#[derive(Debug)]
struct Rule {
    claim: String,
    value: String,
    grants: Vec<Grant>,
}

#[derive(Debug, Clone)]
struct Fetched {
    at: Instant,
    keys: Arc<JwkSet>,
}

/// The part of `OpenID Connect Discovery` 1.0 that is needed.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The claim that says whose token it is.
#[derive(Deserialize)]
struct IssuerClaim {
    iss: String,
}

/// Why a token is refused.
type Refused = String;

impl Issuer {
    /// # Errors
    ///
    /// [`Error::Settings`] if a grant or a certificate cannot be used.
    pub(super) fn new(name: &str, settings: &config::Issuer) -> Result<Self> {
        let mut client = reqwest::Client::builder()
            .timeout(FETCH_LIMIT)
            .redirect(Policy::none());
        if let Some(path) = &settings.sslrootcert {
            let certificates = certificates(path).map_err(|fault| {
                Error::Settings(format!(
                    "`auth.issuers.{name}.sslrootcert` is `{}`, which cannot be used: {fault}",
                    path.display()
                ))
            })?;
            client = client.tls_certs_only(certificates);
        }

        let mut rules = Vec::new();
        for rule in &settings.grants {
            let grants = rule.grants.iter().map(|grant| grant.parse::<Grant>());
            let grants = grants.collect::<Result<_, _>>().map_err(|fault| {
                Error::Settings(format!("`auth.issuers.{name}.grants`: {fault}"))
            })?;
            rules.push(Rule {
                claim: rule.claim.clone(),
                value: rule.value.clone(),
                grants,
            });
        }

        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            rules,
            client: client.build().map_err(Error::internal)?,
            keys: RwLock::default(),
            asked_at: Mutex::default(),
        })
    }

    /// Whether a token says that it is of this issuer. Nothing of it is checked yet.
    pub(super) fn made(&self, token: &str) -> bool {
        let claims = token.split('.').nth(1);
        let claims = claims.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let claims = claims.and_then(|text| serde_json::from_slice::<IssuerClaim>(&text).ok());

        claims.is_some_and(|claims| claims.iss == self.settings.issuer)
    }

    /// Says who has a token.
    ///
    /// # Errors
    ///
    /// [`Error::IssuerUnavailable`] if its keys are needed and cannot be had.
    pub(super) async fn principal(
        self: &Arc<Self>,
        token: &str,
    ) -> Result<Result<Principal, Refused>> {
        let Ok(header) = decode_header(token) else {
            return Ok(Err("the token has no header that can be read".into()));
        };
        if !ALGORITHMS.contains(&header.alg) {
            return Ok(Err("the token is signed by an algorithm that is not allowed; it must be RS, PS, ES or EdDSA".into()));
        }
        let Some(id) = header.kid else {
            return Ok(Err("the token does not name its key (`kid`)".into()));
        };
        let Some(key) = self.key(&id).await? else {
            return Ok(Err("the issuer has no key of the token's `kid`".into()));
        };

        Ok(self.checked(token, header.alg, &key))
    }

    fn checked(&self, token: &str, algorithm: Algorithm, key: &Jwk) -> Result<Principal, Refused> {
        if !fits(key, algorithm) {
            return Err("the token's algorithm does not fit its key".into());
        }
        let key = DecodingKey::from_jwk(key).map_err(|_| "the issuer's key cannot be used")?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        let decoded = decode::<Map<String, Value>>(token, &key, &validation);
        let claims = decoded.map_err(|fault| self.refusal(&fault))?.claims;
        // The library takes a list of issuers, too.
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err("the token is of another issuer".into());
        }
        let name = claim(&claims, &self.settings.name_claim).and_then(Value::as_str);
        let Some(name) = name.filter(|name| is_name(name)) else {
            return Err(format!(
                "the token has no claim `{}` with the caller's name",
                self.settings.name_claim
            ));
        };
        let grants = self.rules.iter().filter(|rule| {
            claim(&claims, &rule.claim).is_some_and(|value| has(value, &rule.value))
        });
        let grants = grants.flat_map(|rule| rule.grants.iter().cloned());

        Ok(Principal {
            name: Some(format!("{}/{name}", self.name).into()),
            grants: Arc::new(Grants::new(grants.collect())),
        })
    }

    fn refusal(&self, fault: &jsonwebtoken::errors::Error) -> Refused {
        use jsonwebtoken::errors::ErrorKind;

        match fault.kind() {
            ErrorKind::ExpiredSignature => "the token's time is over".into(),
            ErrorKind::ImmatureSignature => "the token's time has not begun".into(),
            ErrorKind::InvalidAudience => {
                format!("the token's audience is not `{}`", self.settings.audience)
            }
            ErrorKind::MissingRequiredClaim(claim) => format!("the token has no claim `{claim}`"),
            _ => "the token is not signed by its issuer".into(),
        }
    }

    /// The issuer's key with an id. A key that is not known is asked for, but not again and again.
    async fn key(self: &Arc<Self>, id: &str) -> Result<Option<Jwk>> {
        let known = self.known(id);
        let is_due = self
            .keys()
            .as_ref()
            .is_none_or(|keys| keys.at.elapsed() >= KEYS_HOLD);
        let asking = (known.is_none() || is_due).then(|| tokio::spawn(Arc::clone(self).ask()));
        // A known key is taken at once, also while the issuer is away.
        if known.is_some() {
            return Ok(known);
        }
        // The task goes on if this caller hangs up.
        let asked = match asking {
            Some(asking) => asking.await.map_err(Error::internal)?,
            None => Ok(()),
        };
        let known = self.known(id);
        match asked {
            Err(fault) if known.is_none() => Err(Error::IssuerUnavailable {
                issuer: self.name.clone(),
                cause: fault.into(),
            }),
            _ => Ok(known),
        }
    }

    /// Asks the issuer for its keys, unless somebody did a moment ago.
    async fn ask(self: Arc<Self>) -> Result<(), String> {
        let mut asked_at = self.asked_at.lock().await;
        if asked_at.is_some_and(|at| at.elapsed() < FETCH_INTERVAL) {
            let has_none = self.keys().is_none();
            return if has_none {
                Err("asked less than 30 s ago".into())
            } else {
                Ok(())
            };
        }
        *asked_at = Some(Instant::now());
        let fetched = self.fetch().await.map_err(|cause| {
            let issuer = &self.name;
            tracing::warn!(issuer, %cause, "the keys of the issuer cannot be had");
            cause.to_string()
        })?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Fetched {
            at: Instant::now(),
            keys: Arc::new(fetched),
        });

        Ok(())
    }

    fn keys(&self) -> RwLockReadGuard<'_, Option<Fetched>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that the issuer published; none if it could not be asked for long, because it may have withdrawn the key.
    fn known(&self, id: &str) -> Option<Jwk> {
        let keys = self.keys();
        let fetched = keys.as_ref().filter(|keys| keys.at.elapsed() < KEYS_END)?;

        fetched.keys.find(id).cloned()
    }

    async fn fetch(&self) -> Result<JwkSet, Cause> {
        let address = match &self.settings.jwks_url {
            Some(address) => address.clone(),
            None => self.discovered().await?,
        };
        let answer = self.get(&address).await?;
        // A key of a kind that we do not know is left out; it does not make the others useless.
        let answer: Value = serde_json::from_slice(&answer)?;
        let keys = answer["keys"]
            .as_array()
            .ok_or("the answer has no `keys`")?;
        let keys = keys
            .iter()
            .filter_map(|key| serde_json::from_value(key.clone()).ok());

        Ok(JwkSet {
            keys: keys.collect(),
        })
    }

    async fn discovered(&self) -> Result<String, Cause> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let answer = self
            .get(&format!("{issuer}/.well-known/openid-configuration"))
            .await?;
        let found: Discovery = serde_json::from_slice(&answer)?;
        if found.issuer != self.settings.issuer {
            return Err("the issuer's discovery document names another issuer".into());
        }
        config::check_issuer_address(&found.jwks_uri)?;

        Ok(found.jwks_uri)
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, Cause> {
        let mut request = self.client.get(address);
        if let Some(path) = &self.settings.token_file {
            request = request.bearer_auth(tokio::fs::read_to_string(path).await?.trim());
        }
        let mut answer = request.send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(part) = answer.chunk().await? {
            text.extend_from_slice(&part);
            if text.len() > LONGEST_ANSWER {
                return Err("the answer is larger than 1 MiB".into());
            }
        }

        Ok(text)
    }
}

/// Whether a key is of the kind that an algorithm needs, and made to sign.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA};

    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let declared = key.common.key_algorithm;
    let is_declared =
        declared.is_none_or(|declared| declared.to_string() == format!("{algorithm:?}"));
    let is_of_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), ES256 | ES384 | EdDSA) => false,
        (AlgorithmParameters::RSA(_), _) | (AlgorithmParameters::OctetKeyPair(_), EdDSA) => true,
        (AlgorithmParameters::EllipticCurve(curve), ES256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(curve), ES384) => curve.curve == EllipticCurve::P384,
        _ => false,
    };

    signs && is_declared && is_of_kind
}

/// A claim by its name, or by a path of names such as `realm_access.roles`.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;

    rest.split('.')
        .try_fold(claims.get(first)?, |value, name| value.get(name))
}

/// Whether a claim is a text, or has it in its list.
fn has(claim: &Value, text: &str) -> bool {
    match claim {
        Value::String(value) => value == text,
        Value::Array(values) => values.iter().any(|value| value == text),
        _ => false,
    }
}

fn is_name(name: &str) -> bool {
    let is_hidden = |sign: char| sign.is_control() || HIDDEN.iter().any(|of| of.contains(&sign));

    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(is_hidden)
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, Cause> {
    let text = std::fs::read(path)?;

    Ok(reqwest::Certificate::from_pem_bundle(&text)?)
}
