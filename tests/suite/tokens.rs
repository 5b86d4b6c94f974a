//! Tokens of an identity provider: taken if they are right in every part, refused otherwise.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Service};

/// An issuer: it publishes one key, and signs what it is told to.
struct Issuer {
    address: String,
    key: EncodingKey,
    public: Jwk,
    /// How often its keys were asked for.
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let key = rsa_key();
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a public key");
        public.common.key_id = Some("one".into());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let discovery = json!({"issuer": address, "jwks_uri": format!("{address}/keys")});
        let keys = json!({"keys": [public, {"kty": "unknown", "kid": "two"}]});
        let counter = Arc::clone(&asked);
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || axum::Json(discovery)),
            )
            .route(
                "/keys",
                get(async move || {
                    counter.fetch_add(1, Ordering::Relaxed);
                    axum::Json(keys)
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });

        Self {
            address,
            key,
            public,
            asked,
        }
    }

    fn settings(&self) -> String {
        format!(
            r#"
            [auth]
            mode = "oidc"
            [auth.issuers.corp]
            issuer = "{}"
            audience = "icefront"
            grants = [{{ claim = "realm.groups", value = "engineers", grants = ["runner:PIPELINE"] }}]
            "#,
            self.address
        )
    }

    /// Claims that are right.
    fn claims(&self) -> Value {
        json!({
            "iss": self.address, "aud": ["other", "icefront"], "sub": "alice", "exp": get_current_timestamp() + 600,
            "realm": {"groups": ["people", "engineers"]},
        })
    }

    /// A token with some claims replaced.
    fn token(&self, changes: &Value) -> String {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().expect("claims") {
            claims[name] = value.clone();
        }

        encode(&header(Algorithm::RS256, "one"), &claims, &self.key).expect("a token")
    }
}

fn header(algorithm: Algorithm, key: &str) -> Header {
    Header {
        kid: Some(key.into()),
        ..Header::new(algorithm)
    }
}

fn rsa_key() -> EncodingKey {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("key.der");
    let made = Command::new("sh")
        .arg("-c")
        .arg("openssl genrsa -traditional 2048 2>/dev/null | openssl rsa -traditional -outform DER -out \"$0\" 2>/dev/null")
        .arg(&path)
        .status()
        .expect("openssl");
    assert!(made.success());

    EncodingKey::from_rsa_der(&std::fs::read(path).expect("a key"))
}

async fn start(service: &Service, token: &str) -> Answer {
    let request = service
        .request(Method::POST, &service.runs_path())
        .json(&json!({}));

    service.call(request.bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_and_gives_what_its_claims_are_granted() {
    let issuer = Issuer::start().await;
    let service = Service::items().settings(&issuer.settings()).start().await;

    let started = start(&service, &issuer.token(&json!({})))
        .await
        .has_status(202);
    assert_eq!(started.body["requested_by"], "corp/alice");
    let of_nobody = issuer.token(&json!({"realm": {"groups": ["people"]}}));
    let refused = start(&service, &of_nobody).await;
    refused.is_problem(404, "not-found");
    let verify = service
        .request(
            Method::POST,
            &format!("{}/verify", service.table_path("items")),
        )
        .bearer_auth(issuer.token(&json!({})));
    service
        .call(verify)
        .await
        .is_problem(403, "forbidden")
        .saying("`operator`");
}

#[tokio::test]
async fn a_token_that_is_wrong_in_one_part_is_refused() {
    let issuer = Issuer::start().await;
    let service = Service::items().settings(&issuer.settings()).start().await;
    let now = get_current_timestamp();
    let own = issuer.claims();
    let public = serde_json::to_string(&issuer.public).expect("JSON");
    let forged = |key: &[u8]| {
        let key = EncodingKey::from_secret(key).expect("a secret");
        encode(&header(Algorithm::HS256, "one"), &own, &key).expect("a token")
    };
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        part(&json!({"alg": "none", "kid": "one"})),
        part(&own)
    );
    let unknown = encode(&header(Algorithm::RS256, "three"), &own, &issuer.key).expect("a token");
    let of_another = encode(&header(Algorithm::RS256, "one"), &own, &rsa_key()).expect("a token");
    let without_key = encode(&Header::new(Algorithm::RS256), &own, &issuer.key).expect("a token");
    let mut changed: Vec<char> = issuer.token(&json!({})).chars().collect();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == 'A' { 'B' } else { 'A' };
    for (what, token) in [
        ("expired", issuer.token(&json!({"exp": now - 60}))),
        ("without an end", issuer.token(&json!({"exp": null}))),
        ("not yet valid", issuer.token(&json!({"nbf": now + 600}))),
        (
            "of another audience",
            issuer.token(&json!({"aud": "others"})),
        ),
        ("without an audience", issuer.token(&json!({"aud": null}))),
        (
            "of another issuer",
            issuer.token(&json!({"iss": "https://evil.example"})),
        ),
        (
            "of two issuers",
            issuer.token(&json!({"iss": [issuer.address, "https://evil.example"]})),
        ),
        ("without a name", issuer.token(&json!({"sub": null}))),
        ("unsigned", unsigned),
        (
            "signed by the public key as a secret",
            forged(public.as_bytes()),
        ),
        ("of an unknown key", unknown),
        ("signed by another key", of_another),
        ("without a key's name", without_key),
        ("changed", changed.into_iter().collect()),
        ("no token", "a.b.c".into()),
        ("empty", ".".into()),
    ] {
        let answer = start(&service, &token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        answer.is_problem(401, "unauthenticated");
    }
    let runs = service
        .request(Method::GET, "/v1/runs")
        .bearer_auth(issuer.token(&json!({})));
    let runs = service.call(runs).await.has_status(200);
    assert_eq!(runs.body["data"], json!([]));
}

#[tokio::test]
async fn unknown_keys_do_not_make_the_service_ask_the_issuer_again_and_again() {
    let issuer = Issuer::start().await;
    let service = Service::items().settings(&issuer.settings()).start().await;
    for number in 0..25 {
        let id = format!("unknown-{number}");
        let token = encode(
            &header(Algorithm::RS256, &id),
            &issuer.claims(),
            &issuer.key,
        );
        let answer = start(&service, &token.expect("a token")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1);
    start(&service, &issuer.token(&json!({})))
        .await
        .has_status(202);
}
