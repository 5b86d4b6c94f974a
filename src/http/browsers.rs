//! What a web page may do: nothing of another origin, unless the settings list it. Also the headers that browsers obey.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::audit::{Call, Lines};
use crate::config::Http;
use crate::error::{Error, Result};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What an answer of the API may load if a browser shows it: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// What `/` and `/docs` may load: files of the service, and the styles that Swagger UI writes into its elements.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Kubernetes calls these by the address of the pod.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Who may call from a page, and by which names the service may be called.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    names: Arc<Names>,
    lines: Lines,
}

#[derive(Debug)]
struct Names {
    origins: Vec<String>,
    /// Names and addresses without ports; `None` for any.
    hosts: Option<Vec<String>>,
}

impl Guard {
    pub(super) fn new(settings: &Http, lines: Lines) -> Self {
        let lower = |host: &String| host.to_ascii_lowercase();
        let hosts: Vec<String> = settings.hosts.iter().map(lower).collect();
        let hosts = Some(hosts).filter(|hosts| !hosts.is_empty());

        let names = Names {
            origins: settings.cors_origins.0.clone(),
            hosts: hosts.or_else(|| names_of(settings.bind.ip())),
        };

        Self {
            names: Arc::new(names),
            lines,
        }
    }

    /// That of metrics: Prometheus may call by any name, where it calls over a network.
    pub(super) fn of_metrics(settings: &Http) -> Self {
        let names = Names {
            origins: Vec::new(),
            hosts: names_of(settings.metrics_bind.ip()),
        };

        Self {
            names: Arc::new(names),
            lines: Lines::default(),
        }
    }

    fn check(&self, request: &Request) -> Result<()> {
        let headers = request.headers();
        let host = host(request)?;
        if !PROBES.contains(&request.uri().path()) {
            self.check_host(host)?;
        }
        let is_safe = match *request.method() {
            // It asks whether a page may call, and the answer is no.
            Method::OPTIONS => true,
            Method::GET | Method::HEAD => !is_embedded(headers),
            _ => false,
        };

        if is_safe || self.is_own(headers, host) {
            Ok(())
        } else {
            Err(Error::CrossOrigin)
        }
    }

    /// Refuses a call, with a line in the audit log.
    fn refused(&self, parts: &Parts, error: Error) -> Response {
        let mut call = Call::of(parts);
        call.action = "call_from_page".into();
        call.is_told = self.lines.has_room(call.address);
        let answer = error.into_response();
        call.answered(&answer);

        answer
    }

    /// A page whose name suddenly leads to this service calls by that name.
    fn check_host(&self, host: &str) -> Result<()> {
        let Some(hosts) = &self.names.hosts else {
            return Ok(());
        };
        let name = without_port(host).to_ascii_lowercase();

        if hosts.contains(&name) {
            Ok(())
        } else {
            Err(Error::UnknownHost {
                host: host.chars().take(200).collect(),
            })
        }
    }

    /// Whether a call comes from no page, or from one of this service or of a listed origin.
    fn is_own(&self, headers: &HeaderMap, host: &str) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let origin = text(header::ORIGIN);
        if origin.is_some_and(|origin| self.names.origins.iter().any(|known| known == origin)) {
            return true;
        }
        if let Some(site) = text(SITE) {
            return ["same-origin", "none"].contains(&site);
        }

        origin.is_none_or(|origin| {
            origin
                .split_once("://")
                .is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
        })
    }
}

/// The names of this machine, if only it is listened to.
fn names_of(bind: IpAddr) -> Option<Vec<String>> {
    let own = if bind.is_ipv6() {
        format!("[{bind}]")
    } else {
        bind.to_string()
    };
    let names = vec!["localhost".into(), "127.0.0.1".into(), "[::1]".into(), own];

    bind.is_loopback().then_some(names)
}

/// Whether another site's page loads this as a part of itself. Somebody who follows a link from there loads a document.
fn is_embedded(headers: &HeaderMap) -> bool {
    let is = |name: HeaderName, value: &str| headers.get(name).is_some_and(|of| of == value);
    let is_foreign = is(SITE, "cross-site") || is(SITE, "same-site");

    is_foreign && !(is(MODE, "navigate") && is(DEST, "document"))
}

/// The name by which the service is called. A name in the address comes before a header (RFC 9112, section 3.2.2).
fn host(request: &Request) -> Result<&str> {
    let mut given = request.headers().get_all(header::HOST).iter();
    let first = given.next();
    if given.next().is_some() {
        return Err(Error::Malformed(
            "the call has more than one `Host` header; send one".into(),
        ));
    }
    let of_address = request.uri().authority().map(Authority::as_str);

    Ok(of_address
        .or_else(|| first?.to_str().ok())
        .unwrap_or_default())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses calls of foreign pages, and tells browsers what an answer may do.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = path == "/" || path.starts_with("/docs");
    let mut answer = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => guard.refused(&request.into_parts().0, error),
    };
    let policy = if is_page { PAGE_POLICY } else { API_POLICY };
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );

    answer
}
