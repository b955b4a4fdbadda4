/* The cluster side, as far as it goes without a cluster: what is refused, what is sealed, what cannot be reached. The
   argument is a directory for a node's files. */
#include "check.h"

static const char documents[] = "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: InitConfiguration\n"
                                "localAPIEndpoint:\n"
                                "  advertiseAddress: 192.0.2.10\n"
                                "nodeRegistration:\n"
                                "  criSocket: unix:///run/containerd/containerd.sock\n"
                                "---\n"
                                "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: ClusterConfiguration\n"
                                "kubernetesVersion: v1.36.2\n"
                                "encryptionAlgorithm: ECDSA-P256\n";
static const char joining[] = "apiVersion: kubeadm.k8s.io/v1beta4\n"
                              "kind: JoinConfiguration\n"
                              "nodeRegistration:\n"
                              "  criSocket: unix:///run/containerd/containerd.sock\n"
                              "discovery:\n"
                              "  bootstrapToken:\n"
                              "    token: abcdef.0123456789abcdef\n"
                              "    apiServerEndpoint: 127.0.0.1:1\n"
                              "    unsafeSkipCAVerification: true\n";
static const char facts[] = "{\"hostname\":\"node-1\"}";
#define PIN "sha256:6c5eaacb6bbeee5cbcdb62e35fd0cffc305e8372337a6861e9e4000f926f61ad"
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char kubeconfig[16384];

/* admin.conf of a tree of its own. */
static void read_kubeconfig(const char *root)
{
    k8sboot_config_t *config = NULL;
    k8sboot_flow_t *flow = NULL;
    k8sboot_buf_t *report = NULL;
    char path[4096];
    FILE *file;
    CHECK_OK(k8sboot_config_new(documents, facts, "abcdef.0123456789abcdef", &config, &err));
    CHECK_OK(k8sboot_init_new(&config, root, "{\"until\":\"kubeconfig\"}", &flow, &err));
    CHECK_OK(k8sboot_flow_run(flow, NULL, &report, &err));
    k8sboot_buf_free(report);
    k8sboot_flow_free(flow);
    snprintf(path, sizeof path, "%s/etc/kubernetes/admin.conf", root);
    file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fread(kubeconfig, 1, sizeof kubeconfig - 1, file) > 0);
    fclose(file);
}

/* Nobody listens at port 1. */
static const k8sboot_cluster_t *nowhere(void)
{
    const k8sboot_cluster_t *cluster = NULL;
    CHECK_OK(k8sboot_cluster_new(kubeconfig, "{\"server\":\"https://127.0.0.1:1\"}", &cluster, &err));
    return cluster;
}

static void connections_are_made_of_what_is_right(void)
{
    const k8sboot_cluster_t *cluster = (const k8sboot_cluster_t *)&cluster;
    CHECK_FAILS(k8sboot_cluster_new(NULL, NULL, &cluster, &err), K8SBOOT_E_NULL, "argument kubeconfig");
    CHECK(cluster == NULL);
    CHECK_FAILS(k8sboot_cluster_new(kubeconfig, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cluster_new("\xff", NULL, &cluster, &err), K8SBOOT_E_UTF8, "argument kubeconfig");
    CHECK_FAILS(k8sboot_cluster_new(kubeconfig, "\xff", &cluster, &err), K8SBOOT_E_UTF8, "argument options");
    CHECK_FAILS(k8sboot_cluster_new(kubeconfig, "{\"host\":\"a\"}", &cluster, &err), K8SBOOT_E_JSON, "unknown field `host`");
    CHECK_FAILS(k8sboot_cluster_new(kubeconfig, "{\"server\":\"a\"}", &cluster, &err), K8SBOOT_E_API_OPTIONS, "server");
    CHECK(cluster == NULL);

    cluster = nowhere();
    CHECK(k8sboot_cluster_ref(cluster) == cluster);
    k8sboot_cluster_free(cluster);
    k8sboot_cluster_free(cluster);
    k8sboot_cluster_free(NULL);
    CHECK(k8sboot_cluster_ref(NULL) == NULL);
}

static void every_call_says_that_nobody_answers(void)
{
    const k8sboot_cluster_t *cluster = nowhere();
    k8sboot_run_t run = {.size = 7};
    k8sboot_buf_t *out = NULL;
    CHECK_FAILS(k8sboot_cluster_version(cluster, NULL, &out, &err), K8SBOOT_E_API_UNREACHABLE, "127.0.0.1:1");
    CHECK_FAILS(k8sboot_cluster_version(NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_cluster_version(cluster, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cluster_version(cluster, &run, &out, &err), K8SBOOT_E_MISUSE, "argument run");

    CHECK_FAILS(k8sboot_cluster_token_create(cluster, NULL, NULL, &out, &err), K8SBOOT_E_API_UNREACHABLE, "127.0.0.1:1");
    CHECK_FAILS(k8sboot_cluster_token_create(cluster, "{\"token\":\"a\"}", NULL, &out, &err), K8SBOOT_E_TOKEN_SHAPE, "token");
    CHECK_FAILS(k8sboot_cluster_token_create(cluster, "{\"life\":1}", NULL, &out, &err), K8SBOOT_E_JSON, "unknown field `life`");
    CHECK_FAILS(k8sboot_cluster_token_create(NULL, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_cluster_token_create(cluster, NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cluster_token_create(cluster, "\xff", NULL, &out, &err), K8SBOOT_E_UTF8, "argument token");

    CHECK_FAILS(k8sboot_cluster_token_list(cluster, NULL, NULL, &out, &err), K8SBOOT_E_API_UNREACHABLE, "127.0.0.1:1");
    CHECK_FAILS(k8sboot_cluster_token_list(cluster, "{\"show\":1}", NULL, &out, &err), K8SBOOT_E_JSON, "unknown field `show`");
    CHECK_FAILS(k8sboot_cluster_token_list(NULL, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_cluster_token_list(cluster, NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");

    CHECK_FAILS(k8sboot_cluster_token_delete(cluster, "abcdef", NULL, &err), K8SBOOT_E_API_UNREACHABLE, "127.0.0.1:1");
    CHECK_FAILS(k8sboot_cluster_token_delete(cluster, NULL, NULL, &err), K8SBOOT_E_NULL, "argument id_or_token");
    CHECK_FAILS(k8sboot_cluster_token_delete(NULL, "abcdef", NULL, &err), K8SBOOT_E_NULL, "argument cluster");

    CHECK_FAILS(k8sboot_cluster_csr_review(cluster, NULL, NULL, &out, &err), K8SBOOT_E_API_UNREACHABLE, "127.0.0.1:1");
    CHECK_FAILS(k8sboot_cluster_csr_review(cluster, "{\"names\":[]}", NULL, &out, &err), K8SBOOT_E_JSON, "unknown field `names`");
    CHECK_FAILS(k8sboot_cluster_csr_review(NULL, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_cluster_csr_review(cluster, NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cluster_csr_approve(cluster, "csr-1", "fits", NULL, &err), K8SBOOT_E_API_UNREACHABLE, "csr-1");
    CHECK_FAILS(k8sboot_cluster_csr_approve(cluster, NULL, "fits", NULL, &err), K8SBOOT_E_NULL, "argument name");
    CHECK_FAILS(k8sboot_cluster_csr_approve(cluster, "csr-1", NULL, NULL, &err), K8SBOOT_E_NULL, "argument message");
    CHECK_FAILS(k8sboot_cluster_csr_approve(NULL, "csr-1", "fits", NULL, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_cluster_csr_deny(cluster, "csr-1", "unfit", NULL, &err), K8SBOOT_E_API_UNREACHABLE, "csr-1");
    CHECK_FAILS(k8sboot_cluster_csr_deny(cluster, NULL, "unfit", NULL, &err), K8SBOOT_E_NULL, "argument name");
    CHECK_FAILS(k8sboot_cluster_csr_deny(cluster, "csr-1", NULL, NULL, &err), K8SBOOT_E_NULL, "argument message");
    CHECK_FAILS(k8sboot_cluster_csr_deny(NULL, "csr-1", "unfit", NULL, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK(out == NULL);
    k8sboot_cluster_free(cluster);
}

static void a_call_is_cancelled(void)
{
    const k8sboot_cluster_t *cluster = nowhere();
    const k8sboot_cancel_t *cancel = NULL;
    k8sboot_buf_t *out = NULL;
    CHECK_OK(k8sboot_cancel_new(&cancel, &err));
    CHECK_OK(k8sboot_cancel_trigger(cancel, &err));
    k8sboot_run_t run = {.size = sizeof run, .cancel = cancel};
    CHECK_FAILS(k8sboot_cluster_version(cluster, &run, &out, &err), K8SBOOT_E_CANCELLED, "cancelled");
    CHECK(out == NULL);
    k8sboot_cancel_free(cancel);
    k8sboot_cluster_free(cluster);
}

static int32_t count(void *user, const k8sboot_event_t *event)
{
    *(int *)user += event->kind == K8SBOOT_EVENT_NOTE;
    return 0;
}

static void discovery_says_why_not(void)
{
    k8sboot_buf_t *out = NULL, *bootstrap = NULL;
    int notes = 0;
    k8sboot_run_t run = {.size = sizeof run, .on_event = count, .user = &notes};
    CHECK_FAILS(k8sboot_discover("{}", NULL, &out, &bootstrap, &err), K8SBOOT_E_JSON, "expected one of token");
    CHECK_FAILS(k8sboot_discover(NULL, NULL, &out, &bootstrap, &err), K8SBOOT_E_NULL, "argument request");
    CHECK_FAILS(k8sboot_discover("{}", NULL, NULL, &bootstrap, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_discover("{}", NULL, &out, NULL, &err), K8SBOOT_E_NULL, "argument bootstrap");
    CHECK_FAILS(k8sboot_discover("{\"tokens\":[]}", NULL, &out, &bootstrap, &err), K8SBOOT_E_JSON, "unknown field `tokens`");
    CHECK_FAILS(k8sboot_discover("{\"token\":12345678}", NULL, &out, &bootstrap, &err), K8SBOOT_E_JSON, "expected a text for a secret");
    CHECK_FAILS(k8sboot_discover("{\"token\":\"abcdef.0123456789abcdef\",\"endpoints\":[\"127.0.0.1:1\"],\"patienceMs\":20,"
                                 "\"caCertHashes\":[\"" PIN "\"]}", &run, &out, &bootstrap, &err),
                K8SBOOT_E_DISCOVERY_UNREACHABLE, "127.0.0.1:1");
    CHECK(out == NULL && bootstrap == NULL && notes > 0);
    CHECK_FAILS(k8sboot_discover("{\"file\":\"/nowhere/admin.conf\"}", NULL, &out, &bootstrap, &err),
                K8SBOOT_E_DISCOVERY_FILE, "/nowhere/admin.conf");
}

static void bundles_are_sealed_and_opened(void)
{
    static char request[40000];
    k8sboot_buf_t *sealed = NULL, *opened = NULL, *found = NULL, *bootstrap = NULL;
    char *to = request;
    to += sprintf(to, "{\"token\":\"abcdef.0123456789abcdef\",\"expires\":\"2099-01-01T00:00:00Z\",\"key\":\"" KEY "\",\"kubeconfig\":\"");
    for (const char *from = kubeconfig; *from != '\0'; from++) {
        if (*from == '\n' || *from == '"' || *from == '\\') {
            *to++ = '\\';
        }
        *to++ = *from == '\n' ? 'n' : *from;
    }
    strcpy(to, "\"}");
    CHECK_OK(k8sboot_bundle_seal(request, &sealed, &err));
    CHECK_OK(k8sboot_bundle_open(k8sboot_buf_data(sealed), "{\"key\":\"" KEY "\"}", &opened, &err));
    CHECK(strstr(k8sboot_buf_data(opened), "\"server\":\"https://192.0.2.10:6443\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(opened), "\"token\":\"abcdef.0123456789abcdef\"") != NULL);
    k8sboot_buf_free(opened);
    CHECK_FAILS(k8sboot_bundle_open(k8sboot_buf_data(sealed), "{\"passphrase\":\"correct horse\"}", &opened, &err), K8SBOOT_E_BUNDLE_KEY, "key");
    CHECK_FAILS(k8sboot_bundle_open(k8sboot_buf_data(sealed), "{}", &opened, &err), K8SBOOT_E_JSON, "passphrase and key");
    CHECK_FAILS(k8sboot_bundle_open("x", "{\"key\":\"" KEY "\"}", &opened, &err), K8SBOOT_E_BUNDLE_SHAPE, "bundle");
    CHECK_FAILS(k8sboot_bundle_open(NULL, "{}", &opened, &err), K8SBOOT_E_NULL, "argument bundle");
    CHECK_FAILS(k8sboot_bundle_open("x", NULL, &opened, &err), K8SBOOT_E_NULL, "argument secret");
    CHECK_FAILS(k8sboot_bundle_open("x", "{}", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(opened == NULL);
    k8sboot_buf_free(sealed);
    sealed = NULL;
    CHECK_FAILS(k8sboot_bundle_seal("{}", &sealed, &err), K8SBOOT_E_JSON, "missing field");
    CHECK_FAILS(k8sboot_bundle_seal(NULL, &sealed, &err), K8SBOOT_E_NULL, "argument request");
    CHECK_FAILS(k8sboot_bundle_seal("{}", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(sealed == NULL && found == NULL && bootstrap == NULL);
}

static void an_endpoint_is_served_until_it_is_freed(void)
{
    const k8sboot_cluster_t *cluster = nowhere();
    k8sboot_discovery_server_t *server = NULL;
    k8sboot_buf_t *address = NULL;
    CHECK_OK(k8sboot_discovery_server_new(cluster, "{\"address\":\"127.0.0.1:0\"}", &server, &err));
    k8sboot_cluster_free(cluster); /* The server keeps it. */
    CHECK_OK(k8sboot_discovery_server_address(server, &address, &err));
    CHECK(strncmp(k8sboot_buf_data(address), "127.0.0.1:", 10) == 0);
    k8sboot_buf_free(address);
    k8sboot_discovery_server_free(server);
    k8sboot_discovery_server_free(NULL);
    cluster = nowhere();
    CHECK_FAILS(k8sboot_discovery_server_new(cluster, "{\"port\":1}", &server, &err), K8SBOOT_E_JSON, "unknown field `port`");
    CHECK_FAILS(k8sboot_discovery_server_new(cluster, "{\"address\":\"nowhere\"}", &server, &err), K8SBOOT_E_DISCOVERY_SERVE, "nowhere");
    CHECK_FAILS(k8sboot_discovery_server_new(NULL, NULL, &server, &err), K8SBOOT_E_NULL, "argument cluster");
    CHECK_FAILS(k8sboot_discovery_server_new(cluster, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_discovery_server_address(NULL, &address, &err), K8SBOOT_E_NULL, "argument server");
    CHECK(server == NULL);
    k8sboot_cluster_free(cluster);
}

static void a_join_does_not_begin_without_its_cluster(const char *root)
{
    k8sboot_flow_t *flow = NULL;
    k8sboot_buf_t *report = NULL;
    const char options[] = "{\"discovery\":{\"token\":\"abcdef.0123456789abcdef\",\"endpoints\":[\"127.0.0.1:1\"],"
                           "\"caCertHashes\":[\"" PIN "\"],\"patienceMs\":20}}";
    CHECK_FAILS(k8sboot_join_new(NULL, facts, root, NULL, &flow, &err), K8SBOOT_E_NULL, "argument documents");
    CHECK_FAILS(k8sboot_join_new(joining, facts, NULL, NULL, &flow, &err), K8SBOOT_E_NULL, "argument root");
    CHECK_FAILS(k8sboot_join_new(joining, facts, root, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_join_new(joining, facts, root, "{\"to\":\"x\"}", &flow, &err), K8SBOOT_E_JSON, "unknown field `to`");
    CHECK_FAILS(k8sboot_join_new(joining, facts, root, "{\"until\":\"addons\"}", &flow, &err), K8SBOOT_E_FLOW_UNKNOWN_STAGE, "addons");
    CHECK_FAILS(k8sboot_join_new(joining, facts, "/nonexistent", NULL, &flow, &err), K8SBOOT_E_MISUSE, "argument root");
    CHECK(flow == NULL);
    CHECK_OK(k8sboot_join_new(joining, facts, root, options, &flow, &err));
    CHECK_FAILS(k8sboot_flow_join_commands(flow, &report, &err), K8SBOOT_E_MISUSE, "argument flow");
    CHECK_FAILS(k8sboot_flow_run(flow, NULL, &report, &err), K8SBOOT_E_DISCOVERY_UNREACHABLE, "127.0.0.1:1");
    CHECK(report == NULL);
    k8sboot_flow_free(flow);
}

int main(int argc, char **argv)
{
    char other[4096];
    CHECK(argc == 2);
    read_kubeconfig(argv[1]);
    connections_are_made_of_what_is_right();
    every_call_says_that_nobody_answers();
    a_call_is_cancelled();
    discovery_says_why_not();
    bundles_are_sealed_and_opened();
    an_endpoint_is_served_until_it_is_freed();
    snprintf(other, sizeof other, "%s/etc", argv[1]);
    a_join_does_not_begin_without_its_cluster(other);
    return 0;
}
