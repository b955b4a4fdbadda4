/* Versions, errors, buffers and cancel objects, and what they do with NULL. */
#include "check.h"

static void versions(void)
{
    char version[32];
    sprintf(version, "%d.%d.%d", K8SBOOT_VERSION_MAJOR, K8SBOOT_VERSION_MINOR, K8SBOOT_VERSION_PATCH);
    CHECK(strcmp(k8sboot_version(), version) == 0);
    CHECK(k8sboot_abi_version() == K8SBOOT_ABI_VERSION);
}

static void null_is_harmless(void)
{
    CHECK(k8sboot_error_code(NULL) == K8SBOOT_OK);
    CHECK(strcmp(k8sboot_error_message(NULL), "") == 0);
    CHECK(strcmp(k8sboot_error_details(NULL), "{}") == 0);
    k8sboot_error_free(NULL);
    CHECK(k8sboot_buf_data(NULL) == NULL);
    CHECK(k8sboot_buf_len(NULL) == 0);
    k8sboot_buf_free(NULL);
    CHECK(k8sboot_cancel_ref(NULL) == NULL);
    k8sboot_cancel_free(NULL);
}

static void errors_are_optional_and_complete(void)
{
    k8sboot_error_t *err = (k8sboot_error_t *)&err; /* What was there before must not matter. */
    CHECK(k8sboot_token_check("x", NULL) == K8SBOOT_E_TOKEN_SHAPE);
    CHECK(k8sboot_token_check("x", &err) == K8SBOOT_E_TOKEN_SHAPE);
    CHECK(k8sboot_error_code(err) == K8SBOOT_E_TOKEN_SHAPE);
    CHECK(strstr(k8sboot_error_message(err), "token: ") == k8sboot_error_message(err));
    CHECK(strstr(k8sboot_error_details(err), "\"kind\":\"TOKEN_SHAPE\"") != NULL);
    k8sboot_error_free(err);
}

static void cancel_has_owners(void)
{
    const k8sboot_cancel_t *cancel = NULL;
    CHECK_OK(k8sboot_cancel_new(&cancel, &err));
    CHECK(k8sboot_cancel_ref(cancel) == cancel);
    k8sboot_cancel_free(cancel);
    CHECK_OK(k8sboot_cancel_trigger(cancel, &err));
    CHECK_OK(k8sboot_cancel_trigger(cancel, &err));
    k8sboot_cancel_free(cancel);
    CHECK_FAILS(k8sboot_cancel_new(NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cancel_trigger(NULL, &err), K8SBOOT_E_NULL, "argument cancel");
}

int main(void)
{
    versions();
    null_is_harmless();
    errors_are_optional_and_complete();
    cancel_has_owners();
    return 0;
}
