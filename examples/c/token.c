/*
 * Checks bootstrap tokens.
 *
 *   cc -std=c11 token.c $(pkg-config --cflags --libs k8sboot) -o token
 *   ./token abcdef.0123456789abcdef
 */
#include <k8sboot.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int wrong = 0;
    for (int i = 1; i < argc; i++) {
        k8sboot_error_t *err = NULL;
        if (k8sboot_token_check(argv[i], &err) == K8SBOOT_OK) {
            printf("%.6s is well-formed\n", argv[i]);
        } else {
            fprintf(stderr, "argument %d: %s\n", i, k8sboot_error_message(err));
            k8sboot_error_free(err);
            wrong = 1;
        }
    }
    return wrong;
}
