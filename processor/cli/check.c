#include <errno.h>
#include <stdio.h>

#include "app/apply.h"
#include "app/campaign_compile.h"
#include "app/own_topics.h"
#include "base/file.h"
#include "cli/service.h"
#include "codec/campaign_dir.h"
#include "codec/policy_yaml.h"
#include "kafka/schema_registry.h"
#include "redis/redis_store.h"

/* What was found so far. */
struct check {
    const struct cli_call *call;
    const struct config *config;
    struct arena *arena;
    size_t wrong;
    bool unreachable, misconfigured;
};

static void complain(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

static void complain(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("declic check: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    check->wrong++;
}

/* A service's answer as a whole; `service` is "" where the text names it. */
static void complain_service(struct check *check, const char *service, enum err error,
                             const struct diag *diag)
{
    const char *text = diag->text[0] != 0 ? diag->text : err_sentence(error);
    complain(check, "%s%s%s", service, service[0] != 0 ? ": " : "", text);
    check->unreachable |= error == ERR_UNREACHABLE || error == ERR_TIMEOUT;
}

static void print_diags(struct check *check, const struct diag_list *diags)
{
    cli_print_diags(diags);
    check->wrong += diags->count;
}

/* ---- files ---- */

static void check_policy(struct check *check)
{
    struct diag_list diags = {.arena = check->arena};
    struct policy *policy;
    struct span path = check->config->policy, text;
    if (path.size == 0)
        return;
    if (file_read(path, CAMPAIGN_MAX_BYTES, check->arena, &text) != ERR_OK) {
        complain(check, "policy: %.*s cannot be read: %s", SPAN_PRINTF(path), strerror(errno));
        return;
    }
    if (policy_read(text, path, &check->config->profile_attributes, check->arena, &policy, &diags) ==
        ERR_OK)
        policy_close(policy);
    print_diags(check, &diags);
}

/* A directory brings the policy with it. */
static void check_directory(struct check *check, const char *path)
{
    struct diag_list diags = {.arena = check->arena};
    struct campaign_dir dir;
    enum err error = campaign_dir_read(path, check->config->policy, &check->config->profile_attributes,
                                       check->arena, &dir, &diags);
    print_diags(check, &diags);
    if (error == ERR_OK)
        printf("ok  %zu campaign%s in %s\n", dir.count, dir.count == 1 ? "" : "s", path);
    campaign_dir_close(&dir);
}

/* ---- Kafka ---- */

static void check_topics(struct check *check, struct kafka_admin *admin)
{
    size_t own, sources = check->config->source_count;
    struct diag diag = {0};
    const struct kafka_topic_plan *plans = own_topics(check->config, check->arena, &own);
    struct span *names = ARENA_ARRAY(check->arena, struct span, own + sources);
    for (size_t i = 0; i < own; i++)
        names[i] = plans[i].name;
    for (size_t i = 0; i < sources; i++)
        names[own + i] = check->config->sources[i].topic;
    struct kafka_topic_description *found =
        ARENA_ARRAY(check->arena, struct kafka_topic_description, own + sources);
    enum err error = kafka_admin_topics_describe(admin, names, own + sources, true, SERVICE_TIMEOUT_MS,
                                                 check->arena, found, &diag);
    if (error != ERR_OK) {
        complain_service(check, "", error, &diag);
        return;
    }
    size_t before = check->wrong;
    for (size_t i = 0; i < own; i++) {
        struct span complaint = kafka_topic_complaint(&plans[i], &found[i], check->arena);
        if (complaint.size > 0)
            complain(check, "%.*s", SPAN_PRINTF(complaint));
    }
    for (size_t i = 0; i < sources; i++)
        if (!found[own + i].exists)
            complain(check, "topic %.*s is a source and missing; whoever writes it makes it",
                     SPAN_PRINTF(names[own + i]));
    if (check->wrong == before)
        printf("ok  Kafka: %zu topics\n", own + sources);
}

/* ---- what is in force ---- */

/* The stored version against this configuration: a profile attribute that is not kept any more. */
static void check_item(struct check *check, const struct campaign_item *item)
{
    const struct campaign_definition *definition = campaign_item_definition(item, item->version);
    struct diag_list diags = {.arena = check->arena};
    struct campaign_options options = {.profile_attributes = &check->config->profile_attributes};
    struct campaign *campaign;
    if (!item->applied)
        complain(check, "%.*s version %u: its apply ended early; `declic campaigns apply` completes it",
                 SPAN_PRINTF(item->id), item->version);
    if (definition == NULL || item->status == CAMPAIGN_ARCHIVED)
        return;
    struct span file =
        arena_printf(check->arena, "%.*s (version %u, in force)", SPAN_PRINTF(item->id), item->version);
    if (snippets_read(definition->snippets, check->arena, &options.snippets, &options.snippet_count) ==
            ERR_OK &&
        campaign_read(definition->text, file, &options, check->arena, &campaign, &diags) == ERR_OK)
        campaign_close(campaign);
    print_diags(check, &diags);
}

static void check_campaigns(struct check *check)
{
    const struct campaign_log *log;
    struct diag diag = {0};
    enum err error = apply_read(check->config, NULL, SERVICE_TIMEOUT_MS, check->arena, &log, &diag);
    if (error != ERR_OK) {
        if (error != ERR_NOT_FOUND) /* the missing topic was told */
            complain_service(check, "campaigns", error, &diag);
        return;
    }
    size_t before = check->wrong, live = 0;
    for (size_t i = 0; i < log->count; i++) {
        check_item(check, &log->items[i]);
        live += log->items[i].version != 0 && log->items[i].status != CAMPAIGN_ARCHIVED;
    }
    if (log->policy.version != 0 && !log->policy.applied)
        complain(check, "the policy's apply ended early; `declic campaigns apply` completes it");
    if (check->wrong == before)
        printf("ok  %zu campaign%s in force, policy version %u\n", live, live == 1 ? "" : "s",
               log->policy.version);
}

static void check_kafka(struct check *check)
{
    struct kafka_properties properties = own_kafka_properties(check->config, check->arena);
    struct kafka_admin *admin;
    struct diag diag = {0};
    enum err error = kafka_admin_open(&properties, NULL, &admin, &diag);
    if (error != ERR_OK) {
        complain_service(check, "", error, &diag);
        check->misconfigured |= error == ERR_INVALID; /* a property of librdkafka */
        return;
    }
    check_topics(check, admin);
    kafka_admin_close(admin);
    if (!check->unreachable)
        check_campaigns(check);
}

/* ---- Redis ---- */

static void check_redis(struct check *check)
{
    struct redis_store_options options = {.url = check->config->redis_url,
                                          .prefix = check->config->topics_prefix,
                                          .timeout_ms = SERVICE_TIMEOUT_MS};
    struct redis_store *store;
    struct diag diag = {0};
    enum err error = redis_store_open(&options, &store, &diag);
    if (error != ERR_OK) {
        complain_service(check, "Redis", error, &diag);
        check->misconfigured |= error == ERR_INVALID; /* the URL */
        return;
    }
    struct store_port port = redis_store_port(store);
    error = port.check(port.self, &diag);
    if (error != ERR_OK)
        complain_service(check, "Redis", error, &diag);
    else
        printf("ok  Redis\n");
    redis_store_close(store);
}

/* ---- the Schema Registry ---- */

static void check_registry(struct check *check)
{
    struct diag diag = {0};
    if (check->config->registry_url.size == 0)
        return;
    struct schema_registry *registry = schema_registry_open(check->config->registry_url);
    enum err error = schema_registry_check(registry, &diag);
    if (error != ERR_OK)
        complain_service(check, "registry.url", error, &diag);
    else
        printf("ok  Schema Registry\n");
    schema_registry_close(registry);
}

static int run(const struct cli_call *call)
{
    struct config *config;
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    struct check check = {.call = call, .config = config, .arena = call->arena};
    if (call->argument_count > 0)
        check_directory(&check, call->arguments[0]);
    else
        check_policy(&check);
    check_kafka(&check);
    check_redis(&check);
    check_registry(&check);
    if (check.misconfigured)
        return CLI_USAGE;
    if (check.unreachable)
        return CLI_UNREACHABLE;
    return check.wrong > 0 ? CLI_WRONG : CLI_DONE;
}

const struct cli_command cli_check = {
    .name = "check",
    .arguments = "[DIR]",
    .most_arguments = 1,
    .summary = "Check configuration, policy, campaigns, topics, Kafka, Redis and registry.",
    .help = "Prints everything that is wrong, with what to do about it, and exits with 1 (2 when\n"
            "it is the configuration itself, 3 when a service cannot be reached). With DIR its\n"
            "campaigns are checked too.",
    .takes_config = true,
    .run = run,
};
