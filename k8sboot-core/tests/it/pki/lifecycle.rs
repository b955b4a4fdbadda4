//! Certificates that are there: kept, completed, refused, requested, renewed.

use k8sboot_core::{
    error::{Code, Problem},
    pki::{
        self, Ca, CertClass, CertSpec, Certificate, Csr, Decision, Defect, Finding, Found, KeyAlgorithm,
        KeyDecision, KeyPair, KeySpec, PkiError, Signer, Subject, csr,
        expiration::ExpirationReport,
        external::{self, CaMode},
        renew::{Renewal, renew},
    },
    time::{GoDuration, Timestamp},
};

use super::{NOW, Tree, at, case, config, issuing};

const YEAR: i64 = 365 * 86_400;

fn p256_tree() -> Tree {
    Tree::of_config(&config("n1", "192.0.2.1", "encryptionAlgorithm: ECDSA-P256"))
}

/// What `decide` says about a leaf of `tree` at `now`, compared with `spec`.
fn decide(tree: &Tree, spec: &CertSpec, now: Timestamp) -> Decision {
    let (certificate, key) = tree.pair(&spec.name);
    let anchors = [tree.cas[spec.issuer.as_ref().unwrap()].certificate().clone()];
    let pem = certificate.to_pem();
    pki::decide(spec, Found { certificate: Some(&pem), key: Some(key.public_key()) }, Some(&anchors), now)
}

fn defects(decision: &Decision) -> Vec<Defect> {
    match decision {
        Decision::Keep { findings }
        | Decision::External { findings }
        | Decision::CreateForExistingKey { findings } => findings.iter().map(|f| f.defect).collect(),
        other => panic!("{other:?}"),
    }
}

fn broken(decision: Decision) -> Finding {
    match decision {
        Decision::Broken(PkiError::Unfit { finding, .. }) => finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fresh_tree_is_kept_without_a_word() {
    for name in ["minimal", "ecdsa", "external-etcd", "ha", "dualstack"] {
        let tree = Tree::of_config(&case(name));
        for spec in tree.specs.iter().filter(|spec| spec.class != CertClass::Ca) {
            assert_eq!(defects(&decide(&tree, spec, NOW)), [], "{name}: {}", spec.name);
        }
        for ca in tree.cas.values() {
            let spec = tree
                .specs
                .iter()
                .find(|spec| spec.subject.common_name == ca.certificate().subject().subject().common_name);
            let (pem, key) = (ca.chain_pem(), ca.key().unwrap().public_key());
            let found = Found { certificate: Some(&pem), key: Some(key) };
            assert_eq!(defects(&pki::decide(spec.unwrap(), found, None, NOW)), [], "{name}");
        }
    }
}

#[test]
fn names_what_is_wrong_with_what_is_kept() {
    let tree = p256_tree();
    let spec = tree.spec("apiserver");
    let changed = |change: fn(&mut CertSpec)| {
        let mut spec = spec.clone();
        change(&mut spec);
        match decide(&tree, &spec, NOW) {
            Decision::Keep { findings } => findings,
            other => panic!("{other:?}"),
        }
    };
    type Change = fn(&mut CertSpec);
    let cases: [(Change, Defect, &str, &str); 4] = [
        (
            |spec| {
                spec.dns_names.push("lb.example".into());
                spec.ip_addresses.push("203.0.113.7".parse().unwrap());
            },
            Defect::SanMissing,
            "lb.example, 203.0.113.7",
            "only kubernetes, kubernetes.default, kubernetes.default.svc, kubernetes.default.svc.cluster.local, n1, 10.96.0.1, 192.0.2.1",
        ),
        (
            |spec| spec.subject = Subject::named("someone").with_organizations(["b", "a"]),
            Defect::Subject,
            "O=a+O=b,CN=someone",
            "CN=kube-apiserver",
        ),
        (|spec| spec.class = CertClass::Peer, Defect::Usage, "serverAuth and clientAuth", "serverAuth"),
        (|spec| spec.algorithm = KeyAlgorithm::Rsa2048, Defect::Algorithm, "RSA-2048", "ECDSA-P256"),
    ];
    for (change, defect, expected, found) in cases {
        let findings = changed(change);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            (findings[0].defect, &*findings[0].expected, &*findings[0].found),
            (defect, expected, found)
        );
    }
    for (now, defect) in [
        (NOW.plus_seconds(YEAR), None),
        (NOW.plus_seconds(YEAR + 1), Some(Defect::Expired)),
        (NOW.plus_seconds(-300), None),
        (NOW.plus_seconds(-301), Some(Defect::NotYetValid)),
    ] {
        assert_eq!(defects(&decide(&tree, spec, now)), defect.into_iter().collect::<Vec<_>>(), "{now}");
    }
}

#[test]
fn stops_at_what_cannot_go_on_and_says_why() {
    let (tree, other) = (p256_tree(), p256_tree());
    let spec = tree.spec("apiserver");
    let (certificate, key) = tree.pair("apiserver");
    let pem = certificate.to_pem();
    let anchors = |tree: &Tree, ca: &str| vec![tree.cas[ca].certificate().clone()];
    let whole = Found { certificate: Some(&pem), key: Some(key.public_key()) };

    let same_name = broken(pki::decide(spec, whole, Some(&anchors(&other, "ca")), NOW));
    assert_eq!(same_name.defect, Defect::WrongCa);
    assert_eq!(same_name.found, "another CA that is called CN=kubernetes too");
    let other_name = broken(pki::decide(spec, whole, Some(&anchors(&tree, "front-proxy-ca")), NOW));
    assert!(
        other_name.to_string().starts_with("pki: apiserver: issuer: expected ca (CN=front-proxy-ca, sha256:")
    );
    assert_eq!(other_name.found, "CN=kubernetes");
    let no_ca = broken(pki::decide(spec, whole, None, NOW));
    assert_eq!(no_ca.expected, "no certificate as long as its CA ca is not there");

    let foreign_key = Found { key: Some(other.pair("apiserver").1.public_key()), ..whole };
    assert_eq!(
        broken(pki::decide(spec, foreign_key, Some(&anchors(&tree, "ca")), NOW)).defect,
        Defect::KeyMismatch
    );
    let no_key = broken(pki::decide(spec, Found { key: None, ..whole }, Some(&anchors(&tree, "ca")), NOW));
    assert_eq!(
        no_key.to_string(),
        "pki: apiserver: key: expected apiserver.key, found no key (put the key there, or remove the certificate)"
    );

    // A leaf where a CA belongs.
    let not_a_ca = broken(pki::decide(tree.spec("ca"), whole, None, NOW));
    assert_eq!((not_a_ca.defect, not_a_ca.code()), (Defect::NotACa, Code::PKI_NOT_A_CA));
    let garbage = Found {
        certificate: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        key: None,
    };
    assert!(matches!(pki::decide(spec, garbage, None, NOW), Decision::Broken(PkiError::Certificate { .. })));
    assert!(matches!(
        pki::decide(spec, Found { certificate: Some(""), key: None }, None, NOW),
        Decision::Broken(PkiError::Pem { .. })
    ));
}

#[test]
fn warns_of_leaves_that_are_to_outlive_their_ca() {
    let periods =
        "certificateValidityPeriod: 48h\ncaCertificateValidityPeriod: 24h\nencryptionAlgorithm: ECDSA-P256";
    let config = config("n1", "192.0.2.1", periods);
    let (tree, clients) = (pki::control_plane(&config).unwrap(), pki::kubeconfigs(&config));
    let findings = pki::check::terms(&tree, tree.iter().chain(clients.iter().map(|spec| &spec.client)));
    assert_eq!(findings.len(), 7 + 5);
    assert_eq!(
        findings[0].to_string(),
        "pki: apiserver: validity: expected a lifetime of at most 24h0m0s, that of ca, found 48h0m0s (it ends with its issuer: renew the issuer, or shorten the lifetime)"
    );
    let usual = pki::control_plane(&case("minimal")).unwrap();
    assert_eq!(pki::check::terms(&usual, &usual), []);
}

#[test]
fn says_when_a_signature_cannot_be_checked() {
    // Both statements of the algorithm are changed to one that is not accepted, as SHA-1 is not.
    let tree = p256_tree();
    let (leaf, ca) = (&tree.leaves["apiserver"], tree.cas["ca"].certificate());
    let (known, other) =
        (b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x01\x01");
    let mut der = leaf.certificate.der().to_vec();
    for at in (0..der.len() - known.len()).rev() {
        if der[at..].starts_with(known) {
            der[at..at + other.len()].copy_from_slice(other);
        }
    }
    let old = Certificate::from_der(&der).unwrap();
    let findings =
        pki::check::certificate(tree.spec("apiserver"), &[old], None, std::slice::from_ref(ca), NOW);
    assert_eq!(findings[0].defect, Defect::WrongCa);
    assert_eq!(
        findings[0].found,
        "a signature of a kind that is not accepted (1.2.840.10045.4.1.1 by a key of kind ECDSA-P256)"
    );
}

#[test]
fn completes_what_an_earlier_run_left_half_done() {
    let tree = p256_tree();
    assert!(matches!(pki::decide(tree.spec("ca"), Found::default(), None, NOW), Decision::Create));
    let key = tree.cas["ca"].key().unwrap();
    let lone = Found { certificate: None, key: Some(key.public_key()) };
    assert_eq!(defects(&pki::decide(tree.spec("ca"), lone, None, NOW)), []);
    let rsa = Tree::of_config(&case("minimal"));
    assert_eq!(defects(&pki::decide(rsa.spec("ca"), lone, None, NOW)), [Defect::Algorithm]);
    let copy = KeyPair::from_pem(&key.to_pem()).unwrap();
    let again = issuing(|with| Ca::self_signed_with(tree.spec("ca"), copy, with).unwrap());
    assert!(tree.leaves["apiserver"].certificate.is_signed_by(again.certificate()));

    let spec = KeySpec { path: "sa", algorithm: KeyAlgorithm::EcdsaP256 };
    let other = tree.cas["etcd-ca"].key().unwrap().public_key();
    let own = key.public_key();
    assert!(matches!(pki::decide_key(&spec, None, None), KeyDecision::Create));
    assert!(
        matches!(pki::decide_key(&spec, Some(own), None), KeyDecision::WritePublic { findings } if findings.is_empty())
    );
    assert!(
        matches!(pki::decide_key(&spec, Some(own), Some(own)), KeyDecision::Keep { findings } if findings.is_empty())
    );
    for (private, code) in [(Some(other), Code::PKI_CERTIFICATE_KEY_MISMATCH), (None, Code::PKI_KEY_MISSING)]
    {
        match pki::decide_key(&spec, private, Some(own)) {
            KeyDecision::Broken(error) => assert_eq!(error.code(), code),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_external_ca_is_seen_and_what_it_must_have_signed_is_listed() {
    let tree = p256_tree();
    let pem = tree.cas["ca"].chain_pem();
    let without_key = Found { certificate: Some(&pem), key: None };
    assert!(
        matches!(pki::decide(tree.spec("ca"), without_key, None, NOW), Decision::External { findings } if findings.is_empty())
    );
    assert_eq!(CaMode::of(true, false), CaMode::External);

    let kubeconfigs: Vec<_> = tree.kubeconfigs.iter().map(|(spec, _)| spec.clone()).collect();
    let required = external::required("ca", &tree.specs, &kubeconfigs);
    let files: Vec<_> = required.files().collect();
    assert_eq!(
        files.join(" "),
        "apiserver.crt apiserver.key apiserver-kubelet-client.crt apiserver-kubelet-client.key \
         admin.conf super-admin.conf kubelet.conf controller-manager.conf scheduler.conf"
    );
    required.check(tree.spec("ca"), |_| true).unwrap();
    let error =
        required.check(tree.spec("ca"), |file| !file.starts_with("apiserver.") && file != "kubelet.conf");
    assert_eq!(
        error.unwrap_err().to_string(),
        "pki: ca: expected what an external CA has signed, found no apiserver.crt, apiserver.key, kubelet.conf (have it signed by that CA, or put ca.key there)"
    );
    let front_proxy: Vec<_> =
        external::required("front-proxy-ca", &tree.specs, &kubeconfigs).files().collect();
    assert_eq!(front_proxy, ["front-proxy-client.crt", "front-proxy-client.key"]);
}

#[test]
fn requests_go_out_and_certificates_come_in() {
    let tree = Tree::of_config(&case("ha"));
    let clients = tree.kubeconfigs.iter().map(|(spec, _)| &spec.client);
    let specs: Vec<_> = tree.specs.iter().chain(clients).collect();
    let requested = issuing(|with| csr::requests(specs.iter().copied(), with).unwrap());
    assert_eq!(requested.len(), 12, "seven leaves and five kubeconfigs");
    for request in &requested {
        let spec = specs.iter().find(|spec| spec.name == request.name).unwrap();
        let ca = &tree.cas[spec.issuer.as_ref().unwrap()];
        let read = Csr::from_pem(&request.request).unwrap();
        assert_eq!(read.public_key(), request.key.public_key());
        assert_eq!(read.dns_names(), spec.dns_names);
        assert_eq!(read.ip_addresses(), spec.ip_addresses);
        let signed = issuing(|with| ca.sign_csr(&request.request, spec, with).unwrap());
        let anchors = [ca.certificate().clone()];
        let (certificate, warnings) =
            csr::accept(&signed, request.key.public_key(), spec, &anchors, NOW).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(certificate.info().class(), Some(spec.class));
        // What was signed for another key, by another CA or too long ago is not taken.
        let other_key = tree.cas["etcd-ca"].key().unwrap().public_key();
        let refused = |key, anchors: &[Certificate], now| {
            csr::accept(&signed, key, spec, anchors, now).unwrap_err().code()
        };
        assert_eq!(refused(other_key, &anchors, NOW), Code::PKI_CERTIFICATE_KEY_MISMATCH);
        assert_eq!(refused(request.key.public_key(), &[], NOW), Code::PKI_WRONG_CA);
        assert_eq!(
            refused(request.key.public_key(), &anchors, NOW.plus_seconds(2 * YEAR)),
            Code::PKI_EXPIRED
        );
    }
}

#[test]
fn requests_are_read_from_rcgen_and_refused_when_they_differ() {
    let ca = &p256_tree().cas["ca"];
    let mut params =
        rcgen::CertificateParams::new(["b.example", "a.example", "192.0.2.7"].map(String::from)).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "team-a");
    params.distinguished_name.push(rcgen::DnType::CommonName, "jane");
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = Csr::from_pem(&pem).unwrap();
    let spec = request.spec("jane", "ca", CertClass::Peer).unwrap();
    assert_eq!(spec.dns_names, ["a.example", "b.example"]);
    let signed = issuing(|with| ca.sign_csr(&pem, &spec, with).unwrap());
    let certificate = Certificate::from_pem(&signed).unwrap();
    assert_eq!(certificate.info().subject.to_string(), "O=team-a,CN=jane");
    assert_eq!(certificate.public_key(), request.public_key());

    let refused = |change: fn(&mut CertSpec)| {
        let mut spec = spec.clone();
        change(&mut spec);
        issuing(|with| ca.sign_csr(&pem, &spec, with).unwrap_err().to_string())
    };
    assert_eq!(
        refused(|spec| spec.subject = Subject::named("admin")),
        "pki: certificate request for jane: expected subject CN=admin, found O=team-a,CN=jane (make a new request)"
    );
    assert_eq!(
        refused(|spec| spec.dns_names.clear()),
        "pki: certificate request for jane: expected 192.0.2.7, found a.example, b.example, 192.0.2.7 (make a new request)"
    );

    // Other kinds of names than a spec can say.
    params.subject_alt_names.push(rcgen::SanType::URI("spiffe://x".try_into().unwrap()));
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let error = Csr::from_pem(&pem).unwrap().spec("jane", "ca", CertClass::Client).unwrap_err();
    assert!(error.to_string().contains("found URI:spiffe://x"), "{error}");
}

#[test]
fn a_request_that_its_key_did_not_sign_is_refused() {
    let tree = p256_tree();
    let key = &tree.leaves["apiserver"].key;
    let pem = csr::request(tree.spec("apiserver"), key).unwrap();
    let mut der = Csr::from_pem(&pem).unwrap().der().to_vec();
    let at = der.windows(4).position(|bytes| bytes == b"kube").unwrap();
    der[at] = b'c';
    let error = Csr::from_der(&der).unwrap_err();
    assert_eq!(error.code(), Code::PKI_REQUEST);
    assert!(
        error
            .to_string()
            .starts_with("pki: certificate request for CN=cube-apiserver: expected a signature by")
    );
}

#[test]
fn renewal_keeps_everything_but_key_and_term_also_long_after_the_end() {
    let tree = p256_tree();
    let later = NOW.plus_seconds(7 * YEAR);
    let clients = tree.kubeconfigs.iter().map(|(spec, issued)| (spec.file, issued));
    for (name, old) in tree.leaves.iter().map(|(name, issued)| (name.as_str(), issued)).chain(clients) {
        let ca = &tree.cas
            [tree.specs.iter().find(|spec| spec.name == name).map_or("ca", |s| s.issuer.as_deref().unwrap())];
        let new = at(later, |with| renew(name, &old.certificate, ca, &Renewal::default(), with).unwrap());
        let (was, is) = (old.certificate.info(), new.certificate.info());
        assert_eq!(new.certificate.subject().der(), old.certificate.subject().der());
        assert_eq!(
            (&was.dns_names, &was.ip_addresses, &was.extensions),
            (&is.dns_names, &is.ip_addresses, &is.extensions)
        );
        assert_eq!((&was.ext_key_usage, &was.key_algorithm), (&is.ext_key_usage, &is.key_algorithm));
        assert_eq!((is.not_before, is.not_after), (later.plus_seconds(-300), later.plus_seconds(YEAR)));
        assert_ne!(new.key.public_key(), old.key.public_key());
        assert_ne!(was.serial, is.serial);
        assert!(new.certificate.is_signed_by(ca.certificate()));
    }
}

#[test]
fn renewal_takes_what_it_is_told() {
    let tree = p256_tree();
    let (ca, old) = (&tree.cas["ca"], &tree.leaves["apiserver"].certificate);
    let mut names = tree.spec("apiserver").clone();
    names.dns_names.push("lb.example".into());
    let renewal = Renewal {
        algorithm: Some(KeyAlgorithm::EcdsaP384),
        validity: Some(GoDuration::from_seconds(3_600)),
        names: Some(&names),
    };
    let new = issuing(|with| renew("apiserver", old, ca, &renewal, with).unwrap()).certificate;
    assert!(new.info().dns_names.contains(&"lb.example".to_owned()));
    assert_eq!(
        (new.info().key_algorithm.as_str(), new.info().not_after),
        ("ECDSA-P384", NOW.plus_seconds(3_600))
    );

    issuing(|with| {
        let error = renew("ca", ca.certificate(), ca, &Renewal::default(), with).unwrap_err().to_string();
        assert_eq!(error, "pki: ca: expected a leaf certificate to renew, found a CA");
        // Names beyond O and CN survive too, which kubeadm would drop.
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CountryName, "CH");
        params.subject_alt_names = vec![rcgen::SanType::URI("spiffe://x".try_into().unwrap())];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let foreign = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let foreign = Certificate::from_der(foreign.der()).unwrap();
        let new = renew("x", &foreign, ca, &Renewal::default(), with).unwrap().certificate;
        assert_eq!(new.subject().der(), foreign.subject().der());
        assert_eq!(new.info().other_names, ["URI:spiffe://x"]);
    });
}

#[test]
fn reports_when_what_ends() {
    let tree = p256_tree();
    let specs: Vec<_> = tree.kubeconfigs.iter().map(|(spec, _)| spec.clone()).collect();
    let report = ExpirationReport::new(
        &tree.specs,
        &specs,
        |name| match tree.kubeconfigs.iter().find(|(spec, _)| spec.file == name) {
            _ if name == "etcd-peer" => None,
            Some((_, issued)) => Some(&issued.certificate),
            None => Some(tree.pair(name).0),
        },
        |ca| ca == "front-proxy-ca",
        NOW.plus_seconds(86_400 + 1),
    );
    let names: Vec<_> = report.certificates.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(
        names.join(" "),
        "admin.conf apiserver apiserver-etcd-client apiserver-kubelet-client controller-manager.conf \
         etcd-healthcheck-client etcd-peer etcd-server front-proxy-client scheduler.conf super-admin.conf"
    );
    let table = report.to_table();
    for line in [
        "admin.conf                 Nov 23, 2027 03:02 UTC   363d            ca                      no",
        "front-proxy-client         Nov 23, 2027 03:02 UTC   363d            front-proxy-ca          yes",
        "!MISSING! etcd-peer",
        "front-proxy-ca          Nov 20, 2036 03:02 UTC   9y              yes",
    ] {
        assert!(table.lines().any(|own| own.trim_end() == line), "{line}\n{table}");
    }
    assert_eq!(report.to_json()["certificateAuthorities"][2]["externallyManaged"], true);
}

#[test]
fn one_flipped_bit_and_nothing_is_trusted() {
    let tree = p256_tree();
    let ca = tree.cas["etcd-ca"].certificate();
    let leaf = &tree.leaves["etcd-server"];
    let request = csr::request(tree.spec("etcd-server"), &leaf.key).unwrap();
    let request = Csr::from_pem(&request).unwrap();
    let flips = |der: &[u8]| {
        (0..der.len() * 8)
            .map(|bit| {
                let mut der = der.to_vec();
                der[bit / 8] ^= 1 << (bit % 8);
                (bit, der)
            })
            .collect::<Vec<_>>()
    };
    for (bit, der) in flips(leaf.certificate.der()).into_iter().chain(flips(ca.der())) {
        if let Ok(damaged) = Certificate::from_der(&der) {
            assert!(!damaged.is_signed_by(ca), "bit {bit}");
            let _ = (
                damaged.info().class(),
                format!("{damaged:?}"),
                serde_json::to_string(damaged.info()).unwrap(),
            );
        }
    }
    for (bit, der) in flips(request.der()) {
        assert!(Csr::from_der(&der).is_err(), "bit {bit}");
    }
}
