//! Bootstrap tokens in a real cluster.

use k8sboot_core::{
    api::TokenIssue,
    error::{Code, Problem},
    token::{TokenSpec, Ttl, Usages},
};
use serde_json::json;

use super::{text, until};
use crate::cluster::{ControlPlane, real_now};

fn spec(token: &str) -> TokenSpec {
    TokenSpec::new(token.parse().unwrap())
}

#[test]
fn tokens_are_made_listed_with_what_is_wrong_and_deleted() {
    let Some(control_plane) = ControlPlane::start(&text("")) else { return };
    let client = control_plane.client();
    let now = real_now();
    let end = client.create_token(&spec("aaaaaa.0123456789abcdef"), now).unwrap();
    assert_eq!(end, Some(now.plus_seconds(86_400)));
    let again = client.create_token(&spec("aaaaaa.fedcba9876543210"), now).unwrap_err();
    assert_eq!(again.code(), Code::TOKENS_EXISTS);
    assert!(again.to_string().contains("aaaaaa") && !again.to_string().contains("fedcba"), "{again}");

    let who = || control_plane.token("aaaaaa.0123456789abcdef").kubectl(&["auth", "whoami", "-o", "json"]);
    until("the token is known", || who().is_ok_and(|said| said.contains("system:bootstrap:aaaaaa")));

    let mut other = spec("bbbbbb.0123456789abcdef");
    (other.usages, other.ttl) = (Usages { signing: true, authentication: false }, Ttl::Forever);
    other.groups.clear();
    assert_eq!(client.create_token(&other, now).unwrap(), None);
    let mut brief = spec("cccccc.0123456789abcdef");
    brief.ttl = Ttl::For("5s".parse().unwrap());
    client.create_token(&brief, now).unwrap();
    let malformed = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-dddddd", "namespace": "kube-system"},
        "stringData": {"token-id": "dddddd", "token-secret": "too short"},
    });
    control_plane.caller("super-admin.conf").create(&malformed).unwrap();

    let tokens = client.tokens(real_now()).unwrap();
    let problems = |id: &str| {
        let token = tokens.iter().find(|token| token.id == id).unwrap();
        token.problems.iter().map(TokenIssue::name).collect::<Vec<_>>()
    };
    assert!(problems("aaaaaa").is_empty());
    assert_eq!((problems("bbbbbb"), problems("dddddd")), (vec!["notAuthenticating"], vec!["malformed"]));
    let shown =
        format!("{tokens:?} {}", tokens.iter().map(|t| t.to_json(false).to_string()).collect::<String>());
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("too short"), "{shown}");

    // The controller manager has not looked for a while: until it does, the list says what is wrong.
    control_plane.pause("kube-controller-manager");
    until("the token expires", || {
        let tokens = client.tokens(real_now()).unwrap();
        tokens.iter().any(|token| token.problems.iter().any(|problem| problem.name() == "expired"))
    });
    control_plane.resume("kube-controller-manager");
    until("the tokencleaner", || client.tokens(real_now()).unwrap().iter().all(|token| token.id != "cccccc"));

    let deleted = client.delete_tokens(&["aaaaaa", "bbbbbb.ffffffffffffffff", "cccccc"]).unwrap();
    let codes: Vec<Result<String, Code>> =
        deleted.iter().map(|one| one.as_ref().map(ToString::to_string).map_err(Problem::code)).collect();
    assert_eq!(codes, [Ok("aaaaaa".to_owned()), Ok("bbbbbb".to_owned()), Err(Code::TOKENS_NOT_FOUND)]);
    until("the token is refused", || who().is_err());
    assert_eq!(client.delete_tokens(&["dddddd", "no token"]).unwrap_err().code(), Code::TOKEN_PART);
    assert_eq!(client.tokens(real_now()).unwrap().len(), 1, "nothing is deleted if a text is no token");
}
