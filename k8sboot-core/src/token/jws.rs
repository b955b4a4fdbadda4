//! Detached signatures with a token: how a node without any trust anchor recognises its cluster.
//!
//! JWS (RFC 7515) in compact form with an empty middle part (its appendix F), HMAC-SHA256 with the 16 ASCII bytes of the
//! token's secret half as key. kubeadm does not parse a signature: it makes its own and compares. Hence the header must
//! be `{"alg":"HS256","kid":"ID"}` byte for byte, and "alg":"none" and similar tricks have nothing to hold on to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;

use super::{BootstrapToken, TokenError, constant_time};

/// The signature of `content`, byte for byte as the controller manager's bootstrap signer makes it.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::jws;
/// let token = "abcdef.0123456789abcdef".parse()?;
/// let signature = jws::sign(b"x", &token);
/// assert_eq!(signature, "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..0TaMGHmkUmrmJzX2IZH40z8KPjHdxhjPikTkoySmxlA");
/// jws::verify(b"x", &signature, &token)?;
/// assert!(jws::verify(b"y", &signature, &token).is_err());
/// # Ok::<(), k8sboot_core::token::TokenError>(())
/// ```
#[must_use]
pub fn sign(content: &[u8], token: &BootstrapToken) -> String {
    let protected = URL_SAFE_NO_PAD.encode(header(token));
    let input = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(content));
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.secret().as_bytes());
    let tag = hmac::sign(&key, input.as_bytes());
    format!("{protected}..{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Whether `signature` was made over exactly `content` with `token`; compares in constant time.
///
/// # Errors
///
/// [`TokenError::SignatureShape`] if it is no detached signature by a token of this id,
/// [`TokenError::Signature`] if it is one, but over other bytes or with another secret half.
pub fn verify(content: &[u8], signature: &str, token: &BootstrapToken) -> Result<(), TokenError> {
    if constant_time::equal(sign(content, token).as_bytes(), signature.as_bytes()) {
        return Ok(());
    }
    let shape = |expected: &str, found| TokenError::SignatureShape {
        id: token.id().to_string(),
        expected: expected.to_owned(),
        found,
    };
    let mut parts = signature.split('.');
    let (Some(protected), Some(payload), Some(tag), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(shape("three parts with dots between them", "another number of parts"));
    };
    if !payload.is_empty() {
        return Err(shape("an empty middle part (detached payload)", "a payload"));
    }
    if protected != URL_SAFE_NO_PAD.encode(header(token)) {
        return Err(shape(&format!("the header {}", header(token)), "another header"));
    }
    if URL_SAFE_NO_PAD.decode(tag).map_or(true, |bytes| bytes.len() != ring::digest::SHA256_OUTPUT_LEN) {
        return Err(shape("32 bytes in unpadded base64url", "something else"));
    }
    Err(TokenError::Signature { id: token.id().to_string() })
}

fn header(token: &BootstrapToken) -> String {
    format!(r#"{{"alg":"HS256","kid":"{}"}}"#, token.id())
}
