/* Pools and stores: each function once right, once wrong. */
#include "check.h"

static const char v4[] = "[[{\"subnet\": \"10.244.1.0/29\"}]]";
static const char dual[] = "[[{\"subnet\": \"10.244.1.0/29\"}], [{\"subnet\": \"fd00::/64\"}]]";

static int is(const k8sboot_ip_t *address, const char *want)
{
    char text[K8SBOOT_IP_TEXT];
    CHECK_OK(k8sboot_ip_text(address, text, sizeof text, &err));
    return strcmp(text, want) == 0;
}

static k8sboot_ip_t ip(const char *text)
{
    k8sboot_ip_t address;
    CHECK_OK(k8sboot_ip_parse(text, &address, &err));
    return address;
}

static void addresses_have_a_text(void)
{
    k8sboot_ip_t address = ip("::ffff:10.0.0.1");
    char text[K8SBOOT_IP_TEXT];
    CHECK(sizeof address == 17 && address.family == K8SBOOT_FAMILY_V4 && address.bytes[0] == 10);
    CHECK(is(&address, "10.0.0.1"));
    address = ip("fd00:0:0::2");
    CHECK(address.family == K8SBOOT_FAMILY_V6 && is(&address, "fd00::2"));

    CHECK_FAILS(k8sboot_ip_parse("10.0.0.1/24", &address, &err), K8SBOOT_E_MISUSE, "argument address");
    CHECK(address.family == 0);
    CHECK_FAILS(k8sboot_ip_parse("\xff", &address, &err), K8SBOOT_E_UTF8, "argument address");
    CHECK_FAILS(k8sboot_ip_parse(NULL, &address, &err), K8SBOOT_E_NULL, "argument address");
    CHECK_FAILS(k8sboot_ip_parse("::", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_ip_text(&address, text, sizeof text, &err), K8SBOOT_E_ENUM, "found 0");
    address = ip("10.0.0.1");
    CHECK_OK(k8sboot_ip_text(&address, text, 9, &err));
    CHECK_FAILS(k8sboot_ip_text(&address, text, 8, &err), K8SBOOT_E_MISUSE, "expected room for 9 bytes, found 8");
    CHECK(text[0] == 0);
    CHECK_FAILS(k8sboot_ip_text(&address, text, 0, &err), K8SBOOT_E_MISUSE, "argument capacity");
    CHECK_FAILS(k8sboot_ip_text(NULL, text, sizeof text, &err), K8SBOOT_E_NULL, "argument address");
    CHECK_FAILS(k8sboot_ip_text(&address, NULL, 0, &err), K8SBOOT_E_NULL, "argument out");
}

static void a_pool_gives_and_takes(void)
{
    k8sboot_pool_options_t lowest = {.size = sizeof lowest, .policy = K8SBOOT_POLICY_LOWEST};
    k8sboot_assigned_t given[2], again[2];
    k8sboot_ip_t held[4], wanted[2];
    k8sboot_request_t request = {.size = sizeof request, .addresses = wanted, .addresses_len = 2};
    k8sboot_usage_t usage;
    k8sboot_pool_t *pool = NULL;
    size_t count = 9;
    uint32_t yes = 9;

    CHECK_OK(k8sboot_pool_new(dual, &lowest, &pool, &err));
    CHECK_OK(k8sboot_pool_sets(pool, &count, &err));
    CHECK(count == 2);
    CHECK_OK(k8sboot_pool_allocate(pool, "3f2a", "eth0", NULL, given, 2, &count, &err));
    CHECK(count == 2 && sizeof given[0] == 40);
    CHECK(is(&given[0].address, "10.244.1.2") && is(&given[0].gateway, "10.244.1.1"));
    CHECK(given[0].prefix == 29 && given[0].set == 0);
    CHECK(is(&given[1].address, "fd00::2") && given[1].prefix == 64 && given[1].set == 1);
    CHECK_OK(k8sboot_pool_allocate(pool, "3f2a", "eth0", NULL, again, 2, NULL, &err));
    CHECK(memcmp(given, again, sizeof given) == 0);

    wanted[0] = ip("fd00::9");
    wanted[1] = ip("10.244.1.5");
    CHECK_OK(k8sboot_pool_allocate(pool, "77b0", "eth0", &request, given, 2, &count, &err));
    CHECK(is(&given[0].address, "10.244.1.5") && is(&given[1].address, "fd00::9"));
    CHECK_OK(k8sboot_pool_find(pool, "77b0", "eth0", held, 1, &count, &err));
    CHECK(count == 2 && is(&held[0], "10.244.1.5"));
    CHECK_OK(k8sboot_pool_usage(pool, 0, &usage, &err));
    CHECK(usage.held == 2 && usage.resting == 0 && usage.size == 5);
    CHECK_OK(k8sboot_pool_usage(pool, 1, &usage, &err));
    CHECK(usage.size == UINT64_MAX - 1);

    CHECK_OK(k8sboot_pool_hold(pool, &wanted[1], "other", "eth0", &yes, &err));
    CHECK(yes == 0);
    wanted[1] = ip("10.244.1.6");
    CHECK_OK(k8sboot_pool_hold(pool, &wanted[1], "other", "eth0", &yes, &err));
    CHECK(yes == 1);
    CHECK_OK(k8sboot_pool_release_address(pool, &wanted[1], &yes, &err));
    CHECK(yes == 1);
    CHECK_OK(k8sboot_pool_release_address(pool, &wanted[1], &yes, &err));
    CHECK(yes == 0);
    CHECK_OK(k8sboot_pool_release(pool, "77b0", "eth0", held, 4, &count, &err));
    CHECK(count == 2 && is(&held[0], "10.244.1.5") && is(&held[1], "fd00::9"));
    CHECK_OK(k8sboot_pool_release(pool, "77b0", "eth0", NULL, 0, NULL, &err));
    k8sboot_pool_free(pool);
    k8sboot_pool_free(NULL);
}

static void a_pool_says_why_not(void)
{
    k8sboot_pool_options_t options = {.size = sizeof options, .policy = 7};
    k8sboot_assigned_t given[1];
    k8sboot_ip_t wanted = ip("10.244.1.1"), held[1];
    k8sboot_request_t request = {.size = sizeof request, .addresses = &wanted, .addresses_len = 1};
    k8sboot_usage_t usage;
    k8sboot_pool_t *pool = NULL;
    size_t count = 9;

    CHECK_FAILS(k8sboot_pool_new("[[]]", NULL, &pool, &err), K8SBOOT_E_IPAM_RANGE, "at least one range");
    CHECK_FAILS(k8sboot_pool_new("[]", NULL, &pool, &err), K8SBOOT_E_IPAM_NO_RANGES, "subnet");
    CHECK_FAILS(k8sboot_pool_new("[[{}]]", NULL, &pool, &err), K8SBOOT_E_JSON, "missing field `subnet`");
    CHECK_FAILS(k8sboot_pool_new(NULL, NULL, &pool, &err), K8SBOOT_E_NULL, "argument ranges");
    CHECK_FAILS(k8sboot_pool_new("\xff", NULL, &pool, &err), K8SBOOT_E_UTF8, "argument ranges");
    CHECK_FAILS(k8sboot_pool_new(v4, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_pool_new(v4, &options, &pool, &err), K8SBOOT_E_ENUM, "options.policy");
    options.policy = K8SBOOT_POLICY_LOWEST;
    options.rest_releases = 1;
    CHECK_FAILS(k8sboot_pool_new(v4, &options, &pool, &err), K8SBOOT_E_MISUSE, "options.rest");
    options.policy = K8SBOOT_POLICY_REST;
    options.rest_oldest_if_exhausted = 2;
    CHECK_FAILS(k8sboot_pool_new(v4, &options, &pool, &err), K8SBOOT_E_ENUM, "options.rest_oldest_if_exhausted");
    options.rest_oldest_if_exhausted = 0;
    options.reserve = UINT64_MAX;
    CHECK_FAILS(k8sboot_pool_new(v4, &options, &pool, &err), K8SBOOT_E_MISUSE, "options.reserve");
    options.size = 5;
    CHECK_FAILS(k8sboot_pool_new(v4, &options, &pool, &err), K8SBOOT_E_MISUSE, "size");
    CHECK(pool == NULL);

    CHECK_OK(k8sboot_pool_new(v4, NULL, &pool, &err));
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_IPAM_GATEWAY, "10.244.1.1");
    CHECK(count == 0);
    wanted = ip("10.9.9.9");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_IPAM_UNPLACED, "10.9.9.9");
    wanted.family = 0;
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_ENUM, "request.addresses");
    request.addresses = NULL;
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_NULL, "request.addresses");
    request.addresses_len = 0;
    request.repeat = 9;
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_ENUM, "request.repeat");
    request.repeat = K8SBOOT_REPEAT_REFUSE;
    request.size = 4096 + 8;
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_MISUSE, "size");
    request.size = sizeof request;
    CHECK_OK(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err));
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "eth0", &request, given, 1, &count, &err), K8SBOOT_E_IPAM_DUPLICATE, "10.244.1.2");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a/b", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_IPAM_OWNER, "a/b");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", "", NULL, given, 1, &count, &err), K8SBOOT_E_IPAM_OWNER, "interface");
    CHECK_FAILS(k8sboot_pool_allocate(pool, NULL, "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_NULL, "argument container");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "a", NULL, NULL, given, 1, &count, &err), K8SBOOT_E_NULL, "argument interface");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "\xff", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_UTF8, "argument container");
    CHECK_FAILS(k8sboot_pool_allocate(NULL, "a", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "b", "eth0", NULL, NULL, 1, &count, &err), K8SBOOT_E_NULL, "argument assigned");
    CHECK_FAILS(k8sboot_pool_allocate(pool, "b", "eth0", NULL, given, 0, &count, &err), K8SBOOT_E_MISUSE, "argument capacity");
    CHECK_OK(k8sboot_pool_usage(pool, 0, &usage, &err));
    CHECK(usage.held == 1); /* What failed holds nothing. */
    for (char name[] = "b"; name[0] < 'f'; name[0]++)
        CHECK_OK(k8sboot_pool_allocate(pool, name, "eth0", NULL, given, 1, NULL, &err));
    CHECK_FAILS(k8sboot_pool_allocate(pool, "f", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_IPAM_EXHAUSTED, "5 of 5");

    CHECK_FAILS(k8sboot_pool_release(NULL, "a", "eth0", NULL, 0, NULL, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_release(pool, NULL, "eth0", NULL, 0, NULL, &err), K8SBOOT_E_NULL, "argument container");
    CHECK_FAILS(k8sboot_pool_release(pool, "a", "a:b", NULL, 0, NULL, &err), K8SBOOT_E_IPAM_OWNER, "a:b");
    CHECK_FAILS(k8sboot_pool_release(pool, "a", "eth0", NULL, 1, NULL, &err), K8SBOOT_E_NULL, "argument freed");
    CHECK_FAILS(k8sboot_pool_release_address(NULL, &wanted, NULL, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_release_address(pool, NULL, NULL, &err), K8SBOOT_E_NULL, "argument address");
    CHECK_FAILS(k8sboot_pool_release_address(pool, &wanted, NULL, &err), K8SBOOT_E_ENUM, "argument address");
    CHECK_FAILS(k8sboot_pool_hold(NULL, &wanted, "a", "eth0", NULL, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_hold(pool, NULL, "a", "eth0", NULL, &err), K8SBOOT_E_NULL, "argument address");
    wanted = ip("10.244.1.2");
    CHECK_FAILS(k8sboot_pool_hold(pool, &wanted, "", "eth0", NULL, &err), K8SBOOT_E_IPAM_OWNER, "container ID");
    CHECK_FAILS(k8sboot_pool_find(NULL, "a", "eth0", held, 1, &count, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_find(pool, "a", "eth0", NULL, 1, &count, &err), K8SBOOT_E_NULL, "argument addresses");
    CHECK_FAILS(k8sboot_pool_find(pool, "a", NULL, held, 1, &count, &err), K8SBOOT_E_NULL, "argument interface");
    CHECK_FAILS(k8sboot_pool_sets(NULL, &count, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_sets(pool, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_pool_usage(NULL, 0, &usage, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_usage(pool, 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_pool_usage(pool, 1, &usage, &err), K8SBOOT_E_MISUSE, "argument set");
    CHECK(usage.size == 0);
    k8sboot_pool_free(pool);
}

static void addresses_rest(void)
{
    k8sboot_pool_options_t options = {.size = sizeof options, .policy = K8SBOOT_POLICY_REST, .rest_ms = 1000};
    k8sboot_assigned_t given[1];
    k8sboot_usage_t usage;
    k8sboot_pool_t *pool = NULL;
    CHECK_OK(k8sboot_pool_new(v4, &options, &pool, &err));
    CHECK_OK(k8sboot_pool_advance(pool, 5000, &err));
    for (char name[] = "a"; name[0] < 'f'; name[0]++)
        CHECK_OK(k8sboot_pool_allocate(pool, name, "eth0", NULL, given, 1, NULL, &err));
    CHECK_OK(k8sboot_pool_release(pool, "a", "eth0", NULL, 0, NULL, &err));
    CHECK_OK(k8sboot_pool_usage(pool, 0, &usage, &err));
    CHECK(usage.held == 4 && usage.resting == 1);
    CHECK_FAILS(k8sboot_pool_allocate(pool, "f", "eth0", NULL, given, 1, NULL, &err), K8SBOOT_E_IPAM_EXHAUSTED, "1 resting");
    CHECK_OK(k8sboot_pool_advance(pool, 6000, &err));
    CHECK_OK(k8sboot_pool_allocate(pool, "f", "eth0", NULL, given, 1, NULL, &err));
    CHECK(is(&given[0].address, "10.244.1.2"));
    CHECK_FAILS(k8sboot_pool_advance(NULL, 0, &err), K8SBOOT_E_NULL, "argument pool");
    k8sboot_pool_free(pool);
}

static void a_pool_is_saved_and_restored(void)
{
    k8sboot_pool_t *pool = NULL, *restored = NULL;
    k8sboot_buf_t *state = NULL, *again = NULL;
    k8sboot_assigned_t given[1], before[1];
    CHECK_OK(k8sboot_pool_new(v4, NULL, &pool, &err));
    CHECK_OK(k8sboot_pool_allocate(pool, "a", "eth0", NULL, before, 1, NULL, &err));
    CHECK_OK(k8sboot_pool_save(pool, &state, &err));
    k8sboot_pool_free(pool);
    CHECK_OK(k8sboot_pool_restore(k8sboot_buf_data(state), 7, &restored, &err));
    CHECK_OK(k8sboot_pool_save(restored, &again, &err));
    CHECK(strcmp(k8sboot_buf_data(state), k8sboot_buf_data(again)) == 0);
    k8sboot_buf_free(state);
    k8sboot_buf_free(again);
    CHECK_OK(k8sboot_pool_allocate(restored, "a", "eth0", NULL, given, 1, NULL, &err));
    CHECK(memcmp(given, before, sizeof given) == 0);
    CHECK_OK(k8sboot_pool_allocate(restored, "b", "eth0", NULL, given, 1, NULL, &err));
    CHECK(is(&given[0].address, "10.244.1.3"));

    CHECK_FAILS(k8sboot_pool_save(NULL, &state, &err), K8SBOOT_E_NULL, "argument pool");
    CHECK_FAILS(k8sboot_pool_save(restored, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_pool_free(restored);
    CHECK_FAILS(k8sboot_pool_restore("{}", 0, &restored, &err), K8SBOOT_E_IPAM_STATE, "version");
    CHECK_FAILS(k8sboot_pool_restore(NULL, 0, &restored, &err), K8SBOOT_E_NULL, "argument state");
    CHECK_FAILS(k8sboot_pool_restore("\xff", 0, &restored, &err), K8SBOOT_E_UTF8, "argument state");
    CHECK_FAILS(k8sboot_pool_restore("{}", 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(restored == NULL);
}

static void a_store_in_memory_has_owners(void)
{
    const k8sboot_store_t *store = NULL, *second;
    k8sboot_assigned_t given[2];
    k8sboot_ip_t held[2];
    k8sboot_usage_t usage;
    k8sboot_buf_t *records = NULL;
    size_t count = 0;

    CHECK_OK(k8sboot_store_memory(dual, NULL, &store, &err));
    second = k8sboot_store_ref(store);
    CHECK(second == store);
    CHECK_OK(k8sboot_store_allocate(store, "3f2a", "eth0", NULL, given, 2, &count, &err));
    k8sboot_store_free(store);
    CHECK(count == 2 && is(&given[1].address, "fd00::2"));
    CHECK_OK(k8sboot_store_find(second, "3f2a", "eth0", held, 2, &count, &err));
    CHECK(count == 2 && is(&held[0], "10.244.1.2"));
    CHECK_OK(k8sboot_store_records(second, &records, &err));
    CHECK(strstr(k8sboot_buf_data(records), "{\"name\":\"10.244.1.2\",\"address\":\"10.244.1.2\",\"holder\":\"attachment\"") != NULL);
    k8sboot_buf_free(records);
    CHECK_OK(k8sboot_store_usage(second, 1, &usage, &err));
    CHECK(usage.held == 1);
    CHECK_OK(k8sboot_store_release(second, "3f2a", "eth0", held, 1, &count, &err));
    CHECK(count == 2);

    CHECK_FAILS(k8sboot_store_memory(NULL, NULL, &store, &err), K8SBOOT_E_NULL, "argument ranges");
    CHECK(store == NULL);
    CHECK_FAILS(k8sboot_store_memory(dual, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_store_allocate(second, "a", "eth0", NULL, given, 1, &count, &err), K8SBOOT_E_MISUSE, "room for 2");
    CHECK_FAILS(k8sboot_store_allocate(NULL, "a", "eth0", NULL, given, 2, &count, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_allocate(second, "a", "\xff", NULL, given, 2, &count, &err), K8SBOOT_E_UTF8, "argument interface");
    CHECK_FAILS(k8sboot_store_allocate(second, "a", "eth0", NULL, NULL, 2, &count, &err), K8SBOOT_E_NULL, "argument assigned");
    CHECK_FAILS(k8sboot_store_release(NULL, "a", "eth0", NULL, 0, NULL, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_release(second, "..", "eth0", NULL, 0, NULL, &err), K8SBOOT_E_IPAM_OWNER, "container ID");
    CHECK_FAILS(k8sboot_store_release(second, "a", "eth0", NULL, 1, NULL, &err), K8SBOOT_E_NULL, "argument freed");
    CHECK_FAILS(k8sboot_store_find(NULL, "a", "eth0", held, 2, &count, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_find(second, "a", "eth0", NULL, 2, &count, &err), K8SBOOT_E_NULL, "argument addresses");
    CHECK_FAILS(k8sboot_store_records(NULL, &records, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_records(second, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_store_usage(NULL, 0, &usage, &err), K8SBOOT_E_NULL, "argument store");
    CHECK_FAILS(k8sboot_store_usage(second, 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_store_usage(second, 2, &usage, &err), K8SBOOT_E_MISUSE, "argument set");
    k8sboot_store_free(second);
    k8sboot_store_free(NULL);
    CHECK(k8sboot_store_ref(NULL) == NULL);
}

static void nodes_have_subnets(void)
{
    const char *options = "{\"clusters\": [{\"cidr\": \"10.244.0.0/22\"}, {\"cidr\": \"fd00::/56\", \"nodePrefix\": 64}],"
                          " \"excluded\": [\"10.244.3.0/24\"]}";
    k8sboot_subnets_t *subnets = NULL;
    k8sboot_subnet_t given[2], found[2];
    k8sboot_usage_t usage;
    k8sboot_buf_t *findings = NULL;
    size_t count = 0;
    uint32_t had = 9;

    CHECK_OK(k8sboot_subnets_new(options, &subnets, &err));
    CHECK_OK(k8sboot_subnets_occupy(subnets, "{\"node-1\": [\"10.244.0.0/24\", \"192.0.2.0/24\"]}", &findings, &err));
    CHECK(strstr(k8sboot_buf_data(findings), "192.0.2.0/24 of node node-1 is in no cluster CIDR") != NULL);
    k8sboot_buf_free(findings);
    CHECK_OK(k8sboot_subnets_allocate(subnets, "node-2", given, 2, &count, &err));
    CHECK(count == 2 && is(&given[0].address, "10.244.1.0") && given[0].prefix == 24);
    CHECK(given[1].address.family == K8SBOOT_FAMILY_V6 && given[1].prefix == 64);
    CHECK_OK(k8sboot_subnets_allocate(subnets, "node-2", found, 2, NULL, &err));
    CHECK(memcmp(given, found, sizeof given) == 0);
    CHECK_OK(k8sboot_subnets_find(subnets, "node-2", found, 1, &count, &err));
    CHECK(count == 2 && memcmp(given, found, sizeof given[0]) == 0);
    CHECK_OK(k8sboot_subnets_allocate(subnets, "node-3", given, 2, NULL, &err));
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, "node-4", given, 2, &count, &err), K8SBOOT_E_IPAM_SPLIT, "10.244.0.0/22");
    CHECK_OK(k8sboot_subnets_usage(subnets, 1, &usage, &err));
    CHECK(usage.held == 2 && usage.size == 256);
    CHECK_OK(k8sboot_subnets_release(subnets, "node-3", &had, &err));
    CHECK(had == 1);
    CHECK_OK(k8sboot_subnets_release(subnets, "node-3", &had, &err));
    CHECK(had == 0);

    CHECK_FAILS(k8sboot_subnets_allocate(NULL, "n", given, 2, &count, &err), K8SBOOT_E_NULL, "argument subnets");
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, NULL, given, 2, &count, &err), K8SBOOT_E_NULL, "argument node");
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, "", given, 2, &count, &err), K8SBOOT_E_MISUSE, "argument node");
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, "\xff", given, 2, &count, &err), K8SBOOT_E_UTF8, "argument node");
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, "n", NULL, 2, &count, &err), K8SBOOT_E_NULL, "argument given");
    CHECK_FAILS(k8sboot_subnets_allocate(subnets, "n", given, 1, &count, &err), K8SBOOT_E_MISUSE, "room for 2");
    CHECK_FAILS(k8sboot_subnets_occupy(NULL, "{}", &findings, &err), K8SBOOT_E_NULL, "argument subnets");
    CHECK_FAILS(k8sboot_subnets_occupy(subnets, NULL, &findings, &err), K8SBOOT_E_NULL, "argument nodes");
    CHECK_FAILS(k8sboot_subnets_occupy(subnets, "{\"n\": [\"x\"]}", &findings, &err), K8SBOOT_E_JSON, "argument nodes");
    CHECK_FAILS(k8sboot_subnets_occupy(subnets, "{}", NULL, &err), K8SBOOT_E_NULL, "argument findings");
    CHECK_FAILS(k8sboot_subnets_release(NULL, "n", NULL, &err), K8SBOOT_E_NULL, "argument subnets");
    CHECK_FAILS(k8sboot_subnets_release(subnets, NULL, NULL, &err), K8SBOOT_E_NULL, "argument node");
    CHECK_FAILS(k8sboot_subnets_find(NULL, "n", found, 2, &count, &err), K8SBOOT_E_NULL, "argument subnets");
    CHECK_FAILS(k8sboot_subnets_find(subnets, "n", NULL, 2, &count, &err), K8SBOOT_E_NULL, "argument found");
    CHECK_FAILS(k8sboot_subnets_usage(NULL, 0, &usage, &err), K8SBOOT_E_NULL, "argument subnets");
    CHECK_FAILS(k8sboot_subnets_usage(subnets, 2, &usage, &err), K8SBOOT_E_MISUSE, "argument set");
    CHECK_FAILS(k8sboot_subnets_usage(subnets, 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_subnets_free(subnets);
    k8sboot_subnets_free(NULL);
    CHECK_FAILS(k8sboot_subnets_new("{\"clusters\": []}", &subnets, &err), K8SBOOT_E_IPAM_CLUSTER_CIDRS, "cluster");
    CHECK_FAILS(k8sboot_subnets_new("{\"clusters\": [{\"cidr\": \"x\"}]}", &subnets, &err), K8SBOOT_E_JSON, "argument options");
    CHECK_FAILS(k8sboot_subnets_new(NULL, &subnets, &err), K8SBOOT_E_NULL, "argument options");
    CHECK_FAILS(k8sboot_subnets_new("{}", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(subnets == NULL);
}

static void what_is_not_built_says_so(void)
{
    const k8sboot_store_t *store = NULL;
    const char *options = "{\"endpoints\": [\"http://127.0.0.1:1\"]}";
    k8sboot_code_t code = k8sboot_store_etcd("pods", v4, options, &store, NULL);
    CHECK((code == K8SBOOT_E_NOT_BUILT || code == K8SBOOT_E_ETCD_UNREACHABLE) && store == NULL);
    CHECK_FAILS(k8sboot_store_etcd(NULL, v4, options, &store, &err), K8SBOOT_E_NULL, "argument network");
    CHECK_FAILS(k8sboot_store_etcd("pods", NULL, options, &store, &err), K8SBOOT_E_NULL, "argument ranges");
    CHECK_FAILS(k8sboot_store_etcd("pods", v4, NULL, &store, &err), K8SBOOT_E_NULL, "argument options");
    CHECK_FAILS(k8sboot_store_etcd("pods", v4, "\xff", &store, &err), K8SBOOT_E_UTF8, "argument options");
    CHECK_FAILS(k8sboot_store_etcd("pods", v4, options, NULL, &err), K8SBOOT_E_NULL, "argument out");
}

int main(void)
{
    addresses_have_a_text();
    a_pool_gives_and_takes();
    a_pool_says_why_not();
    addresses_rest();
    a_pool_is_saved_and_restored();
    a_store_in_memory_has_owners();
    nodes_have_subnets();
    what_is_not_built_says_so();
    return 0;
}
