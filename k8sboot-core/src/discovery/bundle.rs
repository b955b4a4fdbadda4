//! Join bundles: everything that a node needs to join, sealed, for clusters that answer no strangers.

use std::{fmt, num::NonZeroU32};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, pbkdf2,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    BundleError, Discovered, DiscoveryError, basis,
    bundle_text::{Derivation, Header, Parts, SALT_LEN},
};
use crate::{
    entropy::Entropy,
    kubeconfig::Kubeconfig,
    pki::CertificateKey,
    secret::SecretBytes,
    time::Timestamp,
    token::{BootstrapToken, CaPin, ClusterInfo},
};

const KEY_LEN: usize = 32;
/// Shorter passphrases are guessed.
const SHORTEST: usize = 8;
/// Source: OWASP "Password Storage", PBKDF2-HMAC-SHA256.
const ITERATIONS: u32 = 600_000;

/// What a join bundle is sealed to. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Seal(Kind);

#[derive(Clone)]
enum Kind {
    Passphrase(SecretBytes),
    Key(Zeroizing<[u8; KEY_LEN]>),
}

impl Seal {
    /// To a passphrase of at least 8 bytes. The key is derived with PBKDF2-HMAC-SHA256, 600 000 rounds: about half a second.
    ///
    /// # Errors
    ///
    /// [`BundleError::Secret`] if it is shorter.
    pub fn passphrase(passphrase: SecretBytes) -> Result<Self, BundleError> {
        if passphrase.len() < SHORTEST {
            return Err(BundleError::Secret {
                kind: "passphrase",
                expected: "at least 8 bytes",
                found: format!("{} bytes", passphrase.len()),
            });
        }
        Ok(Self(Kind::Passphrase(passphrase)))
    }

    /// To 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`BundleError::Secret`] if they are more or fewer.
    pub fn key(key: &SecretBytes) -> Result<Self, BundleError> {
        let bytes = <[u8; KEY_LEN]>::try_from(key.expose()).map_err(|_| BundleError::Secret {
            kind: "key",
            expected: "32 bytes",
            found: format!("{} bytes", key.len()),
        })?;
        Ok(Self(Kind::Key(Zeroizing::new(bytes))))
    }

    const fn kind(&self) -> &'static str {
        match &self.0 {
            Kind::Passphrase(_) => "passphrase",
            Kind::Key(_) => "key",
        }
    }

    fn cipher(&self, derivation: Option<&Derivation>) -> Result<LessSafeKey, BundleError> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        match (&self.0, derivation) {
            (Kind::Key(bytes), None) => key.clone_from(bytes),
            (Kind::Passphrase(passphrase), Some(derivation)) => {
                let rounds = NonZeroU32::new(derivation.iterations).unwrap_or(NonZeroU32::MIN);
                let (algorithm, salt) = (pbkdf2::PBKDF2_HMAC_SHA256, &derivation.salt);
                pbkdf2::derive(algorithm, rounds, salt, passphrase.expose(), &mut *key);
            }
            (Kind::Key(_), Some(_)) => {
                return Err(BundleError::Kind { expected: "passphrase", found: "key" });
            }
            (Kind::Passphrase(_), None) => {
                return Err(BundleError::Kind { expected: "key", found: "passphrase" });
            }
        }
        let key = UnboundKey::new(&AES_256_GCM, &*key);
        key.map(LessSafeKey::new).map_err(|_| BundleError::Key { kind: self.kind() })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal(<{} redacted>)", self.kind())
    }
}

/// Everything that a node needs to join: cluster-info, a token, for control planes the certificate key, and an end.
///
/// The node that opens it asks nobody for trust, so that neither anonymous access nor a signature of the controller manager
/// is needed. The text is in the format that `bundle_text.rs` states: AES-256-GCM over the content, the header in the
/// clear but authenticated. Whoever opens it can join nodes until its token expires.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{discovery::{JoinBundle, Seal}, entropy::System, secret::SecretBytes, time::Timestamp, token::ClusterInfo};
/// # use k8sboot_core::pki::*;
/// # let now = Timestamp::from_seconds(1_800_000_000);
/// # let (keys, entropy) = (RandomKeys::new(&System), &System);
/// # let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &Issuing { keys: &keys, entropy, now })?;
/// # let ca_pem = ca.certificate().to_pem();
/// let info = ClusterInfo::new("https://192.0.2.10:6443", &ca_pem);
/// let token = "abcdef.0123456789abcdef".parse()?;
/// let bundle = JoinBundle::new(&info, token, now.plus_seconds(86_400))?;
/// let seal = Seal::key(&SecretBytes::new(vec![7; 32]))?;
/// let text = bundle.seal(&seal, &System)?;
///
/// let opened = JoinBundle::open(&text, &seal, now)?;
/// assert_eq!(opened.discovered().server(), "https://192.0.2.10:6443");
/// assert!(JoinBundle::open(&text, &seal, now.plus_seconds(100_000)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JoinBundle {
    info: ClusterInfo,
    token: BootstrapToken,
    certificate_key: Option<CertificateKey>,
    expires: Timestamp,
}

impl JoinBundle {
    /// A bundle for workers. `expires` should be the token's end.
    ///
    /// # Errors
    ///
    /// [`BundleError::Content`] for a server that is not https or a CA that is no certificate.
    pub fn new(info: &ClusterInfo, token: BootstrapToken, expires: Timestamp) -> Result<Self, BundleError> {
        let wrong = |field, expected, found: String| BundleError::Content { field, expected, found };
        if !info.server().starts_with("https://") {
            return Err(wrong("server", "https://HOST:PORT", "another address".to_owned()));
        }
        CaPin::of_certificate_pem(info.ca_pem())
            .map_err(|error| wrong("certificate authority", "certificates in PEM", error.to_string()))?;
        Ok(Self { info: info.clone(), token, certificate_key: None, expires })
    }

    /// A bundle from a kubeconfig of the cluster, such as the `admin.conf` of init's tree: its server and CA.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Unusable`] without an https server or an embedded CA, and as [`new`](Self::new).
    pub fn of_kubeconfig(
        kubeconfig: &Kubeconfig,
        token: BootstrapToken,
        expires: Timestamp,
    ) -> Result<Self, DiscoveryError> {
        let basis = basis(kubeconfig)?;
        let ca_pem = basis.ca_pem.ok_or_else(|| DiscoveryError::Unusable {
            field: "clusters.cluster.certificate-authority-data".to_owned(),
            expected: "the cluster's CA",
            found: "none".to_owned(),
        })?;
        Ok(Self::new(&ClusterInfo::new(&basis.server, &ca_pem), token, expires)?)
    }

    /// Adds the key of the uploaded certificates, for control planes.
    #[must_use]
    pub fn certificate_key(mut self, key: CertificateKey) -> Self {
        self.certificate_key = Some(key);
        self
    }

    /// Until when it can be opened.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Where the cluster is, and its CA.
    #[must_use]
    pub const fn info(&self) -> &ClusterInfo {
        &self.info
    }

    /// The token inside.
    #[must_use]
    pub const fn token(&self) -> &BootstrapToken {
        &self.token
    }

    /// What a joining node knows from it.
    #[must_use]
    pub fn discovered(&self) -> Discovered {
        let found = Discovered::with_token(self.info.server(), self.info.ca_pem(), &self.token);
        match &self.certificate_key {
            Some(key) => found.with_certificate_key(key.clone()),
            None => found,
        }
    }

    /// The sealed text. It goes into files that only root reads (0600).
    ///
    /// # Errors
    ///
    /// [`BundleError::Entropy`] when the source fails.
    pub fn seal(&self, seal: &Seal, entropy: &dyn Entropy) -> Result<String, BundleError> {
        let content = self.content();
        // A seeded source must not give two contents the same nonce.
        let content_id: String = digest::digest(&digest::SHA256, content.expose())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut random = Zeroizing::new([0; SALT_LEN + NONCE_LEN]);
        let purpose = format!("discovery/join-bundle/{}/{content_id}", seal.kind());
        entropy.stream(&purpose).fill(&mut *random).map_err(|source| BundleError::Entropy { source })?;
        let (mut salt, mut nonce) = ([0; SALT_LEN], [0; NONCE_LEN]);
        for (to, from) in salt.iter_mut().chain(&mut nonce).zip(random.iter()) {
            *to = *from;
        }
        let derivation = match seal.0 {
            Kind::Passphrase(_) => Some(Derivation { iterations: ITERATIONS, salt }),
            Kind::Key(_) => None,
        };
        let header = Header { derivation, nonce, expires: self.expires };
        let cipher = seal.cipher(header.derivation.as_ref())?;
        let mut sealed = content.expose().to_vec();
        let tag = cipher
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header.to_text()),
                &mut sealed,
            )
            .map_err(|_| BundleError::Content {
                field: "content",
                expected: "less than 64 GiB",
                found: "more".to_owned(),
            })?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(Parts { header, sealed }.to_text())
    }

    /// Opens a sealed text at `now`.
    ///
    /// # Errors
    ///
    /// [`BundleError::Shape`], [`BundleError::Version`], [`BundleError::Damaged`], [`BundleError::Kind`],
    /// [`BundleError::Key`], [`BundleError::Expired`], [`BundleError::Content`]: each says what to do.
    pub fn open(text: &str, seal: &Seal, now: Timestamp) -> Result<Self, BundleError> {
        let Parts { header, sealed } = Parts::read(text)?;
        let cipher = seal.cipher(header.derivation.as_ref())?;
        let mut buffer = Zeroizing::new(sealed);
        let content = cipher
            .open_in_place(
                Nonce::assume_unique_for_key(header.nonce),
                Aad::from(header.to_text()),
                &mut buffer,
            )
            .map_err(|_| BundleError::Key { kind: seal.kind() })?;
        // Only now is the header known to be what was sealed.
        if now > header.expires {
            return Err(BundleError::Expired { expires: header.expires, now });
        }
        Self::from_content(content, header.expires)
    }

    /// When a sealed text expires, as its header says; what it says is verified by [`open`](Self::open) alone.
    ///
    /// # Errors
    ///
    /// [`BundleError::Shape`], [`BundleError::Version`], [`BundleError::Damaged`].
    pub fn stated_expiry(text: &str) -> Result<Timestamp, BundleError> {
        Ok(Parts::read(text)?.header.expires)
    }

    fn content(&self) -> SecretBytes {
        let key = self.certificate_key.as_ref().map(CertificateKey::expose);
        let mut content = json!({"clusterInfo": self.info.kubeconfig(), "token": self.token.expose()});
        if let (Some(key), Some(fields)) =
            (key.as_ref().and_then(SecretBytes::expose_str), content.as_object_mut())
        {
            fields.insert("certificateKey".to_owned(), key.into());
        }
        SecretBytes::from(content.to_string())
    }

    fn from_content(content: &[u8], expires: Timestamp) -> Result<Self, BundleError> {
        let wrong =
            |field, expected, found: &str| BundleError::Content { field, expected, found: found.to_owned() };
        let content: Value =
            serde_json::from_slice(content).map_err(|_| wrong("content", "JSON", "other bytes"))?;
        let text = |field: &str| content.get(field).and_then(Value::as_str);
        let info = text("clusterInfo").ok_or_else(|| wrong("clusterInfo", "a kubeconfig", "none"))?;
        let info = ClusterInfo::from_kubeconfig(info)
            .map_err(|error| wrong("clusterInfo", "a kubeconfig of cluster-info", &error.to_string()))?;
        let token = text("token").and_then(|token| token.parse().ok());
        let token = token.ok_or_else(|| wrong("token", "a bootstrap token", "something else"))?;
        let bundle = Self::new(&info, token, expires)?;
        match content.get("certificateKey") {
            None => Ok(bundle),
            Some(key) => {
                let key = key.as_str().and_then(|key| key.parse().ok());
                let key =
                    key.ok_or_else(|| wrong("certificateKey", "64 hexadecimal digits", "something else"))?;
                Ok(bundle.certificate_key(key))
            }
        }
    }
}
