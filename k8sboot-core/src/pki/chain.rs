//! From a certificate up to one that is trusted.

use super::Certificate;

/// More certificates than this between leaf and root are not followed.
const LIMIT: usize = 8;

/// Whether `leaf` is signed by one of `anchors`, directly or through `between`.
///
/// Like Go, every anchor is trusted as it stands, whether it is a root or not. Path lengths count; times do not.
pub(super) fn leads_to(leaf: &Certificate, between: &[Certificate], anchors: &[Certificate]) -> bool {
    climb(leaf, between, anchors, 0)
}

/// The certificates of `others` that stand above `certificate`, itself first.
pub(super) fn above<'a>(certificate: &'a Certificate, others: &'a [Certificate]) -> Vec<&'a Certificate> {
    let mut path = vec![certificate];
    while let Some(next) = path.last().and_then(|last| {
        others
            .iter()
            .find(|other| last.is_signed_by(other) && !path.iter().any(|seen| seen.der() == other.der()))
    }) {
        path.push(next);
        if path.len() > LIMIT {
            break;
        }
    }
    path
}

fn climb(
    certificate: &Certificate,
    between: &[Certificate],
    anchors: &[Certificate],
    cas_below: usize,
) -> bool {
    let signs = |issuer: &&Certificate| {
        let length = issuer.info().path_length.and_then(|length| usize::try_from(length).ok());
        length.is_none_or(|length| cas_below <= length) && certificate.is_signed_by(issuer)
    };
    anchors.iter().any(|anchor| signs(&anchor))
        || (cas_below < LIMIT
            && between.iter().filter(signs).any(|issuer| {
                issuer.der() != certificate.der() && climb(issuer, between, anchors, cas_below + 1)
            }))
}
