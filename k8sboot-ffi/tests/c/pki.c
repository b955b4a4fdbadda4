/* Authorities, keys, requests and kubeconfigs: each function once right, once wrong. */
#include "check.h"

static const char ca_spec[] = "{\"commonName\":\"kubernetes\",\"algorithm\":\"ECDSA-P256\",\"validity\":\"24h\"}";
static const char server[] = "{\"commonName\":\"api\",\"usages\":[\"serverAuth\"],\"dnsNames\":[\"b\",\"a\"],"
                             "\"ipAddresses\":[\"192.0.2.1\",\"2001:db8::1\"],\"algorithm\":\"ECDSA-P384\","
                             "\"validity\":\"1h\"}";
static const char names[] = "{\"commonName\":\"node\",\"organizations\":[\"group\"],\"dnsNames\":[\"node.example\"]}";
static const char wanted[] = "{\"commonName\":\"node\",\"organizations\":[\"group\"],\"dnsNames\":[\"node.example\"],"
                             "\"usages\":[\"clientAuth\"]}";

static k8sboot_ca_t *authority(void)
{
    k8sboot_ca_t *ca = NULL;
    CHECK_OK(k8sboot_ca_new(ca_spec, &ca, &err));
    return ca;
}

static void authorities_are_made_and_read(void)
{
    k8sboot_ca_t *ca = authority(), *read = NULL;
    k8sboot_buf_t *certificate = NULL, *key = NULL, *pin = NULL, *again = NULL, *list = NULL;
    CHECK_OK(k8sboot_ca_certificate(ca, &certificate, &err));
    CHECK_OK(k8sboot_ca_key(ca, &key, &err));
    CHECK_OK(k8sboot_ca_pin(ca, &pin, &err));
    CHECK(strncmp(k8sboot_buf_data(key), "-----BEGIN EC PRIVATE KEY-----\n", 31) == 0);
    CHECK(k8sboot_buf_len(pin) == 71 && strncmp(k8sboot_buf_data(pin), "sha256:", 7) == 0);
    CHECK_OK(k8sboot_pin_list(k8sboot_buf_data(certificate), &list, &err));
    CHECK(strstr(k8sboot_buf_data(list), k8sboot_buf_data(pin)) != NULL);
    k8sboot_buf_free(list);

    CHECK_OK(k8sboot_ca_from_pem(k8sboot_buf_data(certificate), k8sboot_buf_data(key), &read, &err));
    CHECK_OK(k8sboot_ca_certificate(read, &again, &err));
    CHECK(strcmp(k8sboot_buf_data(again), k8sboot_buf_data(certificate)) == 0);

    k8sboot_ca_t *none = (k8sboot_ca_t *)&none, *other = authority();
    k8sboot_buf_t *foreign = NULL;
    CHECK_OK(k8sboot_ca_key(other, &foreign, &err));
    CHECK_FAILS(k8sboot_ca_from_pem(k8sboot_buf_data(certificate), k8sboot_buf_data(foreign), &none, &err),
                K8SBOOT_E_PKI_CERTIFICATE_KEY_MISMATCH, "pki: ");
    CHECK(none == NULL);
    CHECK_FAILS(k8sboot_ca_from_pem("", k8sboot_buf_data(key), &none, &err), K8SBOOT_E_PKI_PEM, "pki: ");
    CHECK_FAILS(k8sboot_ca_from_pem(NULL, "", &none, &err), K8SBOOT_E_NULL, "argument certificates");
    CHECK_FAILS(k8sboot_ca_from_pem("", NULL, &none, &err), K8SBOOT_E_NULL, "argument key");
    CHECK_FAILS(k8sboot_ca_from_pem("\xff", "", &none, &err), K8SBOOT_E_UTF8, "argument certificates");
    CHECK_FAILS(k8sboot_ca_from_pem("", "\xff", &none, &err), K8SBOOT_E_UTF8, "argument key");
    CHECK_FAILS(k8sboot_ca_from_pem("", "", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_ca_certificate(NULL, &list, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK(list == NULL);
    CHECK_FAILS(k8sboot_ca_certificate(ca, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_ca_key(NULL, &list, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK_FAILS(k8sboot_ca_key(ca, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_ca_pin(NULL, &list, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK_FAILS(k8sboot_ca_pin(ca, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_ca_new("{}", &none, &err), K8SBOOT_E_JSON, "commonName");
    CHECK_FAILS(k8sboot_ca_new("[]", &none, &err), K8SBOOT_E_JSON, "argument spec");
    CHECK_FAILS(k8sboot_ca_new("{\"commonName\":\"a\",\"cn\":1}", &none, &err), K8SBOOT_E_JSON, "unknown field `cn`");
    CHECK_FAILS(k8sboot_ca_new("{\"commonName\":\"a\",\"algorithm\":\"RSA\"}", &none, &err), K8SBOOT_E_JSON, "RSA-2048");
    CHECK_FAILS(k8sboot_ca_new("{\"commonName\":\"a\",\"algorithm\":\"Ed25519\"}", &none, &err),
                K8SBOOT_E_PKI_ALGORITHM_REFUSED, "Ed25519");
    CHECK_FAILS(k8sboot_ca_new("{\"commonName\":\"a\",\"algorithm\":\"ECDSA-P256\",\"validity\":\"0s\"}", &none, &err),
                K8SBOOT_E_JSON, "more than 0s");
    CHECK_FAILS(k8sboot_ca_new("{\"commonName\":\"a\",\"validity\":\"1y\"}", &none, &err), K8SBOOT_E_JSON, "");
    CHECK_FAILS(k8sboot_ca_new(NULL, &none, &err), K8SBOOT_E_NULL, "argument spec");
    CHECK_FAILS(k8sboot_ca_new("\xff", &none, &err), K8SBOOT_E_UTF8, "argument spec");
    CHECK_FAILS(k8sboot_ca_new(ca_spec, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_buf_free(certificate);
    k8sboot_buf_free(key);
    k8sboot_buf_free(pin);
    k8sboot_buf_free(again);
    k8sboot_buf_free(foreign);
    k8sboot_ca_free(ca);
    k8sboot_ca_free(read);
    k8sboot_ca_free(other);
    k8sboot_ca_free(NULL);
}

static void certificates_are_issued_and_inspected(void)
{
    k8sboot_ca_t *ca = authority();
    k8sboot_buf_t *certificate = NULL, *key = NULL, *info = NULL;
    CHECK_OK(k8sboot_ca_issue(ca, server, &certificate, &key, &err));
    CHECK_OK(k8sboot_pki_inspect(k8sboot_buf_data(certificate), &info, &err));
    CHECK(strstr(k8sboot_buf_data(info), "\"schemaVersion\":1") != NULL);
    CHECK(strstr(k8sboot_buf_data(info), "\"dnsNames\":[\"a\",\"b\"]") != NULL);
    CHECK(strstr(k8sboot_buf_data(info), "\"ipAddresses\":[\"192.0.2.1\",\"2001:db8::1\"]") != NULL);
    CHECK(strstr(k8sboot_buf_data(info), "\"extKeyUsage\":[\"serverAuth\"]") != NULL);
    CHECK(strstr(k8sboot_buf_data(info), "\"keyAlgorithm\":\"ECDSA-P384\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(key), "PRIVATE KEY") != NULL);
    k8sboot_buf_free(certificate);
    k8sboot_buf_free(key);
    k8sboot_buf_free(info);

    CHECK_FAILS(k8sboot_ca_issue(ca, "{\"usages\":[]}", &certificate, &key, &err), K8SBOOT_E_JSON, "serverAuth");
    CHECK(certificate == NULL && key == NULL);
    CHECK_FAILS(k8sboot_ca_issue(ca, "{}", &certificate, &key, &err), K8SBOOT_E_JSON, "usages");
    CHECK_FAILS(k8sboot_ca_issue(ca, "{\"usages\":[\"codeSigning\"]}", &certificate, &key, &err), K8SBOOT_E_JSON, "codeSigning");
    CHECK_FAILS(k8sboot_ca_issue(ca, "{\"usages\":[\"serverAuth\"],\"ipAddresses\":[\"a\"]}", &certificate, &key, &err),
                K8SBOOT_E_JSON, "");
    CHECK_FAILS(k8sboot_ca_issue(NULL, server, &certificate, &key, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK_FAILS(k8sboot_ca_issue(ca, NULL, &certificate, &key, &err), K8SBOOT_E_NULL, "argument spec");
    CHECK_FAILS(k8sboot_ca_issue(ca, "\xff", &certificate, &key, &err), K8SBOOT_E_UTF8, "argument spec");
    CHECK_FAILS(k8sboot_ca_issue(ca, server, NULL, &key, &err), K8SBOOT_E_NULL, "argument certificate");
    CHECK_FAILS(k8sboot_ca_issue(ca, server, &certificate, NULL, &err), K8SBOOT_E_NULL, "argument key");
    CHECK_FAILS(k8sboot_pki_inspect("x", &info, &err), K8SBOOT_E_PKI_PEM, "pki: ");
    CHECK(info == NULL);
    CHECK_FAILS(k8sboot_pki_inspect(NULL, &info, &err), K8SBOOT_E_NULL, "argument certificates");
    CHECK_FAILS(k8sboot_pki_inspect("\xff", &info, &err), K8SBOOT_E_UTF8, "argument certificates");
    CHECK_FAILS(k8sboot_pki_inspect("x", NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_ca_free(ca);
}

static void requests_are_made_and_signed(void)
{
    k8sboot_ca_t *ca = authority();
    k8sboot_buf_t *key = NULL, *request = NULL, *certificate = NULL, *none = NULL;
    CHECK_OK(k8sboot_key_generate("Ed25519", &key, &err));
    CHECK_OK(k8sboot_csr_new(k8sboot_buf_data(key), names, &request, &err));
    CHECK_OK(k8sboot_ca_sign_csr(ca, k8sboot_buf_data(request), wanted, &certificate, &err));
    CHECK(strstr(k8sboot_buf_data(certificate), "BEGIN CERTIFICATE") != NULL);

    const char *asked = k8sboot_buf_data(request);
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, asked, "{\"commonName\":\"other\",\"usages\":[\"clientAuth\"]}", &none, &err),
                K8SBOOT_E_PKI_REQUEST, "other");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, asked, "{\"usages\":[\"clientAuth\"],\"algorithm\":\"RSA-2048\"}", &none, &err),
                K8SBOOT_E_JSON, "the request brings its key");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, "x", wanted, &none, &err), K8SBOOT_E_PKI_PEM, "pki: ");
    CHECK_FAILS(k8sboot_ca_sign_csr(NULL, asked, wanted, &none, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, NULL, wanted, &none, &err), K8SBOOT_E_NULL, "argument request");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, "\xff", wanted, &none, &err), K8SBOOT_E_UTF8, "argument request");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, asked, NULL, &none, &err), K8SBOOT_E_NULL, "argument spec");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, asked, "\xff", &none, &err), K8SBOOT_E_UTF8, "argument spec");
    CHECK_FAILS(k8sboot_ca_sign_csr(ca, asked, wanted, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_key_generate("ed25519", &none, &err), K8SBOOT_E_ENUM, "Ed25519");
    CHECK_FAILS(k8sboot_key_generate(NULL, &none, &err), K8SBOOT_E_NULL, "argument algorithm");
    CHECK_FAILS(k8sboot_key_generate("\xff", &none, &err), K8SBOOT_E_UTF8, "argument algorithm");
    CHECK_FAILS(k8sboot_key_generate("Ed25519", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_csr_new("x", names, &none, &err), K8SBOOT_E_PKI_PEM, "pki: ");
    CHECK_FAILS(k8sboot_csr_new(NULL, names, &none, &err), K8SBOOT_E_NULL, "argument key");
    CHECK_FAILS(k8sboot_csr_new("\xff", names, &none, &err), K8SBOOT_E_UTF8, "argument key");
    CHECK_FAILS(k8sboot_csr_new("x", NULL, &none, &err), K8SBOOT_E_NULL, "argument spec");
    CHECK_FAILS(k8sboot_csr_new("x", "\xff", &none, &err), K8SBOOT_E_UTF8, "argument spec");
    CHECK_FAILS(k8sboot_csr_new(k8sboot_buf_data(key), "{\"usages\":[]}", &none, &err), K8SBOOT_E_JSON, "usages");
    CHECK_FAILS(k8sboot_csr_new("x", names, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(none == NULL);
    k8sboot_buf_free(key);
    k8sboot_buf_free(request);
    k8sboot_buf_free(certificate);
    k8sboot_ca_free(ca);
}

static void kubeconfigs_are_made_and_checked(void)
{
    static const char user[] = "{\"name\":\"jane\",\"cluster\":\"kubernetes\",\"server\":\"https://192.0.2.1:6443\","
                               "\"groups\":[\"team\"],\"namespace\":\"team\",\"validity\":\"1h\"}";
    k8sboot_ca_t *ca = authority(), *other = authority();
    k8sboot_buf_t *kubeconfig = NULL, *own = NULL, *foreign = NULL, *findings = NULL;
    CHECK_OK(k8sboot_kubeconfig_user(ca, user, &kubeconfig, &err));
    CHECK_OK(k8sboot_ca_certificate(ca, &own, &err));
    CHECK_OK(k8sboot_ca_certificate(other, &foreign, &err));
    CHECK_OK(k8sboot_kubeconfig_check(k8sboot_buf_data(kubeconfig), k8sboot_buf_data(own), &findings, &err));
    CHECK(strcmp(k8sboot_buf_data(findings), "{\"schemaVersion\":1,\"valid\":true,\"findings\":[]}") == 0);
    k8sboot_buf_free(findings);
    CHECK_OK(k8sboot_kubeconfig_check(k8sboot_buf_data(kubeconfig), k8sboot_buf_data(foreign), &findings, &err));
    CHECK(strstr(k8sboot_buf_data(findings), "\"kind\":\"KUBECONFIG_CA\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(findings), "PRIVATE KEY") == NULL);
    k8sboot_buf_free(findings);

    CHECK_FAILS(k8sboot_kubeconfig_check("clusters: 1", "", &findings, &err), K8SBOOT_E_KUBECONFIG_SHAPE, "kubeconfig: ");
    CHECK(findings == NULL);
    CHECK_FAILS(k8sboot_kubeconfig_check(NULL, "", &findings, &err), K8SBOOT_E_NULL, "argument kubeconfig");
    CHECK_FAILS(k8sboot_kubeconfig_check("", NULL, &findings, &err), K8SBOOT_E_NULL, "argument ca_certificates");
    CHECK_FAILS(k8sboot_kubeconfig_check("\xff", "", &findings, &err), K8SBOOT_E_UTF8, "argument kubeconfig");
    CHECK_FAILS(k8sboot_kubeconfig_check("", "\xff", &findings, &err), K8SBOOT_E_UTF8, "argument ca_certificates");
    CHECK_FAILS(k8sboot_kubeconfig_check("", "", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_kubeconfig_user(ca, "{\"name\":\"jane\"}", &findings, &err), K8SBOOT_E_JSON, "cluster");
    CHECK_FAILS(k8sboot_kubeconfig_user(ca, "{\"name\":\"\",\"cluster\":\"\",\"server\":\"\"}", &findings, &err),
                K8SBOOT_E_KUBECONFIG_SHAPE, "user name");
    CHECK_FAILS(k8sboot_kubeconfig_user(NULL, user, &findings, &err), K8SBOOT_E_NULL, "argument ca");
    CHECK_FAILS(k8sboot_kubeconfig_user(ca, NULL, &findings, &err), K8SBOOT_E_NULL, "argument spec");
    CHECK_FAILS(k8sboot_kubeconfig_user(ca, "\xff", &findings, &err), K8SBOOT_E_UTF8, "argument spec");
    CHECK_FAILS(k8sboot_kubeconfig_user(ca, user, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_buf_free(kubeconfig);
    k8sboot_buf_free(own);
    k8sboot_buf_free(foreign);
    k8sboot_ca_free(ca);
    k8sboot_ca_free(other);
}

int main(void)
{
    authorities_are_made_and_read();
    certificates_are_issued_and_inspected();
    requests_are_made_and_signed();
    kubeconfigs_are_made_and_checked();
    return 0;
}
