//! Issuing: encoding, signers, chains, policies; rcgen and x509-parser as second readers.

use k8sboot_core::{
    entropy::Seeded,
    pki::{
        self, Ca, CertClass, CertSpec, Certificate, ClassPolicy, Defect, Issuing, KeyAlgorithm, KeyPair,
        NotBefore, PkiError, Policy, PublicKey, Severity, SignatureAlgorithm, Signer, Subject,
    },
    time::GoDuration,
};
use proptest::prelude::*;

use super::{Keys, NOW, Tree, at, case, config, issuing};

fn ca() -> Ca {
    issuing(|with| {
        Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), with).unwrap()
    })
}

fn user(name: &str) -> CertSpec {
    CertSpec::user(name, Subject::named(name), KeyAlgorithm::EcdsaP256)
}

#[test]
fn names_of_the_api_server_follow_the_configuration() {
    for (address, cluster, dns, addresses) in [
        (
            "192.0.2.1",
            "",
            "kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local n1",
            "10.96.0.1 192.0.2.1",
        ),
        (
            "2001:db8::5",
            "networking: {serviceSubnet: \"fd00:10:96::/112,10.96.0.0/16\", dnsDomain: corp.example}\ncontrolPlaneEndpoint: 192.0.2.99:8443",
            "kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.corp.example n1",
            "fd00:10:96::1 2001:db8::5 192.0.2.99",
        ),
        (
            "192.0.2.1",
            "controlPlaneEndpoint: n1\nnetworking: {serviceSubnet: 10.0.0.77/24}\n\
             apiServer: {certSANs: [\"B.example\", 010.0.0.1, \"2001:DB8:0::0:5\", a.example, \"*.w.example\", 192.0.2.1, kubernetes]}",
            "*.w.example a.example b.example kubernetes kubernetes.default kubernetes.default.svc \
             kubernetes.default.svc.cluster.local n1",
            "10.0.0.1 192.0.2.1 2001:db8::5",
        ),
    ] {
        let specs = pki::control_plane(&config("n1", address, cluster)).unwrap();
        let spec = specs.iter().find(|spec| spec.name == "apiserver").unwrap();
        assert_eq!(spec.dns_names.join(" "), dns, "{cluster}");
        let found: Vec<_> = spec.ip_addresses.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), addresses, "{cluster}");
    }
}

#[test]
fn names_of_etcd_follow_the_configuration() {
    let cluster = "etcd: {local: {serverCertSANs: [\"127.0.0.1\", etcd.example, localhost], peerCertSANs: [203.0.113.9]}}";
    let specs = pki::control_plane(&config("n1", "192.0.2.1", cluster)).unwrap();
    for (name, dns, addresses) in [
        ("etcd-server", "etcd.example localhost n1", "192.0.2.1 127.0.0.1 ::1"),
        ("etcd-peer", "localhost n1", "192.0.2.1 127.0.0.1 ::1 203.0.113.9"),
    ] {
        let spec = specs.iter().find(|spec| spec.name == name).unwrap();
        assert_eq!(spec.dns_names.join(" "), dns);
        let found: Vec<_> = spec.ip_addresses.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), addresses);
    }
}

#[test]
fn the_tree_is_in_the_order_of_kubeadm_and_external_etcd_leaves_its_part_out() {
    let names = |specs: &[CertSpec]| specs.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
    let all = [
        "ca",
        "apiserver",
        "apiserver-kubelet-client",
        "front-proxy-ca",
        "front-proxy-client",
        "etcd-ca",
        "etcd-server",
        "etcd-peer",
        "etcd-healthcheck-client",
        "apiserver-etcd-client",
    ];
    assert_eq!(names(&pki::control_plane(&case("minimal")).unwrap()), all);
    assert_eq!(names(&pki::control_plane(&case("external-etcd")).unwrap()), all[..5]);
    for name in
        all.iter().chain(&["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"])
    {
        assert!(pki::description(name).is_some(), "{name}");
    }
}

#[test]
fn every_algorithm_signs_every_class_where_its_consumers_take_it() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
        let policy = Policy::uniform(algorithm);
        let specs = pki::control_plane_with(&case("minimal"), &policy).unwrap();
        let tree = Tree::of(specs, Vec::new());
        for spec in &tree.specs {
            let info = tree.pair(&spec.name).0.info();
            assert_eq!(info.key_algorithm, algorithm.name());
            assert_eq!(info.signature_algorithm, algorithm.signature_algorithm().name());
        }
    }
    let leaf = ClassPolicy {
        algorithm: Some(KeyAlgorithm::Ed25519),
        validity: Some(GoDuration::from_seconds(3_600)),
    };
    let policy = Policy { server: leaf, client: leaf, peer: leaf, ..Policy::default() };
    let (config, minute) = (case("ecdsa"), GoDuration::from_seconds(60));
    let tree = Tree::of(
        pki::control_plane_with(&config, &policy).unwrap(),
        pki::kubeconfigs_with(&config, &policy).unwrap(),
    );
    for issued in tree.leaves.values().chain(tree.kubeconfigs.iter().map(|(_, issued)| issued)) {
        let info = issued.certificate.info();
        assert_eq!(
            (info.key_algorithm.as_str(), info.signature_algorithm.as_str()),
            ("Ed25519", "ecdsa-with-SHA256")
        );
        assert_eq!(info.residual(NOW).seconds(), 60 * minute.seconds());
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_other_times_other_serials() {
    let spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::Rsa2048);
    let make = |now| at(now, |with| Ca::self_signed(&spec, with).unwrap().certificate().clone());
    assert_eq!(make(NOW).der(), make(NOW).der());
    let later = make(NOW.plus_seconds(1));
    assert_ne!(make(NOW).info().serial, later.info().serial);
}

#[cfg(feature = "deterministic")]
#[test]
fn a_whole_tree_of_ecdsa_is_reproducible() {
    let specs = pki::control_plane(&case("ecdsa")).unwrap();
    let make = || {
        let entropy = Seeded::new(b"reproducible");
        let keys = pki::DeterministicKeys::new(&entropy);
        let with = Issuing { keys: &keys, entropy: &entropy, now: NOW };
        let ca = Ca::self_signed(&specs[0], &with).unwrap();
        let leaves = specs[1..3].iter().map(|spec| ca.issue(spec, &with).unwrap().certificate.to_pem());
        ca.chain_pem() + &leaves.collect::<String>()
    };
    assert_eq!(make(), make());
}

#[test]
fn a_ca_of_any_make_issues_under_its_own_name_and_key_identifier() {
    // Made by rcgen: UTF8String name with an OU, SKI not ours.
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "Infrastructure");
    params.distinguished_name.push(rcgen::DnType::CommonName, "Acme Root");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![1, 2, 3]);
    let key = rcgen::KeyPair::generate().unwrap();
    let foreign = params.self_signed(&key).unwrap();
    let ca = Ca::from_pem(&foreign.pem(), &key.serialize_pem().into()).unwrap();
    let issued = issuing(|with| ca.issue(&user("jane"), with).unwrap());
    assert_eq!(issued.certificate.issuer().der(), ca.certificate().subject().der());
    assert_eq!(issued.certificate.info().issuer.to_string(), "OU=Infrastructure,CN=Acme Root");
    assert_eq!(issued.certificate.info().authority_key_id.as_deref(), Some("010203"));
    assert_eq!(issued.certificate.info().not_before, ca.certificate().info().not_before);
    assert!(issued.certificate.is_signed_by(ca.certificate()));
}

#[test]
fn differs_from_rcgen_in_no_more_than_it_must() {
    // The same leaf by rcgen: what both can say must read the same.
    let mut spec = user("jane");
    spec.class = CertClass::Peer;
    spec.dns_names = vec!["a.example".into()];
    spec.ip_addresses = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    spec.not_before = NotBefore::Backdated;
    let ours = issuing(|with| ca().issue(&spec, with).unwrap().certificate);

    let mut params =
        rcgen::CertificateParams::new(["a.example", "192.0.2.1", "2001:db8::1"].map(String::from)).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, rcgen::DnValue::PrintableString("jane".try_into().unwrap()));
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.key_usages =
        vec![rcgen::KeyUsagePurpose::DigitalSignature, rcgen::KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let theirs = params.self_signed(&key).unwrap();
    let theirs = Certificate::from_der(theirs.der()).unwrap();
    assert_eq!(ours.subject().der(), theirs.subject().der());
    let (ours, theirs) = (ours.info(), theirs.info());
    assert_eq!(
        (&ours.dns_names, &ours.ip_addresses, &ours.key_usage, &ours.ext_key_usage, ours.is_ca),
        (&theirs.dns_names, &theirs.ip_addresses, &theirs.key_usage, &theirs.ext_key_usage, theirs.is_ca)
    );
}

/// Stands for a key in an HSM: signs, and has no bytes to give away.
struct Module(KeyPair);

impl Signer for Module {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.0.signature_algorithm()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        if message.len() > 100_000 {
            return Err(PkiError::sign("slot 0", "a message that is too long"));
        }
        self.0.sign(message)
    }
}

#[test]
fn the_key_may_stay_elsewhere() {
    let ca = ca();
    let module = Module(KeyPair::from_pem(&ca.key().unwrap().to_pem()).unwrap());
    let remote = Ca::with_signer(&ca.chain_pem(), Box::new(module)).unwrap();
    assert!(remote.key().is_none());
    assert_eq!(remote.pin(), ca.pin());
    let issued = issuing(|with| remote.issue(&user("jane"), with).unwrap());
    assert!(issued.certificate.is_signed_by(ca.certificate()));

    let mut huge = user("jane");
    huge.dns_names = (0..20_000).map(|n| format!("{n}.example")).collect();
    let error = issuing(|with| remote.issue(&huge, with).unwrap_err());
    assert_eq!(
        error.to_string(),
        "pki: sign: expected a signature from the slot 0, found a message that is too long"
    );
}

#[test]
fn intermediates_bring_their_chain() {
    let root = ca();
    let mut spec = CertSpec::authority("issuing-ca", "issuing", KeyAlgorithm::EcdsaP256);
    spec.issuer = Some("ca".into());
    let issuing_ca = issuing(|with| root.intermediate(&spec, with).unwrap());
    assert_eq!(issuing_ca.intermediates_pem(), issuing_ca.certificate().to_pem());
    assert_eq!(root.intermediates_pem(), "");
    let chain = Certificate::all_from_pem(&issuing_ca.chain_pem()).unwrap();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[1].der(), root.certificate().der());

    // Read back from files, the leaf is fine for those who trust the intermediate, and with the chain for all others.
    let again = Ca::from_pem(&issuing_ca.chain_pem(), &issuing_ca.key().unwrap().to_pem()).unwrap();
    let leaf = issuing(|with| again.issue(&user("jane"), with).unwrap());
    let alone = vec![leaf.certificate.clone()];
    let sent = Certificate::all_from_pem(&(leaf.certificate.to_pem() + &again.intermediates_pem())).unwrap();
    let wrong = |file: &[Certificate], anchors: &[Certificate]| {
        let findings = pki::check::certificate(&user("jane"), file, None, anchors, NOW);
        findings.iter().any(|finding| finding.defect == Defect::WrongCa)
    };
    assert!(!wrong(&alone, &chain));
    assert!(!wrong(&sent, &chain[1..]));
    assert!(wrong(&alone, &chain[1..]));
}

#[test]
fn a_bundle_works_in_either_order() {
    let (old, new) = (ca(), ca());
    let key = new.key().unwrap().to_pem();
    for bundle in [old.chain_pem() + &new.chain_pem(), new.chain_pem() + &old.chain_pem()] {
        let ca = Ca::from_pem(&bundle, &key).unwrap();
        assert_eq!(ca.certificate().der(), new.certificate().der());
        assert_eq!(Certificate::all_from_pem(&ca.chain_pem()).unwrap().len(), 2);
    }
}

#[test]
fn refuses_what_is_no_ca_and_says_why() {
    let ca = ca();
    let leaf = issuing(|with| ca.issue(&user("jane"), with).unwrap());
    let other = issuing(|with| ca.issue(&user("joe"), with).unwrap());
    let error = Ca::from_pem(&leaf.certificate.to_pem(), &leaf.key.to_pem()).unwrap_err().to_string();
    assert_eq!(
        error,
        "pki: CN=jane: basic constraints: expected a CA that may sign certificates, found a certificate that may not (put the certificate of a CA there)"
    );
    let error = Ca::from_pem(&ca.chain_pem(), &other.key.to_pem()).unwrap_err().to_string();
    assert!(
        error.starts_with("pki: CN=kubernetes: key: expected the key of a certificate in the CA's file"),
        "{error}"
    );
    issuing(|with| {
        assert!(matches!(Ca::self_signed(&user("jane"), with), Err(PkiError::Spec { .. })));
        let authority = CertSpec::authority("x", "x", KeyAlgorithm::EcdsaP256);
        assert!(matches!(ca.issue(&authority, with), Err(PkiError::Spec { .. })));
        assert!(matches!(ca.intermediate(&authority, with), Err(PkiError::Spec { .. })));
    });
}

#[test]
fn a_leaf_may_outlive_its_ca_but_not_silently() {
    let ca = ca();
    let mut spec = user("jane");
    assert!(ca.outlived_by(&spec, NOW).is_none());
    spec.validity = GoDuration::from_seconds(3_651 * 86_400);
    let finding = ca.outlived_by(&spec, NOW).unwrap();
    assert_eq!((finding.defect, finding.severity()), (Defect::OutlivesIssuer, Severity::Warning));
    let issued = issuing(|with| ca.issue(&spec, with).unwrap());
    assert!(issued.certificate.info().not_after > ca.certificate().info().not_after);
    let findings = pki::check::certificate(
        &spec,
        &[issued.certificate],
        None,
        std::slice::from_ref(ca.certificate()),
        NOW,
    );
    assert_eq!(findings, [finding]);
}

#[test]
fn terms_reach_beyond_2050_and_stop_at_9999() {
    let mut spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
    for (now, days, end) in [
        ("2049-12-31T00:00:00Z", 10, "2050-01-10T00:00:00Z"),
        ("2026-11-23T00:00:00Z", 36_500, "2126-10-30T00:00:00Z"),
        ("9990-01-01T00:00:00Z", 36_500, "9999-12-31T23:59:59Z"),
        ("2026-11-23T00:00:00Z", 0, "2026-11-23T00:00:00Z"),
    ] {
        spec.validity = GoDuration::from_seconds(days * 86_400);
        let ca = at(now.parse().unwrap(), |with| Ca::self_signed(&spec, with).unwrap());
        assert_eq!(ca.certificate().info().not_after.to_string(), end);
    }
}

#[test]
fn a_node_that_is_called_like_its_ca_gets_no_authority_key_identifier() {
    // As Go: subject equal to issuer means that the identifier would have to be the certificate's own.
    let config = config("etcd-ca", "192.0.2.1", "encryptionAlgorithm: ECDSA-P256");
    let tree = Tree::of_config(&config);
    assert_eq!(tree.pair("etcd-server").0.info().authority_key_id, None);
    assert!(tree.pair("etcd-healthcheck-client").0.info().authority_key_id.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_issued_reads_back(
        common_name in "\\PC{1,30}",
        organizations in prop::collection::vec("\\PC{1,20}", 0..4),
        dns_names in prop::collection::vec("[a-z0-9*.-]{1,20}", 0..5),
        addresses in prop::collection::vec(any::<[u8; 16]>(), 0..4),
        days in 0i64..100_000,
        seed in any::<[u8; 4]>(),
    ) {
        let spec = CertSpec {
            subject: Subject { organizations, common_name },
            dns_names,
            ip_addresses: addresses.into_iter().map(Into::into).collect(),
            validity: GoDuration::from_seconds(days * 86_400),
            ..user("jane")
        };
        let spec = spec.normalised();
        let with = Issuing { keys: &Keys, entropy: &Seeded::new(&seed), now: NOW };
        let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with).unwrap();
        let issued = ca.issue(&spec, &with).unwrap();
        let again = Certificate::from_pem(&issued.certificate.to_pem()).unwrap();
        prop_assert_eq!(&again, &issued.certificate);
        let info = again.info();
        prop_assert_eq!(&info.dns_names, &spec.dns_names);
        prop_assert_eq!(&info.ip_addresses, &spec.ip_addresses);
        prop_assert_eq!(info.class(), Some(CertClass::Client));
        prop_assert_eq!(info.not_after, NOW.plus(spec.validity));
        let findings = pki::check::certificate(
            &spec, &[again], Some(issued.key.public_key()), std::slice::from_ref(ca.certificate()), NOW);
        prop_assert!(findings.iter().all(|finding| finding.severity() == Severity::Warning), "{:?}", findings);
    }
}
