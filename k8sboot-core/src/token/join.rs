//! The command that adds a node to the cluster, word for word as kubeadm prints it.

use std::fmt;

use super::{BootstrapToken, CaPin, TokenError};
use crate::{pki::CertificateKey, secret::SecretBytes};

/// What a node needs to join: where the cluster is, a token, and how to recognise the cluster.
///
/// The text is the one of `kubeadm init` and `kubeadm token create --print-join-command`, blanks at the line ends
/// included. `Display` and `Debug` show `<value withheld>` for the token and the certificate key, as kubeadm does with
/// `--skip-token-print --skip-certificate-key-print`; [`expose`](Self::expose) gives the real command.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::token::{CaPin, JoinCommand};
/// let command = JoinCommand::worker("192.0.2.10:6443", "abcdef.0123456789abcdef".parse()?, vec![CaPin::new([0xab; 32])])?;
/// assert_eq!(
///     command.expose_line().expose_str(),
///     Some("kubeadm join 192.0.2.10:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash \
///           sha256:abababababababababababababababababababababababababababababababab "),
/// );
/// assert!(command.to_string().starts_with("kubeadm join 192.0.2.10:6443 --token <value withheld> \\\n\t--discovery"));
/// # Ok::<(), k8sboot_core::token::TokenError>(())
/// ```
#[derive(Clone)]
pub struct JoinCommand {
    endpoint: String,
    token: BootstrapToken,
    pins: Vec<CaPin>,
    role: JoinRole,
}

/// As what a node joins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JoinRole {
    /// Runs pods only.
    Worker,
    /// Runs the control plane too.
    ControlPlane {
        /// The key of the uploaded certificates; `None` if the certificates are brought to the node in another way.
        certificate_key: Option<CertificateKey>,
    },
}

impl JoinCommand {
    /// The command for a worker. `endpoint` is `HOST:PORT` of the API servers, IPv6 addresses in brackets.
    ///
    /// # Errors
    ///
    /// [`TokenError::PinMissing`] without a pin: kubeadm would refuse the command.
    pub fn worker(
        endpoint: impl Into<String>,
        token: BootstrapToken,
        pins: Vec<CaPin>,
    ) -> Result<Self, TokenError> {
        Self::new(endpoint.into(), token, pins, JoinRole::Worker)
    }

    /// The command for a further control plane. `certificate_key` is given if certificates were uploaded.
    ///
    /// # Errors
    ///
    /// [`TokenError::PinMissing`] without a pin: kubeadm would refuse the command.
    pub fn control_plane(
        endpoint: impl Into<String>,
        token: BootstrapToken,
        pins: Vec<CaPin>,
        certificate_key: Option<CertificateKey>,
    ) -> Result<Self, TokenError> {
        Self::new(endpoint.into(), token, pins, JoinRole::ControlPlane { certificate_key })
    }

    fn new(
        endpoint: String,
        token: BootstrapToken,
        pins: Vec<CaPin>,
        role: JoinRole,
    ) -> Result<Self, TokenError> {
        if pins.is_empty() {
            return Err(TokenError::PinMissing);
        }
        Ok(Self { endpoint, token, pins, role })
    }

    /// `HOST:PORT` of the API servers, IPv6 addresses in brackets.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The token that finds the cluster and authenticates.
    #[must_use]
    pub const fn token(&self) -> &BootstrapToken {
        &self.token
    }

    /// The pins of the cluster's certificate authorities; any one suffices.
    #[must_use]
    pub fn pins(&self) -> &[CaPin] {
        &self.pins
    }

    /// As what the node joins.
    #[must_use]
    pub const fn role(&self) -> &JoinRole {
        &self.role
    }

    /// The command on several lines with its secrets, as the end of `kubeadm init` shows it. Do not log it.
    #[must_use]
    pub fn expose(&self) -> SecretBytes {
        SecretBytes::from(self.text(&Shown::Secrets, " \\\n\t"))
    }

    /// The command on one line with its secrets, as `kubeadm token create --print-join-command`. Do not log it.
    #[must_use]
    pub fn expose_line(&self) -> SecretBytes {
        SecretBytes::from(self.text(&Shown::Secrets, " "))
    }

    fn text(&self, shown: &Shown, line_break: &str) -> String {
        let token = shown.secret(self.token.expose());
        let mut text = format!("kubeadm join {} --token {token}{line_break}", self.endpoint);
        for pin in &self.pins {
            text.push_str(&format!("--discovery-token-ca-cert-hash {pin} "));
        }
        if let JoinRole::ControlPlane { certificate_key } = &self.role {
            // The blank of the line break is there already: every pin ends with one.
            text.push_str(line_break.strip_prefix(' ').unwrap_or(line_break));
            text.push_str("--control-plane ");
            if let Some(key) = certificate_key {
                text.push_str("--certificate-key ");
                text.push_str(shown.secret(key.expose().expose_str().unwrap_or_default()));
            }
        }
        text
    }
}

enum Shown {
    Secrets,
    Placeholders,
}

impl Shown {
    fn secret<'a>(&self, secret: &'a str) -> &'a str {
        match self {
            Self::Secrets => secret,
            Self::Placeholders => "<value withheld>",
        }
    }
}

impl fmt::Display for JoinCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&Shown::Placeholders, " \\\n\t"))
    }
}

impl fmt::Debug for JoinCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinCommand({:?})", self.text(&Shown::Placeholders, " "))
    }
}
