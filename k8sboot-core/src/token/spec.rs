//! Token specifications: what a token is for and how long it lives.
//!
//! Source: kubeadm's `bootstrapTokens` (v1beta4) and its `token` commands. Where kubeadm contradicts itself, this does
//! what the fields say:
//!
//! | given | kubeadm 1.36 | here |
//! |---|---|---|
//! | `expires` | unusable: the default of `ttl` contradicts it | the end of life |
//! | a negative `ttl` | a token that never expires | refused |
//! | `usages: [signing]` | unusable: the default group needs `authentication` | no default group |
//! | one id twice | the last wins, silently | refused |

use std::collections::BTreeMap;

use super::{BootstrapToken, TokenError, TokenId};
use crate::{
    config::v1beta4,
    time::{GoDuration, Timestamp},
};

/// The group that the tokens of kubeadm give by default: its members may join nodes.
pub const DEFAULT_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

const DEFAULT_TTL: GoDuration = GoDuration::from_seconds(24 * 3_600);
const GROUP_PREFIX: &str = "system:bootstrappers:";
const GROUP_NAME_MAX: usize = 256;

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// For ever.
    Forever,
    /// This long from its creation; more than zero.
    For(GoDuration),
    /// Until a point in time.
    Until(Timestamp),
}

impl Ttl {
    /// The end of life of a token that is made `now`; `None` means never.
    ///
    /// Fractions of a second are dropped, as the Secret has no place for them.
    #[must_use]
    pub fn expiration(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            Self::For(duration) => Some(now.plus(duration)),
            Self::Until(end) => Some(end),
        }
    }
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usages {
    /// The controller manager signs cluster-info with it.
    pub signing: bool,
    /// It is a bearer token of the API server.
    pub authentication: bool,
}

impl Usages {
    /// Signing and authentication, the default.
    pub const ALL: Self = Self { signing: true, authentication: true };
    /// Neither: the token only marks a lifetime.
    pub const NONE: Self = Self { signing: false, authentication: false };
}

/// A token with its lifetime and rights: what one Secret `bootstrap-token-ID` says.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::{TokenSpec, Ttl};
/// let spec = TokenSpec::new("abcdef.0123456789abcdef".parse()?);
/// assert_eq!(spec.ttl, Ttl::For("24h".parse()?));
/// let secret = spec.to_secret("2026-11-23T03:02:02Z".parse()?)?;
/// assert_eq!(secret.key().name, "bootstrap-token-abcdef");
/// assert_eq!(TokenSpec::from_secret(&secret)?.ttl, Ttl::Until("2026-11-24T03:02:02Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpec {
    /// The token itself.
    pub token: BootstrapToken,
    /// How long it lives. Default: 24 hours.
    pub ttl: Ttl,
    /// What it may be used for. Default: [`Usages::ALL`].
    pub usages: Usages,
    /// Groups of whoever authenticates with it, beside `system:bootstrappers`. Default: [`DEFAULT_GROUP`].
    pub groups: Vec<String>,
    /// For people; may be empty.
    pub description: String,
}

impl TokenSpec {
    /// A token with kubeadm's defaults: 24 hours, all usages, the default group, no description.
    #[must_use]
    pub fn new(token: BootstrapToken) -> Self {
        Self {
            token,
            ttl: Ttl::For(DEFAULT_TTL),
            usages: Usages::ALL,
            groups: vec![DEFAULT_GROUP.to_owned()],
            description: String::new(),
        }
    }

    /// One entry of `bootstrapTokens`, defaults filled in as the table of this module says.
    ///
    /// A `ttl` of zero means for ever; without `ttl` and `expires` it is 24 hours. Beside `expires` only this default may
    /// stand, which is then without effect.
    ///
    /// # Errors
    ///
    /// [`TokenError::Shape`] or [`TokenError::Part`] for the token, [`TokenError::Lifetime`] for a negative `ttl`, an
    /// `expires` that is no time, or both; [`TokenError::Usage`], [`TokenError::Group`] and
    /// [`TokenError::GroupsWithoutAuthentication`] for the rights.
    pub fn from_config(entry: &v1beta4::BootstrapToken) -> Result<Self, TokenError> {
        let token: BootstrapToken = entry.token.expose().parse()?;
        let ttl = lifetime(token.id(), entry)?;
        let mut usages = if entry.usages.is_empty() { Usages::ALL } else { Usages::NONE };
        for usage in &entry.usages {
            match usage.as_str() {
                "signing" => usages.signing = true,
                "authentication" => usages.authentication = true,
                _ => return Err(TokenError::Usage { id: token.id().to_string(), found: usage.clone() }),
            }
        }
        let groups = match entry.groups.as_slice() {
            [] if usages.authentication => vec![DEFAULT_GROUP.to_owned()],
            given => given.to_vec(),
        };
        let spec = Self { token, ttl, usages, groups, description: entry.description.clone() };
        spec.check_groups()?;
        Ok(spec)
    }

    /// All entries of `bootstrapTokens`, in their order.
    ///
    /// # Errors
    ///
    /// As [`from_config`](Self::from_config); [`TokenError::Duplicate`] when an id comes twice.
    pub fn all_from_config(entries: &[v1beta4::BootstrapToken]) -> Result<Vec<Self>, TokenError> {
        let specs = entries.iter().map(Self::from_config).collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeMap::new();
        for (second, spec) in specs.iter().enumerate() {
            if let Some(first) = seen.insert(spec.token.id(), second) {
                return Err(TokenError::Duplicate { id: spec.token.id().to_string(), first, second });
            }
        }
        Ok(specs)
    }

    /// Whether a token with this lifetime and these groups can be made `now`.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), TokenError> {
        match self.ttl {
            Ttl::For(duration) if duration <= GoDuration::ZERO => {
                return Err(not_positive(self.token.id(), duration));
            }
            Ttl::Until(end) if end <= now => {
                return Err(TokenError::Lifetime {
                    id: self.token.id().to_string(),
                    field: "expires",
                    expected: "a time to come",
                    found: end.to_string(),
                });
            }
            _ => {}
        }
        self.check_groups()
    }

    pub(super) fn check_groups(&self) -> Result<(), TokenError> {
        let id = || self.token.id().to_string();
        if let Some(group) = self.groups.iter().find(|group| !is_group(group)) {
            return Err(TokenError::Group { id: id(), found: group.clone() });
        }
        if !self.usages.authentication && !self.groups.is_empty() {
            return Err(TokenError::GroupsWithoutAuthentication { id: id(), count: self.groups.len() });
        }
        Ok(())
    }
}

fn lifetime(id: &TokenId, entry: &v1beta4::BootstrapToken) -> Result<Ttl, TokenError> {
    let wrong = |field, expected, found: &str| TokenError::Lifetime {
        id: id.to_string(),
        field,
        expected,
        found: found.chars().take(80).collect(),
    };
    let expires = entry.expires.as_deref().filter(|text| !text.is_empty());
    // Reading a configuration fills the default in whether there is an `expires` or not.
    let ttl = entry.ttl.filter(|ttl| expires.is_none() || *ttl != DEFAULT_TTL);
    match (ttl, expires) {
        (None, None) => Ok(Ttl::For(DEFAULT_TTL)),
        (Some(GoDuration::ZERO), None) => Ok(Ttl::Forever),
        (Some(ttl), None) if ttl < GoDuration::ZERO => Err(not_positive(id, ttl)),
        (Some(ttl), None) => Ok(Ttl::For(ttl)),
        (None, Some(text)) => text
            .parse()
            .map(Ttl::Until)
            .map_err(|_| wrong("expires", "a time like 2026-11-23T03:02:02Z (RFC 3339)", text)),
        (Some(_), Some(text)) => Err(wrong("expires", "nothing beside ttl (remove one of them)", text)),
    }
}

fn not_positive(id: &TokenId, ttl: GoDuration) -> TokenError {
    TokenError::Lifetime {
        id: id.to_string(),
        field: "ttl",
        expected: "a duration of zero (for ever) or more",
        found: ttl.to_string(),
    }
}

/// `\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z`, as the API server checks it.
fn is_group(text: &str) -> bool {
    text.strip_prefix(GROUP_PREFIX).is_some_and(|name| {
        name.len() <= GROUP_NAME_MAX
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b':' | b'-'))
            && name.bytes().last().is_some_and(|b| !matches!(b, b':' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> v1beta4::BootstrapToken {
        let token = v1beta4::SecretText::new("abcdef.0123456789abcdef");
        v1beta4::BootstrapToken { token, ..Default::default() }
    }

    #[test]
    fn an_empty_entry_is_kubeadms_default_token() {
        let spec = TokenSpec::from_config(&entry()).unwrap();
        assert_eq!(spec, TokenSpec::new("abcdef.0123456789abcdef".parse().unwrap()));
    }

    #[test]
    fn lifetimes() {
        let ttl = |ttl: Option<&str>, expires: Option<&str>| {
            let entry = v1beta4::BootstrapToken {
                ttl: ttl.map(|text| text.parse().unwrap()),
                expires: expires.map(str::to_owned),
                ..entry()
            };
            TokenSpec::from_config(&entry).map(|spec| spec.ttl).map_err(|error| error.to_string())
        };
        let end = "2027-01-01T00:00:00Z";
        assert_eq!(ttl(Some("0s"), None), Ok(Ttl::Forever));
        assert_eq!(ttl(Some("4h"), None), Ok(Ttl::For("4h".parse().unwrap())));
        assert_eq!(ttl(None, Some(end)), Ok(Ttl::Until(end.parse().unwrap())));
        assert_eq!(ttl(Some("24h"), Some(end)), Ok(Ttl::Until(end.parse().unwrap())));
        assert_eq!(
            ttl(Some("-5m"), None).unwrap_err(),
            "token: abcdef: ttl: expected a duration of zero (for ever) or more, found -5m0s"
        );
        assert_eq!(
            ttl(Some("1h"), Some(end)).unwrap_err(),
            "token: abcdef: expires: expected nothing beside ttl (remove one of them), found 2027-01-01T00:00:00Z"
        );
        assert!(ttl(None, Some("tomorrow")).unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn a_token_that_only_signs_has_no_groups() {
        let signing = v1beta4::BootstrapToken { usages: vec!["signing".into()], ..entry() };
        let spec = TokenSpec::from_config(&signing).unwrap();
        assert_eq!((spec.usages, spec.groups.len()), (Usages { signing: true, authentication: false }, 0));
        let grouped = v1beta4::BootstrapToken { groups: vec![DEFAULT_GROUP.into()], ..signing };
        assert_eq!(
            TokenSpec::from_config(&grouped).unwrap_err().to_string(),
            "token: abcdef: groups: expected none without the usage authentication, found 1 (add the usage)"
        );
    }

    #[test]
    fn unknown_usages_and_groups_are_named() {
        let usage = v1beta4::BootstrapToken { usages: vec!["signing".into(), "sign".into()], ..entry() };
        let error = TokenSpec::from_config(&usage).unwrap_err().to_string();
        assert_eq!(error, "token: abcdef: usages: expected signing or authentication, found \"sign\"");
        let group = v1beta4::BootstrapToken { groups: vec!["system:masters".into()], ..entry() };
        let error = TokenSpec::from_config(&group).unwrap_err().to_string();
        assert!(error.ends_with("found \"system:masters\""), "{error}");
    }

    #[test]
    fn an_id_twice_is_refused() {
        let other =
            v1beta4::BootstrapToken { token: v1beta4::SecretText::new("ghijkl.0123456789abcdef"), ..entry() };
        assert_eq!(TokenSpec::all_from_config(&[entry(), other.clone()]).unwrap().len(), 2);
        let error = TokenSpec::all_from_config(&[entry(), other, entry()]).unwrap_err().to_string();
        assert_eq!(error, "token: abcdef: expected every id once, found it at 0 and 2 (remove one of them)");
    }

    #[test]
    fn group_lengths() {
        let group = |len: usize| format!("{GROUP_PREFIX}{}", "a".repeat(len));
        for (len, want) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(is_group(&group(len)), want, "{len}");
        }
    }
}
