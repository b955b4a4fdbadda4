/* Panics, poisoned handles, events, cancellation and sized structs, with the functions of the feature `testing`. */
#include "check.h"

typedef struct k8sboot_testing_t k8sboot_testing_t;
k8sboot_code_t k8sboot_testing_new(k8sboot_testing_t **, k8sboot_error_t **);
k8sboot_code_t k8sboot_testing_count(k8sboot_testing_t *, uint32_t steps, uint32_t panic_at, const k8sboot_run_t *,
                                     k8sboot_error_t **);
k8sboot_code_t k8sboot_testing_panic(const k8sboot_testing_t *, k8sboot_error_t **);
k8sboot_code_t k8sboot_testing_finish(k8sboot_testing_t **, uint32_t *, k8sboot_error_t **);
void k8sboot_testing_free(k8sboot_testing_t *);

struct seen {
    uint32_t events;
    uint32_t stop_at;
    const k8sboot_cancel_t *cancel;
    k8sboot_testing_t *handle;
};

static int32_t on_event(void *user, const k8sboot_event_t *event)
{
    struct seen *seen = user;
    seen->events++;
    CHECK(event->size == sizeof *event);
    CHECK(event->kind == K8SBOOT_EVENT_STEP_DONE);
    CHECK(event->step == seen->events);
    CHECK(strcmp(event->stage, "testing") == 0);
    CHECK(strstr(event->text, "\xef\xbf\xbd of ") != NULL); /* A NUL inside was replaced. */
    CHECK(strcmp(event->json, "{}") == 0);
    if (seen->handle != NULL) {
        CHECK_FAILS(k8sboot_testing_count(seen->handle, 1, 0, NULL, &err), K8SBOOT_E_MISUSE, "in use");
        CHECK_FAILS(k8sboot_testing_finish(&seen->handle, &(uint32_t){0}, &err), K8SBOOT_E_MISUSE, "in use");
        CHECK(seen->handle != NULL);
    }
    if (seen->events == seen->stop_at && seen->cancel != NULL) {
        CHECK_OK(k8sboot_cancel_trigger(seen->cancel, &err));
        return 0;
    }
    return seen->events == seen->stop_at;
}

static void events_stop_and_cancel(void)
{
    k8sboot_testing_t *handle = NULL;
    struct seen seen = {0};
    k8sboot_run_t run = {.size = sizeof run, .on_event = on_event, .user = &seen};
    uint32_t count = 0;
    CHECK_OK(k8sboot_testing_new(&handle, &err));
    seen.handle = handle;
    CHECK_OK(k8sboot_testing_count(handle, 3, 0, &run, &err));
    CHECK(seen.events == 3);
    CHECK_OK(k8sboot_testing_count(handle, 1, 0, NULL, &err));

    seen = (struct seen){.stop_at = 2};
    CHECK_FAILS(k8sboot_testing_count(handle, 3, 0, &run, &err), K8SBOOT_E_CANCELLED, "cancelled");
    CHECK(seen.events == 2);

    seen = (struct seen){.stop_at = 1};
    CHECK_OK(k8sboot_cancel_new(&seen.cancel, &err));
    run.cancel = seen.cancel;
    CHECK_FAILS(k8sboot_testing_count(handle, 3, 0, &run, &err), K8SBOOT_E_CANCELLED, "cancelled");
    CHECK(seen.events == 1);
    k8sboot_cancel_free(seen.cancel);

    CHECK_OK(k8sboot_testing_finish(&handle, &count, &err));
    CHECK(handle == NULL && count == 7);
    CHECK_FAILS(k8sboot_testing_finish(&handle, &count, &err), K8SBOOT_E_NULL, "argument handle");
    CHECK(count == 0);
    CHECK_FAILS(k8sboot_testing_finish(NULL, &count, &err), K8SBOOT_E_NULL, "argument handle");
}

static void panics_poison(void)
{
    for (int write = 0; write < 2; write++) {
        k8sboot_testing_t *handle = NULL;
        uint32_t count = 0;
        CHECK_OK(k8sboot_testing_new(&handle, &err));
        if (write) {
            CHECK_FAILS(k8sboot_testing_count(handle, 3, 2, NULL, &err), K8SBOOT_E_PANIC,
                        "bug in k8sboot: asked for at step 2");
        } else {
            CHECK_FAILS(k8sboot_testing_panic(handle, &err), K8SBOOT_E_PANIC, "bug in k8sboot: asked for");
        }
        CHECK_FAILS(k8sboot_testing_count(handle, 1, 0, NULL, &err), K8SBOOT_E_MISUSE, "earlier call");
        CHECK_FAILS(k8sboot_testing_panic(handle, &err), K8SBOOT_E_MISUSE, "earlier call");
        CHECK_FAILS(k8sboot_testing_finish(&handle, &count, &err), K8SBOOT_E_MISUSE, "earlier call");
        CHECK(handle != NULL);
        k8sboot_testing_free(handle);
    }
    CHECK(k8sboot_testing_panic(NULL, NULL) == K8SBOOT_E_NULL);
}

static void sizes(void)
{
    k8sboot_testing_t *handle = NULL;
    struct {
        k8sboot_run_t run;
        uint64_t later;
    } longer = {.run = {.size = sizeof longer}};
    CHECK_OK(k8sboot_testing_new(&handle, &err));
    CHECK_OK(k8sboot_testing_count(handle, 1, 0, &longer.run, &err));
    longer.later = 1;
    CHECK_FAILS(k8sboot_testing_count(handle, 1, 0, &longer.run, &err), K8SBOOT_E_MISUSE, "update the library");
    longer.run.size = sizeof longer.run - sizeof longer.run.timeout_ms;
    CHECK_OK(k8sboot_testing_count(handle, 1, 0, &longer.run, &err));
    longer.run.size = 0;
    CHECK_FAILS(k8sboot_testing_count(handle, 1, 0, &longer.run, &err), K8SBOOT_E_MISUSE, "sizeof");
    k8sboot_testing_free(handle);
    k8sboot_testing_free(NULL);
}

int main(void)
{
    events_stop_and_cancel();
    panics_poison();
    sizes();
    return 0;
}
