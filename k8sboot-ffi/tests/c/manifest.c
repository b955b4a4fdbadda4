/* What a configuration becomes: each function once right, once wrong. */
#include "check.h"

static const char documents[] = "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: InitConfiguration\n"
                                "localAPIEndpoint:\n"
                                "  advertiseAddress: 192.0.2.10\n"
                                "---\n"
                                "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: ClusterConfiguration\n"
                                "kubernetesVersion: v1.36.2\n";

static k8sboot_config_t *configuration(void)
{
    k8sboot_config_t *config = NULL;
    CHECK_OK(k8sboot_config_new(documents, "{\"hostname\":\"node-1\"}", "abcdef.0123456789abcdef", &config, &err));
    return config;
}

static void files_of_the_node(void)
{
    k8sboot_config_t *config = configuration();
    k8sboot_buf_t *text = NULL;
    const char *components[] = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"};
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(k8sboot_manifest_static_pod(config, components[i], &text, &err));
        CHECK(strstr(k8sboot_buf_data(text), "kind: Pod\n") != NULL);
        CHECK(strstr(k8sboot_buf_data(text), components[i]) != NULL);
        k8sboot_buf_free(text);
    }
    CHECK_OK(k8sboot_manifest_kubelet_config(config, &text, &err));
    CHECK(strstr(k8sboot_buf_data(text), "kind: KubeletConfiguration\n") != NULL);
    k8sboot_buf_free(text);
    CHECK_OK(k8sboot_manifest_images(config, &text, &err));
    CHECK(strstr(k8sboot_buf_data(text), "[\"registry.k8s.io/kube-apiserver:v1.36.2\",") == k8sboot_buf_data(text));
    k8sboot_buf_free(text);

    CHECK_FAILS(k8sboot_manifest_static_pod(config, "kubelet", &text, &err), K8SBOOT_E_ENUM, "kube-scheduler");
    CHECK(text == NULL);
    CHECK_FAILS(k8sboot_manifest_static_pod(NULL, "etcd", &text, &err), K8SBOOT_E_NULL, "argument config");
    CHECK_FAILS(k8sboot_manifest_static_pod(config, NULL, &text, &err), K8SBOOT_E_NULL, "argument component");
    CHECK_FAILS(k8sboot_manifest_static_pod(config, "\xff", &text, &err), K8SBOOT_E_UTF8, "argument component");
    CHECK_FAILS(k8sboot_manifest_static_pod(config, "etcd", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_manifest_kubelet_config(NULL, &text, &err), K8SBOOT_E_NULL, "argument config");
    CHECK_FAILS(k8sboot_manifest_kubelet_config(config, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_manifest_images(NULL, &text, &err), K8SBOOT_E_NULL, "argument config");
    CHECK_FAILS(k8sboot_manifest_images(config, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_config_free(config);
}

static void objects_of_the_cluster(void)
{
    k8sboot_config_t *config = configuration();
    k8sboot_ca_t *ca = NULL;
    k8sboot_buf_t *certificate = NULL, *objects = NULL;
    CHECK_OK(k8sboot_ca_new("{\"commonName\":\"kubernetes\",\"algorithm\":\"ECDSA-P256\"}", &ca, &err));
    CHECK_OK(k8sboot_ca_certificate(ca, &certificate, &err));
    CHECK_OK(k8sboot_manifest_objects(config, k8sboot_buf_data(certificate), 1795402922, &objects, &err));
    CHECK(strstr(k8sboot_buf_data(objects), "\n---\napiVersion: ") != NULL);
    CHECK(strstr(k8sboot_buf_data(objects), "name: bootstrap-token-abcdef\n") != NULL);
    CHECK(strstr(k8sboot_buf_data(objects), "name: kube-proxy\n") != NULL);
    k8sboot_buf_free(objects);

    CHECK_FAILS(k8sboot_manifest_objects(config, "", 0, &objects, &err), K8SBOOT_E_TOKEN_CERTIFICATE, "certificate");
    CHECK(objects == NULL);
    CHECK_FAILS(k8sboot_manifest_objects(NULL, k8sboot_buf_data(certificate), 0, &objects, &err), K8SBOOT_E_NULL,
                "argument config");
    CHECK_FAILS(k8sboot_manifest_objects(config, NULL, 0, &objects, &err), K8SBOOT_E_NULL, "argument ca_certificates");
    CHECK_FAILS(k8sboot_manifest_objects(config, "\xff", 0, &objects, &err), K8SBOOT_E_UTF8, "argument ca_certificates");
    CHECK_FAILS(k8sboot_manifest_objects(config, "", 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_buf_free(certificate);
    k8sboot_ca_free(ca);
    k8sboot_config_free(config);
}

int main(void)
{
    files_of_the_node();
    objects_of_the_cluster();
    return 0;
}
