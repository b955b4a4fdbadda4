//! When what ends: the data and the table of `kubeadm certs check-expiration`.

use serde_json::{Value, json};

use super::{CertClass, CertSpec, Certificate, KubeconfigSpec};
use crate::time::{GoDuration, Timestamp};

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiration {
    /// kubeadm's name of the certificate.
    pub name: String,
    /// The end of its validity; `None` if the certificate is missing.
    pub not_after: Option<Timestamp>,
    /// Name of its CA; `None` for CAs.
    pub ca: Option<String>,
    /// Whether the key of its CA is elsewhere.
    pub externally_managed: bool,
}

/// The report: leaves and kubeconfig clients, then CAs, each by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpirationReport {
    /// Leaves and the clients of kubeconfigs.
    pub certificates: Vec<Expiration>,
    /// Certificate authorities.
    pub authorities: Vec<Expiration>,
    /// The time that the residual times refer to.
    pub now: Timestamp,
}

impl ExpirationReport {
    /// Puts the report together.
    ///
    /// `certificate` finds what is there by kubeadm's name (`etcd-server`, `admin.conf`), `external` tells whether the
    /// key of a CA is elsewhere. kubelet.conf is left out: the kubelet renews its certificate itself.
    #[must_use]
    pub fn new<'a>(
        tree: &[CertSpec],
        kubeconfigs: &[KubeconfigSpec],
        certificate: impl Fn(&str) -> Option<&'a Certificate>,
        external: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Self {
        let line = |spec: &CertSpec| {
            let not_after = certificate(&spec.name).map(|certificate| certificate.info().not_after);
            let ca = spec.issuer.clone();
            let externally_managed = not_after.is_some() && external(ca.as_deref().unwrap_or(&spec.name));
            Expiration { name: spec.name.clone(), not_after, ca, externally_managed }
        };
        let sorted = |lines: &mut dyn Iterator<Item = &CertSpec>| {
            let mut lines: Vec<_> = lines.map(line).collect();
            lines.sort_by(|a: &Expiration, b| a.name.cmp(&b.name));
            lines
        };
        let (authorities, leaves): (Vec<_>, Vec<_>) =
            tree.iter().partition(|spec| spec.class == CertClass::Ca);
        let clients = kubeconfigs.iter().filter(|spec| spec.file != "kubelet.conf").map(|spec| &spec.client);
        Self {
            certificates: sorted(&mut leaves.into_iter().chain(clients)),
            authorities: sorted(&mut authorities.into_iter()),
            now,
        }
    }

    /// The object `CertificateExpirationInfo` of `output.kubeadm.k8s.io/v1alpha3`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let line = |line: &Expiration| {
            let mut value = json!({
                "name": line.name,
                "expirationDate": line.not_after.map(|end| end.to_string()),
                "residualTime": line.not_after.map_or(0, |end| self.left(end).seconds()),
                "externallyManaged": line.externally_managed,
            });
            if let Some(value) = value.as_object_mut() {
                if let (Some(ca), Some(_)) = (&line.ca, line.not_after) {
                    value.insert("caName".to_owned(), json!(ca));
                }
                value.insert("missing".to_owned(), json!(line.not_after.is_none()));
            }
            value
        };
        json!({
            "kind": "CertificateExpirationInfo",
            "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
            "certificates": self.certificates.iter().map(line).collect::<Vec<_>>(),
            "certificateAuthorities": self.authorities.iter().map(line).collect::<Vec<_>>(),
        })
    }

    /// The two tables, blanks at the ends of lines included, as kubeadm prints them.
    #[must_use]
    pub fn to_table(&self) -> String {
        let head = ["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"];
        let certificates = self.rows(&head, &self.certificates, true);
        let head = ["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"];
        format!("{}\n{}", table(&certificates), table(&self.rows(&head, &self.authorities, false)))
    }

    fn rows(&self, head: &[&str], lines: &[Expiration], with_ca: bool) -> Vec<Vec<String>> {
        let row = |line: &Expiration| {
            let ca = with_ca.then(|| line.ca.clone().unwrap_or_default());
            let Some(end) = line.not_after else {
                let blank = [String::new(), String::new()].into_iter().chain(ca.map(|_| String::new()));
                return std::iter::once(format!("!MISSING! {}", line.name))
                    .chain(blank)
                    .chain([String::new()])
                    .collect();
            };
            let external = if line.externally_managed { "yes     " } else { "no      " };
            [line.name.clone(), day_and_time(end), short(self.left(end))]
                .into_iter()
                .chain(ca)
                .chain([external.to_owned()])
                .collect()
        };
        std::iter::once(head.iter().map(|cell| (*cell).to_owned()).collect())
            .chain(lines.iter().map(row))
            .collect()
    }

    fn left(&self, end: Timestamp) -> GoDuration {
        GoDuration::from_seconds(end.seconds().saturating_sub(self.now.seconds()))
    }
}

/// A duration as kubeadm shows residual times: one unit, rounded down (`364d`, `9y`); `<invalid>` after the end.
///
/// Source: Kubernetes `duration.ShortHumanDuration`.
#[must_use]
pub fn short(duration: GoDuration) -> String {
    let (seconds, hours) = (duration.seconds(), duration.seconds() / 3_600);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        _ if hours < 24 => format!("{hours}h"),
        _ if hours < 24 * 365 => format!("{}d", hours / 24),
        _ => format!("{}y", hours / 24 / 365),
    }
}

/// `Nov 23, 2027 03:13 UTC`.
fn day_and_time(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, hour, minute, _) = at.civil();
    let name = MONTHS.iter().zip(1..).find(|(_, number)| *number == month).map_or("", |(name, _)| name);
    format!("{name} {day:02}, {year:04} {hour:02}:{minute:02} UTC")
}

/// Columns as wide as their widest cell and three blanks, ten at least; the last one as it is.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.len() + 3).max().unwrap_or_default().max(10)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let cell = |(index, (cell, width)): (usize, (&String, &usize))| {
            if index == last { cell.clone() } else { format!("{cell:<width$}") }
        };
        row.iter().zip(&widths).enumerate().map(cell).chain(["\n".to_owned()]).collect::<String>()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residual_times_are_short_and_rounded_down() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (86_399, "23h"),
            (86_400, "1d"),
            (365 * 86_400 - 1, "364d"),
            (365 * 86_400, "1y"),
            (3_650 * 86_400 - 1, "9y"),
        ] {
            assert_eq!(short(GoDuration::from_seconds(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn prints_the_table_of_kubeadm() {
        let line = |name: &str, end: Option<&str>, ca: Option<&str>, externally_managed| Expiration {
            name: name.into(),
            not_after: end.map(|end| end.parse().unwrap()),
            ca: ca.map(str::to_owned),
            externally_managed,
        };
        let report = ExpirationReport {
            certificates: vec![
                line("admin.conf", Some("2027-11-23T03:13:09Z"), Some("ca"), false),
                line("apiserver-kubelet-client", Some("2026-11-20T03:13:09Z"), Some("ca"), true),
                line("etcd-peer", None, Some("etcd-ca"), false),
            ],
            authorities: vec![
                line("ca", Some("2036-11-20T03:13:09Z"), None, false),
                line("etcd-ca", None, None, false),
            ],
            now: "2026-11-23T03:13:10Z".parse().unwrap(),
        };
        let expected = "\
CERTIFICATE                EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
admin.conf                 Nov 23, 2027 03:13 UTC   364d            ca                      no\x20\x20\x20\x20\x20\x20
apiserver-kubelet-client   Nov 20, 2026 03:13 UTC   <invalid>       ca                      yes\x20\x20\x20\x20\x20
!MISSING! etcd-peer                                                                         \n
CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
ca                      Nov 20, 2036 03:13 UTC   9y              no\x20\x20\x20\x20\x20\x20
!MISSING! etcd-ca                                                \n";
        assert_eq!(report.to_table(), expected);
        let json = report.to_json();
        assert_eq!(
            json["certificates"][0],
            json!({"name": "admin.conf", "expirationDate": "2027-11-23T03:13:09Z", "residualTime": 31_535_999,
                   "externallyManaged": false, "caName": "ca", "missing": false})
        );
        assert_eq!(
            json["certificates"][2],
            json!({"name": "etcd-peer", "expirationDate": null, "residualTime": 0,
                   "externallyManaged": false, "missing": true})
        );
    }
}
