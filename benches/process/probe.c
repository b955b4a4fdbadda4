/* What one process takes. Prints wall-clock nanoseconds, CPU nanoseconds and peak resident bytes.
 *
 *   probe run PROGRAM ARGUMENT...   of the program, from fork to exit; its output goes nowhere
 *   probe load LIBRARY              of loading libk8sboot and its first call; peak of this process
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t nanoseconds(struct timeval t) { return ((int64_t)t.tv_sec * 1000000 + t.tv_usec) * 1000; }

static int report(int64_t wall, int64_t cpu, const struct rusage *use) {
    return printf("%lld %lld %lld\n", (long long)wall, (long long)cpu, (long long)use->ru_maxrss * 1024) < 0;
}

static int run(char **command) {
    int64_t start = now(CLOCK_MONOTONIC);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        execv(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    int status;
    struct rusage use;
    if (child < 0 || wait4(child, &status, 0, &use) != child) {
        perror("probe: run");
        return 1;
    }
    int64_t wall = now(CLOCK_MONOTONIC) - start;
    if (status != 0) {
        fprintf(stderr, "probe: %s: wait status %d\n", command[0], status);
        return 1;
    }
    return report(wall, nanoseconds(use.ru_utime) + nanoseconds(use.ru_stime), &use);
}

typedef int32_t (*generate_fn)(void **out, void **error);

static int load(const char *path) {
    int64_t start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "k8sboot_token_generate") : NULL;
    if (!symbol) {
        fprintf(stderr, "probe: %s\n", dlerror());
        return 1;
    }
    generate_fn generate;
    memcpy(&generate, &symbol, sizeof generate);
    void *token = NULL, *error = NULL;
    int32_t code = generate(&token, &error);
    int64_t wall = now(CLOCK_MONOTONIC) - start;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    struct rusage use;
    if (code != 0 || !token || getrusage(RUSAGE_SELF, &use) != 0) {
        fprintf(stderr, "probe: k8sboot_token_generate: code %d\n", (int)code);
        return 1;
    }
    return report(wall, cpu, &use);
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "load") == 0) {
        return load(arguments[2]);
    }
    if (count >= 3 && strcmp(arguments[1], "run") == 0) {
        return run(arguments + 2);
    }
    fprintf(stderr, "usage: probe run PROGRAM ARGUMENT... | probe load LIBRARY\n");
    return 2;
}
