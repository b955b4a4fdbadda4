//! Keys, with OpenSSL and the vectors of RFC 8032 as oracles.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use k8sboot_core::{
    entropy::System,
    error::{Code, Problem},
    pki::{KeyAlgorithm, KeyPair, KeySource, PkiError, PublicKey, RandomKeys, SignatureAlgorithm, Signer},
    secret::SecretBytes,
};
use proptest::prelude::*;

/// Whether OpenSSL is there; says so if not.
fn available(test: &str) -> bool {
    if Command::new("openssl").arg("version").output().is_ok_and(|out| out.status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: expected openssl, found none");
    eprintln!("skipped: {test}: no openssl");
    false
}

/// What `openssl ARGUMENTS` writes when it reads `input`; it must succeed.
fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that makes keys may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn secret(bytes: impl Into<Vec<u8>>) -> SecretBytes {
    SecretBytes::new(bytes.into())
}

/// Text in front, CR LF and a certificate-like block before the key.
fn with_noise(pem: &[u8]) -> SecretBytes {
    let text = String::from_utf8(pem.to_vec()).unwrap().replace('\n', "\r\n");
    secret(format!(
        "Bag Attributes: \u{e9}\r\n-----BEGIN X509 CRL-----\r\nAAAA\r\n-----END X509 CRL-----\r\n{text}"
    ))
}

/// An oracle for everything a key can do: OpenSSL reads, writes and verifies the same.
fn assert_openssl_agrees(key: &KeyPair) {
    let pem = key.to_pem();
    let name = key.public_key().description();
    openssl("pkey -check -noout", pem.expose());
    let public = openssl("pkey -pubout", pem.expose());
    assert_eq!(key.public_key().to_pem().as_bytes(), public, "{name}");
    assert_eq!(PublicKey::from_pem(&key.public_key().to_pem()).unwrap(), *key.public_key());
    // OpenSSL writes PKCS#1 and SEC1 (with parameters and public key) as Go does.
    let rewritten = match key.signature_algorithm() {
        SignatureAlgorithm::Ed25519 => openssl("pkey", pem.expose()),
        SignatureAlgorithm::RsaSha256 => openssl("rsa -traditional", pem.expose()),
        _ => openssl("ec", pem.expose()),
    };
    assert_eq!(String::from_utf8(rewritten).unwrap(), pem.expose_str().unwrap(), "{name}");

    let unique: String = key.public_key().pin().iter().map(|byte| format!("{byte:02x}")).collect();
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("key-{unique}"));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |kind: &str, content: &[u8]| {
        let path = directory.join(kind);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let message = b"message";
    let (public, signature, text) =
        (file("pub", &public), file("sig", &key.sign(message).unwrap()), file("txt", message));
    let hash = match key.signature_algorithm() {
        SignatureAlgorithm::EcdsaSha384 => "-digest sha384 ",
        SignatureAlgorithm::Ed25519 => "",
        _ => "-digest sha256 ",
    };
    openssl(
        &format!("pkeyutl -verify -rawin {hash}-pubin -inkey {public} -sigfile {signature} -in {text}"),
        b"",
    );
    let theirs =
        openssl(&format!("pkeyutl -sign -rawin {hash}-inkey {} -in {text}", file("key", pem.expose())), b"");
    let verify = |message: &[u8]| key.public_key().verify(key.signature_algorithm(), message, &theirs);
    verify(message).unwrap();
    assert!(matches!(verify(b"massage"), Err(PkiError::Signature { .. })), "{name}");
    std::fs::remove_dir_all(directory).unwrap_or_default();
}

#[test]
fn reads_every_format_that_openssl_writes() {
    if !available("reads_every_format_that_openssl_writes") {
        return;
    }
    for (make, algorithm) in [
        ("ecparam -name prime256v1 -genkey", KeyAlgorithm::EcdsaP256),
        ("ecparam -name secp384r1 -genkey", KeyAlgorithm::EcdsaP384),
        ("genrsa -traditional 2048", KeyAlgorithm::Rsa2048),
        ("genrsa -traditional 3072", KeyAlgorithm::Rsa3072),
        ("genrsa -traditional 4096", KeyAlgorithm::Rsa4096),
        ("genpkey -algorithm ed25519", KeyAlgorithm::Ed25519),
    ] {
        let made = openssl(make, b"");
        let key = KeyPair::from_pem(&secret(made.clone())).unwrap();
        assert_eq!(key.algorithm(), Some(algorithm));
        assert_openssl_agrees(&key);
        let mut forms = vec![with_noise(&made), secret(openssl("pkcs8 -topk8 -nocrypt", &made))];
        forms.push(with_noise(forms[1].expose()));
        for form in &forms {
            assert_eq!(
                KeyPair::from_pem(form).unwrap().to_pem().expose(),
                key.to_pem().expose(),
                "{algorithm}"
            );
        }
        let traditional = match algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => "ec -outform DER",
            KeyAlgorithm::Ed25519 => "pkey -outform DER",
            _ => "rsa -traditional -outform DER",
        };
        for form in [traditional, "pkcs8 -topk8 -nocrypt -outform DER"] {
            let der = secret(openssl(form, &made));
            assert_eq!(KeyPair::from_der(&der).unwrap().to_pem().expose(), key.to_pem().expose(), "{form}");
        }
    }
}

#[test]
fn writes_keys_that_openssl_accepts() {
    if !available("writes_keys_that_openssl_accepts") {
        return;
    }
    let keys = RandomKeys::new(&System);
    for algorithm in KeyAlgorithm::ALL {
        let rsa = algorithm.signature_algorithm() == SignatureAlgorithm::RsaSha256;
        // The larger ones differ only in numbers and take long without optimisation.
        if rsa && (cfg!(not(feature = "rsa")) || cfg!(debug_assertions) && algorithm != KeyAlgorithm::Rsa2048)
        {
            continue;
        }
        assert_openssl_agrees(&keys.generate(algorithm, "test").unwrap());
    }
}

#[test]
fn an_ec_key_without_its_public_half_needs_it_from_elsewhere() {
    if !available("an_ec_key_without_its_public_half_needs_it_from_elsewhere") {
        return;
    }
    for curve in ["prime256v1", "secp384r1"] {
        let [made, other] = [(); 2].map(|()| openssl(&format!("ecparam -name {curve} -genkey -noout"), b""));
        let whole = KeyPair::from_pem(&secret(made.clone())).unwrap();
        let other = KeyPair::from_pem(&secret(other)).unwrap();
        let bare = secret(openssl("ec -no_public", &made));
        assert!(bare.len() < whole.to_pem().len());
        assert!(matches!(KeyPair::from_pem(&bare), Err(PkiError::KeyPublicMissing { .. })));
        let read = KeyPair::from_pem_with(&bare, whole.public_key()).unwrap();
        assert_eq!(read.to_pem().expose(), whole.to_pem().expose());
        for key in [&bare, &whole.to_pem()] {
            let error = KeyPair::from_pem_with(key, other.public_key()).unwrap_err();
            assert_eq!(error.code(), Code::PKI_KEY_MISMATCH);
        }
    }
}

#[test]
fn refuses_by_name_what_it_cannot_use() {
    if !available("refuses_by_name_what_it_cannot_use") {
        return;
    }
    let p256 = openssl("ecparam -name prime256v1 -genkey -noout", b"");
    for (pem, code, wanted) in [
        (openssl("pkcs8 -topk8 -passout pass:hunter2", &p256), Code::PKI_KEY_ENCRYPTED, "encrypted PKCS#8"),
        (openssl("ec -aes128 -passout pass:hunter2", &p256), Code::PKI_KEY_ENCRYPTED, "Proc-Type"),
        (openssl("ecparam -name secp521r1 -genkey", b""), Code::PKI_KEY_UNSUPPORTED, "P-521"),
        (
            openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", b""),
            Code::PKI_KEY_UNSUPPORTED,
            "P-521",
        ),
        (openssl("ecparam -name secp256k1 -genkey -noout", b""), Code::PKI_KEY_UNSUPPORTED, "secp256k1"),
        (
            openssl("ecparam -name prime256v1 -genkey -noout -param_enc explicit", b""),
            Code::PKI_KEY_UNSUPPORTED,
            "an elliptic curve without a name",
        ),
        (openssl("genrsa -traditional 1024", b""), Code::PKI_KEY_UNSUPPORTED, "RSA with 1024 bits"),
        (openssl("genrsa 1024", b""), Code::PKI_KEY_UNSUPPORTED, "RSA with 1024 bits"),
        (
            openssl("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", b""),
            Code::PKI_KEY_UNSUPPORTED,
            "an RSA-PSS key",
        ),
        (openssl("genpkey -algorithm ED448", b""), Code::PKI_KEY_UNSUPPORTED, "an unknown kind of key"),
        (openssl("dsaparam -genkey -noout 1024", b""), Code::PKI_KEY_UNSUPPORTED, "DSA"),
        (openssl("ec -pubout", &p256), Code::PKI_PEM, "a block of kind PUBLIC KEY"),
        (b"hunter2".to_vec(), Code::PKI_PEM, "no PEM block"),
        (Vec::new(), Code::PKI_PEM, "no PEM block"),
    ] {
        let error = KeyPair::from_pem(&secret(pem)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), code, "{text}");
        assert!(text.starts_with("pki: ") && text.contains(wanted) && !text.contains("hunter2"), "{text}");
    }
    let public = openssl("rsa -pubout", &openssl("genrsa 1024", b""));
    let weak = PublicKey::from_pem(std::str::from_utf8(&public).unwrap()).unwrap();
    assert_eq!((weak.algorithm(), weak.description().as_str()), (None, "RSA 1024"));
    assert!(weak.verify(SignatureAlgorithm::RsaSha256, b"", &[0; 128]).is_err());
}

#[test]
fn an_rsa_key_with_a_damaged_number_is_refused() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys/rsa-ca.pem");
    let pem = std::fs::read_to_string(path).unwrap();
    assert!(KeyPair::from_pem(&secret(&*pem)).is_ok());
    let footer = pem.rfind("-----END").unwrap();
    // The numbers end the file in this order, each of them 175 characters and three line ends long.
    for (number, from_footer) in [("qInv", 80), ("dQ", 260), ("dP", 440), ("q", 615), ("p", 790)] {
        let mut damaged = pem.clone().into_bytes();
        let place = footer - from_footer;
        damaged[place] = if damaged[place] == b'A' { b'B' } else { b'A' };
        let error = KeyPair::from_pem(&secret(damaged)).unwrap_err();
        assert_eq!(error.code(), Code::PKI_KEY_FORMAT, "{number}");
    }
}

#[test]
fn ed25519_signs_the_vectors_of_rfc_8032() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        // Version 1 without and version 2 with the public key, the latter as ring writes it.
        let v1 = hex(&format!("302e020100300506032b657004220420{seed}"));
        let v2 = hex(&format!("3051020101300506032b657004220420{seed}812100{public}"));
        for der in [&v1, &v2] {
            let key = KeyPair::from_der(&secret(der.clone())).unwrap();
            assert_eq!(key.public_key().key_bits(), hex(public));
            assert_eq!(key.sign(&hex(message)).unwrap(), hex(signature));
            key.public_key().verify(SignatureAlgorithm::Ed25519, &hex(message), &hex(signature)).unwrap();
        }
        let mut mixed = v2.clone();
        *mixed.last_mut().unwrap() ^= 1;
        let error = KeyPair::from_der(&secret(mixed)).unwrap_err();
        assert_eq!(error.code(), Code::PKI_KEY_MISMATCH);
    }
}

#[test]
fn debug_shows_the_public_half_only() {
    let key = RandomKeys::new(&System).generate(KeyAlgorithm::EcdsaP256, "debug").unwrap();
    let text = format!("{key:?}");
    assert!(
        text.starts_with("KeyPair { public: PublicKey(ECDSA-P256, sha256:") && text.len() < 100,
        "{text}"
    );
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Valid DER of each kind, to start mutations from.
fn samples() -> Vec<Vec<u8>> {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let scalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let point = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
        7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let inner = format!("306b0201010420{scalar}a144034200{point}");
    vec![
        hex(&format!("302e020100300506032b657004220420{seed}")),
        hex(&format!("30770201010420{scalar}a00a06082a8648ce3d030107a144034200{point}")),
        hex(&format!("308187020100301306072a8648ce3d020106082a8648ce3d030107046d{inner}")),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeyPair::from_der(&secret(bytes.clone()));
        let _ = KeyPair::from_pem(&secret(bytes.clone()));
        let _ = PublicKey::from_spki_der(&bytes);
    }

    #[test]
    fn a_changed_key_is_refused_or_reads_back(
        sample in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut der = samples().swap_remove(sample);
        for (place, value) in &changes {
            *place.get_mut(&mut der) = *value;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        match KeyPair::from_der(&secret(der)) {
            Ok(key) => {
                let again = KeyPair::from_pem(&key.to_pem()).unwrap();
                prop_assert!(again.to_pem().expose() == key.to_pem().expose());
                prop_assert_eq!(again.public_key(), key.public_key());
            }
            Err(_) => prop_assert!(cut.is_some() || !changes.is_empty()),
        }
    }
}

#[cfg(feature = "rsa")]
#[test]
fn the_same_entropy_gives_the_same_rsa_key() {
    use k8sboot_core::entropy::Seeded;
    let make = |seed: &[u8], purpose: &str| {
        RandomKeys::new(&Seeded::new(seed)).generate(KeyAlgorithm::Rsa2048, purpose).unwrap()
    };
    let key = make(b"seed", "ca");
    assert_eq!(key.to_pem().expose(), make(b"seed", "ca").to_pem().expose());
    assert_ne!(key.public_key(), make(b"seed", "front-proxy-ca").public_key());
    if available("the_same_entropy_gives_the_same_rsa_key") {
        let text = openssl("rsa -check -noout", key.to_pem().expose());
        assert_eq!(String::from_utf8(text).unwrap().trim(), "RSA key ok");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_source_without_randomness_is_an_error_and_not_a_hang() {
    use k8sboot_core::entropy::{Entropy, EntropyError, Stream};
    struct Stuck(u8);
    impl Entropy for Stuck {
        fn stream<'a>(&'a self, _purpose: &str) -> Box<dyn Stream + 'a> {
            Box::new(Self(self.0))
        }
    }
    impl Stream for Stuck {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.fill(self.0);
            Ok(())
        }
    }
    // Zeros give one prime, and then the same again until the limit, which takes long without optimisation.
    let cases = [(0xff, Code::PKI_ENTROPY), (0, Code::PKI_KEY_SOURCE)];
    for (byte, code) in cases.into_iter().take(if cfg!(debug_assertions) { 1 } else { 2 }) {
        let error = RandomKeys::new(&Stuck(byte)).generate(KeyAlgorithm::Rsa2048, "ca").unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[cfg(feature = "deterministic")]
#[test]
fn deterministic_keys_follow_from_the_seed_alone() {
    use k8sboot_core::{entropy::Seeded, pki::DeterministicKeys};
    let entropy = Seeded::new(b"seed");
    let keys = DeterministicKeys::new(&entropy);
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let [one, two] = ["ca", "ca"].map(|purpose| keys.generate(algorithm, purpose).unwrap());
        assert_eq!(one.to_pem().expose(), two.to_pem().expose());
        assert_eq!(one.sign(b"message").unwrap(), two.sign(b"message").unwrap());
        assert_ne!(one.public_key(), keys.generate(algorithm, "sa").unwrap().public_key());
        let read = KeyPair::from_pem(&one.to_pem()).unwrap().deterministic().unwrap();
        assert_eq!(read.sign(b"message").unwrap(), one.sign(b"message").unwrap());
        if available("deterministic_keys_follow_from_the_seed_alone") {
            assert_openssl_agrees(&one);
        }
    }
}
