/* Directories of networks and the search for leaks in them. The argument is a directory for its files. */
#include "check.h"

static const char ranges[] = "[[{\"subnet\": \"10.244.1.0/29\"}]]";
static const char *data_dir;

static const k8sboot_store_t *opened(const char *given, uint64_t flags)
{
    k8sboot_directory_options_t options = {.size = sizeof options, .flags = flags, .lock_timeout_ms = 5000};
    const k8sboot_store_t *store = NULL;
    CHECK_OK(k8sboot_store_directory(data_dir, "cbr0", given, &options, &store, &err));
    return store;
}

static void a_directory_keeps_what_it_gave(void)
{
    const k8sboot_store_t *store = opened(ranges, 0);
    k8sboot_assigned_t given[1];
    k8sboot_ip_t freed[1];
    k8sboot_buf_t *records = NULL;
    size_t count = 0;
    CHECK_OK(k8sboot_store_allocate(store, "3f2a", "eth0", NULL, given, 1, &count, &err));
    CHECK_OK(k8sboot_store_allocate(store, "77b0", "eth0", NULL, given, 1, &count, &err));
    k8sboot_store_free(store);

    store = opened(NULL, K8SBOOT_DIRECTORY_MUST_EXIST | K8SBOOT_DIRECTORY_FOLLOW_LINK | K8SBOOT_DIRECTORY_RESIDENT);
    CHECK_OK(k8sboot_store_records(store, &records, &err));
    CHECK(strstr(k8sboot_buf_data(records), "\"container\":\"3f2a\",\"interface\":\"eth0\"") != NULL);
    k8sboot_buf_free(records);
    CHECK_FAILS(k8sboot_store_allocate(store, "88c1", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_IPAM_NO_RANGES, "range");
    CHECK_OK(k8sboot_store_release(store, "77b0", "eth0", freed, 1, &count, &err));
    CHECK(count == 1 && freed[0].bytes[3] == 3);
    k8sboot_store_free(store);

    store = opened(ranges, K8SBOOT_DIRECTORY_DURABLE);
    CHECK_OK(k8sboot_store_allocate(store, "77b0", "eth0", NULL, given, 1, &count, &err));
    CHECK(given[0].address.bytes[3] == 4);
    k8sboot_store_free(store);
}

static void a_directory_is_refused_for_a_reason(void)
{
    k8sboot_directory_options_t options = {.size = sizeof options, .flags = 1u << 20};
    const k8sboot_store_t *store = NULL;
    CHECK_FAILS(k8sboot_store_directory(data_dir, "cbr0", NULL, &options, &store, &err), K8SBOOT_E_ENUM, "options.flags");
    options.size = 7;
    CHECK_FAILS(k8sboot_store_directory(data_dir, "cbr0", NULL, &options, &store, &err), K8SBOOT_E_MISUSE, "argument options");
    CHECK_FAILS(k8sboot_store_directory(data_dir, "../x", NULL, NULL, &store, &err), K8SBOOT_E_STORE_NETWORK_NAME, "../x");
    CHECK_FAILS(k8sboot_store_directory(NULL, "cbr0", NULL, NULL, &store, &err), K8SBOOT_E_NULL, "argument data_dir");
    CHECK_FAILS(k8sboot_store_directory(data_dir, NULL, NULL, NULL, &store, &err), K8SBOOT_E_NULL, "argument network");
    CHECK_FAILS(k8sboot_store_directory(data_dir, "\xff", NULL, NULL, &store, &err), K8SBOOT_E_UTF8, "argument network");
    CHECK_FAILS(k8sboot_store_directory(data_dir, "cbr0", "[", NULL, &store, &err), K8SBOOT_E_JSON, "argument ranges");
    CHECK_FAILS(k8sboot_store_directory(data_dir, "cbr0", NULL, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(store == NULL);
    options.size = sizeof options;
    options.flags = K8SBOOT_DIRECTORY_MUST_EXIST;
    CHECK_FAILS(k8sboot_store_directory(data_dir, "other", NULL, &options, &store, &err), K8SBOOT_E_STORE_MISSING, "other");
}

static void leaks_are_found_and_collected(void)
{
    const char *living[] = {"77b0"};
    const char *options = "{\"graceSeconds\": 0, \"allRuntimes\": true}";
    const k8sboot_store_t *store = NULL;
    k8sboot_assigned_t given[1];
    k8sboot_leaks_t *leaks = NULL;
    k8sboot_buf_t *out = NULL;
    k8sboot_usage_t usage;

    CHECK_OK(k8sboot_store_memory(ranges, NULL, &store, &err));
    CHECK_OK(k8sboot_store_allocate(store, "3f2a", "eth0", NULL, given, 1, NULL, &err));
    CHECK_OK(k8sboot_store_allocate(store, "77b0", "eth0", NULL, given, 1, NULL, &err));
    CHECK_OK(k8sboot_store_allocate(store, "88c1", "eth0", NULL, given, 1, NULL, &err));
    CHECK_OK(k8sboot_leaks_new(store, &leaks, &err));
    CHECK_FAILS(k8sboot_leaks_text(leaks, &out, &err), K8SBOOT_E_MISUSE, "k8sboot_leaks_judge first");
    CHECK_FAILS(k8sboot_leaks_collect(leaks, &out, &err), K8SBOOT_E_MISUSE, "k8sboot_leaks_judge first");
    CHECK_OK(k8sboot_leaks_add_running(leaks, NULL, NULL, &err));
    CHECK_OK(k8sboot_leaks_add_running(leaks, "88c1", "eth0", &err));
    CHECK_OK(k8sboot_leaks_add_containers(leaks, "my runtime", living, 1, &err));
    CHECK_OK(k8sboot_leaks_judge(leaks, options, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"toFree\":[\"10.244.1.2\"]") != NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_leaks_text(leaks, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "leaked") != NULL && strstr(k8sboot_buf_data(out), "my runtime") != NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_leaks_collect(leaks, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"freed\":[{\"name\":\"10.244.1.2\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(out), "\"before\":3,\"after\":2") != NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_store_usage(store, 0, &usage, &err));
    CHECK(usage.held == 2);
    k8sboot_store_free(store); /* The search keeps it open. */
    CHECK_OK(k8sboot_leaks_collect(leaks, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"freed\":[]") != NULL);
    k8sboot_buf_free(out);
    k8sboot_leaks_free(leaks);
    k8sboot_leaks_free(NULL);
}

static void a_search_is_refused_for_a_reason(void)
{
    const k8sboot_store_t *store = opened(ranges, 0);
    const char *some[] = {"77b0"};
    k8sboot_leaks_t *leaks = NULL;
    k8sboot_buf_t *out = NULL;
    CHECK_FAILS(k8sboot_leaks_new(NULL, &leaks, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_leaks_new(store, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_OK(k8sboot_leaks_new(store, &leaks, &err));
    k8sboot_store_free(store);
    CHECK_FAILS(k8sboot_leaks_add_running(NULL, "a", "eth0", &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_add_running(leaks, "a", NULL, &err), K8SBOOT_E_NULL, "argument interface");
    CHECK_FAILS(k8sboot_leaks_add_running(leaks, NULL, "eth0", &err), K8SBOOT_E_NULL, "argument container");
    CHECK_FAILS(k8sboot_leaks_add_running(leaks, "a/b", "eth0", &err), K8SBOOT_E_IPAM_OWNER, "a/b");
    CHECK_FAILS(k8sboot_leaks_add_containers(NULL, "r", some, 1, &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_add_containers(leaks, NULL, some, 1, &err), K8SBOOT_E_NULL, "argument runtime");
    CHECK_FAILS(k8sboot_leaks_add_containers(leaks, "\xff", some, 1, &err), K8SBOOT_E_UTF8, "argument runtime");
    CHECK_FAILS(k8sboot_leaks_add_containers(leaks, "r", NULL, 1, &err), K8SBOOT_E_NULL, "argument ids");
    some[0] = NULL;
    CHECK_FAILS(k8sboot_leaks_add_containers(leaks, "r", some, 1, &err), K8SBOOT_E_NULL, "argument ids");
    CHECK_FAILS(k8sboot_leaks_judge(NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_judge(leaks, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_leaks_judge(leaks, "{\"dokcer\": \"/x\"}", &out, &err), K8SBOOT_E_JSON, "unknown field `dokcer`");
    CHECK_FAILS(k8sboot_leaks_judge(leaks, "\xff", &out, &err), K8SBOOT_E_UTF8, "argument options");
    CHECK_FAILS(k8sboot_leaks_text(NULL, &out, &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_text(leaks, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_leaks_collect(NULL, &out, &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_collect(leaks, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(out == NULL);

    /* Nobody was asked: nothing of this boot is freed. */
    CHECK_OK(k8sboot_leaks_judge(leaks, NULL, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"toFree\":[]") != NULL);
    k8sboot_buf_free(out);
    k8sboot_leaks_free(leaks);
}

static void write_record(const char *name, const char *content)
{
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/cbr1/%s", data_dir, name) < (int)sizeof path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void a_directory_is_repaired(void)
{
    const k8sboot_store_t *store = NULL, *memory = NULL;
    k8sboot_buf_t *out = NULL;
    CHECK_OK(k8sboot_store_directory(data_dir, "cbr1", ranges, NULL, &store, &err));
    write_record("10.244.1.2", "");
    CHECK_OK(k8sboot_store_repair(store, NULL, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"defect\":\"empty\"") != NULL && strstr(k8sboot_buf_data(out), "repaired") == NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_store_repair(store, "{\"apply\": true, \"live\": [\"10.244.1.2\"]}", &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"outcome\":\"repaired\"") == NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_store_repair(store, "{\"apply\": true, \"removeForeign\": true}", &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"outcome\":\"repaired\"") != NULL);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_store_repair(store, NULL, &out, &err));
    CHECK(strstr(k8sboot_buf_data(out), "\"findings\":[]") != NULL);
    k8sboot_buf_free(out);
    out = NULL;

    CHECK_OK(k8sboot_store_memory(ranges, NULL, &memory, &err));
    CHECK_FAILS(k8sboot_store_repair(memory, NULL, &out, &err), K8SBOOT_E_MISUSE, "no directory");
    k8sboot_store_free(memory);
    CHECK_FAILS(k8sboot_store_repair(NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_repair(store, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_store_repair(store, "{\"live\": [\"x\"]}", &out, &err), K8SBOOT_E_JSON, "IP address");
    CHECK_FAILS(k8sboot_store_repair(store, "\xff", &out, &err), K8SBOOT_E_UTF8, "argument options");
    CHECK(out == NULL);
    k8sboot_store_free(store);
}

static void leaks_are_undone_by_their_chain(void)
{
    const k8sboot_store_t *store = NULL;
    k8sboot_leaks_t *leaks = NULL;
    k8sboot_buf_t *out = NULL;
    CHECK_OK(k8sboot_store_memory(ranges, NULL, &store, &err));
    CHECK_OK(k8sboot_leaks_new(store, &leaks, &err));
    k8sboot_store_free(store);
    CHECK_FAILS(k8sboot_leaks_delete(leaks, "{\"pluginPath\": []}", NULL, &out, &err), K8SBOOT_E_MISUSE, "k8sboot_leaks_judge first");
    CHECK_OK(k8sboot_leaks_judge(leaks, NULL, &out, &err));
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_leaks_delete(leaks, "{\"pluginPath\": []}", NULL, &out, &err));
    CHECK(strcmp(k8sboot_buf_data(out), "{\"schemaVersion\":1,\"deleted\":[]}") == 0);
    k8sboot_buf_free(out);
    out = NULL;
    CHECK_FAILS(k8sboot_leaks_delete(NULL, "{}", NULL, &out, &err), K8SBOOT_E_NULL, "argument leaks");
    CHECK_FAILS(k8sboot_leaks_delete(leaks, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument request");
    CHECK_FAILS(k8sboot_leaks_delete(leaks, "{}", NULL, &out, &err), K8SBOOT_E_JSON, "pluginPath");
    CHECK_FAILS(k8sboot_leaks_delete(leaks, "{\"pluginPath\": []}", NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_leaks_free(leaks);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    data_dir = argv[1];
    a_directory_keeps_what_it_gave();
    a_directory_is_refused_for_a_reason();
    leaks_are_found_and_collected();
    a_search_is_refused_for_a_reason();
    a_directory_is_repaired();
    leaks_are_undone_by_their_chain();
    return 0;
}
