/* What an address given and released costs a C program.
 *
 *   calls RANGES HELD TURNS    prints wall-clock nanoseconds and CPU nanoseconds of all turns
 */
#define _GNU_SOURCE
#include <k8sboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void check(k8sboot_code_t code, k8sboot_error_t *err)
{
    if (code != K8SBOOT_OK) {
        fprintf(stderr, "calls: %s\n", k8sboot_error_message(err));
        exit(1);
    }
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: calls RANGES HELD TURNS\n");
        return 2;
    }
    long held = atol(arguments[2]), turns = atol(arguments[3]);
    k8sboot_pool_options_t options = {.size = sizeof options, .reserve = 2 * ((uint64_t)held + 1)};
    k8sboot_error_t *err = NULL;
    k8sboot_pool_t *pool;
    k8sboot_assigned_t given[2];
    char name[65];
    check(k8sboot_pool_new(arguments[1], &options, &pool, &err), err);
    for (long n = 0; n < held; n++) {
        snprintf(name, sizeof name, "%064lx", n);
        check(k8sboot_pool_allocate(pool, name, "eth0", NULL, given, 2, NULL, &err), err);
    }
    snprintf(name, sizeof name, "%064lx", held);
    for (int warm = 1; warm >= 0; warm--) {
        long long start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        for (long n = 0; n < turns; n++) {
            check(k8sboot_pool_allocate(pool, name, "eth0", NULL, given, 2, NULL, &err), err);
            check(k8sboot_pool_release(pool, name, "eth0", NULL, 0, NULL, &err), err);
        }
        if (!warm)
            printf("%lld %lld\n", now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    k8sboot_pool_free(pool);
    return 0;
}
