/* Configurations: proven, described, and every problem listed. */
#include "check.h"

static const char documents[] = "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: InitConfiguration\n"
                                "localAPIEndpoint:\n"
                                "  advertiseAddress: 10.0.0.1\n"
                                "---\n"
                                "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: ClusterConfiguration\n"
                                "kubernetesVersion: v1.36.2\n"
                                "networking:\n"
                                "  podSubnet: 10.244.0.0/16\n";

static void proven_and_described(void)
{
    k8sboot_config_t *config = NULL;
    k8sboot_buf_t *text = NULL;
    CHECK_OK(k8sboot_config_new(documents, "{\"hostname\":\"Node-1\"}", "abcdef.0123456789abcdef", &config, &err));
    CHECK_OK(k8sboot_config_describe(config, &text, &err));
    CHECK(strlen(k8sboot_buf_data(text)) == k8sboot_buf_len(text));
    CHECK(strstr(k8sboot_buf_data(text), "\"nodeName\":\"node-1\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(text), "\"apiServer\":\"https://10.0.0.1:6443\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(text), "0123456789abcdef") == NULL);
    k8sboot_buf_free(text);
    k8sboot_config_free(config);
    k8sboot_config_free(NULL);
}

static void reported(void)
{
    k8sboot_buf_t *report = NULL;
    CHECK_OK(k8sboot_config_validate(documents, "{\"hostname\":\"node-1\"}", &report, &err));
    CHECK(strstr(k8sboot_buf_data(report), "\"valid\":true") != NULL);
    k8sboot_buf_free(report);
    CHECK_OK(k8sboot_config_validate("kind: Nonsense\n", NULL, &report, &err));
    CHECK(strstr(k8sboot_buf_data(report), "\"valid\":false") != NULL);
    CHECK(strstr(k8sboot_buf_data(report), "\"schemaVersion\":1") != NULL);
    k8sboot_buf_free(report);
}

static void migrated_and_exemplified(void)
{
    k8sboot_buf_t *text = NULL, *again = NULL;
    k8sboot_buf_t *empty = (k8sboot_buf_t *)&empty;
    const char *facts = "{\"hostname\":\"node-1\"}";
    CHECK_OK(k8sboot_config_migrate(documents, facts, "abcdef.0123456789abcdef", &text, &err));
    CHECK(strstr(k8sboot_buf_data(text), "token: abcdef.0123456789abcdef") != NULL);
    CHECK_OK(k8sboot_config_migrate(k8sboot_buf_data(text), facts, NULL, &again, &err));
    CHECK(strcmp(k8sboot_buf_data(text), k8sboot_buf_data(again)) == 0);
    k8sboot_buf_free(text);
    k8sboot_buf_free(again);
    CHECK_FAILS(k8sboot_config_migrate("kind: Nonsense\n", NULL, NULL, &empty, &err), K8SBOOT_E_CONFIG_MISSING, "apiVersion");
    CHECK(empty == NULL);
    CHECK_FAILS(k8sboot_config_migrate(NULL, NULL, NULL, &text, &err), K8SBOOT_E_NULL, "argument documents");
    CHECK_FAILS(k8sboot_config_migrate(documents, "1", NULL, &text, &err), K8SBOOT_E_JSON, "argument facts");
    CHECK_FAILS(k8sboot_config_migrate(documents, NULL, "abc", &text, &err), K8SBOOT_E_TOKEN_SHAPE, "token");
    CHECK_FAILS(k8sboot_config_migrate("\xff", NULL, NULL, &text, &err), K8SBOOT_E_UTF8, "argument documents");
    CHECK_FAILS(k8sboot_config_migrate(documents, NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");

    for (uint32_t kind = K8SBOOT_CONFIG_INIT; kind <= K8SBOOT_CONFIG_RESET; kind++) {
        CHECK_OK(k8sboot_config_defaults(kind, &text, &err));
        CHECK_OK(k8sboot_config_validate(k8sboot_buf_data(text), facts, &again, &err));
        CHECK(strstr(k8sboot_buf_data(again), "\"valid\":true") != NULL);
        k8sboot_buf_free(text);
        k8sboot_buf_free(again);
    }
    CHECK_FAILS(k8sboot_config_defaults(3, &text, &err), K8SBOOT_E_ENUM, "argument kind");
    CHECK_FAILS(k8sboot_config_defaults(0, NULL, &err), K8SBOOT_E_NULL, "argument out");
}

static void wrong(void)
{
    k8sboot_config_t *config = (k8sboot_config_t *)&config;
    k8sboot_buf_t *buf = (k8sboot_buf_t *)&buf;
    k8sboot_error_t *error = NULL;

    k8sboot_code_t code = k8sboot_config_new("kind: Nonsense\n", NULL, NULL, &config, &error);
    CHECK(code >= 1000 && code < 2000 && k8sboot_error_code(error) == code);
    CHECK(strstr(k8sboot_error_details(error), "\"errors\":[{") != NULL);
    CHECK(config == NULL); /* Outputs are emptied before anything can fail. */
    k8sboot_error_free(error);

    CHECK_FAILS(k8sboot_config_new(NULL, NULL, NULL, &config, &err), K8SBOOT_E_NULL, "argument documents");
    CHECK_FAILS(k8sboot_config_new(documents, NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_config_new("\xc3(", NULL, NULL, &config, &err), K8SBOOT_E_UTF8, "at byte 0");
    CHECK_FAILS(k8sboot_config_new(documents, "{", NULL, &config, &err), K8SBOOT_E_JSON, "argument facts");
    CHECK_FAILS(k8sboot_config_new(documents, "{\"hostName\":\"a\"}", NULL, &config, &err), K8SBOOT_E_JSON,
                "unknown field");
    CHECK_FAILS(k8sboot_config_new(documents, "\xff", NULL, &config, &err), K8SBOOT_E_UTF8, "argument facts");
    CHECK_FAILS(k8sboot_config_new(documents, NULL, "abc", &config, &err), K8SBOOT_E_TOKEN_SHAPE, "token: ");
    CHECK_FAILS(k8sboot_config_new(documents, NULL, "\xff", &config, &err), K8SBOOT_E_UTF8, "argument fresh_token");

    CHECK_FAILS(k8sboot_config_describe(NULL, &buf, &err), K8SBOOT_E_NULL, "argument config");
    CHECK(buf == NULL);
    CHECK_FAILS(k8sboot_config_describe(NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_config_validate(NULL, NULL, &buf, &err), K8SBOOT_E_NULL, "argument documents");
    CHECK_FAILS(k8sboot_config_validate(documents, "[]", &buf, &err), K8SBOOT_E_JSON, "argument facts");
    CHECK_FAILS(k8sboot_config_validate("\xff", NULL, &buf, &err), K8SBOOT_E_UTF8, "argument documents");
    CHECK_FAILS(k8sboot_config_validate(documents, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
}

int main(void)
{
    proven_and_described();
    reported();
    migrated_and_exemplified();
    wrong();
    return 0;
}
