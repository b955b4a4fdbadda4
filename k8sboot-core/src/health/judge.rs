//! From evidence to the one reason that explains most.

use std::time::Duration;

use super::{
    Answered, Check, ContainerLog, Evidence, Reason, TlsFailure,
    log::{line_with, telling_line},
};

/// How far two clocks may be apart, in seconds, before that is told as the reason.
#[must_use]
pub const fn largest_skew() -> Duration {
    Duration::from_secs(120)
}

/// The kernel keeps this many bytes of a process's name.
const COMM: usize = 15;
const CGROUP_MARKS: [&str; 3] = [
    "misconfiguration: kubelet cgroup driver",
    "is different from docker cgroup driver",
    "cgroup driver mismatch",
];
const IMAGE_MARKS: [&str; 4] =
    ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "Failed to pull image"];

/// Why a component is not healthy; `None` if it is.
///
/// What answers is judged before what the node shows, and what is certain before what is only likely.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::health::{Answered, Check, Evidence, Reason, judge};
/// let check = Check {
///     component: "kube-scheduler".into(), server: "https://127.0.0.1:10259".into(), path: "/livez".into(),
///     authenticated: false,
/// };
/// let seen = Evidence { answered: Answered::Http { code: 200, body: "ok".into() }, ..Evidence::default() };
/// assert_eq!(judge(&check, &seen), None);
/// let seen = Evidence { answered: Answered::Refused, ..Evidence::default() };
/// assert_eq!(judge(&check, &seen), Some(Reason::NotListening));
/// ```
#[must_use]
pub fn judge(check: &Check, seen: &Evidence) -> Option<Reason> {
    let taken = |said: &str| Reason::PortTaken {
        port: check.port().unwrap_or_default(),
        by: seen.listener.clone(),
        said: said.to_owned(),
    };
    if check.authenticated && matches!(seen.answered, Answered::Http { code: 200, .. }) {
        // Its certificate proves who it is.
        return None;
    }
    if seen.listener.as_ref().is_some_and(|listener| !is_named(&listener.name, &check.component)) {
        return Some(match &seen.answered {
            Answered::Strange(said) => taken(said),
            _ => taken(""),
        });
    }
    Some(match &seen.answered {
        Answered::Http { code: 200, .. } => return None,
        // It knows who asks, and not yet what that one may do.
        Answered::Http { code: 403, .. } if check.authenticated => {
            Reason::Starting { failing: vec!["authorization".to_owned()] }
        }
        Answered::Http { code: code @ (401 | 403), body } => {
            skew(seen).unwrap_or_else(|| match check.authenticated {
                true => {
                    Reason::Unauthorized { said: format!("{code} {}", beginning(body)).trim_end().to_owned() }
                }
                false => Reason::Unhealthy { status: *code, said: beginning(body) },
            })
        }
        Answered::Http { code, body } => match failing(body) {
            failing if !failing.is_empty() => Reason::Starting { failing },
            _ if *code == 404 => taken("it answers 404"),
            _ => Reason::Unhealthy { status: *code, said: beginning(body) },
        },
        Answered::Strange(said) => taken(said),
        Answered::Silent(within) => Reason::NoAnswer { within: *within },
        Answered::Tls(failure) => skew(seen).unwrap_or_else(|| match failure {
            TlsFailure::OtherAuthority => Reason::OtherAuthority,
            TlsFailure::Name(said) => Reason::CertificateName { said: said.clone() },
            TlsFailure::Expired(said) => Reason::CertificateExpired { said: said.clone() },
            TlsFailure::NotYetValid(said) => Reason::NotYetValid { said: said.clone() },
            TlsFailure::ClientRefused(said) => Reason::Unauthorized { said: said.clone() },
        }),
        Answered::Unreachable(said) => Reason::Unreachable { said: said.clone() },
        Answered::Refused | Answered::Nothing => absent(check, seen),
    })
}

/// Why nobody listens.
fn absent(check: &Check, seen: &Evidence) -> Reason {
    if let Some(said) = line_with(&seen.kubelet.log_tail, &CGROUP_MARKS) {
        return Reason::CgroupDriver { said };
    }
    if seen.running == Some(true) {
        return Reason::Starting { failing: Vec::new() };
    }
    if check.component == "kubelet" {
        return if seen.running == Some(false) { Reason::KubeletNotRunning } else { Reason::NotListening };
    }
    if let Some(ContainerLog { restarts, tail }) = &seen.log {
        let said = telling_line(tail);
        return if said.contains("certificate has expired") || said.contains("certificate is not yet valid") {
            if said.contains("not yet valid") {
                Reason::NotYetValid { said }
            } else {
                Reason::CertificateExpired { said }
            }
        } else if said.contains("address already in use") {
            Reason::PortTaken { port: check.port().unwrap_or_default(), by: None, said }
        } else {
            Reason::Exited { restarts: *restarts, said }
        };
    }
    let images = seen.kubelet.log_tail.lines().filter(|line| line.contains(&check.component));
    let images: Vec<&str> = images.collect();
    if let Some(said) = line_with(&images.join("\n"), &IMAGE_MARKS) {
        return Reason::Image { said };
    }
    match (seen.kubelet.running, seen.running) {
        (Some(false), _) => Reason::KubeletNotRunning,
        (Some(true), Some(false)) => Reason::NotStarted,
        _ => Reason::NotListening,
    }
}

/// Whether the kernel's short name of a process is a component's.
fn is_named(name: &str, component: &str) -> bool {
    let short = component.get(..COMM).unwrap_or(component);
    name == short
}

fn skew(seen: &Evidence) -> Option<Reason> {
    let there = seen.server_time?;
    let apart = seen.now.seconds().abs_diff(there.seconds());
    (apart > largest_skew().as_secs()).then_some(Reason::ClockSkew { here: seen.now, there })
}

/// The checks that fail, of an answer with `?verbose`: `[-]etcd failed: reason withheld`.
fn failing(body: &str) -> Vec<String> {
    body.lines()
        .filter_map(|line| line.strip_prefix("[-]")?.split(' ').next().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .collect()
}

fn beginning(body: &str) -> String {
    let text: String = body.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{KubeletSigns, Process};

    fn check(component: &str, port: u16) -> Check {
        Check {
            component: component.to_owned(),
            server: format!("https://127.0.0.1:{port}"),
            path: "/livez".to_owned(),
            authenticated: component == "kube-apiserver",
        }
    }

    fn name(component: &str, seen: &Evidence) -> &'static str {
        judge(&check(component, 6443), seen).map_or("healthy", |reason| reason.name())
    }

    fn answered(answered: Answered) -> Evidence {
        Evidence { answered, now: "2026-11-23T00:00:00Z".parse().unwrap(), ..Evidence::default() }
    }

    fn http(code: u16, body: &str) -> Answered {
        Answered::Http { code, body: body.to_owned() }
    }

    #[test]
    fn what_answers_is_judged_first() {
        for (given, want) in [
            (http(200, "ok"), "healthy"),
            (http(500, "[+]ping ok\n[-]etcd failed: reason withheld\n"), "starting"),
            (http(500, "broken"), "unhealthy"),
            (http(404, "not found"), "portTaken"),
            (http(401, "Unauthorized"), "unauthorized"),
            (http(403, "forbidden"), "starting"),
            (Answered::Strange("what answers does not speak TLS".into()), "portTaken"),
            (Answered::Silent(Duration::from_secs(2)), "noAnswer"),
            (Answered::Tls(TlsFailure::OtherAuthority), "otherAuthority"),
            (Answered::Tls(TlsFailure::NotYetValid(String::new())), "notYetValid"),
            (Answered::Tls(TlsFailure::Expired(String::new())), "certificateExpired"),
            (Answered::Tls(TlsFailure::Name(String::new())), "certificateName"),
            (Answered::Tls(TlsFailure::ClientRefused(String::new())), "unauthorized"),
            (Answered::Unreachable("no route".into()), "unreachable"),
            (Answered::Refused, "notListening"),
        ] {
            assert_eq!(name("kube-apiserver", &answered(given.clone())), want, "{given:?}");
        }
    }

    #[test]
    fn a_program_of_another_name_has_the_port_even_if_it_answers_well() {
        let by = |name: &str| Some(Process { pid: 7, name: name.to_owned() });
        let seen = Evidence { listener: by("nginx"), ..answered(http(200, "ok")) };
        let reason = judge(&check("kube-scheduler", 10259), &seen).unwrap();
        assert_eq!(reason.to_string(), "port 10259 is another program's (nginx, process 7)");
        assert_eq!(name("kube-apiserver", &seen), "healthy", "its certificate was checked");
        let seen = Evidence { listener: by("kube-controller"), ..answered(http(200, "ok")) };
        assert_eq!(name("kube-controller-manager", &seen), "healthy");
    }

    #[test]
    fn a_clock_that_is_wrong_explains_a_refusal() {
        let there = |time: &str| Evidence {
            server_time: Some(time.parse().unwrap()),
            ..answered(http(401, "Unauthorized"))
        };
        assert_eq!(name("kube-apiserver", &there("2026-11-23T01:00:00Z")), "clockSkew");
        assert_eq!(name("kube-apiserver", &there("2026-11-23T00:01:00Z")), "unauthorized");
    }

    #[test]
    fn why_nobody_listens() {
        let log = |tail: &str| Some(ContainerLog { restarts: 3, tail: tail.to_owned() });
        let kubelet = |running, log_tail: &str| KubeletSigns { running, log_tail: log_tail.to_owned() };
        let refused = || answered(Answered::Refused);
        let in_use = "2026-11-23T00:00:00Z stderr F E1123 failed to listen: bind: address already in use\n";
        let expired = "2026-11-23T00:00:00Z stderr F E1123 tls: certificate has expired\n";
        let image = "Nov 23 kubelet: Failed to pull image \"registry.example/kube-apiserver:v9\"\n";
        let driver = "kubelet: misconfiguration: kubelet cgroup driver: \"systemd\" is different\n";
        for (seen, want) in [
            (Evidence { running: Some(true), ..refused() }, "starting"),
            (Evidence { running: Some(false), log: log("Error: bad flag\n"), ..refused() }, "exited"),
            (Evidence { log: log(in_use), ..refused() }, "portTaken"),
            (Evidence { log: log(expired), ..refused() }, "certificateExpired"),
            (Evidence { kubelet: kubelet(Some(true), image), ..refused() }, "image"),
            (Evidence { kubelet: kubelet(None, driver), ..refused() }, "cgroupDriver"),
            (
                Evidence { kubelet: kubelet(Some(false), ""), running: Some(false), ..refused() },
                "kubeletNotRunning",
            ),
            (Evidence { kubelet: kubelet(Some(true), ""), running: Some(false), ..refused() }, "notStarted"),
        ] {
            assert_eq!(name("kube-apiserver", &seen), want, "{seen:?}");
        }
        assert_eq!(name("kubelet", &Evidence { running: Some(false), ..refused() }), "kubeletNotRunning");
    }

    #[test]
    fn every_reason_says_something_and_what_to_do() {
        let seen = answered(http(500, "[-]etcd failed: x\n[-]poststarthook/a failed: x\n"));
        let reason = judge(&check("kube-apiserver", 6443), &seen).unwrap();
        assert_eq!(reason.to_string(), "it is starting; not ready: etcd, poststarthook/a");
        assert!(!reason.remedy().is_empty());
    }
}
