/* Leaks a handle of the library. The tests that look for leaks must find this one. */
#include "check.h"

int main(void)
{
    k8sboot_error_t *error = NULL;
    CHECK(k8sboot_token_check("x", &error) == K8SBOOT_E_TOKEN_SHAPE);
    error = NULL;
    return 0;
}
