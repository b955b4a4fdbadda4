//! Bootstrap tokens, their Secrets, cluster-info signatures and CA pins.

use std::{fmt, str::FromStr};

use crate::error::{Code, Problem, codes};
use crate::secret::SecretBytes;

codes! {
    /// A text is not a bootstrap token.
    TOKEN_SHAPE = 2001,
}

/// Errors of tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not `id.secret`.
    #[error("token: expected [a-z0-9]{{6}}.[a-z0-9]{{16}}, found {found_len} characters")]
    #[non_exhaustive]
    Shape {
        /// Length of the text.
        found_len: usize,
    },
}

impl Problem for TokenError {
    fn code(&self) -> Code {
        Code::TOKEN_SHAPE
    }
}

/// A bootstrap token `id.secret`.
#[derive(Clone)]
pub struct BootstrapToken(SecretBytes);

impl BootstrapToken {
    /// The whole token. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_str().unwrap_or_default()
    }
}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootstrapToken(<redacted>)")
    }
}

impl FromStr for BootstrapToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let lower = |part: &str, len: usize| {
            part.len() == len && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((id, secret)) if lower(id, 6) && lower(secret, 16) => {
                Ok(Self(SecretBytes::from(text.to_owned())))
            }
            _ => Err(TokenError::Shape { found_len: text.chars().count() }),
        }
    }
}
