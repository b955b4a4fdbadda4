//! Keys, certificates and requests, as PEM and as DER: what is read is written as the same.
#![no_main]

use k8sboot_core::{
    pki::{Certificate, Csr, KeyPair, PublicKey, Signer, inspect},
    secret::SecretBytes,
    token::CaPin,
};
use k8sboot_fuzz::now;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let secret = SecretBytes::new(bytes.to_vec());
    for key in [KeyPair::from_pem(&secret), KeyPair::from_der(&secret)].into_iter().flatten() {
        private_key(&key);
    }
    if let Ok(key) = PublicKey::from_spki_der(bytes) {
        assert_eq!(key.spki_der(), bytes);
        public_key(&key);
    }
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        certificates(&[certificate]);
    }
    if let Ok(request) = Csr::from_der(bytes) {
        assert_eq!(request.der(), bytes);
        public_key(request.public_key());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = PublicKey::from_pem(text) {
        public_key(&key);
    }
    if let Ok(request) = Csr::from_pem(text) {
        assert!(Csr::from_der(request.der()).is_ok());
    }
    let read = Certificate::all_from_pem(text);
    assert_eq!(inspect(text).is_ok(), read.is_ok());
    if let Ok(read) = read {
        certificates(&read);
    }
});

fn private_key(key: &KeyPair) {
    let pem = key.to_pem();
    let read = KeyPair::from_pem(&pem).expect("what was written");
    assert_eq!(read.public_key(), key.public_key());
    assert_eq!(read.to_pem().expose(), pem.expose());
    public_key(key.public_key());
    let signature = key.sign(b"message").expect("a signature");
    assert!(key.public_key().verify(key.signature_algorithm(), b"message", &signature).is_ok());
    assert!(key.public_key().verify(key.signature_algorithm(), b"massage", &signature).is_err());
}

fn public_key(key: &PublicKey) {
    assert_eq!(&PublicKey::from_pem(&key.to_pem()).expect("what was written"), key);
    assert_eq!(CaPin::of_spki(key.spki_der()).as_bytes(), &key.pin());
}

fn certificates(certificates: &[Certificate]) {
    let pem: String = certificates.iter().map(Certificate::to_pem).collect();
    let read = Certificate::all_from_pem(&pem).expect("what was written");
    assert!(read.iter().map(Certificate::der).eq(certificates.iter().map(Certificate::der)));
    assert_eq!(CaPin::of_certificate_pem(&pem).expect("pins").len(), certificates.len());
    for (certificate, other) in certificates.iter().zip(&read) {
        public_key(certificate.public_key());
        let info = certificate.info();
        assert_eq!(format!("{info:?}"), format!("{:?}", other.info()));
        let _ = (info.residual(now()), info.class(), certificate.may_sign(), certificate.is_signed_by(other));
        let _ = (certificate.subject().to_string(), certificate.issuer().to_string());
    }
}
