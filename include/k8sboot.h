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
#define K8SBOOT_E_IPAM_RANGE 4001
#define K8SBOOT_E_IPAM_OVERLAP 4002
#define K8SBOOT_E_IPAM_NO_RANGES 4003
#define K8SBOOT_E_IPAM_EXHAUSTED 4004
#define K8SBOOT_E_IPAM_DUPLICATE 4005
#define K8SBOOT_E_IPAM_GATEWAY 4006
#define K8SBOOT_E_IPAM_TAKEN 4007
#define K8SBOOT_E_IPAM_UNPLACED 4008
#define K8SBOOT_E_IPAM_OWNER 4009
#define K8SBOOT_E_IPAM_NOT_HELD 4010
#define K8SBOOT_E_IPAM_STATE 4011
#define K8SBOOT_E_IPAM_SPLIT 4012
#define K8SBOOT_E_IPAM_CLUSTER_CIDRS 4013
#define K8SBOOT_E_STORE_POISONED 4101
#define K8SBOOT_E_STORE_IO 4102
#define K8SBOOT_E_STORE_NO_SPACE 4103
#define K8SBOOT_E_STORE_PERMISSION 4104
#define K8SBOOT_E_STORE_READ_ONLY 4105
#define K8SBOOT_E_STORE_KIND 4106
#define K8SBOOT_E_STORE_LINK 4107
#define K8SBOOT_E_STORE_LOCKED 4108
#define K8SBOOT_E_STORE_NETWORK_NAME 4109
#define K8SBOOT_E_STORE_MISSING 4110
#define K8SBOOT_E_STORE_NOT_UNDONE 4111
#define K8SBOOT_E_STORE_JOURNAL_BUSY 4151
#define K8SBOOT_E_STORE_JOURNAL_FAILED 4152
#define K8SBOOT_E_STORE_JOURNAL_DAMAGED 4153
#define K8SBOOT_E_STORE_TOO_LONG 4154
#define K8SBOOT_E_ETCD_OPTIONS 4201
#define K8SBOOT_E_ETCD_UNREACHABLE 4202
#define K8SBOOT_E_ETCD_TLS 4203
#define K8SBOOT_E_ETCD_AUTH 4204
#define K8SBOOT_E_ETCD_TIMEOUT 4205
#define K8SBOOT_E_ETCD_UNANSWERED 4206
#define K8SBOOT_E_ETCD_REFUSED 4207
#define K8SBOOT_E_ETCD_COMPACTED 4208
#define K8SBOOT_E_ETCD_DAMAGED 4209
#define K8SBOOT_E_ETCD_LEASE_LOST 4210
#define K8SBOOT_E_ETCD_CONTENDED 4211
#define K8SBOOT_E_ETCD_RUNTIME 4212
#define K8SBOOT_E_ETCD_NO_NETWORK 4213
#define K8SBOOT_E_ETCD_NO_SUBNET 4214
#define K8SBOOT_E_ETCD_SUBNET_TAKEN 4215
#define K8SBOOT_E_FLANNEL_CONFIG 4251
#define K8SBOOT_E_FLANNEL_KEY 4252
#define K8SBOOT_E_FLANNEL_VALUE 4253
#define K8SBOOT_E_FLANNEL_ANNOTATION 4254
#define K8SBOOT_E_WITNESS_SOCKET 4301
#define K8SBOOT_E_WITNESS_TIMEOUT 4302
#define K8SBOOT_E_WITNESS_ANSWER 4303
#define K8SBOOT_E_WITNESS_PROTOCOL 4304
#define K8SBOOT_E_WITNESS_NAMESPACE 4305
#define K8SBOOT_E_WITNESS_NETLINK 4306
#define K8SBOOT_E_WITNESS_FILE 4307
#define K8SBOOT_E_WITNESS_START 4308
#define K8SBOOT_E_POD_CIDR_NO_NODE 4350
#define K8SBOOT_E_POD_CIDR_SETTINGS 4351
#define K8SBOOT_E_POD_CIDR_SHARED 4352
#define K8SBOOT_E_POD_CIDR_CONTENDED 4353
#define K8SBOOT_E_POD_CIDR_DAMAGED 4354
#define K8SBOOT_E_KUBERNETES_STORE_OPTIONS 4360
#define K8SBOOT_E_KUBERNETES_STORE_FULL 4361
#define K8SBOOT_E_KUBERNETES_STORE_FOREIGN 4362
#define K8SBOOT_E_KUBERNETES_STORE_CONTENDED 4363
#define K8SBOOT_E_CNI_JSON 4501
#define K8SBOOT_E_CNI_FIELD 4502
#define K8SBOOT_E_CNI_VERSION 4503
#define K8SBOOT_E_CNI_CONVERT 4504
#define K8SBOOT_E_CNI_PARAMETER 4505
#define K8SBOOT_E_CNI_FILE 4520
#define K8SBOOT_E_CNI_FILE_SIZE 4521
#define K8SBOOT_E_CNI_PLUGIN_MISSING 4530
#define K8SBOOT_E_CNI_PLUGIN_START 4531
#define K8SBOOT_E_CNI_PLUGIN_FAILED 4532
#define K8SBOOT_E_CNI_PLUGIN_UNEXPLAINED 4533
#define K8SBOOT_E_CNI_PLUGIN_KILLED 4534
#define K8SBOOT_E_CNI_PLUGIN_OUTPUT 4535
#define K8SBOOT_E_CNI_PLUGIN_TOO_MUCH 4536
#define K8SBOOT_E_CNI_PLUGIN_TIMEOUT 4537
#define K8SBOOT_E_CNI_CANCELLED 4538
#define K8SBOOT_E_CNI_SEVERAL 4539
#define K8SBOOT_E_CNI_IPAM_MISSING 4561
#define K8SBOOT_E_CNI_IPAM_CIDR 4562
#define K8SBOOT_E_CNI_IPAM_ADDRESS 4563
#define K8SBOOT_E_CNI_IPAM_ARGS 4564
#define K8SBOOT_E_CNI_IPAM_FAMILIES 4565
#define K8SBOOT_E_FILE_IO 6001
#define K8SBOOT_E_FILE_LINK 6002
#define K8SBOOT_E_FILE_KIND 6003
#define K8SBOOT_E_FILE_CHANGED 6004
#define K8SBOOT_E_FILE_NO_SPACE 6005
#define K8SBOOT_E_FILE_PERMISSION 6006
#define K8SBOOT_E_FILE_READ_ONLY 6007
#define K8SBOOT_E_FILE_LOCKED 6008
#define K8SBOOT_E_FILE_PATH 6009
#define K8SBOOT_E_API_OPTIONS 7001
#define K8SBOOT_E_API_UNREACHABLE 7002
#define K8SBOOT_E_API_TLS 7003
#define K8SBOOT_E_API_TIMEOUT 7004
#define K8SBOOT_E_API_ANSWER 7005
#define K8SBOOT_E_API_UNAUTHORIZED 7006
#define K8SBOOT_E_API_FORBIDDEN 7007
#define K8SBOOT_E_API_NOT_FOUND 7008
#define K8SBOOT_E_API_CONFLICT 7009
#define K8SBOOT_E_API_INVALID 7010
#define K8SBOOT_E_API_BUSY 7011
#define K8SBOOT_E_API_SERVER 7012
#define K8SBOOT_E_API_CANCELLED 7013
#define K8SBOOT_E_API_EXPIRED 7014
#define K8SBOOT_E_API_RUNTIME 7015
#define K8SBOOT_E_DISCOVERY_OPTIONS 7101
#define K8SBOOT_E_DISCOVERY_UNREACHABLE 7102
#define K8SBOOT_E_DISCOVERY_SILENT 7103
#define K8SBOOT_E_DISCOVERY_ANSWER 7104
#define K8SBOOT_E_DISCOVERY_SERVER 7105
#define K8SBOOT_E_DISCOVERY_BUSY 7106
#define K8SBOOT_E_DISCOVERY_ANONYMOUS 7107
#define K8SBOOT_E_DISCOVERY_MISSING 7108
#define K8SBOOT_E_DISCOVERY_CLUSTER_INFO 7109
#define K8SBOOT_E_DISCOVERY_NO_AUTHORITY 7110
#define K8SBOOT_E_DISCOVERY_UNKNOWN_TOKEN 7111
#define K8SBOOT_E_DISCOVERY_NOT_SIGNED 7112
#define K8SBOOT_E_DISCOVERY_SIGNATURE 7113
#define K8SBOOT_E_DISCOVERY_PIN_MISMATCH 7114
#define K8SBOOT_E_DISCOVERY_REFUSED 7115
#define K8SBOOT_E_DISCOVERY_CLOCK 7116
#define K8SBOOT_E_DISCOVERY_CERTIFICATE 7117
#define K8SBOOT_E_DISCOVERY_CHANGED 7118
#define K8SBOOT_E_DISCOVERY_CREDENTIALS 7119
#define K8SBOOT_E_DISCOVERY_FILE 7120
#define K8SBOOT_E_DISCOVERY_KUBECONFIG 7121
#define K8SBOOT_E_DISCOVERY_CANCELLED 7122
#define K8SBOOT_E_DISCOVERY_RUNTIME 7123
#define K8SBOOT_E_DISCOVERY_STATUS 7124
#define K8SBOOT_E_BUNDLE_SHAPE 7130
#define K8SBOOT_E_BUNDLE_VERSION 7131
#define K8SBOOT_E_BUNDLE_DAMAGED 7132
#define K8SBOOT_E_BUNDLE_KEY 7133
#define K8SBOOT_E_BUNDLE_EXPIRED 7134
#define K8SBOOT_E_BUNDLE_SECRET 7135
#define K8SBOOT_E_BUNDLE_CONTENT 7136
#define K8SBOOT_E_BUNDLE_ENTROPY 7137
#define K8SBOOT_E_DISCOVERY_SERVE 7140
#define K8SBOOT_E_JOIN_CLUSTER 7201
#define K8SBOOT_E_JOIN_VERSION 7202
#define K8SBOOT_E_JOIN_KUBELET_SKEW 7203
#define K8SBOOT_E_JOIN_NODE_EXISTS 7204
#define K8SBOOT_E_JOIN_OTHER_CLUSTER 7205
#define K8SBOOT_E_JOIN_ROLE 7206
#define K8SBOOT_E_JOIN_NOT_DISCOVERED 7207
#define K8SBOOT_E_JOIN_BOOTSTRAP_FILE 7208
#define K8SBOOT_E_CSR_DENIED 7210
#define K8SBOOT_E_CSR_FAILED 7211
#define K8SBOOT_E_CSR_NOT_APPROVED 7212
#define K8SBOOT_E_CSR_NOT_SIGNED 7213
#define K8SBOOT_E_CSR_UNFIT 7214
#define K8SBOOT_E_CSR_GONE 7215
#define K8SBOOT_E_JOIN_KUBELET_BOOTSTRAP 7216
#define K8SBOOT_E_JOIN_KUBELET_HEALTH 7217
#define K8SBOOT_E_JOIN_CANCELLED 7218
#define K8SBOOT_E_RENEW_MANIFEST 7401
#define K8SBOOT_E_RENEW_NOT_RESTARTED 7402
#define K8SBOOT_E_RENEW_NOT_SERVED 7403
#define K8SBOOT_E_RENEW_CANCELLED 7404
#define K8SBOOT_E_WAIT_NOT_LISTENING 7501
#define K8SBOOT_E_WAIT_PORT_TAKEN 7502
#define K8SBOOT_E_WAIT_NOT_STARTED 7503
#define K8SBOOT_E_WAIT_EXITED 7504
#define K8SBOOT_E_WAIT_IMAGE 7505
#define K8SBOOT_E_WAIT_NOT_YET_VALID 7506
#define K8SBOOT_E_WAIT_CERTIFICATE_EXPIRED 7507
#define K8SBOOT_E_WAIT_OTHER_AUTHORITY 7508
#define K8SBOOT_E_WAIT_CERTIFICATE_NAME 7509
#define K8SBOOT_E_WAIT_CLOCK_SKEW 7510
#define K8SBOOT_E_WAIT_UNAUTHORIZED 7511
#define K8SBOOT_E_WAIT_STARTING 7512
#define K8SBOOT_E_WAIT_CGROUP_DRIVER 7513
#define K8SBOOT_E_WAIT_KUBELET 7514
#define K8SBOOT_E_WAIT_NO_ANSWER 7515
#define K8SBOOT_E_WAIT_UNHEALTHY 7516
#define K8SBOOT_E_WAIT_OBJECT 7517
#define K8SBOOT_E_WAIT_CANCELLED 7518
#define K8SBOOT_E_WAIT_UNREACHABLE 7519
#define K8SBOOT_E_TOKENS_EXISTS 7601
#define K8SBOOT_E_TOKENS_NOT_FOUND 7602
#define K8SBOOT_E_PLAN_PATH_KIND 9001
#define K8SBOOT_E_PLAN_UNUSABLE 9002
#define K8SBOOT_E_EXEC_UNSUPPORTED 9101
#define K8SBOOT_E_EXEC_NO_AUTHORITY 9102
#define K8SBOOT_E_EXEC_KUBECONFIG 9103
#define K8SBOOT_E_EXEC_CREDENTIALS 9104
#define K8SBOOT_E_EXEC_RIGHTS 9105
#define K8SBOOT_E_EXEC_NO_CERTIFICATE_KEY 9106
#define K8SBOOT_E_EXEC_UNKNOWN_KIND 9107
#define K8SBOOT_E_FLOW_UNKNOWN_STAGE 9201
#define K8SBOOT_E_FLOW_EMPTY_SELECTION 9202
#define K8SBOOT_E_FLOW_CANCELLED 9203
#define K8SBOOT_E_FLOW_ORDER 9204
#define K8SBOOT_E_FLOW_UNKNOWN_PHASE 9205
#define K8SBOOT_E_FLOW_DRY_RUN 9206


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
 * A step has failed: `text` says why, `json` has `id`, `kind` and `code`.
 */
#define K8SBOOT_EVENT_STEP_FAILED 6

/**
 * Something that a person should know: `text` says it.
 */
#define K8SBOOT_EVENT_NOTE 7

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
 * IPv4: the first four bytes count.
 */
#define K8SBOOT_FAMILY_V4 4

/**
 * IPv6: all sixteen bytes count.
 */
#define K8SBOOT_FAMILY_V6 6

/**
 * Room for the longest text of an address with its NUL.
 */
#define K8SBOOT_IP_TEXT 46

/**
 * An owner that asks again gets the address that it holds: calls may be repeated safely.
 */
#define K8SBOOT_REPEAT_SAME 0

/**
 * An owner that asks again is refused with `K8SBOOT_E_IPAM_DUPLICATE`, as host-local does.
 */
#define K8SBOOT_REPEAT_REFUSE 1

/**
 * The next free address after the last given, as host-local does.
 */
#define K8SBOOT_POLICY_NEXT_FIT 0

/**
 * The lowest free address.
 */
#define K8SBOOT_POLICY_LOWEST 1

/**
 * As `K8SBOOT_POLICY_NEXT_FIT`, but an address that was released rests before anybody gets it: until both `rest_ms` have
 * passed (by `k8sboot_pool_advance`) and `rest_releases` other addresses of the range set were released.
 */
#define K8SBOOT_POLICY_REST 2

/**
 * The directory must be there; without it, it is made, as host-local does.
 */
#define K8SBOOT_DIRECTORY_MUST_EXIST 1

/**
 * A symbolic link in the place of the network's directory is followed.
 */
#define K8SBOOT_DIRECTORY_FOLLOW_LINK 2

/**
 * What a call acknowledges outlives a power loss: for owners that come back after a reboot. One process at a time.
 */
#define K8SBOOT_DIRECTORY_DURABLE 4

/**
 * What the directory holds is kept in memory between calls: for a process that stays.
 */
#define K8SBOOT_DIRECTORY_RESIDENT 8

/**
 * Text or bytes made by this library. Freed with `k8sboot_buf_free`.
 *
 * A NUL that is not counted follows the data, so text can be used as a C string. Buffers with key material are wiped
 * when they are freed.
 */
typedef struct k8sboot_buf_t k8sboot_buf_t;

/**
 * A certificate authority with its private key. Immutable. Freed with `k8sboot_ca_free`, which wipes the key.
 */
typedef struct k8sboot_ca_t k8sboot_ca_t;

/**
 * Asks running calls to stop. Shared: any thread may use it; `k8sboot_cancel_ref` adds an owner.
 *
 * Once triggered it stays so: make a new one for the next call.
 */
typedef struct k8sboot_cancel_t k8sboot_cancel_t;

/**
 * A connection to the API server of a cluster. Shared: any thread may use it, several at once too;
 * `k8sboot_cluster_ref` adds an owner. It keeps one thread until its last owner has freed it.
 */
typedef struct k8sboot_cluster_t k8sboot_cluster_t;

/**
 * A configuration with every default filled in and every rule checked. Immutable. Freed with `k8sboot_config_free`.
 */
typedef struct k8sboot_config_t k8sboot_config_t;

/**
 * A discovery endpoint that runs: cluster-info over plain HTTP, signed for the token that is named. It keeps threads until
 * it is freed with `k8sboot_discovery_server_free`.
 */
typedef struct k8sboot_discovery_server_t k8sboot_discovery_server_t;

/**
 * What went wrong, for people and for programs. Freed with `k8sboot_error_free`.
 */
typedef struct k8sboot_error_t k8sboot_error_t;

/**
 * Stages that are planned and carried out one after the other. Freed with `k8sboot_flow_free`, at any time.
 */
typedef struct k8sboot_flow_t k8sboot_flow_t;

/**
 * A search for leaks in a store: first the records are read, then witnesses are asked, then it is judged, and what the
 * report says can be freed. Freed with `k8sboot_leaks_free`.
 */
typedef struct k8sboot_leaks_t k8sboot_leaks_t;

/**
 * The steps of one stage, with what was seen when they were planned. Immutable; holds no secret. Used up when it is
 * carried out, else freed with `k8sboot_plan_free`.
 */
typedef struct k8sboot_plan_t k8sboot_plan_t;

/**
 * Hands out one address of each range set to each owner, in memory. Allocating and releasing allocate no memory within
 * what `reserve` made room for. Freed with `k8sboot_pool_free`.
 */
typedef struct k8sboot_pool_t k8sboot_pool_t;

/**
 * Keeps who holds which address of a network. Shared: any thread may use it, many at once; `k8sboot_store_ref` adds an
 * owner, `k8sboot_store_free` ends one.
 */
typedef struct k8sboot_store_t k8sboot_store_t;

/**
 * Hands out one subnet of each cluster CIDR to each node. Freed with `k8sboot_subnets_free`.
 */
typedef struct k8sboot_subnets_t k8sboot_subnets_t;

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
 * Gets the events of a call, on the thread of the call and during the call only. Not 0 means: please stop. The running
 * step is then finished, no further event comes, and the call fails with `K8SBOOT_E_CANCELLED` if anything was left to
 * do.
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
 * An address in network byte order. Its layout is frozen.
 */
typedef struct {
    /**
     * `K8SBOOT_FAMILY_V4` or `K8SBOOT_FAMILY_V6`; 0 in what was not set.
     */
    uint8_t family;
    /**
     * The address; bytes beyond the family's are 0 on the way out and not looked at on the way in.
     */
    uint8_t bytes[16];
} k8sboot_ip_t;

/**
 * What is asked of an allocation beyond its owner. All zero, or NULL instead of the struct: by policy alone, safe to
 * repeat.
 */
typedef struct {
    /**
     * `sizeof(k8sboot_request_t)` as the caller knows it.
     */
    size_t size;
    /**
     * Addresses wanted, in any order: each goes to the first range set that contains it.
     */
    const k8sboot_ip_t *addresses;
    /**
     * How many.
     */
    size_t addresses_len;
    /**
     * One of `K8SBOOT_REPEAT_…`.
     */
    uint32_t repeat;
    /**
     * 0.
     */
    uint32_t reserved;
} k8sboot_request_t;

/**
 * One address that was given. Its layout is frozen.
 */
typedef struct {
    /**
     * The address.
     */
    k8sboot_ip_t address;
    /**
     * The gateway of its subnet.
     */
    k8sboot_ip_t gateway;
    /**
     * The prefix length of its subnet.
     */
    uint8_t prefix;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * The index of its range set, from 0.
     */
    uint32_t set;
} k8sboot_assigned_t;

/**
 * How a pool gives addresses. All zero, or NULL instead of the struct: the defaults.
 */
typedef struct {
    /**
     * `sizeof(k8sboot_pool_options_t)` as the caller knows it.
     */
    size_t size;
    /**
     * One of `K8SBOOT_POLICY_…`.
     */
    uint32_t policy;
    /**
     * Whether the address that rests longest is given when all others are held: 0 or 1.
     */
    uint32_t rest_oldest_if_exhausted;
    /**
     * For `K8SBOOT_POLICY_REST`.
     */
    uint64_t rest_ms;
    /**
     * For `K8SBOOT_POLICY_REST`.
     */
    uint64_t rest_releases;
    /**
     * Where the hash of owners starts; it changes no answer. Random and secret where others than the container runtime
     * choose container IDs.
     */
    uint64_t hash_seed;
    /**
     * Make room for so many addresses held at once: twice as many as there will be, and nothing is allocated later.
     */
    uint64_t reserve;
} k8sboot_pool_options_t;

/**
 * How full a range set is; `UINT64_MAX` means that or more (IPv6 ranges beyond a /64). Its layout is frozen.
 */
typedef struct {
    /**
     * Addresses held.
     */
    uint64_t held;
    /**
     * Addresses free, but not to be given yet.
     */
    uint64_t resting;
    /**
     * Addresses that can be held at most: those of the ranges less the gateways.
     */
    uint64_t size;
} k8sboot_usage_t;

/**
 * How a directory is opened. All zero, or NULL instead of the struct: the defaults.
 */
typedef struct {
    /**
     * `sizeof(k8sboot_directory_options_t)` as the caller knows it.
     */
    size_t size;
    /**
     * Any of `K8SBOOT_DIRECTORY_…`, or-ed.
     */
    uint64_t flags;
    /**
     * How long to wait for somebody else's lock, in milliseconds. 0: 30 seconds.
     */
    uint64_t lock_timeout_ms;
} k8sboot_directory_options_t;

/**
 * A subnet of a node: the first address with the prefix length. Its layout is frozen.
 */
typedef struct {
    /**
     * The first address.
     */
    k8sboot_ip_t address;
    /**
     * The prefix length.
     */
    uint8_t prefix;
} k8sboot_subnet_t;

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
 * A number or name that stands for a choice is not one of the choices.
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
 * Opens a join bundle and writes a JSON object to `out`: `schemaVersion` (1), `server`, `certificateAuthorities` (PEM),
 * `caCertHashes`, `token`, `expires` and, if it is for control planes, `certificateKey`. The buffer is wiped when it is
 * freed.
 *
 * `secret` is a JSON object with `passphrase` or `key` (64 hexadecimal digits).
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_bundle_open(const char *bundle,
                                   const char *secret,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

/**
 * Seals what a node needs to join a cluster and writes the text to `out`. Whoever can open it can join nodes.
 *
 * `request` is a JSON object: `kubeconfig` (text of one of the cluster, such as `admin.conf`: its server and CA), `token`,
 * `expires` (RFC 3339; the token's end), for control planes `certificateKey`, and `passphrase` (at least 8 bytes) or
 * `key` (64 hexadecimal digits).
 *
 * Requires: `request` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_bundle_seal(const char *request,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

/**
 * Writes the certificate of an authority, and those above it, to `out` as PEM.
 *
 * Requires: `ca` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_certificate(const k8sboot_ca_t *ca, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Frees an authority and wipes its key. NULL is allowed.
 *
 * Requires: `ca` is NULL or came from this library, and is not used again.
 */
void k8sboot_ca_free(k8sboot_ca_t *ca);

/**
 * Reads a certificate authority from PEM texts, for example `ca.crt` and `ca.key`.
 *
 * `certificates` may be a bundle: the one whose key is given signs, the others are kept as its chain. `key` is PKCS#1,
 * SEC1 or PKCS#8; the library wipes its own copy, the caller's stays the caller's.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_from_pem(const char *certificates,
                                   const char *key,
                                   k8sboot_ca_t **out,
                                   k8sboot_error_t **err);

/**
 * Issues a certificate with a new key: PEM with the chain up to the authority to `certificate`, PEM to `key`, whose
 * buffer is wiped when it is freed. On failure both are NULL.
 *
 * `spec` is a JSON object: `usages` (`serverAuth`, `clientAuth` or both), and optionally `commonName` (the user),
 * `organizations` (the groups), `dnsNames`, `ipAddresses`, `algorithm` (as for `k8sboot_ca_new`, or `Ed25519`) and
 * `validity` (default `8760h`). It begins to be valid five minutes ago, and ends when the spec says even if the
 * authority ends earlier.
 *
 * Requires: `ca` is NULL or live; `spec` is NULL or NUL-terminated; `certificate`, `key` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_issue(const k8sboot_ca_t *ca,
                                const char *spec,
                                k8sboot_buf_t **certificate,
                                k8sboot_buf_t **key,
                                k8sboot_error_t **err);

/**
 * Writes the private key of an authority to `out` as PEM, in kubeadm's format. The buffer is wiped when it is freed.
 *
 * Requires: `ca` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_key(const k8sboot_ca_t *ca,
                              k8sboot_buf_t **out,
                              k8sboot_error_t **err);

/**
 * Makes a certificate authority that signs itself, with a new key, as kubeadm makes them.
 *
 * `spec` is a JSON object: `commonName`, and optionally `algorithm` (`RSA-2048`, the default, `RSA-3072`, `RSA-4096`,
 * `ECDSA-P256`, `ECDSA-P384`; `Ed25519` is refused, kubeadm cannot read such authorities) and `validity` (a Go duration
 * from now on, default `87600h`).
 *
 * Requires: `spec` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_new(const char *spec,
                              k8sboot_ca_t **out,
                              k8sboot_error_t **err);

/**
 * Writes the pin of an authority, `sha256:HEX`, to `out`: what `kubeadm join` takes as CA certificate hash.
 *
 * Requires: `ca` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_pin(const k8sboot_ca_t *ca, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Signs a request and writes the certificate, with the chain up to the authority, to `out` as PEM.
 *
 * `request` is PEM, signed by its own key. `spec` is as for `k8sboot_ca_issue` without `algorithm`: the request must ask
 * for exactly these names; use and lifetime are the spec's, whatever the request says.
 *
 * Requires: `ca` is NULL or live; the texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ca_sign_csr(const k8sboot_ca_t *ca,
                                   const char *request,
                                   const char *spec,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

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
 * Writes when the certificates below `root` end to `out`, as JSON: the object `CertificateExpirationInfo` of
 * `kubeadm certs check-expiration -o json` (`output.kubeadm.k8s.io/v1alpha3`).
 *
 * `config` is the cluster's configuration; with NULL the certificates are looked for in kubeadm's default places.
 *
 * Requires: `root` is NULL or NUL-terminated; `config` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_certs_expiration(const char *root,
                                        const k8sboot_config_t *config,
                                        k8sboot_buf_t **out,
                                        k8sboot_error_t **err);

/**
 * Plans the renewal of certificates below `root` and writes the plan to `out`: a new key and certificate each, whatever
 * is left of the old term. Changes nothing; `k8sboot_plan_apply` carries it out.
 *
 * `names` are `names_len` names of kubeadm (`apiserver`, `etcd-server`, `admin.conf`); `all` stands for every leaf and
 * kubeconfig but kubelet.conf, which the kubelet renews. `config` as for `k8sboot_certs_expiration`; without one, kinds
 * of keys and names are taken from the certificates themselves.
 *
 * Requires: `root` is NULL or NUL-terminated; `config` is NULL or live; `names` has `names_len` texts, each NULL or NUL-terminated;
 * `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_certs_renew(const char *root,
                                   const k8sboot_config_t *config,
                                   const char *const *names,
                                   size_t names_len,
                                   k8sboot_plan_t **out,
                                   k8sboot_error_t **err);

/**
 * Approves a certificate signing request without judging it. One that is not there is `K8SBOOT_E_CSR_GONE`.
 *
 * `message` is for people; it stands in the request's condition. `run` may be NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_csr_approve(const k8sboot_cluster_t *cluster,
                                           const char *name,
                                           const char *message,
                                           const k8sboot_run_t *run,
                                           k8sboot_error_t **err);

/**
 * Denies a certificate signing request; otherwise as `k8sboot_cluster_csr_approve`.
 *
 * Requires: `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_csr_deny(const k8sboot_cluster_t *cluster,
                                        const char *name,
                                        const char *message,
                                        const k8sboot_run_t *run,
                                        k8sboot_error_t **err);

/**
 * Judges certificate signing requests of kubelets by their subjects, usages, names and the Node objects, approves those
 * where everything is right, denies those that ask for what their requester must not have, and leaves the others alone.
 *
 * `options` is NULL or a JSON object, all members optional: `name` (of one request; left out, every request that nobody
 * has decided), `bootstrappers` (groups whose members may ask for the first certificate of a node; default that of
 * kubeadm's tokens) and `replaceReadyNodes` (false: a bootstrap token cannot take over a node that is at work). `run` may
 * be NULL; this call has no events.
 *
 * Writes to `out` a JSON object: `schemaVersion` (1) and `reviewed`, each with `name`, `verdict` (`approve`, `deny` or
 * `leave`), `reason` (one word) and `message`.
 *
 * Requires: `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_csr_review(const k8sboot_cluster_t *cluster,
                                          const char *options,
                                          const k8sboot_run_t *run,
                                          k8sboot_buf_t **out,
                                          k8sboot_error_t **err);

/**
 * Compares flannel's annotations of all nodes with their pod CIDRs and writes a JSON object to `out`: `schemaVersion` (1),
 * `nodes` (`node`, `podCIDRs`, and `managed`, `backendType`, `publicIP`, `publicIPv6`, or `problem` if an annotation
 * cannot be read) and `findings` (texts). Changes nothing.
 *
 * `network` is flannel's configuration, the JSON text of `net-conf.json`. `prefix` is NULL or that of the annotations
 * (`flannel.alpha.coreos.com`). `run` may be NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_flannel_check(const k8sboot_cluster_t *cluster,
                                             const char *network,
                                             const char *prefix,
                                             const k8sboot_run_t *run,
                                             k8sboot_buf_t **out,
                                             k8sboot_error_t **err);

/**
 * Writes the annotations that flanneld writes of a node, in one patch. `attributes` is flannel's own JSON (`PublicIP`,
 * `PublicIPv6`, `BackendType`, `BackendData`, `BackendV6Data`); with NULL what flanneld wrote is removed. The
 * administrator's annotations stay.
 *
 * `prefix` and `run` as for `k8sboot_cluster_flannel_check`.
 *
 * Requires: `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_flannel_write(const k8sboot_cluster_t *cluster,
                                             const char *node,
                                             const char *attributes,
                                             const char *prefix,
                                             const k8sboot_run_t *run,
                                             k8sboot_error_t **err);

/**
 * Ends one owner; the last one closes the connection. NULL is allowed.
 *
 * Requires: `cluster` is NULL or live, and this owner does not use it again.
 */
void k8sboot_cluster_free(const k8sboot_cluster_t *cluster);

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
 * Makes a connection as the current context of a kubeconfig says. Nothing is sent before the first call.
 *
 * `kubeconfig` is its text; what it needs must be embedded, not named as files. `options` is NULL or a JSON object, all
 * members optional: `server` (another `https://HOST:PORT`, with the same trust and identity), `serverName` (the name in
 * the server's certificate), `connectTimeoutMs` (5000) and `timeoutMs` (for each answer; 10000).
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_new(const char *kubeconfig,
                                   const char *options,
                                   const k8sboot_cluster_t **out,
                                   k8sboot_error_t **err);

/**
 * Gives nodes of a cluster their pod CIDRs, on the Node objects. Any number of allocators may be at work; one that has
 * pod CIDRs keeps them.
 *
 * `options` is a JSON object: `clusters` (list of `cidr` and, as wanted, `nodePrefix`; at most one a family, the same for
 * every allocator of the cluster) and, as wanted, `reserved` (list of CIDRs that no node gets), `namespace` (of the
 * claims; `kube-system`) and `lowestFirst` (false). `nodes` are `nodes_len` names; with `NULL, 0` every node that has no
 * pod CIDRs is served. `run` may be NULL; this call has no events.
 *
 * Writes to `out` a JSON object: `schemaVersion` (1) and `nodes`, each with `node` and either `podCIDRs` and `origin`
 * (`kept`, `allocated`, `another`) or `error` (`kind`, `code`, `message`).
 *
 * Requires: `cluster` is NULL or live; `options` is NULL or NUL-terminated; `nodes` has `nodes_len` texts; `run` is NULL or a sized
 * struct whose members are what they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_pod_cidrs_allocate(const k8sboot_cluster_t *cluster,
                                                  const char *options,
                                                  const char *const *nodes,
                                                  size_t nodes_len,
                                                  const k8sboot_run_t *run,
                                                  k8sboot_buf_t **out,
                                                  k8sboot_error_t **err);

/**
 * Looks at the pod CIDRs of all nodes and writes a JSON object to `out`: `schemaVersion` (1), `nodes` (`node` and
 * `podCIDRs` of those that have some), `findings` (texts: what is shared, outside or of another size), `claims` (`cidr`,
 * `node`, `state`: `pending`, `inUse`, `stale`) and `controllerManagers` (pods that give pod CIDRs too). Changes no node.
 *
 * `options` and `run` as for `k8sboot_cluster_pod_cidrs_allocate`.
 *
 * Requires: `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_pod_cidrs_check(const k8sboot_cluster_t *cluster,
                                               const char *options,
                                               const k8sboot_run_t *run,
                                               k8sboot_buf_t **out,
                                               k8sboot_error_t **err);

/**
 * Adds an owner and returns the same pointer. NULL stays NULL.
 *
 * Requires: `cluster` is NULL or live.
 */
const k8sboot_cluster_t *k8sboot_cluster_ref(const k8sboot_cluster_t *cluster);

/**
 * Makes a bootstrap token valid in a cluster, and writes a JSON object to `out`: `schemaVersion` (1), `token`, `id` and
 * `expires` (RFC 3339; left out if it lives for ever). The buffer is wiped when it is freed.
 *
 * `token` is NULL or an entry of kubeadm's `bootstrapTokens` as for `k8sboot_token_to_secret`; without a `token` inside,
 * one is drawn from the operating system's randomness. An id that is taken is `K8SBOOT_E_TOKENS_EXISTS`. `run` may be
 * NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; `token` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_token_create(const k8sboot_cluster_t *cluster,
                                            const char *token,
                                            const k8sboot_run_t *run,
                                            k8sboot_buf_t **out,
                                            k8sboot_error_t **err);

/**
 * Deletes a bootstrap token of a cluster, given by its id or whole; the secret half is not compared.
 *
 * One that is not there is `K8SBOOT_E_TOKENS_NOT_FOUND`. `run` may be NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; `id_or_token` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are
 * what they should be; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_token_delete(const k8sboot_cluster_t *cluster,
                                            const char *id_or_token,
                                            const k8sboot_run_t *run,
                                            k8sboot_error_t **err);

/**
 * Lists the bootstrap tokens of a cluster, unusable and malformed ones too, and writes a JSON object to `out`:
 * `schemaVersion` (1) and `tokens`, each with `id`, `expires`, `useful`, `problems` (`name` and `text`), `usages`,
 * `groups` and `description`. The buffer is wiped when it is freed.
 *
 * `options` is NULL or a JSON object, all members optional: `showSecrets` (true: each also has `token`). `run` may be
 * NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_token_list(const k8sboot_cluster_t *cluster,
                                          const char *options,
                                          const k8sboot_run_t *run,
                                          k8sboot_buf_t **out,
                                          k8sboot_error_t **err);

/**
 * Asks the API server who it is and writes a JSON object to `out`: `schemaVersion` (1), `server` (the URL), `version`
 * (for example `v1.36.2`) and `platform`. `run` may be NULL; this call has no events.
 *
 * Requires: `cluster` is NULL or live; `run` is NULL or a sized struct whose members are what they should be; `out` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_cluster_version(const k8sboot_cluster_t *cluster,
                                       const k8sboot_run_t *run,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * Lists the results of ADD that CNI runtimes have stored below `cache_dirs`, usually `/var/lib/cni` and
 * `/var/lib/cni/cache`, and writes them to `out` as JSON: `schemaVersion` (1), `results` (each `path`, `form` (`v1` or
 * `bare`), `network`, `containerId`, `ifName`, `netns`, `addresses`; empty where the old form does not tell) and `broken`
 * (each `path` and `problem`). A directory that is not there holds nothing.
 *
 * Requires: `cache_dirs` has `cache_dirs_len` texts; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cni_cached(const char *const *cache_dirs,
                                  size_t cache_dirs_len,
                                  k8sboot_buf_t **out,
                                  k8sboot_error_t **err);

/**
 * Checks a CNI configuration and writes what it says to `out`, as JSON: `schemaVersion` (1), `name`, `cniVersion` (that
 * of every call), `disableCheck`, `disableGC`, `loadOnlyInlinedPlugins`, `plugins` (each `type`, `name`, `ipam`,
 * `capabilities`), `programs` (the names of all programs it needs), `commands` (whether each runs anything) and `list`,
 * the configuration as a list, unknown members kept in order.
 *
 * `kind` is `conflist` for a list of plugins, or `conf` for a single plugin. Wrong input is `K8SBOOT_E_CNI_JSON` with line
 * and column, or `K8SBOOT_E_CNI_FIELD` with the path of the field in the details.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cni_check(const char *config,
                                 const char *kind,
                                 k8sboot_buf_t **out,
                                 k8sboot_error_t **err);

/**
 * Reads a directory of CNI configurations, usually `/etc/cni/net.d`, and writes to `out` which of them wins and why, as
 * JSON: `directory`, `chosen` (a file name or null), `files` (each `file`, `verdict` (`chosen`, `later`, `broken` or
 * `ignored`), `why`, `network`, `cniVersion`, `plugins`, `missing`), `readers` (what containerd, CRI-O and a look-up by
 * name take, each with `file` and `why`), `programs` (each `program`, `path`, `problem`) and `notes`. Changes nothing.
 *
 * `plugin_path` are the directories with programs of plugins, usually `/opt/cni/bin` alone.
 *
 * Requires: `directory` is NULL or NUL-terminated; `plugin_path` has `plugin_path_len` texts; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cni_choose(const char *directory,
                                  const char *const *plugin_path,
                                  size_t plugin_path_len,
                                  k8sboot_buf_t **out,
                                  k8sboot_error_t **err);

/**
 * Converts the result of an ADD to another version and writes it to `out`, indented by four blanks as plugins print it.
 *
 * `version` is one of `0.1.0`, `0.2.0`, `0.3.0`, `0.3.1`, `0.4.0`, `1.0.0` and `1.1.0`. `configured` is the version of a
 * result that has no `cniVersion`, that is the configuration's; NULL means `0.1.0`. What a version cannot tell is left
 * out; no address at all is `K8SBOOT_E_CNI_CONVERT` below 0.3.0.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cni_convert(const char *result,
                                   const char *configured,
                                   const char *version,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

/**
 * Runs the plugins of a CNI configuration list. `command` is `ADD`, `DEL`, `CHECK`, `GC` or `STATUS`. Blocks.
 *
 * `list` is a configuration list; `k8sboot_cni_check` makes one of a single plugin (its `list`). `request` is a JSON
 * object: `pluginPath` (list of directories with programs, required), `cacheDir` (default `/var/lib/cni`), `containerId`,
 * `ifName`, `netns` (for ADD, DEL and CHECK), `args` (`K=V;K=V`), `capabilityArgs` (object), `validAttachments` (list of
 * `containerID` and `ifname`, required for GC: an empty list means that nothing is valid), `pluginTimeoutMs` (for each
 * plugin; default 240000) and `undoFailedAdd` (false).
 *
 * ADD stores its result and writes it to `out`, indented by four blanks; the others write an empty text. DEL goes on past
 * a plugin that fails, and GC past everything: the code is then `K8SBOOT_E_CNI_SEVERAL` or that of the only problem, and
 * the details hold all of them in `errors`. A plugin gets its standard input from memory, never through a pipe; the
 * calling thread enters no namespace; a plugin that does not end is stopped with everything it started.
 *
 * `run` may be NULL; its events are those of steps, one for each plugin, `stage` being the command, and `json` has
 * `program`.
 *
 * Requires: The texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what they should be; `out` and
 * `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_cni_run(const char *command,
                               const char *list,
                               const char *request,
                               const k8sboot_run_t *run,
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
 * Writes a certificate request, signed by `key` (PEM), to `out` as PEM.
 *
 * `spec` is a JSON object, all members optional: `commonName`, `organizations`, `dnsNames`, `ipAddresses`. Use and
 * lifetime are decided by who signs it.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_csr_new(const char *key,
                               const char *spec,
                               k8sboot_buf_t **out,
                               k8sboot_error_t **err);

/**
 * Finds a cluster and comes to trust it, as `kubeadm join` does first. Blocks; events of kind `K8SBOOT_EVENT_NOTE` tell what is
 * waited for.
 *
 * `request` is a JSON object with one of
 * - `token`, `endpoints` (list of `HOST:PORT` of API servers and `http://HOST:PORT` of discovery endpoints, asked side by
 *   side) and `caCertHashes` (list of `sha256:HEX`; without one, `unsafeSkipCAVerification` must be true),
 * - `file` (path of a kubeconfig), `url` (`https://` address of one), `kubeconfig` (text of one),
 * - `bundle` (text of a join bundle), with `passphrase` or `key` (64 hexadecimal digits),
 *
 * and as wanted `timeoutMs` (how long to wait for the signature; 300000), `patienceMs` (for what may pass; 5000),
 * `attemptMs` (for each answer; 5000), `tlsBootstrapToken`, `authorities` (PEM of those who vouch for https addresses;
 * default the host's) and `checkCredentials` (true: at the end the cluster is asked whether it accepts the credentials).
 *
 * Writes to `out` a JSON object: `schemaVersion` (1), `server`, `clusterName`, `user`, `caCertHashes`,
 * `certificateAuthorities` (PEM) and `warnings`; and to `bootstrap` the kubeconfig for the TLS bootstrap at this server,
 * a buffer that is wiped when it is freed. If every endpoint failed, the error tells why each did.
 *
 * Requires: `request` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what they should be; `out`,
 * `bootstrap` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_discover(const char *request,
                                const k8sboot_run_t *run,
                                k8sboot_buf_t **out,
                                k8sboot_buf_t **bootstrap,
                                k8sboot_error_t **err);

/**
 * Writes where a discovery endpoint listens to `out`, as `ADDRESS:PORT`.
 *
 * Requires: `server` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_discovery_server_address(const k8sboot_discovery_server_t *server,
                                                k8sboot_buf_t **out,
                                                k8sboot_error_t **err);

/**
 * Ends a discovery endpoint and its connections, and frees it. NULL is allowed.
 *
 * Requires: `server` is NULL or came from this library, and is not used again.
 */
void k8sboot_discovery_server_free(k8sboot_discovery_server_t *server);

/**
 * Starts a discovery endpoint for the tokens of a cluster, which nodes reach where the API server answers no strangers:
 * `http://HOST:9898` among the endpoints of `k8sboot_discover`. It keeps the connection to the cluster, whose identity
 * must be allowed to read cluster-info in `kube-public` and Secrets in `kube-system`.
 *
 * `options` is NULL or a JSON object, all members optional: `address` (`0.0.0.0:9898`; port 0 takes a free one),
 * `connections` (how many are served at a time; 64) and `timeMs` (how long each may last; 5000).
 *
 * Requires: `cluster` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_discovery_server_new(const k8sboot_cluster_t *cluster,
                                            const char *options,
                                            k8sboot_discovery_server_t **out,
                                            k8sboot_error_t **err);

/**
 * The code that the failed call returned; 0 for NULL.
 *
 * Requires: `error` is NULL or live.
 */
k8sboot_code_t k8sboot_error_code(const k8sboot_error_t *error);

/**
 * JSON object with `kind` (the name of the code) and, as far as they apply, `path`, `field`, `line`, `column`,
 * `expected`, `found`, `remedy`, `errno`, `retryable`, `errors` (all problems where there are several) and `report` (what
 * a run did before it failed). Valid until the error is freed. `{}` for NULL.
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
 * Looks at a node and writes its facts to `out`, as the JSON object that `k8sboot_config_new` takes.
 *
 * `root` is the directory that stands for `/`; NULL, or one that does not exist yet, means this machine. Name and files
 * are the tree's if an operating system is in it; addresses and environment are always this machine's. Sends no packet.
 *
 * Requires: `root` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_facts_gather(const char *root,
                                    k8sboot_buf_t **out,
                                    k8sboot_error_t **err);

/**
 * Carries out the plan that `k8sboot_flow_next_plan` gave last and writes the report to `report`, as JSON like that of
 * `k8sboot_flow_run`.
 *
 * `*plan` is used up and becomes NULL as soon as carrying out begins; `run` may be NULL. On failure (cancelled and timed
 * out included) the flow is over, and the details of the error hold the report of what was done. What was done stays: a
 * new flow goes on from there.
 *
 * Requires: `flow` is NULL or live and used by nobody else; `plan` is NULL or points to NULL or a live plan that nobody else uses;
 * `run` is NULL or a sized struct whose members are what they should be; `report` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_flow_apply(k8sboot_flow_t *flow,
                                  k8sboot_plan_t **plan,
                                  const k8sboot_run_t *run,
                                  k8sboot_buf_t **report,
                                  k8sboot_error_t **err);

/**
 * Frees a flow. NULL is allowed. What it did stays done.
 *
 * Requires: `flow` is NULL or came from this library, and is not used again.
 */
void k8sboot_flow_free(k8sboot_flow_t *flow);

/**
 * Writes the commands that add nodes to the cluster to `out`, as a JSON list: for each bootstrap token one for workers,
 * and before it one for control planes if the cluster has a common endpoint. The buffer is wiped when it is freed.
 *
 * They need the cluster's CA: ask after stage `pki`.
 *
 * Requires: `flow` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_flow_join_commands(const k8sboot_flow_t *flow,
                                          k8sboot_buf_t **out,
                                          k8sboot_error_t **err);

/**
 * Looks at the node, plans the next stage and writes the plan to `out`; NULL after the last. Changes nothing.
 *
 * Asking again without `k8sboot_flow_apply` goes on to the stage after, planned as if the ones before had been carried
 * out: a dry run.
 *
 * Requires: `flow` is NULL or live and used by nobody else; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_flow_next_plan(k8sboot_flow_t *flow,
                                      k8sboot_plan_t **out,
                                      k8sboot_error_t **err);

/**
 * Plans and carries out every stage that is left, after a rehearsal that finds what can be known before anything is
 * changed, and writes the report to `report` as JSON: `schema`
 * (`k8sboot.report/v1`), `changed` (how many steps changed something), and `stages` with their steps, paths and outcomes.
 *
 * `run` may be NULL. Doing it twice is the same as doing it once. On failure as for `k8sboot_flow_apply`.
 *
 * Requires: `flow` is NULL or live and used by nobody else; `run` is NULL or a sized struct whose members are what they should be;
 * `report` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_flow_run(k8sboot_flow_t *flow,
                                const k8sboot_run_t *run,
                                k8sboot_buf_t **report,
                                k8sboot_error_t **err);

/**
 * Makes a flow that turns a node into the first control plane of a cluster, as `kubeadm init`.
 *
 * `*config` is used up and becomes NULL, if the call succeeds. `root` is the directory that stands for `/`; it is made
 * when the first plan is carried out. The patches that the configuration names are read now.
 *
 * `options` is NULL or a JSON object, all members optional: `from` and `until`, the first and the last stage, and `skip`,
 * a list of stages; `waitForKubelet` (true; false where something else than a kubelet runs the static pods),
 * `uploadCerts` (false; true uploads the shared keys for further control planes) and `certificateKey` (64 hexadecimal
 * digits that seal them). The stages are `preflight`, `pki`, `kubeconfig`, `etcd`, `control-plane`, `kubelet`,
 * `wait-control-plane`, `upload-config`, `upload-certs`, `mark-control-plane`, `bootstrap-token`, `kubelet-finalize`,
 * `addons`. `until` is `kubelet` by default: the stages after it speak to the API server, and are carried out by a library
 * that was built with the feature `api`.
 *
 * Requires: `config` is NULL or points to NULL or a live configuration that nobody else uses; the texts are NULL or
 * NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_init_new(k8sboot_config_t **config,
                                const char *root,
                                const char *options,
                                k8sboot_flow_t **out,
                                k8sboot_error_t **err);

/**
 * Reads an address from its text, `10.244.1.2` or `fd00::2`, into `out`. IPv4 written as IPv6 becomes IPv4.
 *
 * Requires: `address` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_ip_parse(const char *address, k8sboot_ip_t *out, k8sboot_error_t **err);

/**
 * Writes the text of an address with its NUL to `out`, which has room for `capacity` bytes; `K8SBOOT_IP_TEXT` always
 * suffice.
 *
 * Requires: `address` is NULL or readable; `out` is NULL or has room for `capacity` bytes; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_ip_text(const k8sboot_ip_t *address,
                               char *out,
                               size_t capacity,
                               k8sboot_error_t **err);

/**
 * Makes a flow that turns a node into a worker of a cluster, as `kubeadm join`. It is planned, carried out and freed like
 * that of `k8sboot_init_new`.
 *
 * `documents` is kubeadm's JoinConfiguration (YAML or JSON), `facts` as for `k8sboot_config_new`. `root` is the directory
 * that stands for `/`, which must exist. The cluster is looked for, and asked, when a plan is made that needs it:
 * `k8sboot_flow_run` can be cancelled then, `k8sboot_flow_next_plan` blocks until there is an answer.
 *
 * `options` is NULL or a JSON object, all members optional: `from`, `until` and `skip` for the stages `preflight`,
 * `discover`, `kubelet`, `tls-bootstrap`, `wait-kubelet`, `register-node`; `tlsBootstrap` (`kubelet`, or `library`, which
 * asks for the kubelet's certificate itself), `algorithm` (of that key; `ECDSA-P256`), `kubeletVersion` (compared with
 * the cluster's), `registerNode` (false; true registers the Node where no kubelet does) and `discovery` (an object as
 * `k8sboot_discover` takes, instead of what the documents say).
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_join_new(const char *documents,
                                const char *facts,
                                const char *root,
                                const char *options,
                                k8sboot_flow_t **out,
                                k8sboot_error_t **err);

/**
 * Makes a private key and writes it to `out` as PEM, in kubeadm's format. The buffer is wiped when it is freed.
 *
 * `algorithm` is `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384` or `Ed25519`.
 *
 * Requires: `algorithm` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_key_generate(const char *algorithm,
                                    k8sboot_buf_t **out,
                                    k8sboot_error_t **err);

/**
 * Checks whether the current context of a kubeconfig works with the cluster whose CA is `ca_certificates` (PEM), now,
 * and writes JSON to `out`: `schemaVersion` (1), `valid`, and `findings`, each with `kind`, `code`, `message`, and as far
 * as they apply `field`, `expected`, `found`, `remedy`.
 *
 * A kubeconfig with findings is no failure of the call, one that cannot be read is. No credential is written.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_kubeconfig_check(const char *kubeconfig,
                                        const char *ca_certificates,
                                        k8sboot_buf_t **out,
                                        k8sboot_error_t **err);

/**
 * Issues a client certificate with a new key and writes a kubeconfig with both to `out`, as `kubeadm kubeconfig user`
 * does. The buffer is wiped when it is freed.
 *
 * `ca` is the cluster's (`ca.crt`). `spec` is a JSON object: `name` (the user), `cluster` (a name), `server`
 * (`https://HOST:PORT`), and optionally `groups`, `namespace`, `algorithm` (default `ECDSA-P256`) and `validity`
 * (default `8760h`: a certificate cannot be revoked, so give the shortest that the work takes).
 *
 * Requires: `ca` is NULL or live; `spec` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_kubeconfig_user(const k8sboot_ca_t *ca,
                                       const char *spec,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * Adds the listing of a runtime that the caller has: `ids` are the containers or sandboxes that exist, in whatever
 * state, whole or at least the first 12 characters; `runtime` names it in the report.
 *
 * List them after `k8sboot_leaks_new`. An empty listing frees nothing of this boot unless `believeEmpty` is set.
 *
 * Requires: `leaks` is NULL or live; `runtime` is NULL or NUL-terminated; `ids` has `ids_len` texts; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_add_containers(k8sboot_leaks_t *leaks,
                                            const char *runtime,
                                            const char *const *ids,
                                            size_t ids_len,
                                            k8sboot_error_t **err);

/**
 * Says that an ADD of this interface of a container is running, so that what it holds is kept. An embedder that runs
 * every ADD itself says which are running, before it lists its containers, and may then set the grace period to 0.
 *
 * With NULL for both, the caller says that it tells the running ADDs and none is.
 *
 * Requires: `leaks` is NULL or live; the texts are NULL or NUL-terminated; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_add_running(k8sboot_leaks_t *leaks,
                                         const char *container,
                                         const char *interface,
                                         k8sboot_error_t **err);

/**
 * Frees what the report of `k8sboot_leaks_judge` says, each record only if it is still as it was read, and writes what
 * was done to `out`: a JSON object with `schemaVersion` (1), `freed` and `changed` (lists of records as in
 * `k8sboot_store_records`; what changed stays), `before` and `after` (how many entries there were and are).
 *
 * Requires: `leaks` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_collect(k8sboot_leaks_t *leaks,
                                     k8sboot_buf_t **out,
                                     k8sboot_error_t **err);

/**
 * Runs the chain DEL of every leak in the report of `k8sboot_leaks_judge` that a stored result is known of, with the
 * configuration that was stored at its ADD and without a network namespace: that undoes port mappings and traffic rules
 * as well. Call it before `k8sboot_leaks_collect`, which frees what is left. Blocks.
 *
 * `request` is a JSON object: `pluginPath` (list of directories with programs, required), `cacheDir` (default
 * `/var/lib/cni`) and `pluginTimeoutMs` (for each plugin; default 240000). `run` as for `k8sboot_cni_run`.
 *
 * Writes to `out` a JSON object with `schemaVersion` (1) and `deleted`, each with `container`, `interface`, `source` (the
 * file of the stored result) and `error` (null, or `kind`, `code` and `message`): a DEL that fails does not hinder the
 * others.
 *
 * Requires: `leaks` is NULL or live; `request` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
 * they should be; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_delete(const k8sboot_leaks_t *leaks,
                                    const char *request,
                                    const k8sboot_run_t *run,
                                    k8sboot_buf_t **out,
                                    k8sboot_error_t **err);

/**
 * Frees a search. NULL is allowed.
 *
 * Requires: `leaks` is NULL or came from this library, and is not used again.
 */
void k8sboot_leaks_free(k8sboot_leaks_t *leaks);

/**
 * Asks the witnesses that the library knows, judges every record and writes the report to `out`: a JSON object of the
 * schema `k8sboot.leaks/v1` with `policy`, `witnesses`, `summary` (a count for each state: `free`, `live`, `young`,
 * `leaked`, `broken`, `foreign`, `unknown`), `addresses` (a verdict each with its reasons), `free`, `unrecorded` and
 * `toFree`. Changes nothing.
 *
 * `options` is NULL or a JSON object, all members optional: `docker` (path of the socket), `cri` (list of sockets),
 * `containerd` (list of sockets: the containers of every namespace of containerd, nerdctl's too), `namespaces` (true: read the addresses inside every network namespace of the host), `cniCache` (list of directories
 * with stored CNI results, for example `/var/lib/cni`), `graceSeconds` (600), `allRuntimes` (true: nobody else uses the network), `believeEmpty` (true: a runtime that lists nothing is believed).
 * A witness that fails is in the report, and then nothing is freed. One that was not built is
 * `K8SBOOT_E_NOT_BUILT`.
 *
 * Requires: `leaks` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_judge(k8sboot_leaks_t *leaks,
                                   const char *options,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

/**
 * Reads the records of a store. Only then list the containers: an ADD in between is not judged.
 *
 * The search keeps the store open.
 *
 * Requires: `store` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_new(const k8sboot_store_t *store, k8sboot_leaks_t **out, k8sboot_error_t **err);

/**
 * Writes the report of `k8sboot_leaks_judge` to `out` for people, a line an address.
 *
 * Requires: `leaks` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_leaks_text(const k8sboot_leaks_t *leaks, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Writes the images that a control-plane node needs to `out`, as a JSON list in kubeadm's order.
 *
 * Requires: `config` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_manifest_images(const k8sboot_config_t *config,
                                       k8sboot_buf_t **out,
                                       k8sboot_error_t **err);

/**
 * Writes the kubelet's `config.yaml` of this node to `out`, as YAML, before patches.
 *
 * Requires: `config` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_manifest_kubelet_config(const k8sboot_config_t *config,
                                               k8sboot_buf_t **out,
                                               k8sboot_error_t **err);

/**
 * Writes every object of a fresh cluster to `out`, as a stream of YAML documents in the order in which kubeadm creates
 * them, before patches. Bootstrap tokens are among them: the buffer is wiped when it is freed.
 *
 * `ca_certificates` is the PEM text of the cluster's CA, which goes into cluster-info. `now` are the seconds since 1970
 * from which the lifetimes of bootstrap tokens count.
 *
 * Requires: `config` is NULL or live; `ca_certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_manifest_objects(const k8sboot_config_t *config,
                                        const char *ca_certificates,
                                        int64_t now,
                                        k8sboot_buf_t **out,
                                        k8sboot_error_t **err);

/**
 * Writes the static pod of a component to `out`, as YAML, byte for byte as kubeadm writes it, before patches.
 *
 * `component` is `etcd` (unless etcd is external), `kube-apiserver`, `kube-controller-manager` or `kube-scheduler`.
 *
 * Requires: `config` is NULL or live; `component` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_manifest_static_pod(const k8sboot_config_t *config,
                                           const char *component,
                                           k8sboot_buf_t **out,
                                           k8sboot_error_t **err);

/**
 * Writes the pins `sha256:HEX` of all certificates of a PEM text to `out`, as a JSON list in their order.
 *
 * Requires: `certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pin_list(const char *certificates, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Writes what the certificates of a PEM text say to `out`, as JSON: `schemaVersion` (1) and `certificates`, each with
 * `subject`, `issuer`, `serial`, `notBefore`, `notAfter`, `dnsNames`, `ipAddresses`, `keyUsage`, `extKeyUsage`, `isCa`,
 * `keyAlgorithm`, `pin` and more. Blocks that are no certificates are passed over.
 *
 * Requires: `certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pki_inspect(const char *certificates,
                                   k8sboot_buf_t **out,
                                   k8sboot_error_t **err);

/**
 * Carries out a plan that stands for itself (`k8sboot_certs_renew`) on the tree that it was made for, and writes the
 * report to `report` as JSON: `schema` (`k8sboot.report/v1`), `changed`, `stages`. Plans of a flow are carried out with
 * `k8sboot_flow_apply`.
 *
 * `*plan` is used up and becomes NULL as soon as carrying out begins. `run` may be NULL. On failure the details of the
 * error hold the report of what was done; a new plan goes on from there.
 *
 * Requires: `plan` is NULL or points to NULL or a live plan that nobody else uses; `run` is NULL or a sized struct whose members
 * are what they should be; `report` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_plan_apply(k8sboot_plan_t **plan,
                                  const k8sboot_run_t *run,
                                  k8sboot_buf_t **report,
                                  k8sboot_error_t **err);

/**
 * Writes how a plan differs from what was there when it was made to `out`, as JSON: `schemaVersion` (1), `stage` and
 * `files`, each with `path`, `change` (`create`, `replace`, `remove`), `why` and, where the content is no secret, `text`
 * (a unified diff).
 *
 * Requires: `plan` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_plan_diff(const k8sboot_plan_t *plan,
                                 k8sboot_buf_t **out,
                                 k8sboot_error_t **err);

/**
 * Frees a plan. NULL is allowed.
 *
 * Requires: `plan` is NULL or came from this library, and is not used again.
 */
void k8sboot_plan_free(k8sboot_plan_t *plan);

/**
 * Writes a plan to `out` as JSON: `schema` (`k8sboot.plan/v1`), `stage`, `steps` and `notes`. A view: only the plan
 * itself can be carried out.
 *
 * Requires: `plan` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_plan_json(const k8sboot_plan_t *plan,
                                 k8sboot_buf_t **out,
                                 k8sboot_error_t **err);

/**
 * Writes a plan to `out` for people, a line a step.
 *
 * Requires: `plan` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_plan_text(const k8sboot_plan_t *plan, k8sboot_buf_t **out, k8sboot_error_t **err);

/**
 * Makes the clock of resting addresses show `now_ms` milliseconds since a moment of the caller's choice, best since boot;
 * it never goes back.
 *
 * Requires: `pool` is NULL or live; `err` is NULL or writable.
 */
k8sboot_code_t k8sboot_pool_advance(k8sboot_pool_t *pool,
                                    uint64_t now_ms,
                                    k8sboot_error_t **err);

/**
 * Gives one address of each range set to an interface of a container, or none at all.
 *
 * `request` may be NULL. The addresses go to `assigned`, in the order of the range sets; `capacity` must be at least
 * the number of range sets, and `count`, which may be NULL, gets it.
 *
 * Requires: `pool` is NULL or live; the texts are NULL or NUL-terminated; `request` is NULL or a sized struct with
 * `addresses_len` addresses; `assigned` has room for `capacity`; `count` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_allocate(k8sboot_pool_t *pool,
                                     const char *container,
                                     const char *interface,
                                     const k8sboot_request_t *request,
                                     k8sboot_assigned_t *assigned,
                                     size_t capacity,
                                     size_t *count,
                                     k8sboot_error_t **err);

/**
 * Writes the addresses that an interface of a container holds to `addresses`, as many as it has room for; `count` gets
 * how many there are.
 *
 * Requires: `pool` is NULL or live; the texts are NULL or NUL-terminated; `addresses` has room for `capacity`; `count` and `err`
 * are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_find(const k8sboot_pool_t *pool,
                                 const char *container,
                                 const char *interface,
                                 k8sboot_ip_t *addresses,
                                 size_t capacity,
                                 size_t *count,
                                 k8sboot_error_t **err);

/**
 * Frees a pool. NULL is allowed.
 *
 * Requires: `pool` is NULL or came from this library, and is not used again.
 */
void k8sboot_pool_free(k8sboot_pool_t *pool);

/**
 * Notes that an interface of a container holds an address, inside the ranges or not: for what is in use already.
 * `is_new`, which may be NULL, gets 0 if the address was held before, and then nothing changes.
 *
 * Requires: `pool` is NULL or live; `address` is NULL or readable; the texts are NULL or NUL-terminated; `is_new` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_pool_hold(k8sboot_pool_t *pool,
                                 const k8sboot_ip_t *address,
                                 const char *container,
                                 const char *interface,
                                 uint32_t *is_new,
                                 k8sboot_error_t **err);

/**
 * Makes an empty pool. `ranges` is a JSON list of range sets, each a list of ranges, as in host-local's configuration:
 * `[[{"subnet": "10.244.1.0/24", "rangeStart": …, "rangeEnd": …, "gateway": …}]]`; all but `subnet` may be left out.
 *
 * Requires: `ranges` is NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_new(const char *ranges,
                                const k8sboot_pool_options_t *options,
                                k8sboot_pool_t **out,
                                k8sboot_error_t **err);

/**
 * Frees everything that an interface of a container holds; nothing held is success.
 *
 * The addresses go to `freed`, as many as it has room for; `count` gets how many were freed. Both may be NULL, with a
 * `capacity` of 0.
 *
 * Requires: `pool` is NULL or live; the texts are NULL or NUL-terminated; `freed` has room for `capacity`; `count` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_pool_release(k8sboot_pool_t *pool,
                                    const char *container,
                                    const char *interface,
                                    k8sboot_ip_t *freed,
                                    size_t capacity,
                                    size_t *count,
                                    k8sboot_error_t **err);

/**
 * Frees one address, whoever holds it; `was_held`, which may be NULL, gets 1 if it was held and else 0.
 *
 * Requires: `pool` is NULL or live; `address` is NULL or readable; `was_held` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_release_address(k8sboot_pool_t *pool,
                                            const k8sboot_ip_t *address,
                                            uint32_t *was_held,
                                            k8sboot_error_t **err);

/**
 * Makes the pool that `k8sboot_pool_save` saved. `hash_seed` as in `k8sboot_pool_options_t`.
 *
 * Requires: `state` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_restore(const char *state,
                                    uint64_t hash_seed,
                                    k8sboot_pool_t **out,
                                    k8sboot_error_t **err);

/**
 * Writes the whole state of a pool to `out` as JSON with a version, for `k8sboot_pool_restore` of this or a later version
 * of the library.
 *
 * Requires: `pool` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_save(const k8sboot_pool_t *pool,
                                 k8sboot_buf_t **out,
                                 k8sboot_error_t **err);

/**
 * Writes how many range sets a pool has to `out`: the room that `k8sboot_pool_allocate` needs.
 *
 * Requires: `pool` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_sets(const k8sboot_pool_t *pool, size_t *out, k8sboot_error_t **err);

/**
 * Writes how full a range set is to `out`. `set` counts from 0.
 *
 * Requires: `pool` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_pool_usage(const k8sboot_pool_t *pool,
                                  size_t set,
                                  k8sboot_usage_t *out,
                                  k8sboot_error_t **err);

/**
 * Gives one address of each range set to an interface of a container, or none at all. As `k8sboot_pool_allocate`.
 *
 * Requires: `store` is NULL or live; the texts are NULL or NUL-terminated; `request` is NULL or a sized struct with
 * `addresses_len` addresses; `assigned` has room for `capacity`; `count` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_allocate(const k8sboot_store_t *store,
                                      const char *container,
                                      const char *interface,
                                      const k8sboot_request_t *request,
                                      k8sboot_assigned_t *assigned,
                                      size_t capacity,
                                      size_t *count,
                                      k8sboot_error_t **err);

/**
 * Opens the directory of a network as host-local keeps it, `data_dir/network`, safe beside the real host-local.
 *
 * `ranges` as for `k8sboot_pool_new`, or NULL for a store that looks and releases only. `options` may be NULL.
 *
 * Requires: The texts are NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_directory(const char *data_dir,
                                       const char *network,
                                       const char *ranges,
                                       const k8sboot_directory_options_t *options,
                                       const k8sboot_store_t **out,
                                       k8sboot_error_t **err);

/**
 * Opens the leases of a network in etcd (v3 API). `ranges` as for `k8sboot_pool_new`.
 *
 * `options` is a JSON object: `endpoints` (list of `https://HOST:PORT`) and, as wanted, `tls` (`ca`, `certificate`, `key`
 * as PEM texts, `serverName`), `user` (`name`, `password`), `connectTimeoutMs` (2000), `requestTimeoutMs` (5000),
 * `prefix` (`/k8sboot/ipam`), `leaseSeconds` (records vanish so long after this store was last alive; left out, they
 * stay) and `leaseId`. Until it is freed the store keeps a thread that follows etcd.
 *
 * Requires: The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_etcd(const char *network,
                                  const char *ranges,
                                  const char *options,
                                  const k8sboot_store_t **out,
                                  k8sboot_error_t **err);

/**
 * Writes the addresses that an interface of a container holds. As `k8sboot_pool_find`.
 *
 * Requires: `store` is NULL or live; the texts are NULL or NUL-terminated; `addresses` has room for `capacity`; `count` and `err`
 * are NULL or writable.
 */
k8sboot_code_t k8sboot_store_find(const k8sboot_store_t *store,
                                  const char *container,
                                  const char *interface,
                                  k8sboot_ip_t *addresses,
                                  size_t capacity,
                                  size_t *count,
                                  k8sboot_error_t **err);

/**
 * Ends one owner; the last one closes the store. What it keeps outside of the process stays. NULL is allowed.
 *
 * Requires: `store` is NULL or live, and this owner does not use it again.
 */
void k8sboot_store_free(const k8sboot_store_t *store);

/**
 * Opens a store that forgets with its process. `ranges` and `options` as for `k8sboot_pool_new`.
 *
 * Requires: `ranges` is NULL or NUL-terminated; `options` is NULL or a sized struct; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_memory(const char *ranges,
                                    const k8sboot_pool_options_t *options,
                                    const k8sboot_store_t **out,
                                    k8sboot_error_t **err);

/**
 * Writes everything that a store holds to `out` as JSON, broken and foreign entries too: `schemaVersion` (1) and
 * `records`, each with `name`, `address` (if the name is one), `holder` (`attachment`, `container`, `empty`, `foreign`),
 * `container`, `interface`, `found`, `boot` (`this`, `earlier`, `unknown`) and `ageSeconds`, as far as they apply.
 *
 * Requires: `store` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_records(const k8sboot_store_t *store,
                                     k8sboot_buf_t **out,
                                     k8sboot_error_t **err);

/**
 * Adds an owner and returns the same pointer; NULL stays NULL.
 *
 * Requires: `store` is NULL or live.
 */
const k8sboot_store_t *k8sboot_store_ref(const k8sboot_store_t *store);

/**
 * Frees everything that an interface of a container holds, whatever the ranges are. As `k8sboot_pool_release`.
 *
 * Requires: `store` is NULL or live; the texts are NULL or NUL-terminated; `freed` has room for `capacity`; `count` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_store_release(const k8sboot_store_t *store,
                                     const char *container,
                                     const char *interface,
                                     k8sboot_ip_t *freed,
                                     size_t capacity,
                                     size_t *count,
                                     k8sboot_error_t **err);

/**
 * Looks for files of a directory that are not as they should be (empty, torn, foreign, under two names), and repairs them
 * if asked to.
 *
 * `options` is NULL or a JSON object, all members optional: `apply` (false: nothing is changed), `removeForeign` (false:
 * records whose content is nobody's are told only) and `live` (list of addresses that are in use whatever their record
 * says; nothing of them is removed).
 *
 * Writes to `out` a JSON object of the schema `k8sboot.repair/v1` with `findings`, each with `name`, `defect`, `text`,
 * `remedy`, `content` (`contentHex` if it is no text) and, if `apply` is set, `outcome`. A file that changed meanwhile is
 * left alone. A store that is no directory is `K8SBOOT_E_MISUSE`.
 *
 * Requires: `store` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_repair(const k8sboot_store_t *store,
                                    const char *options,
                                    k8sboot_buf_t **out,
                                    k8sboot_error_t **err);

/**
 * Writes how full a range set is to `out`. As `k8sboot_pool_usage`.
 *
 * Requires: `store` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_store_usage(const k8sboot_store_t *store,
                                   size_t set,
                                   k8sboot_usage_t *out,
                                   k8sboot_error_t **err);

/**
 * Gives a node one subnet of each cluster CIDR, or none at all; a node that has some keeps them.
 *
 * They go to `given`, in the order of the cluster CIDRs; `capacity` must be at least their number, and `count`, which may
 * be NULL, gets it.
 *
 * Requires: `subnets` is NULL or live; `node` is NULL or NUL-terminated; `given` has room for `capacity`; `count` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_allocate(k8sboot_subnets_t *subnets,
                                        const char *node,
                                        k8sboot_subnet_t *given,
                                        size_t capacity,
                                        size_t *count,
                                        k8sboot_error_t **err);

/**
 * Writes the subnets that a node has to `found`, as many as it has room for; `count` gets how many there are.
 *
 * Requires: `subnets` is NULL or live; `node` is NULL or NUL-terminated; `found` has room for `capacity`; `count` and `err` are
 * NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_find(const k8sboot_subnets_t *subnets,
                                    const char *node,
                                    k8sboot_subnet_t *found,
                                    size_t capacity,
                                    size_t *count,
                                    k8sboot_error_t **err);

/**
 * Frees the subnets of a cluster. NULL is allowed.
 *
 * Requires: `subnets` is NULL or came from this library, and is not used again.
 */
void k8sboot_subnets_free(k8sboot_subnets_t *subnets);

/**
 * Makes the subnets of a cluster, all free. `options` is a JSON object: `clusters` (list of one or two objects with
 * `cidr` and `nodePrefix`, 24 or 64 if it is left out), `excluded` (list of CIDRs that no node gets, for example the
 * services') and `unlimited` (true: more than 65,536 subnets, which kube-controller-manager refuses).
 *
 * Requires: `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_new(const char *options,
                                   k8sboot_subnets_t **out,
                                   k8sboot_error_t **err);

/**
 * Notes which subnets existing nodes have, instead of any noted for them before. `nodes` is a JSON object with a list of
 * pod CIDRs for each name. Writes what is odd about them to `findings` as a JSON list of texts; they are taken all the
 * same.
 *
 * Requires: `subnets` is NULL or live; `nodes` is NULL or NUL-terminated; `findings` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_occupy(k8sboot_subnets_t *subnets,
                                      const char *nodes,
                                      k8sboot_buf_t **findings,
                                      k8sboot_error_t **err);

/**
 * Frees what a node has; `had_any`, which may be NULL, gets 1 if it had anything and else 0.
 *
 * Requires: `subnets` is NULL or live; `node` is NULL or NUL-terminated; `had_any` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_release(k8sboot_subnets_t *subnets,
                                       const char *node,
                                       uint32_t *had_any,
                                       k8sboot_error_t **err);

/**
 * Writes how many subnets of a cluster CIDR are taken and how many there are to `out`. `cluster` counts from 0.
 *
 * Requires: `subnets` is NULL or live; `out` and `err` are NULL or writable.
 */
k8sboot_code_t k8sboot_subnets_usage(const k8sboot_subnets_t *subnets,
                                     size_t cluster,
                                     k8sboot_usage_t *out,
                                     k8sboot_error_t **err);

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
