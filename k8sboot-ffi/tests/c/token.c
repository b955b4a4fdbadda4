/* Bootstrap tokens: each function once right, once wrong. */
#include "check.h"

/* Signed by kube-controller-manager's rules (RFC 7515, appendix F), see k8sboot_core::token::jws. */
static const char token[] = "abcdef.0123456789abcdef";
static const char signature[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..0TaMGHmkUmrmJzX2IZH40z8KPjHdxhjPikTkoySmxlA";
static const uint8_t content[] = {'x'};

static void made_and_checked(void)
{
    k8sboot_buf_t *fresh = NULL, *id = NULL;
    CHECK_OK(k8sboot_token_generate(&fresh, &err));
    CHECK(k8sboot_buf_len(fresh) == 23);
    CHECK_OK(k8sboot_token_check(k8sboot_buf_data(fresh), &err));
    CHECK_OK(k8sboot_token_id(k8sboot_buf_data(fresh), &id, &err));
    CHECK(k8sboot_buf_len(id) == 6 && memcmp(k8sboot_buf_data(id), k8sboot_buf_data(fresh), 6) == 0);
    k8sboot_buf_free(fresh);
    k8sboot_buf_free(id);

    CHECK_FAILS(k8sboot_token_generate(NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_token_check("abcdef", &err), K8SBOOT_E_TOKEN_SHAPE, "token");
    CHECK_FAILS(k8sboot_token_check(NULL, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_check("abc\xff", &err), K8SBOOT_E_UTF8, "at byte 3");
    CHECK_FAILS(k8sboot_token_id("abcdef.0123456789abcdeF", &id, &err), K8SBOOT_E_TOKEN_PART, "token secret");
    CHECK(id == NULL);
    CHECK_FAILS(k8sboot_token_id(NULL, &id, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_id(token, NULL, &err), K8SBOOT_E_NULL, "argument out");
}

static void signs_and_verifies(void)
{
    k8sboot_buf_t *made = NULL;
    CHECK_OK(k8sboot_token_sign(token, content, sizeof content, &made, &err));
    CHECK(strcmp(k8sboot_buf_data(made), signature) == 0);
    k8sboot_buf_free(made);
    CHECK_OK(k8sboot_token_verify(token, content, sizeof content, signature, &err));
    CHECK_OK(k8sboot_token_sign(token, NULL, 0, &made, &err));
    CHECK_OK(k8sboot_token_verify(token, NULL, 0, k8sboot_buf_data(made), &err));
    k8sboot_buf_free(made);

    CHECK_FAILS(k8sboot_token_sign(NULL, content, 1, &made, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_sign(token, NULL, 1, &made, &err), K8SBOOT_E_NULL, "argument content");
    CHECK_FAILS(k8sboot_token_sign(token, content, SIZE_MAX, &made, &err), K8SBOOT_E_MISUSE, "argument content");
    CHECK_FAILS(k8sboot_token_sign(token, content, 1, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_token_verify(token, NULL, 0, signature, &err), K8SBOOT_E_TOKEN_SIGNATURE, "abcdef");
    CHECK_FAILS(k8sboot_token_verify(token, content, 1, "x", &err), K8SBOOT_E_TOKEN_SIGNATURE_SHAPE, "abcdef");
    CHECK_FAILS(k8sboot_token_verify(token, content, 1, NULL, &err), K8SBOOT_E_NULL, "argument signature");
    CHECK_FAILS(k8sboot_token_verify(token, content, 1, "\xff", &err), K8SBOOT_E_UTF8, "argument signature");
    CHECK_FAILS(k8sboot_token_verify(NULL, content, 1, signature, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_verify(token, NULL, 1, signature, &err), K8SBOOT_E_NULL, "argument content");
}

static void joins(void)
{
    static const char pin[] = "sha256:abababababababababababababababababababababababababababababababab";
    const char *pins[] = {pin, pin};
    const char *not_all[] = {pin, NULL};
    const char *wrong[] = {"sha1:ab"};
    static const char key[] = "f8902e114ef118304e561c3ecd4d0b543adc226b7a07f675f56564185ffe0c07";
    const char *where = "192.0.2.10:6443";
    k8sboot_buf_t *line = NULL;
    CHECK_OK(k8sboot_token_join_command(token, where, pins, 2, K8SBOOT_ROLE_WORKER, NULL, &line, &err));
    CHECK(strstr(k8sboot_buf_data(line), "kubeadm join 192.0.2.10:6443 --token abcdef.0123456789abcdef") != NULL);
    k8sboot_buf_free(line);
    CHECK_OK(k8sboot_token_join_command(token, where, pins, 1, K8SBOOT_ROLE_CONTROL_PLANE, key, &line, &err));
    CHECK(strstr(k8sboot_buf_data(line), "--certificate-key f8902e11") != NULL);
    k8sboot_buf_free(line);

    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, 1, 2, NULL, &line, &err), K8SBOOT_E_ENUM, "argument role");
    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, 1, 0, key, &line, &err), K8SBOOT_E_MISUSE,
                "argument certificate_key");
    CHECK_FAILS(k8sboot_token_join_command(token, where, NULL, 0, 0, NULL, &line, &err), K8SBOOT_E_TOKEN_PIN_MISSING, "pin");
    CHECK_FAILS(k8sboot_token_join_command(token, where, NULL, 1, 0, NULL, &line, &err), K8SBOOT_E_NULL, "argument pins");
    CHECK_FAILS(k8sboot_token_join_command(token, where, not_all, 2, 0, NULL, &line, &err), K8SBOOT_E_NULL, "argument pins");
    CHECK_FAILS(k8sboot_token_join_command(token, where, wrong, 1, 0, NULL, &line, &err), K8SBOOT_E_TOKEN_PIN_SHAPE, "sha1");
    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, SIZE_MAX / 2, 0, NULL, &line, &err), K8SBOOT_E_MISUSE,
                "argument pins");
    CHECK_FAILS(k8sboot_token_join_command(token, NULL, pins, 1, 0, NULL, &line, &err), K8SBOOT_E_NULL, "argument endpoint");
    CHECK_FAILS(k8sboot_token_join_command(NULL, where, pins, 1, 0, NULL, &line, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, 1, 0, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, 1, 1, "\xff", &line, &err), K8SBOOT_E_UTF8,
                "argument certificate_key");
    CHECK_FAILS(k8sboot_token_join_command(token, where, pins, 1, 1, "c0ffee", &line, &err), K8SBOOT_E_PKI_CERTIFICATE_KEY, "");
    CHECK(line == NULL);
}

/* A right list of pins needs a certificate: tests/parity.rs has one made by kubeadm. */
static void pins_need_certificates(void)
{
    k8sboot_buf_t *pins = NULL;
    CHECK_FAILS(k8sboot_pin_list("", &pins, &err), K8SBOOT_E_TOKEN_CERTIFICATE, "certificate");
    CHECK_FAILS(k8sboot_pin_list(NULL, &pins, &err), K8SBOOT_E_NULL, "argument certificates");
    CHECK_FAILS(k8sboot_pin_list("\xff", &pins, &err), K8SBOOT_E_UTF8, "argument certificates");
    CHECK_FAILS(k8sboot_pin_list("", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(pins == NULL);
}

static void secrets(void)
{
    k8sboot_buf_t *secret = NULL, *back = NULL;
    CHECK_OK(k8sboot_token_to_secret("{\"token\":\"abcdef.0123456789abcdef\",\"ttl\":\"0s\"}", 0, &secret, &err));
    CHECK(strstr(k8sboot_buf_data(secret), "name: bootstrap-token-abcdef") != NULL);
    CHECK_OK(k8sboot_token_from_secret(k8sboot_buf_data(secret), &back, &err));
    CHECK(strstr(k8sboot_buf_data(back), "\"token\":\"abcdef.0123456789abcdef\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(back), "expires") == NULL);
    k8sboot_buf_free(secret);
    k8sboot_buf_free(back);

    CHECK_FAILS(k8sboot_token_to_secret("[]", 0, &secret, &err), K8SBOOT_E_JSON, "argument token");
    CHECK_FAILS(k8sboot_token_to_secret("{\"tokn\":\"\"}", 0, &secret, &err), K8SBOOT_E_JSON, "unknown field `tokn`");
    CHECK_FAILS(k8sboot_token_to_secret(NULL, 0, &secret, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_to_secret("\xff", 0, &secret, &err), K8SBOOT_E_UTF8, "argument token");
    CHECK_FAILS(k8sboot_token_to_secret("{}", 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_token_from_secret("", &back, &err), K8SBOOT_E_JSON, "expected one object, found 0");
    CHECK_FAILS(k8sboot_token_from_secret("a: 1\n---\nb: 2\n", &back, &err), K8SBOOT_E_JSON, "found 2");
    CHECK_FAILS(k8sboot_token_from_secret(NULL, &back, &err), K8SBOOT_E_NULL, "argument secret");
    CHECK_FAILS(k8sboot_token_from_secret("\xff", &back, &err), K8SBOOT_E_UTF8, "argument secret");
    CHECK_FAILS(k8sboot_token_from_secret("", NULL, &err), K8SBOOT_E_NULL, "argument out");
}

/* A right document needs a certificate: tests/parity.rs has one made by kubeadm. */
static void cluster_info_is_trusted_for_a_reason(void)
{
    const char *tokens[] = {token};
    k8sboot_buf_t *text = NULL;
    CHECK_FAILS(k8sboot_cluster_info_new("https://a:6443", "", tokens, 1, &text, &err), K8SBOOT_E_TOKEN_CERTIFICATE, "");
    CHECK_FAILS(k8sboot_cluster_info_new(NULL, "", tokens, 1, &text, &err), K8SBOOT_E_NULL, "argument server");
    CHECK_FAILS(k8sboot_cluster_info_new("", NULL, tokens, 1, &text, &err), K8SBOOT_E_NULL, "argument ca_certificates");
    CHECK_FAILS(k8sboot_cluster_info_new("", "", NULL, 1, &text, &err), K8SBOOT_E_NULL, "argument tokens");
    CHECK_FAILS(k8sboot_cluster_info_new("", "", tokens, 1, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cluster_info_trusted("", token, NULL, 0, &text, &err), K8SBOOT_E_JSON, "argument config_map");
    CHECK_FAILS(k8sboot_cluster_info_trusted(NULL, token, NULL, 0, &text, &err), K8SBOOT_E_NULL, "argument config_map");
    CHECK_FAILS(k8sboot_cluster_info_trusted("", NULL, NULL, 0, &text, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_cluster_info_trusted("", token, NULL, 1, &text, &err), K8SBOOT_E_NULL, "argument pins");
    CHECK_FAILS(k8sboot_cluster_info_trusted("", token, NULL, 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(text == NULL);
}

int main(void)
{
    secrets();
    cluster_info_is_trusted_for_a_reason();
    made_and_checked();
    signs_and_verifies();
    joins();
    pins_need_certificates();
    return 0;
}
