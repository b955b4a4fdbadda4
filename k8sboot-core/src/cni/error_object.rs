//! The error object that a plugin prints when it fails.

use std::fmt;

use super::{
    error::CniError,
    json::{Json, Layout},
};

/// The number in an error object.
///
/// Source: CNI specification 1.1.0, "Error". 9, 10, 12 to 49 and 52 to 99 are reserved; 100 and up are the plugin's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u64);

impl ErrorCode {
    /// The plugin does not take the version of the configuration.
    pub const INCOMPATIBLE_VERSION: Self = Self(1);
    /// A field has a value that the plugin does not take; the message names both.
    pub const UNSUPPORTED_FIELD: Self = Self(2);
    /// The container is not known; the runtime need not clean up.
    pub const UNKNOWN_CONTAINER: Self = Self(3);
    /// An environment variable is missing or not valid; the message names it.
    pub const ENVIRONMENT: Self = Self(4);
    /// Reading or writing failed.
    pub const IO: Self = Self(5);
    /// Something could not be decoded.
    pub const DECODING: Self = Self(6);
    /// The network configuration is not valid.
    pub const NETWORK_CONFIG: Self = Self(7);
    /// The network namespace is not valid.
    pub const NETNS: Self = Self(8);
    /// The same call may succeed later.
    pub const TRY_AGAIN: Self = Self(11);
    /// STATUS: ADD cannot be served.
    pub const NOT_AVAILABLE: Self = Self(50);
    /// STATUS: ADD cannot be served, and containers may have limited connectivity.
    pub const LIMITED_CONNECTIVITY: Self = Self(51);
    /// Anything else; 100 until 2020.
    pub const INTERNAL: Self = Self(999);

    /// What the number means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            1 => "incompatible CNI version",
            2 => "unsupported field in the network configuration",
            3 => "unknown container",
            4 => "invalid environment variable",
            5 => "I/O failure",
            6 => "content could not be decoded",
            7 => "invalid network configuration",
            8 => "invalid network namespace",
            11 => "try again later",
            50 => "the plugin is not available",
            51 => "the plugin is not available, and containers may have limited connectivity",
            100 | 999 => "internal error of the plugin",
            0 | 9 | 10 | 12..=99 => "reserved",
            _ => "an error of the plugin's own kind",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self.0, 11 | 50 | 51)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error object that a plugin prints when it fails.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{ErrorCode, ErrorObject};
/// let error = ErrorObject::parse(br#"{"code": 7, "msg": "missing network name"}"#)?;
/// assert_eq!(error, ErrorObject::new(ErrorCode::NETWORK_CONFIG, "missing network name"));
/// assert_eq!(error.with_details("see mynet").to_string(), "missing network name; see mynet");
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorObject {
    /// The version of the protocol; the reference library leaves it out.
    pub version: Option<String>,
    /// The number.
    pub code: ErrorCode,
    /// The message.
    pub msg: String,
    /// More about it; may be empty.
    pub details: String,
}

impl ErrorObject {
    /// A number and a message.
    #[must_use]
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        Self { version: None, code, msg: msg.into(), details: String::new() }
    }

    /// Sets [`details`](Self::details).
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// Sets [`version`](Self::version).
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Reads an error object. Only `code` and `msg` are needed, and one of them will do.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`] or [`CniError::Field`], also if neither `code` nor `msg` is there.
    pub fn parse(stdout: &[u8]) -> Result<Self, CniError> {
        let document = Json::parse(stdout)?;
        let fields = document.fields()?;
        let code = fields.integer("code")?;
        let msg = fields.text("msg")?;
        if code.is_none() && msg.is_none() {
            return Err(fields.missing("msg", "an error object with code and msg"));
        }
        let code = u64::try_from(code.unwrap_or_default())
            .map_err(|_| fields.wrong("code", "a number from 0 on", code.unwrap_or_default().to_string()))?;
        Ok(Self {
            version: fields.text("cniVersion")?.filter(|text| !text.is_empty()).map(str::to_owned),
            code: ErrorCode(code),
            msg: msg.unwrap_or_default().to_owned(),
            details: fields.text("details")?.unwrap_or_default().to_owned(),
        })
    }

    /// Prints it; empty details and a version that is not set are left out.
    #[must_use]
    pub fn render(&self, layout: Layout) -> String {
        let mut members = Vec::new();
        if let Some(version) = &self.version {
            members.push(("cniVersion".to_owned(), Json::text(version)));
        }
        members.push(("code".to_owned(), Json::Number(self.code.to_string())));
        members.push(("msg".to_owned(), Json::text(&self.msg)));
        if !self.details.is_empty() {
            members.push(("details".to_owned(), Json::text(&self.details)));
        }
        Json::Object(members).render(layout)
    }
}

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, "; {}", self.details) }
    }
}

impl std::error::Error for ErrorObject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_host_local_prints() {
        let error = ErrorObject::new(ErrorCode::NETWORK_CONFIG, "invalid characters found in network name")
            .with_details("a b");
        let text = error.render(Layout::Indented);
        assert_eq!(
            text,
            "{\n    \"code\": 7,\n    \"msg\": \"invalid characters found in network name\",\n    \"details\": \"a b\"\n}"
        );
        assert_eq!(ErrorObject::parse(text.as_bytes()), Ok(error.clone()));
        let error = error.with_version("1.0.0");
        assert_eq!(ErrorObject::parse(error.render(Layout::Compact).as_bytes()), Ok(error));
    }

    #[test]
    fn reads_no_other_object_as_an_error() {
        for text in [r#"{"ips":[]}"#, "{}", r#"{"code":-1}"#, r#"{"code":"7","msg":"x"}"#, "[]", "text", ""] {
            assert!(ErrorObject::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
