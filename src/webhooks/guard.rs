//! Keeps messages out of private networks: what a name resolves to is looked at before anything connects to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::{Network, is_private};

/// Why nothing can be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "the receiver has a private address; list its network in `private_networks` of the webhook"
    )]
    Private,
    #[error(
        "the name of the receiver's host has no address; correct the url, or ask who runs the DNS server"
    )]
    Unknown,
}

impl Refused {
    /// The refusal for which a request failed.
    pub(super) fn of(error: &reqwest::Error) -> Option<Self> {
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            if let Some(refused) = cause.downcast_ref::<Self>() {
                return Some(*refused);
            }
            next = cause.source();
        }

        None
    }
}

/// Resolves names to addresses that are public or in one of these networks.
#[derive(Debug, Clone)]
pub(super) struct Guard(Arc<[Network]>);

impl Guard {
    pub(super) fn new(allowed: &[Network]) -> Self {
        Self(allowed.into())
    }

    fn allows(&self, address: IpAddr) -> bool {
        !is_private(address) || self.0.iter().any(|network| network.contains(address))
    }

    /// Looks at a url whose host is an address or this machine: it need not be resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        if host == "localhost" || host.ends_with(".localhost") {
            let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let is_allowed = own.into_iter().any(|own| self.allows(own));
            return is_allowed.then_some(()).ok_or(Refused::Private);
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        match address {
            Ok(address) if !self.allows(address) => Err(Refused::Private),
            _ => Ok(()),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();

        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| Refused::Unknown)?.collect();
            if found.is_empty() {
                return Err(Refused::Unknown.into());
            }
            let allowed = found
                .into_iter()
                .filter(|address| guard.allows(address.ip()));
            let mut allowed = allowed.collect::<Vec<_>>().into_iter().peekable();
            if allowed.peek().is_none() {
                return Err(Refused::Private.into());
            }

            Ok(Box::new(allowed) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_url_is_looked_at_in_each_way_of_writing_it() {
        let guard = Guard::new(&["10.2.0.0/16".parse().expect("a network")]);
        let check = |url: &str| guard.check(&url.parse().expect(url));
        for private in [
            "http://127.0.0.1:80/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:169.254.169.254]/",
            "https://10.3.0.1/",
            "http://localhost:80/",
        ] {
            assert_eq!(check(private), Err(Refused::Private), "{private}");
        }
        for allowed in [
            "https://10.2.0.1/",
            "https://1.1.1.1/",
            "https://name.example/",
        ] {
            assert_eq!(check(allowed), Ok(()), "{allowed}");
        }
    }
}
