//! What hinders a store of addresses on the Kubernetes API.

use crate::{
    api::ApiError,
    error::{Code, Details, Problem},
};

/// What hinders a store of addresses on the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesStoreError {
    /// The API server cannot be reached or refuses.
    ///
    /// After a lost answer ([`ApiError::is_retryable`]) the change may have been carried out: repeat the call.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// An option is not usable.
    #[error("store: {option}: expected {expected}, found {found:?}")]
    #[non_exhaustive]
    Options {
        /// The option.
        option: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What was given, cut to 256 characters.
        found: String,
    },
    /// A ConfigMap holds no more.
    #[error(
        "store: ConfigMap {name}: {size} bytes of at most {most}: release addresses, or use the store in etcd for so large a network"
    )]
    #[non_exhaustive]
    Full {
        /// `NAMESPACE/NAME`.
        name: String,
        /// The size it would have.
        size: usize,
        /// The most that an API server takes.
        most: usize,
    },
    /// The ConfigMap is another's.
    #[error(
        "store: ConfigMap {name}: expected the label {expected}, found {found:?}: choose another network name"
    )]
    #[non_exhaustive]
    Foreign {
        /// `NAMESPACE/NAME`.
        name: String,
        /// The label of this store's objects.
        expected: &'static str,
        /// What is there, cut to 256 characters.
        found: String,
    },
    /// Others were faster each time.
    #[error("store: {what}: others were faster in each of {attempts} attempts: try again later")]
    #[non_exhaustive]
    Contended {
        /// What was attempted.
        what: String,
        /// How often.
        attempts: u32,
    },
}

impl From<ApiError> for KubernetesStoreError {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Problem for KubernetesStoreError {
    fn code(&self) -> Code {
        match self {
            Self::Api(error) => error.code(),
            Self::Options { .. } => Code::KUBERNETES_STORE_OPTIONS,
            Self::Full { .. } => Code::KUBERNETES_STORE_FULL,
            Self::Foreign { .. } => Code::KUBERNETES_STORE_FOREIGN,
            Self::Contended { .. } => Code::KUBERNETES_STORE_CONTENDED,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Api(error) => return error.details(),
            Self::Options { option, expected, found } => {
                details.field = Some((*option).to_owned());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Full { name, size, most } => {
                details.path = Some(name.clone());
                details.expected = Some(format!("at most {most} bytes"));
                details.found = Some(format!("{size} bytes"));
            }
            Self::Foreign { name, expected, found } => {
                details.path = Some(name.clone());
                details.expected = Some((*expected).to_owned());
                details.found = Some(found.clone());
            }
            Self::Contended { .. } => details.retryable = true,
        }
        details
    }
}
