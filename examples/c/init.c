/*
 * Makes everything that the first control-plane node of a cluster needs below a directory, and prints the report and how
 * other nodes join. Run again, it changes nothing.
 *
 *   cc -std=c11 init.c $(pkg-config --cflags --libs k8sboot) -o init
 *   ./init ../seed-cluster.yaml demo-node
 */
#include <k8sboot.h>
#include <stdio.h>

static int32_t on_event(void *user, const k8sboot_event_t *event)
{
    (void)user;
    if (event->kind == K8SBOOT_EVENT_STEP_DONE)
        fprintf(stderr, "%s: %u/%u %s\n", event->stage, (unsigned)event->step, (unsigned)event->steps, event->text);
    return 0; /* Anything else would stop the run at the end of this step. */
}

/* A file of at most 64 KiB, with a NUL at its end. */
static int read_file(const char *path, char text[65537])
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 0;
    }
    size_t length = fread(text, 1, 65536, file);
    int ok = !ferror(file) && feof(file);
    text[length] = 0;
    fclose(file);
    return ok;
}

int main(int argc, char **argv)
{
    static char yaml[65537];
    if (argc != 3) {
        fprintf(stderr, "usage: %s CONFIG ROOT\n", argv[0]);
        return 2;
    }
    if (!read_file(argv[1], yaml))
        return 1;

    k8sboot_run_t run = {.size = sizeof run, .on_event = on_event};
    k8sboot_buf_t *facts = NULL, *token = NULL, *report = NULL, *joins = NULL;
    k8sboot_config_t *config = NULL;
    k8sboot_flow_t *flow = NULL;
    k8sboot_error_t *err = NULL;
    int failed = 1;
    if (k8sboot_facts_gather(argv[2], &facts, &err) == 0 &&
        k8sboot_token_generate(&token, &err) == 0 &&        /* used if the configuration names none */
        k8sboot_config_new(yaml, k8sboot_buf_data(facts), k8sboot_buf_data(token), &config, &err) == 0 &&
        k8sboot_init_new(&config, argv[2], NULL, &flow, &err) == 0 && /* config is used up now */
        k8sboot_flow_run(flow, &run, &report, &err) == 0 &&
        k8sboot_flow_join_commands(flow, &joins, &err) == 0) {
        printf("%s\n%s\n", k8sboot_buf_data(report), k8sboot_buf_data(joins));
        failed = 0;
    } else {
        fprintf(stderr, "%s\n", k8sboot_error_message(err));
    }
    k8sboot_error_free(err);
    k8sboot_buf_free(facts);
    k8sboot_buf_free(token);
    k8sboot_buf_free(report);
    k8sboot_buf_free(joins);
    k8sboot_config_free(config);
    k8sboot_flow_free(flow);
    return failed;
}
