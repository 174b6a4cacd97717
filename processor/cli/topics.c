/* `declic topics create`. */
#include <stdio.h>

#include "app/own_topics.h"
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

static enum err create(const struct config *config, struct kafka_admin *admin, struct arena *arena,
                       int *wrong, struct diag *diag)
{
    size_t count;
    const struct kafka_topic_plan *plans = own_topics(config, arena, &count);
    struct kafka_topic_outcome *outcomes = ARENA_ARRAY(arena, struct kafka_topic_outcome, count);
    enum err error =
        kafka_admin_topics_create(admin, plans, count, SERVICE_TIMEOUT_MS, arena, outcomes, diag);
    if (error != ERR_OK)
        return error;
    *wrong = tell_outcomes(plans, count, outcomes);
    /* The settings of those two matter; the sources need only be there. */
    size_t asked = 2 + config->source_count;
    struct span *names = ARENA_ARRAY(arena, struct span, asked);
    names[0] = plans[0].name;
    names[1] = plans[1].name;
    for (size_t i = 0; i < config->source_count; i++)
        names[2 + i] = config->sources[i].topic;
    struct kafka_topic_description *descriptions =
        ARENA_ARRAY(arena, struct kafka_topic_description, asked);
    error = kafka_admin_topics_describe(admin, names, asked, true, SERVICE_TIMEOUT_MS, arena, descriptions,
                                        diag);
    if (error != ERR_OK)
        return error;
    *wrong += tell_complaints(plans, 2, descriptions, arena);
    tell_missing_sources(config, descriptions + 2);
    return ERR_OK;
}

static int topics_create(const struct cli_call *call)
{
    struct config *config;
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    struct log log = {.level = LOG_ERROR, .fd = 2};
    struct kafka_properties properties = own_kafka_properties(config, call->arena);
    struct kafka_admin *admin;
    struct diag diag = {0};
    enum err error = kafka_admin_open(&properties, &log, &admin, &diag);
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
