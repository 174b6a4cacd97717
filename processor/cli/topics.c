/* `declic topics create`. */
#include <stdio.h>
#include <time.h>

#include "app/own_topics.h"
#include "app/system_clock.h"
#include "cli/service.h"

/* The topics made or found; returns how many failed. */
static int tell_outcomes(const struct kafka_topic_plan *plans, size_t count,
                         const struct kafka_topic_outcome *outcomes)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        switch (outcomes[i].result) {
        case KAFKA_TOPIC_MADE:
            printf("created  %.*s\n", SPAN_PRINTF(plans[i].name));
            break;
        case KAFKA_TOPIC_EXISTS:
            printf("exists   %.*s\n", SPAN_PRINTF(plans[i].name));
            break;
        case KAFKA_TOPIC_FAILED:
            fprintf(stderr, "declic topics create: %.*s: %.*s\n", SPAN_PRINTF(plans[i].name),
                    SPAN_PRINTF(outcomes[i].text));
            failed++;
            break;
        }
    }
    return failed;
}

/* What was there already must be what it is to be; returns how much is not. */
static int tell_complaints(const struct kafka_topic_plan *plans, size_t count,
                           const struct kafka_topic_description *descriptions, struct arena *arena)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        if (!descriptions[i].exists)
            continue;
        struct span complaint = kafka_topic_complaint(&plans[i], &descriptions[i], arena);
        if (complaint.size == 0)
            continue;
        fprintf(stderr, "declic topics create: %.*s\n", SPAN_PRINTF(complaint));
        wrong++;
    }
    return wrong;
}

static void tell_missing_sources(const struct config *config,
                                 const struct kafka_topic_description *descriptions)
{
    for (size_t i = 0; i < config->source_count; i++)
        if (!descriptions[i].exists)
            printf("missing  %.*s (a source: whoever writes it makes it)\n",
                   SPAN_PRINTF(config->sources[i].topic));
}

/* Topics are known a moment after they were made: waits until the broker tells of all of them, so that what
 * comes next finds them. */
static enum err describe_all(struct kafka_admin *admin, const struct span *names, size_t own, size_t count,
                             struct arena *arena, struct kafka_topic_description *descriptions,
                             struct diag *diag)
{
    int64_t until_ms = system_clock_monotonic_ms() + SERVICE_TIMEOUT_MS;
    for (;;) {
        enum err error = kafka_admin_topics_describe(admin, names, count, true, SERVICE_TIMEOUT_MS, arena,
                                                     descriptions, diag);
        if (error != ERR_OK)
            return error;
        size_t known = 0;
        while (known < own && descriptions[known].exists)
            known++;
        if (known == own || system_clock_monotonic_ms() >= until_ms)
            return ERR_OK;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
}

static enum err create(const struct config *config, struct kafka_admin *admin, struct arena *arena,
                       int *wrong, struct diag *diag)
{
    size_t own;
    const struct kafka_topic_plan *plans = own_topics(config, arena, &own);
    struct kafka_topic_outcome *outcomes = ARENA_ARRAY(arena, struct kafka_topic_outcome, own);
    enum err error =
        kafka_admin_topics_create(admin, plans, own, SERVICE_TIMEOUT_MS, arena, outcomes, diag);
    if (error != ERR_OK)
        return error;
    *wrong = tell_outcomes(plans, own, outcomes);
    size_t count = own + config->source_count;
    struct span *names = ARENA_ARRAY(arena, struct span, count);
    for (size_t i = 0; i < count; i++)
        names[i] = i < own ? plans[i].name : config->sources[i - own].topic;
    struct kafka_topic_description *descriptions =
        ARENA_ARRAY(arena, struct kafka_topic_description, count);
    error = describe_all(admin, names, *wrong == 0 ? own : 0, count, arena, descriptions, diag);
    if (error != ERR_OK)
        return error;
    *wrong += tell_complaints(plans, own, descriptions, arena);
    tell_missing_sources(config, descriptions + own);
    return ERR_OK;
}

static int topics_create(const struct cli_call *call)
{
    struct config *config;
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    struct kafka_properties properties = own_kafka_properties(config, call->arena);
    struct kafka_admin *admin;
    struct diag diag = {0};
    enum err error = kafka_admin_open(&properties, &cli_log, &admin, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    int wrong = 0;
    error = create(config, admin, call->arena, &wrong, &diag);
    kafka_admin_close(admin);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    return wrong == 0 ? CLI_DONE : CLI_WRONG;
}

const struct cli_command cli_topics_create = {
    .name = "topics create",
    .arguments = "",
    .summary = "Create Declic's own topics; say which sources are missing.",
    .help = "Topics that are there already are left as they are and checked.",
    .takes_config = true,
    .run = topics_create,
};
