//! Bootstrap tokens `id.secret`: parse, compare, generate.
//!
//! Format: Kubernetes "Authenticating with Bootstrap Tokens",
//! <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

use std::{fmt, str::FromStr};

use super::{TokenError, constant_time};
use crate::secret::SecretBytes;

const ID_LEN: usize = 6;
const SECRET_LEN: usize = 16;

/// The public half of a token: 6 characters of `[a-z0-9]`. Names the token's Secret; not a secret itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenId {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        check_part("id", text, ID_LEN)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bootstrap token `id.secret`, matching `[a-z0-9]{6}\.[a-z0-9]{16}`.
///
/// `Debug` shows the id alone and there is no `Display`: [`expose`](Self::expose) is the only way to the secret half.
/// The memory is wiped on drop. Equality takes the same time wherever two tokens differ.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::BootstrapToken;
/// let token: BootstrapToken = "abcdef.0123456789abcdef".parse()?;
/// assert_eq!(token.id().as_str(), "abcdef");
/// assert_eq!(format!("{token:?}"), "BootstrapToken(abcdef.<redacted>)");
/// assert_eq!(token.expose(), "abcdef.0123456789abcdef");
/// # Ok::<(), k8sboot_core::token::TokenError>(())
/// ```
#[derive(Clone)]
pub struct BootstrapToken {
    id: TokenId,
    text: SecretBytes,
}

impl BootstrapToken {
    /// Joins the two halves.
    ///
    /// # Errors
    ///
    /// [`TokenError::Part`] names the half that is not of the right form.
    pub fn from_parts(id: &str, secret: &str) -> Result<Self, TokenError> {
        let id: TokenId = id.parse()?;
        check_part("secret", secret, SECRET_LEN)?;
        Ok(Self { text: SecretBytes::from(format!("{id}.{secret}")), id })
    }

    /// The public half.
    #[must_use]
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole token. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_str().unwrap_or_default()
    }

    /// The secret half.
    #[cfg(any(feature = "config", feature = "crypto"))]
    pub(crate) fn secret(&self) -> &str {
        self.expose().get(ID_LEN + 1..).unwrap_or_default()
    }

    /// Whether both halves are the same, in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        constant_time::equal(self.text.expose(), other.text.expose())
    }

    /// Draws a token uniformly from all 36²² of them, from the stream `token`.
    ///
    /// A seeded source gives the same token again; use [`generate_for`](Self::generate_for) for a second one.
    ///
    /// # Errors
    ///
    /// [`TokenError::Entropy`] when the source fails.
    #[cfg(feature = "crypto")]
    pub fn generate(entropy: &dyn crate::entropy::Entropy) -> Result<Self, TokenError> {
        Self::generate_for(entropy, "token")
    }

    /// As [`generate`](Self::generate), from the stream named `purpose`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Entropy`] when the source fails.
    #[cfg(feature = "crypto")]
    pub fn generate_for(entropy: &dyn crate::entropy::Entropy, purpose: &str) -> Result<Self, TokenError> {
        let text = random_text(&mut *entropy.stream(purpose))?;
        let (id, secret) = text.split_at_checked(ID_LEN).unwrap_or_default();
        Self::from_parts(id, secret)
    }
}

impl PartialEq for BootstrapToken {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl Eq for BootstrapToken {}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootstrapToken({}.<redacted>)", self.id)
    }
}

impl FromStr for BootstrapToken {
    type Err = TokenError;

    /// Reads exactly `id.secret`: no white space, no capitals, nothing after it.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        match text.split_once('.') {
            Some((id, secret)) if !secret.contains('.') => Self::from_parts(id, secret),
            _ => Err(TokenError::Shape {
                found_len: text.chars().count(),
                dots: text.bytes().filter(|b| *b == b'.').count(),
            }),
        }
    }
}

fn check_part(part: &'static str, text: &str, expected_len: usize) -> Result<(), TokenError> {
    let found_len = text.chars().count();
    let stranger = text.chars().position(|c| !matches!(c, 'a'..='z' | '0'..='9'));
    match stranger.filter(|at| *at < expected_len) {
        None if found_len == expected_len => Ok(()),
        at => {
            let position = at.unwrap_or(expected_len.min(found_len));
            Err(TokenError::Part { part, expected_len, position, found_len })
        }
    }
}

/// 22 characters, each of the 36 equally likely: bytes from 252 on are thrown away, for 252 = 7 · 36.
#[cfg(feature = "crypto")]
fn random_text(stream: &mut dyn crate::entropy::Stream) -> Result<zeroize::Zeroizing<String>, TokenError> {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const WANTED: usize = ID_LEN + SECRET_LEN;
    // One round in about 70 000 leaves a character missing; a source that leaves them missing this often is broken.
    const ROUNDS: usize = 64;
    let mut text = zeroize::Zeroizing::new(String::with_capacity(WANTED));
    let mut bytes = zeroize::Zeroizing::new([0_u8; 2 * WANTED]);
    for _ in 0..ROUNDS {
        stream.fill(&mut *bytes).map_err(|source| TokenError::Entropy { source })?;
        let letters = bytes.iter().filter(|b| **b < 252).filter_map(|b| ALPHABET.get(usize::from(b % 36)));
        let missing = WANTED - text.len();
        text.extend(letters.map(|b| char::from(*b)).take(missing));
        if text.len() == WANTED {
            return Ok(text);
        }
    }
    Err(TokenError::Entropy { source: crate::entropy::EntropyError { wanted: WANTED } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_and_says_where() {
        for (text, want) in [
            ("", "token: expected ID.SECRET ([a-z0-9]{6}.[a-z0-9]{16}), found 0 characters with 0 dots"),
            ("abcdef0123456789abcdef", "found 22 characters with 0 dots"),
            ("abcdef.0123.456789abcdef", "found 24 characters with 2 dots"),
            (
                "ABCdef.0123456789abcdef",
                "token id: expected 6 characters of [a-z0-9], position 0 of 6 is not one",
            ),
            ("abcdefg.0123456789abcdef", "token id: expected 6 characters of [a-z0-9], position 6 of 7"),
            ("abcdé.0123456789abcdef", "token id: expected 6 characters of [a-z0-9], position 4 of 5"),
            ("abcdef.0123456789abcde", "token secret: expected 16 characters of [a-z0-9], position 15 of 15"),
            (
                "abcdef.0123456789abcde\n",
                "token secret: expected 16 characters of [a-z0-9], position 15 of 16",
            ),
            (
                "abcdef.0123456789abcdef\n",
                "token secret: expected 16 characters of [a-z0-9], position 16 of 17",
            ),
        ] {
            let got = text.parse::<BootstrapToken>().unwrap_err().to_string();
            assert!(got.contains(want), "{text}: {got}");
            assert!(!got.contains("0123456789abcde"), "{got}");
        }
    }

    #[test]
    fn equality_looks_at_both_halves() {
        let token = |text: &str| text.parse::<BootstrapToken>().unwrap();
        assert_eq!(token("abcdef.0123456789abcdef"), token("abcdef.0123456789abcdef"));
        assert_ne!(token("abcdef.0123456789abcdef"), token("abcdef.0123456789abcdeg"));
        assert_ne!(token("abcdef.0123456789abcdef"), token("abcdeg.0123456789abcdef"));
    }

    #[cfg(feature = "crypto")]
    mod generated {
        use super::*;
        use crate::entropy::{Entropy, EntropyError, Seeded, Stream, System};

        /// Repeats one byte for ever, or fails if there is none.
        struct Constant(Option<u8>);
        impl Entropy for Constant {
            fn stream<'a>(&'a self, _purpose: &str) -> Box<dyn Stream + 'a> {
                Box::new(Self(self.0))
            }
        }
        impl Stream for Constant {
            fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
                out.fill(self.0.ok_or(EntropyError { wanted: out.len() })?);
                Ok(())
            }
        }

        #[test]
        fn every_character_is_equally_likely() {
            let mut counts = std::collections::BTreeMap::<char, u32>::new();
            for round in 0..10_000 {
                let token =
                    BootstrapToken::generate_for(&Seeded::new(b"k8sboot"), &round.to_string()).unwrap();
                for c in token.expose().chars().filter(|c| *c != '.') {
                    *counts.entry(c).or_default() += 1;
                }
            }
            assert_eq!(counts.len(), 36);
            // 220 000 draws: 6 111 of each expected, standard deviation 77. Without rejection it is 6 875 of 0 to 3.
            assert!(counts.values().all(|n| n.abs_diff(6_111) < 350), "{counts:?}");
        }

        #[test]
        fn fresh_ones_differ_and_parse() {
            let (a, b) =
                (BootstrapToken::generate(&System).unwrap(), BootstrapToken::generate(&System).unwrap());
            assert_ne!(a, b);
            assert_eq!(a.expose().parse::<BootstrapToken>().unwrap(), a);
        }

        #[test]
        fn a_broken_source_is_an_error_and_never_an_endless_loop() {
            for source in [Constant(None), Constant(Some(255)), Constant(Some(252))] {
                let error = BootstrapToken::generate(&source).unwrap_err();
                assert!(matches!(error, TokenError::Entropy { .. }), "{error}");
            }
            let edge = BootstrapToken::generate(&Constant(Some(251))).unwrap();
            assert_eq!(edge.expose(), "zzzzzz.zzzzzzzzzzzzzzzz");
        }
    }
}
