//! The certificate that a server shows in a TLS handshake.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::pki::Certificate;

/// The certificate that a server on an address shows, whoever signed it; the server proves that it has the key.
///
/// No client certificate is shown: a server that wants one shows its own before it refuses.
///
/// # Errors
///
/// What hinders: nobody listens, no TLS, or no answer within the limit.
pub fn served_certificate(address: IpAddr, port: u16, limit: Duration) -> io::Result<Certificate> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let seen = Arc::new(Seen { provider: Arc::clone(&provider), certificate: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Seen>::clone(&seen))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::IpAddress(address.into()))
        .map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(address, port), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let mut handshake = Ok(());
    while connection.is_handshaking() && handshake.is_ok() {
        handshake = connection.complete_io(&mut stream).map(drop);
    }
    let der = seen.certificate.lock().unwrap_or_else(PoisonError::into_inner).take();
    match der {
        // Proven already: what fails after that is the client's side.
        Some((der, true)) => Certificate::from_der(&der).map_err(|error| io::Error::other(error.to_string())),
        _ => Err(handshake.err().unwrap_or_else(|| io::Error::other("no certificate was shown"))),
    }
}

/// Takes every certificate, and notes it.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    /// The certificate, and whether the server proved to have its key.
    certificate: Mutex<Option<(Vec<u8>, bool)>>,
}

impl Seen {
    fn proven(&self) {
        if let Some((_, proven)) = &mut *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) {
            *proven = true;
        }
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) = Some((end_entity.to_vec(), false));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms).inspect(|_| self.proven())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms).inspect(|_| self.proven())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::TcpListener, thread};

    use super::*;

    #[test]
    fn what_does_not_speak_tls_is_an_error_in_time() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let listener = TcpListener::bind((local, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut garbage, _) = listener.accept().unwrap();
            garbage.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").unwrap();
            let (silent, _) = listener.accept().unwrap();
            (garbage, silent)
        });
        let limit = Duration::from_millis(300);
        assert!(served_certificate(local, port, limit).is_err());
        let began = std::time::Instant::now();
        assert!(served_certificate(local, port, limit).is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(server.join().unwrap());
        let gone = served_certificate(local, port, limit).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
    }
}
