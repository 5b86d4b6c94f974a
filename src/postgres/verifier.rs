//! Checks a server's certificate as far as `sslmode` asks; rustls by itself always checks everything.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What webpki calls a server's certificate that is an authority's own. Its error has no exported kind.
pub(super) const IS_AUTHORITY: &str = "CaUsedAsEndEntity";

/// Which servers are trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// Any server: the connection is encrypted, but the server may be an impostor.
    Anyone,
    /// Servers with a certificate that one of these authorities signed.
    Signed {
        roots: RootCertStore,
        /// The authorities' certificates; a server may use one of them as its own.
        root_certificates: Vec<CertificateDer<'static>>,
        /// Whether the certificate has to name the host.
        checks_name: bool,
    },
}

#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(trust: Trust, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { trust, algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Signed {
            roots,
            root_certificates,
            checks_name,
        } = &self.trust
        else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let signed = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            self.algorithms.all,
        );
        // `openssl req -x509` makes a certificate that signs itself and is an authority. webpki has checked its dates before this error.
        let is_root = root_certificates.iter().any(|root| root == end_entity);
        signed.or_else(|error| match error {
            Error::InvalidCertificate(reason)
                if is_root && reason.to_string().contains(IS_AUTHORITY) =>
            {
                Ok(())
            }
            error => Err(error),
        })?;
        if *checks_name {
            verify_server_name(&certificate, server_name)?;
        }

        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Check this even if any server is trusted: a server must own the key of the certificate that it shows.
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
