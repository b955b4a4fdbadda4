//! What discovery reads on this node.

use std::{fs::File, io::Read as _};

use crate::{discovery::DiscoveryError, pki::Certificate, secret::SecretBytes};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Where systems keep the authorities that the host trusts.
///
/// Source: Go's crypto/x509, which kubeadm uses.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file, as far as it can be a kubeconfig or a key.
pub(super) fn read(path: &str) -> Result<SecretBytes, DiscoveryError> {
    let failed = |problem: String| DiscoveryError::File { path: path.to_owned(), problem };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let regular = file.metadata().map_err(|error| failed(error.to_string()))?.is_file();
    if !regular {
        return Err(failed("expected a regular file".to_owned()));
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
}

/// The authorities that the host trusts, those that can be read.
pub(super) fn authorities() -> Result<String, DiscoveryError> {
    let found = BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
    let none = || DiscoveryError::Options {
        field: "authorities",
        expected: "the certificate authorities of this host",
        found: format!("none at {}", BUNDLES.join(", ")),
        remedy: "install ca-certificates, or give the authorities",
    };
    let usable = usable(&found.ok_or_else(none)?);
    if usable.is_empty() { Err(none()) } else { Ok(usable) }
}

/// A host's bundle may hold certificates with keys of kinds that this library does not know.
fn usable(bundle: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let begin = |block: &str| block.find("-----BEGIN CERTIFICATE-----");
    bundle
        .split_inclusive(END)
        .filter_map(|block| block.get(begin(block)?..))
        .filter(|block| Certificate::from_pem(block).is_ok())
        .map(|block| format!("{block}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_left_out_of_a_bundle() {
        assert_eq!(usable("# a comment\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "");
        assert_eq!(usable(""), "");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read("/nowhere/discovery.conf").unwrap_err().to_string();
        assert!(error.starts_with("discovery: /nowhere/discovery.conf: "), "{error}");
        assert!(read("/").unwrap_err().to_string().contains("regular file"));
    }
}
