/* Whole plugin processes, called by many at once. Prints for each program the medians over the rounds, in nanoseconds per
 * ADD and per DEL (0: none made).
 *
 *   callers CALLERS ROUNDS (PROGRAM CONFIGURATION CALLS DEL)...
 *
 * In each round the programs take turns: CALLERS processes make CALLS ADDs each, one after the other, each with a
 * container of its own and the configuration on standard input; then, if DEL is "del", they free them again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct program {
    const char *path, *configuration;
};

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* One call; whether it succeeded. */
static int call(const struct program *program, const char *command, long round, long caller, long number) {
    char id[128], verb[32];
    snprintf(verb, sizeof verb, "CNI_COMMAND=%s", command);
    snprintf(id, sizeof id, "CNI_CONTAINERID=c%015lx%016lx%032lx", round, caller, number);
    char *environment[] = {verb, id, "CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/none", "CNI_PATH=/opt/cni/bin", NULL};
    char *arguments[] = {(char *)program->path, NULL};
    pid_t child = vfork();
    if (child == 0) {
        int in = open(program->configuration, O_RDONLY), out = open("/dev/null", O_WRONLY);
        dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        close(in);
        close(out);
        execve(program->path, arguments, environment);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* One caller, without a process of its own; nanoseconds per call, or -1. */
static int64_t alone(const struct program *program, const char *command, long calls, long round) {
    int64_t start = now();
    for (long number = 0; number < calls; number++) {
        if (!call(program, command, round, 0, number)) {
            fprintf(stderr, "callers: %s: %s failed\n", program->path, command);
            return -1;
        }
    }
    return (now() - start) / calls;
}

/* All callers at once; nanoseconds per call, or -1. */
static int64_t crowd(const struct program *program, const char *command, long callers, long calls, long round) {
    if (callers == 1) {
        return alone(program, command, calls, round);
    }
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) {
        return -1;
    }
    for (long caller = 0; caller < callers; caller++) {
        pid_t child = fork();
        if (child < 0) {
            return -1;
        }
        if (child == 0) {
            char byte;
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0) {
                _exit(1);
            }
            for (long number = 0; number < calls; number++) {
                if (!call(program, command, round, caller, number)) {
                    _exit(1);
                }
            }
            _exit(0);
        }
    }
    close(gate[0]);
    int64_t start = now();
    close(gate[1]);
    int failed = 0, status;
    for (long caller = 0; caller < callers; caller++) {
        failed |= wait(&status) < 0 || status != 0;
    }
    int64_t time = now() - start;
    if (failed) {
        fprintf(stderr, "callers: %s: %s failed\n", program->path, command);
        return -1;
    }
    return time / (callers * calls);
}

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static int64_t median(int64_t *times, long count) {
    qsort(times, count, sizeof *times, compare);
    return times[count / 2];
}

int main(int count, char **arguments) {
    long callers = count > 1 ? atol(arguments[1]) : 0, rounds = count > 2 ? atol(arguments[2]) : 0;
    long programs = (count - 3) / 4;
    if (count < 7 || (count - 3) % 4 != 0 || callers < 1 || rounds < 1) {
        fprintf(stderr, "usage: callers CALLERS ROUNDS (PROGRAM CONFIGURATION CALLS DEL)...\n");
        return 2;
    }
    int64_t *add = calloc(programs * rounds, sizeof *add), *del = calloc(programs * rounds, sizeof *del);
    if (!add || !del) {
        return 1;
    }
    for (long round = 0; round < rounds; round++) {
        for (long at = 0; at < programs; at++) {
            char **given = arguments + 3 + 4 * at;
            struct program program = {given[0], given[1]};
            long place = at * rounds + round, calls = atol(given[2]);
            add[place] = crowd(&program, "ADD", callers, calls, round);
            del[place] = strcmp(given[3], "del") == 0 ? crowd(&program, "DEL", callers, calls, round) : 0;
            if (add[place] < 0 || del[place] < 0) {
                return 1;
            }
        }
    }
    for (long at = 0; at < programs; at++) {
        printf("%lld %lld\n", (long long)median(add + at * rounds, rounds),
               (long long)median(del + at * rounds, rounds));
    }
    return 0;
}
