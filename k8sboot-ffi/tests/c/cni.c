/* CNI: configurations, results, chains of plugins. The argument is a directory for its files. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <stdbool.h>
#include <sys/stat.h>

static const char *base;
static const char conflist[] =
    "{\"cniVersion\": \"1.1.0\", \"name\": \"mynet\", \"plugins\": [{\"type\": \"good\", \"x\": 1.50}, {\"type\": \"other\"}]}";

static const char *path(const char *below)
{
    static char text[32][1024];
    static int next;
    char *into = text[next++ % 32];
    snprintf(into, sizeof text[0], "%s/%s", base, below);
    return into;
}

static void write_file(const char *below, const char *content, mode_t mode)
{
    FILE *file = fopen(path(below), "w");
    CHECK(file != NULL);
    CHECK(fputs(content, file) >= 0);
    CHECK(fclose(file) == 0);
    CHECK(chmod(path(below), mode) == 0);
}

static bool has(const k8sboot_buf_t *buf, const char *part)
{
    return strstr(k8sboot_buf_data(buf), part) != NULL;
}

static void a_configuration_is_checked(void)
{
    k8sboot_buf_t *out = NULL;
    CHECK_OK(k8sboot_cni_check(conflist, "conflist", &out, &err));
    CHECK(has(out, "\"name\":\"mynet\"") && has(out, "\"cniVersion\":\"1.1.0\""));
    CHECK(has(out, "\"programs\":[\"good\",\"other\"]") && has(out, "\"GC\":true"));
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_cni_check("{\"name\": \"n\", \"type\": \"bridge\"}", "conf", &out, &err));
    CHECK(has(out, "\"list\":{\"cniVersion\":\"\",\"name\":\"n\",\"plugins\":[{"));
    k8sboot_buf_free(out);
    out = NULL;
    CHECK_FAILS(k8sboot_cni_check("{\"name\":\n5,}", "conflist", &out, &err), K8SBOOT_E_CNI_JSON, "line 2, column 3");
    CHECK_FAILS(k8sboot_cni_check("{\"name\": 5}", "conflist", &out, &err), K8SBOOT_E_CNI_FIELD, "name: expected a text");
    CHECK_FAILS(k8sboot_cni_check(conflist, "list", &out, &err), K8SBOOT_E_ENUM, "argument kind");
    CHECK_FAILS(k8sboot_cni_check(NULL, "conflist", &out, &err), K8SBOOT_E_NULL, "argument config");
    CHECK_FAILS(k8sboot_cni_check("\xff", "conflist", &out, &err), K8SBOOT_E_UTF8, "argument config");
    CHECK_FAILS(k8sboot_cni_check(conflist, NULL, &out, &err), K8SBOOT_E_NULL, "argument kind");
    CHECK_FAILS(k8sboot_cni_check(conflist, "conflist", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(out == NULL);
}

static void a_result_is_converted(void)
{
    const char *old = "{\"ip4\": {\"ip\": \"10.1.2.2/24\"}}";
    k8sboot_buf_t *out = NULL;
    CHECK_OK(k8sboot_cni_convert(old, "0.2.0", "1.0.0", &out, &err));
    CHECK(strcmp(k8sboot_buf_data(out),
                 "{\n    \"cniVersion\": \"1.0.0\",\n    \"ips\": [\n        {\n            \"address\": \"10.1.2.2/24\"\n"
                 "        }\n    ]\n}") == 0);
    k8sboot_buf_free(out);
    out = NULL;
    CHECK_FAILS(k8sboot_cni_convert("{}", "1.0.0", "0.2.0", &out, &err), K8SBOOT_E_CNI_CONVERT, "expected at least one address");
    CHECK_FAILS(k8sboot_cni_convert(old, NULL, "1.0", &out, &err), K8SBOOT_E_CNI_VERSION, "\"1.0\"");
    CHECK_FAILS(k8sboot_cni_convert(NULL, NULL, "1.0.0", &out, &err), K8SBOOT_E_NULL, "argument result");
    CHECK_FAILS(k8sboot_cni_convert(old, "\xff", "1.0.0", &out, &err), K8SBOOT_E_UTF8, "argument configured");
    CHECK_FAILS(k8sboot_cni_convert(old, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument version");
    CHECK_FAILS(k8sboot_cni_convert(old, NULL, "1.0.0", NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(out == NULL);
}

static void a_directory_is_explained(void)
{
    const char *plugins[] = {path("bin")};
    const char *null[] = {NULL};
    k8sboot_buf_t *out = NULL;
    write_file("net.d/10-a.conflist", conflist, 0644);
    write_file("net.d/05-torn.conf", "{", 0644);
    CHECK_OK(k8sboot_cni_choose(path("net.d"), plugins, 1, &out, &err));
    CHECK(has(out, "\"chosen\":\"10-a.conflist\"") && has(out, "\"verdict\":\"broken\"") && has(out, "\"missing\":[\"other\"]"));
    k8sboot_buf_free(out);
    out = NULL;
    CHECK_FAILS(k8sboot_cni_choose(path("none"), plugins, 1, &out, &err), K8SBOOT_E_CNI_FILE, "none");
    CHECK_FAILS(k8sboot_cni_choose(NULL, plugins, 1, &out, &err), K8SBOOT_E_NULL, "argument directory");
    CHECK_FAILS(k8sboot_cni_choose("\xff", plugins, 1, &out, &err), K8SBOOT_E_UTF8, "argument directory");
    CHECK_FAILS(k8sboot_cni_choose(path("net.d"), NULL, 1, &out, &err), K8SBOOT_E_NULL, "argument plugin_path");
    CHECK_FAILS(k8sboot_cni_choose(path("net.d"), null, 1, &out, &err), K8SBOOT_E_NULL, "argument plugin_path");
    CHECK_FAILS(k8sboot_cni_choose(path("net.d"), plugins, 1, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(out == NULL);
}

static int32_t count(void *user, const k8sboot_event_t *event)
{
    CHECK(strcmp(event->stage, "ADD") == 0 && event->steps == 1 && strstr(event->json, "\"program\":\"good\"") != NULL);
    ++*(int *)user;
    return 0;
}

static void a_chain_is_run(void)
{
    static const char good[] =
        "#!/bin/sh\ncat > /dev/null\n"
        "if [ \"$CNI_COMMAND\" = ADD ]; then echo '{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.1.2.2/24\"}]}'; fi\n";
    static const char bad[] = "#!/bin/sh\necho why >&2; echo '{\"code\":50,\"msg\":\"full\"}'; exit 1\n";
    static const char slow[] = "#!/bin/sh\nsleep 100\n";
    static const char one[] = "{\"cniVersion\": \"1.1.0\", \"name\": \"mynet\", \"plugins\": [{\"type\": \"good\"}]}";
    const char *caches[] = {path("cache")};
    char request[4096];
    int events = 0;
    k8sboot_run_t run = {.size = sizeof run, .on_event = count, .user = &events};
    k8sboot_buf_t *out = NULL;

    write_file("bin/good", good, 0755);
    snprintf(request, sizeof request,
             "{\"pluginPath\": [\"%s\"], \"cacheDir\": \"%s\", \"containerId\": \"3f2a\", \"ifName\": \"eth0\","
             " \"netns\": \"/run/netns/x\", \"args\": \"A=b\", \"validAttachments\": [], \"capabilityArgs\": {\"mac\": \"0a:58\"}}",
             path("bin"), path("cache"));
    CHECK_OK(k8sboot_cni_run("ADD", one, request, &run, &out, &err));
    CHECK(has(out, "\"address\": \"10.1.2.2/24\"") && events == 2);
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_cni_cached(caches, 1, &out, &err));
    CHECK(has(out, "\"network\":\"mynet\",\"containerId\":\"3f2a\",\"ifName\":\"eth0\",\"netns\":\"/run/netns/x\""));
    CHECK(has(out, "\"addresses\":[\"10.1.2.2\"]") && has(out, "\"broken\":[]"));
    k8sboot_buf_free(out);
    for (size_t i = 0; i < 3; i++) {
        static const char *const commands[] = {"CHECK", "STATUS", "DEL"};
        CHECK_OK(k8sboot_cni_run(commands[i], one, request, NULL, &out, &err));
        CHECK(k8sboot_buf_len(out) == 0);
        k8sboot_buf_free(out);
    }
    CHECK_OK(k8sboot_cni_run("GC", one, request, NULL, &out, &err));
    k8sboot_buf_free(out);
    CHECK_OK(k8sboot_cni_cached(caches, 1, &out, &err));
    CHECK(has(out, "\"results\":[]"));
    k8sboot_buf_free(out);
    out = NULL;

    write_file("bin/other", bad, 0755);
    {
        k8sboot_error_t *err = NULL;
        CHECK(k8sboot_cni_run("STATUS", conflist, request, NULL, &out, &err) == K8SBOOT_E_CNI_PLUGIN_FAILED);
        CHECK(strstr(k8sboot_error_message(err), "full") != NULL && strstr(k8sboot_error_message(err), "why") != NULL);
        CHECK(strstr(k8sboot_error_details(err), "\"pluginCode\":50") != NULL);
        k8sboot_error_free(err);
    }
    write_file("bin/other", slow, 0755);
    run = (k8sboot_run_t){.size = sizeof run, .timeout_ms = 200};
    CHECK_FAILS(k8sboot_cni_run("STATUS", conflist, request, &run, &out, &err), K8SBOOT_E_TIMEOUT, "200 ms");
    CHECK(out == NULL);
}

static void a_chain_is_refused_for_a_reason(void)
{
    static const char *const empty = "{}";
    const char *null[] = {NULL};
    k8sboot_run_t run = {.size = 7};
    k8sboot_buf_t *out = NULL;
    CHECK_FAILS(k8sboot_cni_run("add", conflist, empty, NULL, &out, &err), K8SBOOT_E_ENUM, "argument command");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, empty, NULL, &out, &err), K8SBOOT_E_CNI_PARAMETER, "CNI_CONTAINERID");
    CHECK_FAILS(k8sboot_cni_run("STATUS", conflist, empty, NULL, &out, &err), K8SBOOT_E_CNI_PARAMETER, "CNI_PATH");
    CHECK_FAILS(k8sboot_cni_run("GC", conflist, empty, NULL, &out, &err), K8SBOOT_E_JSON, "validAttachments");
    CHECK_FAILS(k8sboot_cni_run("ADD", "[]", empty, NULL, &out, &err), K8SBOOT_E_CNI_FIELD, "configuration list");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, "{\"netnss\": 1}", NULL, &out, &err), K8SBOOT_E_JSON, "netnss");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, "{\"args\": \"A\"}", NULL, &out, &err), K8SBOOT_E_JSON, "invalid pair");
    CHECK_FAILS(k8sboot_cni_run("STATUS", conflist, "{\"pluginPath\": [\"/none\"]}", NULL, &out, &err),
                K8SBOOT_E_CNI_PLUGIN_MISSING, "plugin good");
    CHECK_FAILS(k8sboot_cni_run(NULL, conflist, empty, NULL, &out, &err), K8SBOOT_E_NULL, "argument command");
    CHECK_FAILS(k8sboot_cni_run("ADD", NULL, empty, NULL, &out, &err), K8SBOOT_E_NULL, "argument list");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, NULL, NULL, &out, &err), K8SBOOT_E_NULL, "argument request");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, "\xff", NULL, &out, &err), K8SBOOT_E_UTF8, "argument request");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, empty, &run, &out, &err), K8SBOOT_E_MISUSE, "argument run");
    CHECK_FAILS(k8sboot_cni_run("ADD", conflist, empty, NULL, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK_FAILS(k8sboot_cni_cached(NULL, 1, &out, &err), K8SBOOT_E_NULL, "argument cache_dirs");
    CHECK_FAILS(k8sboot_cni_cached(null, 1, &out, &err), K8SBOOT_E_NULL, "argument cache_dirs");
    CHECK_FAILS(k8sboot_cni_cached(NULL, 0, NULL, &err), K8SBOOT_E_NULL, "argument out");
    CHECK(out == NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    base = argv[1];
    CHECK(mkdir(path("net.d"), 0755) == 0 && mkdir(path("bin"), 0755) == 0);
    a_configuration_is_checked();
    a_result_is_converted();
    write_file("bin/good", "", 0755);
    a_directory_is_explained();
    a_chain_is_run();
    a_chain_is_refused_for_a_reason();
    return 0;
}
