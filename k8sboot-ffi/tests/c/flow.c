/* Init below the directory argv[1]: planned, carried out, stopped, resumed; and the certificates that it made. */
#include "check.h"

static const char documents[] = "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: InitConfiguration\n"
                                "localAPIEndpoint:\n"
                                "  advertiseAddress: 192.0.2.10\n"
                                "nodeRegistration:\n"
                                "  criSocket: unix:///run/containerd/containerd.sock\n"
                                "---\n"
                                "apiVersion: kubeadm.k8s.io/v1beta4\n"
                                "kind: ClusterConfiguration\n"
                                "kubernetesVersion: v1.36.2\n"
                                "encryptionAlgorithm: ECDSA-P256\n";

static char root[4096];

static k8sboot_config_t *configuration(void)
{
    k8sboot_config_t *config = NULL;
    CHECK_OK(k8sboot_config_new(documents, "{\"hostname\":\"node-1\"}", "abcdef.0123456789abcdef", &config, &err));
    return config;
}

static k8sboot_flow_t *flow_with(const char *options)
{
    k8sboot_config_t *config = configuration();
    k8sboot_flow_t *flow = NULL;
    CHECK_OK(k8sboot_init_new(&config, root, options, &flow, &err));
    CHECK(config == NULL); /* Used up. */
    return flow;
}

static void facts_are_gathered(void)
{
    k8sboot_buf_t *facts = NULL;
    CHECK_OK(k8sboot_facts_gather(NULL, &facts, &err));
    CHECK(strstr(k8sboot_buf_data(facts), "{\"hostname\":") == k8sboot_buf_data(facts));
    k8sboot_buf_free(facts);
    CHECK_OK(k8sboot_facts_gather(root, &facts, &err));
    k8sboot_config_t *config = NULL;
    CHECK_OK(k8sboot_config_new(documents, k8sboot_buf_data(facts), NULL, &config, &err));
    k8sboot_config_free(config);
    k8sboot_buf_free(facts);
    CHECK_FAILS(k8sboot_facts_gather("", &facts, &err), K8SBOOT_E_MISUSE, "argument root");
    CHECK(facts == NULL);
    CHECK_FAILS(k8sboot_facts_gather("\xff", &facts, &err), K8SBOOT_E_UTF8, "argument root");
    CHECK_FAILS(k8sboot_facts_gather(root, NULL, &err), K8SBOOT_E_NULL, "argument out");
}

static void flows_are_made_of_what_is_right(void)
{
    k8sboot_config_t *config = configuration();
    k8sboot_flow_t *flow = (k8sboot_flow_t *)&flow;
    CHECK_FAILS(k8sboot_init_new(&config, root, "{\"until\":\"certs\"}", &flow, &err), K8SBOOT_E_FLOW_UNKNOWN_STAGE, "certs");
    CHECK(flow == NULL && config != NULL); /* Not used up. */
    CHECK_FAILS(k8sboot_init_new(&config, root, "{\"from\":\"kubelet\",\"until\":\"pki\"}", &flow, &err),
                K8SBOOT_E_FLOW_EMPTY_SELECTION, "kubelet");
    CHECK_FAILS(k8sboot_init_new(&config, root, "{\"to\":\"pki\"}", &flow, &err), K8SBOOT_E_JSON, "unknown field `to`");
    CHECK_FAILS(k8sboot_init_new(&config, root, "{\"skip\":\"pki\"}", &flow, &err), K8SBOOT_E_JSON, "argument options");
    CHECK_FAILS(k8sboot_init_new(&config, root, "\xff", &flow, &err), K8SBOOT_E_UTF8, "argument options");
    CHECK_FAILS(k8sboot_init_new(&config, "", NULL, &flow, &err), K8SBOOT_E_MISUSE, "argument root");
    CHECK_FAILS(k8sboot_init_new(&config, NULL, NULL, &flow, &err), K8SBOOT_E_NULL, "argument root");
    CHECK_FAILS(k8sboot_init_new(&config, "\xff", NULL, &flow, &err), K8SBOOT_E_UTF8, "argument root");
    CHECK_FAILS(k8sboot_init_new(NULL, root, NULL, &flow, &err), K8SBOOT_E_NULL, "argument config");
    CHECK_FAILS(k8sboot_init_new(&config, root, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_config_free(config);
    config = NULL;
    CHECK_FAILS(k8sboot_init_new(&config, root, NULL, &flow, &err), K8SBOOT_E_NULL, "argument config");
}

static void a_dry_run_plans_every_stage(void)
{
    k8sboot_flow_t *flow = flow_with("{\"until\":\"addons\"}");
    k8sboot_plan_t *plan = NULL;
    k8sboot_buf_t *text = NULL;
    int stages = 0;
    for (;;) {
        CHECK_OK(k8sboot_flow_next_plan(flow, &plan, &err));
        if (plan == NULL)
            break;
        stages++;
        CHECK_OK(k8sboot_plan_json(plan, &text, &err));
        CHECK(strstr(k8sboot_buf_data(text), "{\"schema\":\"k8sboot.plan/v1\",\"stage\":") == k8sboot_buf_data(text));
        k8sboot_buf_free(text);
        CHECK_OK(k8sboot_plan_text(plan, &text, &err));
        CHECK(k8sboot_buf_data(text)[0] == '[');
        k8sboot_buf_free(text);
        CHECK_OK(k8sboot_plan_diff(plan, &text, &err));
        CHECK(strstr(k8sboot_buf_data(text), "\"files\":[") != NULL);
        CHECK(strstr(k8sboot_buf_data(text), "\"change\":\"replace\"") == NULL);
        k8sboot_buf_free(text);
        k8sboot_plan_free(plan);
    }
    CHECK(stages == 13);
    CHECK_OK(k8sboot_flow_next_plan(flow, &plan, &err));
    CHECK(plan == NULL);
    CHECK_FAILS(k8sboot_flow_join_commands(flow, &text, &err), K8SBOOT_E_MISUSE, "ca.crt is missing");
    CHECK(text == NULL);
    CHECK_FAILS(k8sboot_flow_next_plan(NULL, &plan, &err), K8SBOOT_E_NULL, "argument flow");
    CHECK_FAILS(k8sboot_flow_next_plan(flow, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_plan_json(NULL, &text, &err), K8SBOOT_E_NULL, "argument plan");
    CHECK_FAILS(k8sboot_plan_text(NULL, &text, &err), K8SBOOT_E_NULL, "argument plan");
    CHECK_FAILS(k8sboot_plan_diff(NULL, &text, &err), K8SBOOT_E_NULL, "argument plan");
    CHECK_FAILS(k8sboot_plan_json(NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_plan_text(NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_plan_diff(NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_flow_join_commands(NULL, &text, &err), K8SBOOT_E_NULL, "argument flow");
    CHECK_FAILS(k8sboot_flow_join_commands(flow, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_flow_free(flow);
}

struct seen {
    int events, steps, stop_at;
    k8sboot_flow_t *flow;
};

static int32_t on_event(void *user, const k8sboot_event_t *event)
{
    struct seen *seen = user;
    k8sboot_buf_t *text = NULL;
    CHECK(event->json[0] == '{' && event->stage[0] != 0);
    CHECK(event->kind >= K8SBOOT_EVENT_STAGE_STARTED && event->kind <= K8SBOOT_EVENT_NOTE);
    if (seen->flow != NULL) {
        CHECK_FAILS(k8sboot_flow_join_commands(seen->flow, &text, &err), K8SBOOT_E_MISUSE, "in use");
    }
    seen->events++;
    seen->steps += event->kind == K8SBOOT_EVENT_STEP_DONE;
    return seen->steps == seen->stop_at;
}

static void a_stopped_run_says_what_it_did_and_a_new_one_goes_on(void)
{
    struct seen seen = {.stop_at = 3};
    k8sboot_run_t run = {.size = sizeof run, .on_event = on_event, .user = &seen};
    k8sboot_flow_t *flow = seen.flow = flow_with(NULL);
    k8sboot_plan_t *plan = NULL;
    k8sboot_buf_t *report = (k8sboot_buf_t *)&report;
    k8sboot_error_t *error = NULL;
    CHECK(k8sboot_flow_run(flow, &run, &report, &error) == K8SBOOT_E_CANCELLED);
    CHECK(report == NULL && seen.steps == 3);
    CHECK(strstr(k8sboot_error_message(error), "cancelled by the caller: ") == k8sboot_error_message(error));
    CHECK(strstr(k8sboot_error_details(error), "\"report\":{\"schema\":\"k8sboot.report/v1\",\"changed\":3") != NULL);
    k8sboot_error_free(error);
    CHECK_FAILS(k8sboot_flow_run(flow, NULL, &report, &err), K8SBOOT_E_MISUSE, "make a new flow");
    CHECK_FAILS(k8sboot_flow_next_plan(flow, &plan, &err), K8SBOOT_E_MISUSE, "make a new flow");
    k8sboot_flow_free(flow);

    const k8sboot_cancel_t *cancel = NULL;
    CHECK_OK(k8sboot_cancel_new(&cancel, &err));
    CHECK_OK(k8sboot_cancel_trigger(cancel, &err));
    flow = flow_with(NULL);
    run = (k8sboot_run_t){.size = sizeof run, .cancel = cancel};
    CHECK_FAILS(k8sboot_flow_run(flow, &run, &report, &err), K8SBOOT_E_CANCELLED, "in stage ");
    k8sboot_cancel_free(cancel);
    k8sboot_flow_free(flow);

    flow = flow_with("{\"until\":\"addons\"}"); /* Nothing is done of what cannot be ended. */
    CHECK_FAILS(k8sboot_flow_run(flow, NULL, &report, &err), K8SBOOT_E_EXEC_UNSUPPORTED, "kubelet stage");
    k8sboot_flow_free(flow);

    flow = flow_with(NULL);
    run = (k8sboot_run_t){.size = sizeof run, .timeout_ms = 1};
    CHECK_FAILS(k8sboot_flow_run(flow, &run, &report, &err), K8SBOOT_E_TIMEOUT, "1 ms");
    k8sboot_flow_free(flow);

    seen = (struct seen){.stop_at = -1};
    run = (k8sboot_run_t){.size = sizeof run, .on_event = on_event, .user = &seen};
    flow = seen.flow = flow_with(NULL);
    CHECK_OK(k8sboot_flow_run(flow, &run, &report, &err));
    CHECK(seen.steps > 10 && seen.events > 2 * seen.steps);
    k8sboot_buf_free(report);
    CHECK_OK(k8sboot_flow_join_commands(flow, &report, &err));
    CHECK(strstr(k8sboot_buf_data(report), "[\"kubeadm join 192.0.2.10:6443 --token abcdef.0123456789abcdef") != NULL);
    k8sboot_buf_free(report);
    CHECK_OK(k8sboot_flow_run(flow, NULL, &report, &err)); /* No stage is left. */
    k8sboot_buf_free(report);
    k8sboot_flow_free(flow);

    flow = flow_with(NULL);
    CHECK_OK(k8sboot_flow_run(flow, NULL, &report, &err));
    CHECK(strstr(k8sboot_buf_data(report), "\"changed\":0,") != NULL);
    k8sboot_buf_free(report);
    CHECK_FAILS(k8sboot_flow_run(NULL, NULL, &report, &err), K8SBOOT_E_NULL, "argument flow");
    CHECK_FAILS(k8sboot_flow_run(flow, NULL, NULL, &err), K8SBOOT_E_NULL, "argument report");
    run.size = 1;
    CHECK_FAILS(k8sboot_flow_run(flow, &run, &report, &err), K8SBOOT_E_MISUSE, "argument run");
    k8sboot_flow_free(flow);
    k8sboot_flow_free(NULL);
}

static void plans_are_carried_out_once_by_their_own_flow(void)
{
    k8sboot_flow_t *flow = flow_with("{\"from\":\"control-plane\"}"), *other = flow_with("{\"from\":\"control-plane\"}");
    k8sboot_plan_t *plan = NULL, *later = NULL;
    k8sboot_buf_t *report = NULL;
    k8sboot_run_t run = {.size = 1};
    CHECK_OK(k8sboot_flow_next_plan(flow, &plan, &err));
    CHECK_FAILS(k8sboot_flow_apply(other, &plan, NULL, &report, &err), K8SBOOT_E_MISUSE, "made elsewhere");
    CHECK_FAILS(k8sboot_flow_apply(NULL, &plan, NULL, &report, &err), K8SBOOT_E_NULL, "argument flow");
    CHECK_FAILS(k8sboot_flow_apply(flow, NULL, NULL, &report, &err), K8SBOOT_E_NULL, "argument plan");
    CHECK_FAILS(k8sboot_flow_apply(flow, &plan, NULL, NULL, &err), K8SBOOT_E_NULL, "argument report");
    CHECK_FAILS(k8sboot_flow_apply(flow, &plan, &run, &report, &err), K8SBOOT_E_MISUSE, "argument run");
    CHECK_FAILS(k8sboot_plan_apply(&plan, NULL, &report, &err), K8SBOOT_E_MISUSE, "k8sboot_flow_apply");
    CHECK(plan != NULL && report == NULL);
    CHECK_OK(k8sboot_flow_apply(flow, &plan, NULL, &report, &err));
    CHECK(plan == NULL);
    CHECK(strstr(k8sboot_buf_data(report), "\"stage\":\"control-plane\"") != NULL);
    k8sboot_buf_free(report);
    CHECK_FAILS(k8sboot_flow_apply(flow, &plan, NULL, &report, &err), K8SBOOT_E_NULL, "argument plan");

    CHECK_OK(k8sboot_flow_next_plan(other, &plan, &err));
    CHECK_OK(k8sboot_flow_next_plan(other, &later, &err));
    CHECK_FAILS(k8sboot_flow_apply(other, &plan, NULL, &report, &err), K8SBOOT_E_MISUSE, "a later one");
    CHECK_OK(k8sboot_flow_apply(other, &later, NULL, &report, &err));
    k8sboot_buf_free(report);
    k8sboot_plan_free(plan);
    k8sboot_plan_free(NULL);
    k8sboot_flow_free(flow);
    k8sboot_flow_free(other);
}

static void certificates_are_listed_and_renewed(void)
{
    const char *all[] = {"all"}, *some[] = {"apiserver", "admin.conf"}, *unknown[] = {"kubelet.conf"}, *null[] = {NULL};
    k8sboot_config_t *config = configuration();
    k8sboot_buf_t *text = NULL;
    k8sboot_plan_t *plan = NULL;
    CHECK_OK(k8sboot_certs_expiration(root, NULL, &text, &err));
    CHECK(strstr(k8sboot_buf_data(text), "\"kind\":\"CertificateExpirationInfo\"") != NULL);
    CHECK(strstr(k8sboot_buf_data(text), "\"missing\":true") == NULL);
    k8sboot_buf_free(text);
    CHECK_OK(k8sboot_certs_expiration(root, config, &text, &err));
    k8sboot_buf_free(text);

    CHECK_OK(k8sboot_certs_renew(root, NULL, some, 2, &plan, &err));
    CHECK_OK(k8sboot_plan_diff(plan, &text, &err));
    CHECK(strstr(k8sboot_buf_data(text), "\"change\":\"replace\"") != NULL);
    k8sboot_buf_free(text);
    CHECK_OK(k8sboot_plan_apply(&plan, NULL, &text, &err));
    CHECK(plan == NULL && strstr(k8sboot_buf_data(text), "\"changed\":2,") != NULL);
    k8sboot_buf_free(text);
    CHECK_FAILS(k8sboot_plan_apply(&plan, NULL, &text, &err), K8SBOOT_E_NULL, "argument plan");
    CHECK_FAILS(k8sboot_plan_apply(NULL, NULL, &text, &err), K8SBOOT_E_NULL, "argument plan");

    struct seen seen = {.stop_at = 1};
    k8sboot_run_t run = {.size = sizeof run, .on_event = on_event, .user = &seen};
    k8sboot_flow_t *flow = flow_with(NULL);
    CHECK_OK(k8sboot_certs_renew(root, config, all, 1, &plan, &err));
    CHECK_FAILS(k8sboot_plan_apply(&plan, &run, NULL, &err), K8SBOOT_E_NULL, "argument report");
    CHECK_FAILS(k8sboot_flow_apply(flow, &plan, &run, &text, &err), K8SBOOT_E_MISUSE, "made elsewhere");
    CHECK_FAILS(k8sboot_plan_apply(&plan, &run, &text, &err), K8SBOOT_E_CANCELLED, "in stage renew");
    CHECK(plan == NULL && text == NULL && seen.steps == 1);
    k8sboot_flow_free(flow);

    CHECK_FAILS(k8sboot_certs_renew(root, NULL, unknown, 1, &plan, &err), K8SBOOT_E_PLAN_UNUSABLE, "kubelet.conf");
    CHECK_FAILS(k8sboot_certs_renew(root, NULL, NULL, 0, &plan, &err), K8SBOOT_E_MISUSE, "at least one name");
    CHECK_FAILS(k8sboot_certs_renew(root, NULL, NULL, 1, &plan, &err), K8SBOOT_E_NULL, "argument names");
    CHECK_FAILS(k8sboot_certs_renew(root, NULL, null, 1, &plan, &err), K8SBOOT_E_NULL, "argument names");
    CHECK_FAILS(k8sboot_certs_renew(NULL, NULL, all, 1, &plan, &err), K8SBOOT_E_NULL, "argument root");
    CHECK_FAILS(k8sboot_certs_renew("\xff", NULL, all, 1, &plan, &err), K8SBOOT_E_UTF8, "argument root");
    CHECK_FAILS(k8sboot_certs_renew(root, NULL, all, 1, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(plan == NULL);
    CHECK_FAILS(k8sboot_certs_expiration(NULL, NULL, &text, &err), K8SBOOT_E_NULL, "argument root");
    CHECK_FAILS(k8sboot_certs_expiration("\xff", NULL, &text, &err), K8SBOOT_E_UTF8, "argument root");
    CHECK_FAILS(k8sboot_certs_expiration("/nonexistent", NULL, &text, &err), K8SBOOT_E_FILE_IO, "/nonexistent");
    CHECK_FAILS(k8sboot_certs_expiration(root, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    k8sboot_config_free(config);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 && strlen(argv[1]) < sizeof root - sizeof "/node");
    strcat(strcpy(root, argv[1]), "/node");
    facts_are_gathered();
    flows_are_made_of_what_is_right();
    a_dry_run_plans_every_stage();
    a_stopped_run_says_what_it_did_and_a_new_one_goes_on();
    plans_are_carried_out_once_by_their_own_flow();
    certificates_are_listed_and_renewed();
    return 0;
}
