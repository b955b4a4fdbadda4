/*
 * libk8sboot: Kubernetes node bootstrap as a library.
 *
 * Generated from k8sboot-ffi; do not edit. SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Results    Functions that can fail return k8sboot_code_t, 0 for success. Their last argument takes the error
 *            object; it may be NULL. Outputs are set to NULL or zero first and written only on success.
 * Ownership  Objects are made by this library and freed with the function of their type and no other; freeing NULL is
 *            allowed. The library never frees memory of the caller and keeps no pointer to it after a call.
 * Text       Text in is NUL-terminated UTF-8. Text and bytes out are k8sboot_buf_t.
 * Structs    In structs that begin with `size`, zero means the default for every member. Set `size` to sizeof.
 * Threads    Functions that take `const T *` may run at the same time on one object; those that take `T *`, and
 *            freeing, need it for themselves. Objects may move between threads. Not fork-safe during a call.
 * Process    The library installs no signal handlers, changes no working directory, umask, environment or locale,
 *            starts no threads that outlive a call and writes nothing to standard output. Do not dlclose() it.
 * Bugs       A panic inside is returned as K8SBOOT_E_PANIC; the objects of that call only can be freed then.
 * Features   Functions of features that were not built exist and return K8SBOOT_E_NOT_BUILT.
 */


#ifndef K8SBOOT_H
#define K8SBOOT_H

#include <stddef.h>
#include <stdint.h>

#define K8SBOOT_VERSION_MAJOR 0
#define K8SBOOT_VERSION_MINOR 1
#define K8SBOOT_VERSION_PATCH 0
#define K8SBOOT_ABI_VERSION 1

/* Codes of the families; the codes of the boundary follow below. */
#define K8SBOOT_E_CONFIG_SYNTAX 1001
#define K8SBOOT_E_CONFIG_KIND 1002
#define K8SBOOT_E_CONFIG_UNKNOWN_FIELD 1003
#define K8SBOOT_E_CONFIG_TYPE 1004
#define K8SBOOT_E_CONFIG_VALUE 1005
#define K8SBOOT_E_CONFIG_CONFLICT 1006
#define K8SBOOT_E_CONFIG_MISSING 1007
#define K8SBOOT_E_CONFIG_DUPLICATE 1008
#define K8SBOOT_E_CONFIG_WARNING 1009
#define K8SBOOT_E_TOKEN_SHAPE 2001
#define K8SBOOT_E_TOKEN_PART 2002
#define K8SBOOT_E_TOKEN_ENTROPY 2003
#define K8SBOOT_E_TOKEN_LIFETIME 2004
#define K8SBOOT_E_TOKEN_USAGE 2005
#define K8SBOOT_E_TOKEN_GROUP 2006
#define K8SBOOT_E_TOKEN_DUPLICATE 2007
#define K8SBOOT_E_TOKEN_OBJECT 2008
#define K8SBOOT_E_TOKEN_CLUSTER_INFO 2009
#define K8SBOOT_E_TOKEN_NOT_SIGNED 2010
#define K8SBOOT_E_TOKEN_SIGNATURE_SHAPE 2011
#define K8SBOOT_E_TOKEN_SIGNATURE 2012
#define K8SBOOT_E_TOKEN_PIN_SHAPE 2013
#define K8SBOOT_E_TOKEN_PIN_MISMATCH 2014
#define K8SBOOT_E_TOKEN_PIN_MISSING 2015
#define K8SBOOT_E_TOKEN_CERTIFICATE 2016
#define K8SBOOT_E_PKI_PEM 3001
#define K8SBOOT_E_PKI_KEY_FORMAT 3002
#define K8SBOOT_E_PKI_KEY_ENCRYPTED 3003
#define K8SBOOT_E_PKI_KEY_UNSUPPORTED 3004
#define K8SBOOT_E_PKI_KEY_PUBLIC_MISSING 3005
#define K8SBOOT_E_PKI_KEY_MISMATCH 3006
#define K8SBOOT_E_PKI_KEY_SOURCE 3007
#define K8SBOOT_E_PKI_ENTROPY 3008
#define K8SBOOT_E_PKI_SIGN 3009
#define K8SBOOT_E_PKI_SIGNATURE 3010
#define K8SBOOT_E_PKI_CERTIFICATE 3101
#define K8SBOOT_E_PKI_SAN 3102
#define K8SBOOT_E_PKI_SPEC 3103
#define K8SBOOT_E_PKI_ALGORITHM_REFUSED 3104
#define K8SBOOT_E_PKI_WRONG_CA 3105
#define K8SBOOT_E_PKI_CERTIFICATE_KEY_MISMATCH 3106
#define K8SBOOT_E_PKI_KEY_MISSING 3107
#define K8SBOOT_E_PKI_EXPIRED 3108
#define K8SBOOT_E_PKI_NOT_YET_VALID 3109
#define K8SBOOT_E_PKI_SAN_MISSING 3110
#define K8SBOOT_E_PKI_SUBJECT 3111
#define K8SBOOT_E_PKI_USAGE 3112
#define K8SBOOT_E_PKI_NOT_A_CA 3113
#define K8SBOOT_E_PKI_OUTLIVES_ISSUER 3114
#define K8SBOOT_E_PKI_ALGORITHM_DIFFERS 3115
#define K8SBOOT_E_PKI_EXTERNAL_INCOMPLETE 3116
#define K8SBOOT_E_PKI_REQUEST 3117
#define K8SBOOT_E_PKI_CERTIFICATE_KEY 3151
#define K8SBOOT_E_PKI_UPLOAD 3152
#define K8SBOOT_E_KUBECONFIG_SYNTAX 3201
#define K8SBOOT_E_KUBECONFIG_SHAPE 3202
#define K8SBOOT_E_KUBECONFIG_MISSING 3203
#define K8SBOOT_E_KUBECONFIG_CREDENTIAL 3204
#define K8SBOOT_E_KUBECONFIG_CA 3205
#define K8SBOOT_E_KUBECONFIG_INSECURE 3206
#define K8SBOOT_E_KUBECONFIG_ISSUE 3207
#define K8SBOOT_E_MANIFEST_SYNTAX 3501
#define K8SBOOT_E_MANIFEST_OBJECT 3502
#define K8SBOOT_E_PATCH_NAME 3503
#define K8SBOOT_E_PATCH_INVALID 3504
#define K8SBOOT_E_MANIFEST_UNSUPPORTED 3505
#define K8SBOOT_E_MANIFEST_CONFIG 3506
#define K8SBOOT_E_FILE_IO 6001
#define K8SBOOT_E_FILE_LINK 6002
#define K8SBOOT_E_FILE_KIND 6003
#define K8SBOOT_E_FILE_CHANGED 6004
#define K8SBOOT_E_FILE_NO_SPACE 6005
#define K8SBOOT_E_FILE_PERMISSION 6006
#define K8SBOOT_E_FILE_READ_ONLY 6007
#define K8SBOOT_E_FILE_LOCKED 6008
#define K8SBOOT_E_FILE_PATH 6009
#define K8SBOOT_E_PLAN_PATH_KIND 9001
#define K8SBOOT_E_PLAN_UNUSABLE 9002
#define K8SBOOT_E_EXEC_UNSUPPORTED 9101
#define K8SBOOT_E_EXEC_NO_AUTHORITY 9102
#define K8SBOOT_E_EXEC_KUBECONFIG 9103
#define K8SBOOT_E_FLOW_UNKNOWN_STAGE 9201
#define K8SBOOT_E_FLOW_EMPTY_SELECTION 9202
#define K8SBOOT_E_FLOW_CANCELLED 9203
#define K8SBOOT_E_FLOW_ORDER 9204


/**
 * A stage begins: `stage` names it.
 */
#define K8SBOOT_EVENT_STAGE_STARTED 1

/**
 * A stage has ended well.
 */
#define K8SBOOT_EVENT_STAGE_DONE 2

/**
 * A step begins: `text` says what for, `step` of `steps` which.
 */
#define K8SBOOT_EVENT_STEP_STARTED 3

/**
 * A step has ended: `json` has its outcome.
 */
#define K8SBOOT_EVENT_STEP_DONE 4

/**
 * A wait goes on: `text` says what for.
 */
#define K8SBOOT_EVENT_WAITING 5

/**
 * InitConfiguration and ClusterConfiguration.
 */
#define K8SBOOT_CONFIG_INIT 0

/**
 * JoinConfiguration.
 */
#define K8SBOOT_CONFIG_JOIN 1

/**
 * ResetConfiguration.
 */
#define K8SBOOT_CONFIG_RESET 2

/**
 * The node joins as a worker.
 */
#define K8SBOOT_ROLE_WORKER 0

/**
 * The node joins as a further control plane.
 */
#define K8SBOOT_ROLE_CONTROL_PLANE 1

/**
 * Text or bytes made by this library. Freed with `k8sboot_buf_free`.
 *
 * A NUL that is not counted follows the data, so text can be used as a C string. Buffers with key material are wiped
 * when they are freed.
 */
typedef struct k8sboot_buf_t k8sboot_buf_t;

/**
 * Asks running calls to stop. Shared: any thread may use it; `k8sboot_cancel_ref` adds an owner.
 *
 * Once triggered it stays so: make a new one for the next call.
 */
typedef struct k8sboot_cancel_t k8sboot_cancel_t;

/**
 * A configuration with every default filled in and every rule checked. Immutable. Freed with `k8sboot_config_free`.
 */
typedef struct k8sboot_config_t k8sboot_config_t;

/**
 * What went wrong, for people and for programs. Freed with `k8sboot_error_free`.
 */
typedef struct k8sboot_error_t k8sboot_error_t;

/**
 * Result of a call: `K8SBOOT_OK` or one of the `K8SBOOT_E_…` numbers.
 *
 * Numbers are never reused. A later version may return numbers that this header does not name.
 */
typedef int32_t k8sboot_code_t;

/**
 * One event of a running call. The strings live for the callback only and are never NULL.
 */
typedef struct {
    /**
     * `sizeof` this struct as the library knows it.
     */
    size_t size;
    /**
     * One of `K8SBOOT_EVENT_…`; ignore those you do not know.
     */
    uint32_t kind;
    /**
     * The step, from 1; 0 if the event is not about a step.
     */
    uint32_t step;
    /**
     * How many steps the stage has.
     */
    uint32_t steps;
    /**
     * The stage, for example `control-plane`.
     */
    const char *stage;
    /**
     * One line for people.
     */
    const char *text;
    /**
     * JSON object with the details.
     */
    const char *json;
} k8sboot_event_t;

/**
 * Gets the events of a call, on the thread of the call and during the call only. Not 0 means: please stop.
 *
 * Must not throw, unwind or `longjmp`. Must not use the handles of the running call, except `k8sboot_cancel_trigger`.
 */
typedef int32_t (*k8sboot_event_fn)(void *user, const k8sboot_event_t *event);

/**
 * How a long call runs. All zero, or NULL instead of the struct, means: no events, no cancellation, the
 * configuration's own timeouts.
 */
typedef struct {
    /**
     * `sizeof(k8sboot_run_t)` as the caller knows it.
     */
    size_t size;
    /**
     * Gets the events.
     */
    k8sboot_event_fn on_event;
    /**
     * Passed to `on_event` untouched.
     */
    void *user;
    /**
     * Cancels the call when it is triggered.
     */
    const k8sboot_cancel_t *cancel;
    /**
     * Most milliseconds that the call may take; 0 means no limit beside the configuration's.
     */
    uint64_t timeout_ms;
} k8sboot_run_t;

/**
 * Success.
 */
#define K8SBOOT_OK 0

/**
 * A bug in k8sboot. The handles that the call used are poisoned; everything else goes on.
 */
#define K8SBOOT_E_PANIC 1

/**
 * A pointer that must not be NULL is NULL.
 */
#define K8SBOOT_E_NULL 2

/**
 * A text argument is not UTF-8.
 */
#define K8SBOOT_E_UTF8 3

/**
 * A JSON argument is not JSON or not of the documented form.
 */
#define K8SBOOT_E_JSON 4

/**
 * A number that stands for a choice is not one of the choices.
 */
#define K8SBOOT_E_ENUM 5

/**
 * The call breaks the rules of the library: a poisoned handle, one in use elsewhere, a struct of impossible size.
 */
#define K8SBOOT_E_MISUSE 6

/**
 * The call was cancelled, by `k8sboot_cancel_trigger` or by the event callback.
 */
#define K8SBOOT_E_CANCELLED 7

/**
 * The call did not end in the time it was given.
 */
#define K8SBOOT_E_TIMEOUT 8

/**
 * The function belongs to a feature that this library was built without.
 */
#define K8SBOOT_E_NOT_BUILT 9

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the ABI of the library that runs. Compare it with `K8SBOOT_ABI_VERSION` of the header.
 */
uint32_t k8sboot_abi_version(void);

/**
 * The data; valid until the buffer is freed, never NULL for a live buffer. NULL for NULL.
 *
 * Requires: `buf` is NULL or live.
 */
const char *k8sboot_buf_data(const k8sboot_buf_t *buf);

/**
 * Frees a buffer. NULL is allowed.
 *
 * Requires: `buf` is NULL or came from this library, and is not used again.
 */
void k8sboot_buf_free(k8sboot_buf_t *buf);

/**
 * The number of bytes, without the closing NUL. 0 for NULL.
 *
 * Requires: `buf` is NULL or live.
 */
size_t k8sboot_buf_len(const k8sboot_buf_t *buf);

/**
 * Ends one owner. NULL is allowed.
 *
 * Requires: `cancel` is NULL or live, and this owner does not use it again.
 */
void k8sboot_cancel_free(const k8sboot_cancel_t *cancel);

/**
 * Makes a cancel object with one owner.
 *
 * Requires: `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cancel_new(const k8sboot_cancel_t **out, k8sboot_error_t **err);

/**
 * Adds an owner, who calls `k8sboot_cancel_free` as well. Returns `cancel`; NULL for NULL.
 *
 * Requires: `cancel` is NULL or live.
 */
const k8sboot_cancel_t *k8sboot_cancel_ref(const k8sboot_cancel_t *cancel);

/**
 * Asks every call that was given this object to stop at its next safe point. Not async-signal-safe.
 *
 * Requires: `cancel` is NULL or live; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_cancel_trigger(const k8sboot_cancel_t *cancel, k8sboot_error_t **err);

/**
 * Writes the ConfigMap cluster-info to `out`, as YAML, signed with each of the tokens.
 *
 * `server` is the URL of the API servers, `ca_certificates` the PEM text of the cluster's CA. `tokens` are `tokens_len`
 * tokens, none of which the document shows.
 *
 * Requires: The texts are NULL or NUL-terminated; `tokens` has `tokens_len` of them; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_info_new(const char *server,
                                        const char *ca_certificates,
                                        const char *const *tokens,
                                        size_t tokens_len,
                                        k8sboot_buf_t **out,
                                        k8sboot_error_t **err);

/**
 * Reads the ConfigMap cluster-info (YAML or JSON) and writes its kubeconfig to `out`, if and only if it is signed with
 * the token and its CA is one of the pins `sha256:HEX`, of which there must be at least one.
 *
 * Requires: The texts are NULL or NUL-terminated; `pins` has `pins_len` of them; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_info_trusted(const char *config_map,
                                            const char *token,
                                            const char *const *pins,
                                            size_t pins_len,
                                            k8sboot_buf_t **out,
                                            k8sboot_error_t **err);

/**
 * Writes a complete example of a kind of configuration to `out`, as `kubeadm config print`. `kind` is one of
 * `K8SBOOT_CONFIG_…`.
 *
 * Requires: `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_config_defaults(uint32_t kind, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Writes a JSON summary of the proven configuration to `out`: `schemaVersion` (1), `nodeName`, `kubernetesVersion`,
 * `clusterName`, `advertiseAddress`, `bindPort`, `apiServer`, `localApiServer`, `dnsAddress`, `certificatesDir`,
 * `serviceSubnets`, `podSubnets`, `encryptionAlgorithm`, `warnings`. It holds no secret.
 *
 * Requires: `config` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_config_describe(const k8sboot_config_t *config,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * Frees a configuration. NULL is allowed.
 *
 * Requires: `config` is NULL or came from `k8sboot_config_new`, and is not used again.
 */
void k8sboot_config_free(k8sboot_config_t *config);

/**
 * Writes documents of kubeadm's v1beta3 or v1beta4 to `out` as v1beta4 with every default, as `kubeadm config migrate`.
 * The buffer holds the bootstrap tokens and is wiped when it is freed.
 *
 * `facts` and `fresh_token` as for `k8sboot_config_new`. Configurations of the kubelet and of kube-proxy are left out.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_config_migrate(const char *documents,
                                      const char *facts,
                                      const char *fresh_token,
                                      k8sboot_buf_t **out,
                                      k8sboot_error_t **err);

/**
 * Reads kubeadm configuration documents (YAML or JSON), fills in the defaults and proves the result.
 *
 * `facts` is NULL or a JSON object with what the defaults need to know about the node, all members optional:
 * `hostname`, `defaultAddresses`, `criSockets`, `systemdResolved`, `caDirectories`,
 * `proxyEnvironment` (list of `{"name", "value"}`). `fresh_token` is NULL or a bootstrap token that is used if the
 * documents name none. On failure the details of the error list every problem under `errors`.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_config_new(const char *documents,
                                  const char *facts,
                                  const char *fresh_token,
                                  k8sboot_config_t **out,
                                  k8sboot_error_t **err);

/**
 * Checks documents of every kind (init, join, reset) and writes a JSON report to `out`: `schemaVersion` (1), `valid`, `errors` and `warnings`, each with
 * `kind`, `code`, `message`, `document`, `field`, `line`, `column`, `expected`, `found`, `remedy`.
 *
 * Documents with problems are no failure of the call. `facts` as for `k8sboot_config_new`.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_config_validate(const char *documents,
                                       const char *facts,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * The code that the failed call returned; 0 for NULL.
 *
 * Requires: `error` is NULL or live.
 */
k8sboot_code_t k8sboot_error_code(const k8sboot_error_t *error);

/**
 * JSON object with `kind` (the name of the code) and, as far as they apply, `path`, `field`, `line`, `column`,
 * `expected`, `found`, `remedy`, `errno`, `retryable` and `errors` (all problems where there are several).
 * Valid until the error is freed. `{}` for NULL.
 *
 * Requires: `error` is NULL or live.
 */
const char *k8sboot_error_details(const k8sboot_error_t *error);

/**
 * Frees an error. NULL is allowed.
 *
 * Requires: `error` is NULL or came from this library, and is not used again.
 */
void k8sboot_error_free(k8sboot_error_t *error);

/**
 * The whole cause chain on one line; valid until the error is freed. Empty for NULL.
 *
 * Requires: `error` is NULL or live.
 */
const char *k8sboot_error_message(const k8sboot_error_t *error);

/**
 * Writes the pins `sha256:HEX` of all certificates of a PEM text to `out`, as a JSON list in their order.
 *
 * Requires: `certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pin_list(const char *certificates, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Checks that a text is a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
 *
 * Requires: `token` is NULL or NUL-terminated; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_token_check(const char *token, k8sboot_error_t **err);

/**
 * Reads the Secret of a token (YAML or JSON) and writes a JSON object to `out`: `token`, `expires` (RFC 3339, left out
 * if it lives for ever), `usages`, `groups`, `description`. The buffer is wiped when it is freed.
 *
 * Requires: `secret` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_from_secret(const char *secret,
                                         k8sboot_buf_t **out,
                                         k8sboot_error_t **err);

/**
 * Draws a token from the operating system's randomness and writes it to `out`. The buffer is wiped when it is freed.
 *
 * Requires: `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_generate(k8sboot_buf_t **out,
                                      k8sboot_error_t **err);

/**
 * Writes the public half of a token to `out`. Unlike the token it may be logged.
 *
 * Requires: `token` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_id(const char *token, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Writes the command that adds a node to the cluster to `out`, on one line. The buffer is wiped when it is freed.
 *
 * `endpoint` is `HOST:PORT` of the API servers, IPv6 addresses in brackets; `pins` are `pins_len` texts `sha256:HEX`,
 * at least one; `role` is one of `K8SBOOT_ROLE_…`; `certificate_key` is NULL or the key of the uploaded certificates,
 * which a control plane needs unless they are brought to the node in another way.
 *
 * Requires: The texts are NULL or NUL-terminated; `pins` has `pins_len` of them; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_join_command(const char *token,
                                          const char *endpoint,
                                          const char *const *pins,
                                          size_t pins_len,
                                          uint32_t role,
                                          const char *certificate_key,
                                          k8sboot_buf_t **out,
                                          k8sboot_error_t **err);

/**
 * Signs `content`, the kubeconfig text of a cluster-info document, and writes the detached JWS to `out`.
 *
 * Requires: `token` is NULL or NUL-terminated; `content` has `content_len` readable bytes; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_sign(const char *token,
                                  const uint8_t *content,
                                  size_t content_len,
                                  k8sboot_buf_t **out,
                                  k8sboot_error_t **err);

/**
 * Writes the Secret of a token to `out`, as YAML. The buffer is wiped when it is freed.
 *
 * `token` is one entry of kubeadm's `bootstrapTokens` as a JSON object: `token`, and optionally `ttl`, `expires`,
 * `usages`, `groups`, `description`, with kubeadm's defaults. `now` are the seconds since 1970, from which `ttl` counts.
 *
 * Requires: `token` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_token_to_secret(const char *token,
                                       int64_t now,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * Checks that `signature` is the detached JWS of exactly `content` with `token`, in constant time.
 *
 * Requires: `token` and `signature` are NULL or NUL-terminated; `content` has `content_len` readable bytes; `err` is NULL or
 * writable.
 */
k8sboot_code_t k8sboot_token_verify(const char *token,
                                    const uint8_t *content,
                                    size_t content_len,
                                    const char *signature,
                                    k8sboot_error_t **err);

/**
 * The version of the library that runs, for example `0.1.0`. Lives as long as the library.
 */
const char *k8sboot_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* K8SBOOT_H */
