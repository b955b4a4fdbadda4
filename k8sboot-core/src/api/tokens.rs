//! Bootstrap tokens in a cluster: created, listed with what is wrong with them, deleted.
//!
//! Source: kubeadm 1.36, `kubeadm token create|list|delete`; the API server's bootstrap token authenticator and the
//! controllers tokencleaner and bootstrapsigner for what makes a token useless.

use std::fmt;

use serde_json::{Value, json};

use super::{ApiError, Client, Resource};
use crate::{
    error::{Code, Details, Problem},
    manifest::Object,
    time::Timestamp,
    token::{BootstrapToken, DEFAULT_GROUP, TokenError, TokenId, TokenSpec, Ttl},
};

const NAMESPACE: &str = "kube-system";
const PREFIX: &str = "bootstrap-token-";
const OF_TYPE: &str = "fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken";

/// What hinders the work with the tokens of a cluster. No message holds a token's secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// A token with this id is there already.
    #[error(
        "token: a token with id {id} is in the cluster already (choose another one, or delete that first)"
    )]
    #[non_exhaustive]
    Exists {
        /// The id.
        id: String,
    },
    /// There is no token with this id.
    #[error(
        "token: expected Secret bootstrap-token-{id} in kube-system, found none (list the tokens; expired ones are deleted by themselves)"
    )]
    #[non_exhaustive]
    NotFound {
        /// The id.
        id: String,
    },
    /// What was given is no token, or no token that can be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The API server does not do what it is asked.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Problem for TokensError {
    fn code(&self) -> Code {
        match self {
            Self::Exists { .. } => Code::TOKENS_EXISTS,
            Self::NotFound { .. } => Code::TOKENS_NOT_FOUND,
            Self::Token(source) => source.code(),
            Self::Api(source) => source.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Token(source) => source.details(),
            Self::Api(source) => source.details(),
            Self::Exists { id } | Self::NotFound { id } => {
                Details { found: Some(id.clone()), ..Details::default() }
            }
        }
    }
}

/// A token Secret of a cluster. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedToken {
    /// The id, as the Secret's name has it.
    pub id: String,
    /// What the Secret says; nothing if it is malformed.
    pub spec: Option<TokenSpec>,
    /// When it ends; `None` means never, or that it is malformed.
    pub expires: Option<Timestamp>,
    /// What is wrong with it; empty for a token that is of use.
    pub problems: Vec<TokenIssue>,
}

/// What is wrong with a token of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenIssue {
    /// It has expired; the controller tokencleaner deletes it soon.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// It has neither usage: it is good for nothing, or only marks a lifetime.
    NoUsage {
        /// Whether it is there to remove uploaded certificates with its end.
        marks_upload: bool,
    },
    /// It does not sign cluster-info: discovery with it fails.
    NotSigning,
    /// It is not accepted as a bearer token: a node that joins with it cannot ask for its certificate.
    NotAuthenticating,
    /// It does not give the group whose members may join nodes.
    NoJoinGroup,
    /// The Secret is not as the API server wants it; it is ignored there.
    Malformed {
        /// The first thing that is wrong.
        why: String,
    },
    /// The Secret is being deleted.
    Deleting,
}

impl TokenIssue {
    /// A word for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::NoUsage { .. } => "noUsage",
            Self::NotSigning => "notSigning",
            Self::NotAuthenticating => "notAuthenticating",
            Self::NoJoinGroup => "noJoinGroup",
            Self::Malformed { .. } => "malformed",
            Self::Deleting => "deleting",
        }
    }
}

impl fmt::Display for TokenIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { at } => write!(f, "expired at {at}; the controller manager deletes it soon"),
            Self::NoUsage { marks_upload: true } => {
                f.write_str("not for joining: its end removes the uploaded certificates")
            }
            Self::NoUsage { .. } => f.write_str("has no usage: nobody can do anything with it"),
            Self::NotSigning => f.write_str(
                "lacks usage signing: discovery with it fails, cluster-info is not signed with it",
            ),
            Self::NotAuthenticating => {
                f.write_str("lacks usage authentication: the API server does not accept it")
            }
            Self::NoJoinGroup => {
                write!(f, "lacks group {DEFAULT_GROUP}: it is accepted, but no node may join with it")
            }
            Self::Malformed { why } => write!(f, "malformed, and ignored by the API server: {why}"),
            Self::Deleting => f.write_str("is being deleted"),
        }
    }
}

impl ListedToken {
    /// Whether a node can join with it.
    #[must_use]
    pub fn is_useful(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is listed of a Secret.
    fn of(secret: &Object, now: Timestamp) -> Self {
        let id = secret.key().name.strip_prefix(PREFIX).unwrap_or(&secret.key().name).to_owned();
        let mut problems = Vec::new();
        if secret.as_value().pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
            problems.push(TokenIssue::Deleting);
        }
        let spec = match TokenSpec::from_secret(secret) {
            Ok(spec) => spec,
            Err(error) => {
                problems.push(TokenIssue::Malformed { why: crate::error::chain(&error) });
                return Self { id, spec: None, expires: None, problems };
            }
        };
        let expires = match spec.ttl {
            Ttl::Until(end) => Some(end),
            Ttl::Forever | Ttl::For(_) => None,
        };
        if let Some(at) = expires.filter(|end| *end <= now) {
            problems.push(TokenIssue::Expired { at });
        }
        match (spec.usages.signing, spec.usages.authentication) {
            (false, false) => {
                let marks_upload = spec.description.contains("kubeadm-certs");
                problems.push(TokenIssue::NoUsage { marks_upload });
            }
            (false, true) => problems.push(TokenIssue::NotSigning),
            (true, false) => problems.push(TokenIssue::NotAuthenticating),
            (true, true) => {}
        }
        if spec.usages.authentication && !spec.groups.iter().any(|group| group == DEFAULT_GROUP) {
            problems.push(TokenIssue::NoJoinGroup);
        }
        Self { id, spec: Some(spec), expires, problems }
    }

    /// As JSON. The token itself, `ID.SECRET`, is in it only if `show_secret`.
    #[must_use]
    pub fn to_json(&self, show_secret: bool) -> Value {
        let problem = |problem: &TokenIssue| json!({ "name": problem.name(), "text": problem.to_string() });
        let mut value = json!({
            "id": self.id,
            "expires": self.expires.map(|end| end.to_string()),
            "useful": self.is_useful(),
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
        });
        if let (Some(fields), Some(spec)) = (value.as_object_mut(), &self.spec) {
            let mut usages = Vec::new();
            if spec.usages.signing {
                usages.push("signing");
            }
            if spec.usages.authentication {
                usages.push("authentication");
            }
            fields.insert("usages".to_owned(), json!(usages));
            fields.insert("groups".to_owned(), json!(spec.groups));
            fields.insert("description".to_owned(), json!(spec.description));
            if show_secret {
                fields.insert("token".to_owned(), json!(spec.token.expose()));
            }
        }
        value
    }
}

impl Client {
    /// The bootstrap tokens of the cluster as they are `now`, by id; malformed ones too.
    ///
    /// # Errors
    ///
    /// [`TokensError::Api`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use k8sboot_core::{api::{Client, ClientOptions, Trust}, time::Timestamp};
    /// # let client = Client::new(&ClientOptions::new("https://192.0.2.10:6443", Trust::Anyone))?;
    /// for token in client.tokens(Timestamp::from(std::time::SystemTime::now()))? {
    ///     println!("{}: {}", token.id, if token.is_useful() { "usable" } else { "not usable" });
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tokens(&self, now: Timestamp) -> Result<Vec<ListedToken>, TokensError> {
        let secrets = self.list(&Resource::SECRETS, Some(NAMESPACE), OF_TYPE)?;
        let mut tokens: Vec<ListedToken> =
            secrets.iter().map(|secret| ListedToken::of(secret, now)).collect();
        tokens.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(tokens)
    }

    /// Makes a token valid in the cluster from `now` on; gives when it ends.
    ///
    /// # Errors
    ///
    /// [`TokensError::Exists`] if its id is taken, [`TokensError::Token`] if no such token can be made,
    /// [`TokensError::Api`].
    pub fn create_token(&self, spec: &TokenSpec, now: Timestamp) -> Result<Option<Timestamp>, TokensError> {
        let secret = spec.to_secret(now)?;
        match self.create(&Resource::SECRETS, &secret) {
            Ok(_) => Ok(spec.ttl.expiration(now)),
            Err(error) if error.is_already_exists() => {
                Err(TokensError::Exists { id: spec.token.id().to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a token, given by its id or whole; the secret half is not compared, as in kubeadm. Gives the id.
    ///
    /// # Errors
    ///
    /// [`TokensError::Token`] if the text is neither an id nor a token, [`TokensError::NotFound`],
    /// [`TokensError::Api`].
    pub fn delete_token(&self, id_or_token: &str) -> Result<TokenId, TokensError> {
        let id = id_of(id_or_token)?;
        match self.delete(&Resource::SECRETS, Some(NAMESPACE), &format!("{PREFIX}{id}"))? {
            true => Ok(id),
            false => Err(TokensError::NotFound { id: id.to_string() }),
        }
    }

    /// Deletes several tokens, in their order. Nothing is deleted if one of the texts is neither an id nor a token; each
    /// of the others is tried, whatever became of those before.
    ///
    /// # Errors
    ///
    /// [`TokensError::Token`] for the first text that is no token.
    pub fn delete_tokens(
        &self,
        ids_or_tokens: &[&str],
    ) -> Result<Vec<Result<TokenId, TokensError>>, TokensError> {
        ids_or_tokens.iter().try_for_each(|text| id_of(text).map(|_| ()))?;
        Ok(ids_or_tokens.iter().map(|text| self.delete_token(text)).collect())
    }
}

fn id_of(text: &str) -> Result<TokenId, TokenError> {
    if text.contains('.') { Ok(text.parse::<BootstrapToken>()?.id().clone()) } else { text.parse() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Usages;

    fn listed(edit: impl FnOnce(&mut TokenSpec)) -> ListedToken {
        let mut spec = TokenSpec::new("abcdef.0123456789abcdef".parse().unwrap());
        edit(&mut spec);
        let made = "2026-11-22T00:00:00Z".parse().unwrap();
        ListedToken::of(&spec.to_secret(made).unwrap(), "2026-11-22T12:00:00Z".parse().unwrap())
    }

    fn names(token: &ListedToken) -> Vec<&'static str> {
        token.problems.iter().map(TokenIssue::name).collect()
    }

    #[test]
    fn a_default_token_is_of_use_and_its_secret_is_shown_on_demand_only() {
        let token = listed(|_| ());
        assert!(token.is_useful());
        let (hidden, shown) = (token.to_json(false), token.to_json(true));
        assert!(!format!("{hidden} {token:?}").contains("0123456789abcdef"));
        assert_eq!(shown["token"], "abcdef.0123456789abcdef");
        assert_eq!(hidden["expires"], "2026-11-23T00:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let usages = |signing, authentication| Usages { signing, authentication };
        let no_groups = |spec: &mut TokenSpec| spec.groups.clear();
        assert_eq!(names(&listed(|spec| spec.ttl = Ttl::For("1h".parse().unwrap()))), ["expired"]);
        assert_eq!(names(&listed(|spec| spec.usages = usages(false, true))), ["notSigning"]);
        assert_eq!(names(&listed(no_groups)), ["noJoinGroup"]);
        let signing = |spec: &mut TokenSpec| {
            spec.usages = usages(true, false);
            spec.groups.clear();
        };
        assert_eq!(names(&listed(signing)), ["notAuthenticating"]);
        let none = |spec: &mut TokenSpec| {
            spec.usages = Usages::NONE;
            spec.groups.clear();
        };
        assert_eq!(names(&listed(none)), ["noUsage"]);
    }

    #[test]
    fn an_id_or_a_token_names_a_token_and_nothing_else_does() {
        assert_eq!(id_of("abcdef").unwrap().as_str(), "abcdef");
        assert_eq!(id_of("abcdef.0123456789abcdef").unwrap().as_str(), "abcdef");
        for text in ["", "abcde", "abcdef.", "ABCDEF", "../abc", "abcdef.0123456789abcde"] {
            assert!(id_of(text).is_err(), "{text}");
        }
    }
}
