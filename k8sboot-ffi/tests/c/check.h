/* What every test program needs: stop at the first wrong answer and say where. */
#ifndef CHECK_H
#define CHECK_H

#include <k8sboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* A call that must fail with `want`: its code, the object's code, message and details agree. Frees the error. */
#define CHECK_FAILS(call, want, part)                                             \
    do {                                                                          \
        k8sboot_error_t *err = NULL;                                              \
        k8sboot_code_t code = (call);                                             \
        if (code != (want)) {                                                     \
            fprintf(stderr, "%s:%d: %s: %d: %s\n", __FILE__, __LINE__, #call,     \
                    (int)code, k8sboot_error_message(err));                       \
            exit(1);                                                              \
        }                                                                         \
        CHECK(k8sboot_error_code(err) == code);                                   \
        CHECK(strstr(k8sboot_error_message(err), (part)) != NULL);                \
        CHECK(k8sboot_error_details(err)[0] == '{');                              \
        k8sboot_error_free(err);                                                  \
    } while (0)

/* A call that must succeed and leave no error. */
#define CHECK_OK(call)                                                            \
    do {                                                                          \
        k8sboot_error_t *err = NULL;                                              \
        k8sboot_code_t code = (call);                                             \
        if (code != K8SBOOT_OK) {                                                 \
            fprintf(stderr, "%s:%d: %s: %d: %s\n", __FILE__, __LINE__, #call,     \
                    (int)code, k8sboot_error_message(err));                       \
            exit(1);                                                              \
        }                                                                         \
        CHECK(err == NULL);                                                       \
    } while (0)

#endif
