/*
 * Gives an interface of a container one address of each range set, prints it, and says who is leaked. The directory is
 * host-local's, which may use it at the same time.
 *
 *   cc -std=c11 ipam.c $(pkg-config --cflags --libs k8sboot) -o ipam
 *   ./ipam networks cbr0 3f2a eth0
 */
#include <k8sboot.h>
#include <stdio.h>

static const char ranges[] = "[[{\"subnet\": \"10.244.1.0/24\"}], [{\"subnet\": \"fd00:10:244:1::/64\"}]]";

static int print(const k8sboot_assigned_t *given)
{
    char address[K8SBOOT_IP_TEXT], gateway[K8SBOOT_IP_TEXT];
    if (k8sboot_ip_text(&given->address, address, sizeof address, NULL) != 0 ||
        k8sboot_ip_text(&given->gateway, gateway, sizeof gateway, NULL) != 0)
        return 0;
    printf("%s/%u gateway %s\n", address, (unsigned)given->prefix, gateway);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s DIRECTORY NETWORK CONTAINER INTERFACE\n", argv[0]);
        return 2;
    }
    k8sboot_directory_options_t options = {.size = sizeof options, .lock_timeout_ms = 5000};
    const k8sboot_store_t *store = NULL;
    k8sboot_leaks_t *leaks = NULL;
    k8sboot_buf_t *report = NULL, *text = NULL;
    k8sboot_error_t *err = NULL;
    k8sboot_assigned_t given[2];
    const char *living[] = {argv[3]};
    int failed = 1;
    if (k8sboot_store_directory(argv[1], argv[2], ranges, &options, &store, &err) == 0 &&
        k8sboot_store_allocate(store, argv[3], argv[4], NULL, given, 2, NULL, &err) == 0 &&
        k8sboot_leaks_new(store, &leaks, &err) == 0 && /* reads the records; only then list the containers */
        k8sboot_leaks_add_containers(leaks, "this program", living, 1, &err) == 0 &&
        k8sboot_leaks_judge(leaks, "{\"allRuntimes\": true}", &report, &err) == 0 &&
        k8sboot_leaks_text(leaks, &text, &err) == 0) {
        failed = !print(&given[0]) || !print(&given[1]);
        printf("%s", k8sboot_buf_data(text)); /* k8sboot_leaks_collect would free what it says */
    } else {
        fprintf(stderr, "%s\n", k8sboot_error_message(err));
    }
    k8sboot_error_free(err);
    k8sboot_buf_free(text);
    k8sboot_buf_free(report);
    k8sboot_leaks_free(leaks);
    k8sboot_store_free(store);
    return failed;
}
