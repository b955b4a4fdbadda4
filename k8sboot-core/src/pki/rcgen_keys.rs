//! Our keys as rcgen's: for certificates and lists of kinds that are not made here, such as the revocation lists that etcd
//! reads (`--client-crl-file`).

use rcgen::{
    Error, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData,
};

use super::{KeyAlgorithm, KeyPair, Signer};

/// # Examples
///
/// A certificate made by rcgen under the cluster's CA:
///
/// ```
/// # use k8sboot_core::{entropy::System, pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys}, time::Timestamp};
/// # let keys = RandomKeys::new(&System);
/// # let with = Issuing { keys: &keys, entropy: &System, now: Timestamp::from_seconds(1_800_000_000) };
/// let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
/// let der = ca.certificate().der().to_vec();
/// let key = ca.key().ok_or("the key is in an HSM")?;
/// let mut params = rcgen::CertificateParams::new(vec!["ocsp.example.internal".to_owned()])?;
/// params.use_authority_key_identifier_extension = true;
/// let issuer = rcgen::Issuer::from_ca_cert_der(&der.into(), key)?;
/// let certificate = params.signed_by(&rcgen::KeyPair::generate()?, &issuer)?;
/// assert!(k8sboot_core::pki::Certificate::from_der(certificate.der())?.is_signed_by(ca.certificate()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl PublicKeyData for &KeyPair {
    fn der_bytes(&self) -> &[u8] {
        self.public_key().key_bits()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match KeyPair::algorithm(self) {
            Some(KeyAlgorithm::EcdsaP256) => &PKCS_ECDSA_P256_SHA256,
            Some(KeyAlgorithm::EcdsaP384) => &PKCS_ECDSA_P384_SHA384,
            Some(KeyAlgorithm::Ed25519) => &PKCS_ED25519,
            // RSA keys of any size, those that are read and not made here too.
            _ => &PKCS_RSA_SHA256,
        }
    }
}

impl rcgen::SigningKey for &KeyPair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Signer::sign(*self, message).map_err(|_| Error::RemoteKeyError)
    }
}
