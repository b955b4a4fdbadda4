/* Bootstrap tokens: each function once right, once wrong. */
#include "check.h"

int main(void)
{
    CHECK_OK(k8sboot_token_check("abcdef.0123456789abcdef", &err));
    CHECK_FAILS(k8sboot_token_check("abcdef", &err), K8SBOOT_E_TOKEN_SHAPE, "token: ");
    CHECK_FAILS(k8sboot_token_check(NULL, &err), K8SBOOT_E_NULL, "argument token");
    CHECK_FAILS(k8sboot_token_check("abc\xff", &err), K8SBOOT_E_UTF8, "at byte 3");
    return 0;
}
