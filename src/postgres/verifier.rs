//! Whether a server's certificate is good enough: libpq leaves it to `sslmode`, rustls would always have everything.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// A certificate that signs others is given as the server's own.
pub(super) const IS_AUTHORITY: &str = "CaUsedAsEndEntity";

/// Who is taken for the server.
#[derive(Debug)]
pub(super) enum Trust {
    /// Whoever answers: what is said cannot be listened to, but may be said to somebody else.
    Anyone,
    /// Whoever has a certificate that one of these signed.
    Signed {
        roots: RootCertStore,
        /// Their certificates: a server may have one of them itself.
        given: Vec<CertificateDer<'static>>,
        /// Whether it must be for the host's name.
        names: bool,
    },
}

/// Looks at a server's certificate.
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
            given,
            names,
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
        // What `openssl req -x509` makes signs itself. Its time was looked at before.
        let is_given = given.iter().any(|given| given == end_entity);
        signed.or_else(|fault| match fault {
            Error::InvalidCertificate(reason)
                if is_given && reason.to_string().contains(IS_AUTHORITY) =>
            {
                Ok(())
            }
            fault => Err(fault),
        })?;
        if *names {
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
        // Whoever is trusted: who shows a certificate must have its key.
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
