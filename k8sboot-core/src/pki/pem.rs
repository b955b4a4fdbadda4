//! PEM (RFC 7468), read leniently and written as Go's `encoding/pem` does.
//!
//! Any text may surround the blocks, lines may end in CR LF, and several blocks may follow each other. Decoded and
//! encoded bytes are wiped on drop.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{pki::PkiError, secret::SecretBytes};

/// Columns of a line of base64.
const WIDTH: usize = 64;

/// One block, not yet decoded.
pub(super) struct Block<'a> {
    /// What stands between `-----BEGIN ` and `-----`.
    pub(super) label: &'a str,
    /// Whether an RFC 1421 header says that the content is encrypted.
    pub(super) encrypted: bool,
    lines: Vec<&'a [u8]>,
}

impl Block<'_> {
    /// The decoded content.
    ///
    /// # Errors
    ///
    /// [`PkiError::Pem`] when the content is not base64 or is empty.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        let length = self.lines.iter().map(|line| line.len()).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        for line in &self.lines {
            text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
        let mut out = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        match STANDARD.decode_slice(text.as_slice(), &mut out) {
            Ok(decoded) if decoded > 0 => {
                out.truncate(decoded);
                Ok(out)
            }
            _ => Err(PkiError::Pem { expected: "base64", found: format!("a damaged {} block", self.label) }),
        }
    }
}

/// Every complete block of `text`, in order.
///
/// A block whose END line is missing or has another label is left out, as Go does.
pub(super) fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            open = Some(Block { label, encrypted: false, lines: Vec::new() });
        } else if let Some(label) = boundary(line, b"-----END ") {
            found.extend(open.take().filter(|block| block.label == label));
        } else if let Some(block) = &mut open {
            if line.contains(&b':') {
                block.encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
            } else {
                block.lines.push(line);
            }
        }
    }
    found
}

/// The labels of `blocks` for an error message; those that are not well known stay unnamed.
pub(super) fn labels(blocks: &[Block<'_>]) -> String {
    const KNOWN: [&str; 10] = [
        "CERTIFICATE",
        "CERTIFICATE REQUEST",
        "NEW CERTIFICATE REQUEST",
        "PUBLIC KEY",
        "RSA PUBLIC KEY",
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "EC PARAMETERS",
        "ENCRYPTED PRIVATE KEY",
    ];
    match blocks {
        [] => "no PEM block".to_owned(),
        [first, rest @ ..] => {
            let name = KNOWN.into_iter().find(|known| *known == first.label).unwrap_or("unknown");
            if rest.is_empty() {
                format!("a block of kind {name}")
            } else {
                format!("{} blocks, the first of kind {name}", rest.len() + 1)
            }
        }
    }
}

/// One block of `der`.
pub(super) fn encode(label: &str, der: &[u8]) -> SecretBytes {
    let coded = base64::encoded_len(der.len(), true).unwrap_or_default();
    let mut base64 = Zeroizing::new(vec![0; coded]);
    // The buffer has exactly the size that the encoder asks for.
    let written = STANDARD.encode_slice(der, &mut base64).unwrap_or_default();
    base64.truncate(written);

    let mut out = Vec::with_capacity(coded + coded / WIDTH + 1 + 2 * label.len() + 34);
    for (piece, end) in [("-----BEGIN ", false), ("-----END ", true)] {
        if end {
            for line in base64.chunks(WIDTH) {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        out.extend_from_slice(piece.as_bytes());
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"-----\n");
    }
    SecretBytes::new(out)
}

fn boundary<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    std::str::from_utf8(label).ok().filter(|label| !label.is_empty() && !label.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_blocks_in_any_surroundings() {
        let text = b"\xef\xbb\xbfBag Attributes\r\n  name: x\r\n-----BEGIN A B-----\r\nAQID\r\n-----END A B-----\r\n\
            noise -----BEGIN X-----\n-----BEGIN LOST-----\nAQ==\n-----BEGIN C-----\nProc-Type: 4,ENCRYPTED\n\nAQ==\n-----END C-----";
        let found = blocks(text);
        assert_eq!(
            found.iter().map(|block| (block.label, block.encrypted)).collect::<Vec<_>>(),
            [("A B", false), ("C", true)]
        );
        assert_eq!(found[0].decode().unwrap().as_slice(), [1, 2, 3]);
    }

    #[test]
    fn damage_is_an_error_without_content() {
        for body in ["", "%%%%", "AQI", "AR=="] {
            let text = format!("-----BEGIN SECRETLABEL-----\n{body}\n-----END SECRETLABEL-----\n");
            let error = blocks(text.as_bytes())[0].decode().unwrap_err().to_string();
            assert!(error.contains("damaged") && (body.is_empty() || !error.contains(body)), "{error}");
        }
    }

    #[test]
    fn wraps_like_go_and_never_reallocates() {
        for length in [1, 47, 48, 49, 96, 1000] {
            let der = vec![0xa5; length];
            let pem = encode("X", &der);
            let text = pem.expose_str().unwrap();
            assert!(
                text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END X-----\n"),
                "{text}"
            );
            assert_eq!(blocks(pem.expose())[0].decode().unwrap().as_slice(), der);
        }
    }
}
