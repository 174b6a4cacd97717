#include "app/user_view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/own_topics.h"
#include "app/stored_campaigns.h"
#include "base/hash.h"
#include "base/memory.h"
#include "codec/policy_yaml.h"
#include "codec/user_state_bin.h"
#include "kafka/kafka_client.h"
#include "redis/redis_store.h"

struct user_view {
    struct arena arena;
    struct kafka_properties kafka;
    struct redis_store *store;
    struct stored_campaigns stored;            /* zero beside a running process */
    struct definitions *definitions;           /* of `stored`, or that process's */
    const struct registry_snapshot *campaigns; /* in force; NULL: not asked for yet */
    struct user_state state;
};

static enum err open_store(const struct config *config, struct user_view *view, struct diag *diag)
{
    struct redis_store_options store = {.url = config->redis_url, .prefix = config->topics_prefix};
    return redis_store_open(&store, &view->store, diag);
}

static enum err open_services(const struct config *config, const struct log *log, struct user_view *view,
                              struct diag *diag)
{
    enum err error = open_store(config, view, diag);
    if (error != ERR_OK)
        return error;
    view->kafka = own_kafka_properties(config, &view->arena);
    error = stored_campaigns_open(config, &view->kafka, log, &view->arena, &view->stored, diag);
    view->definitions = view->stored.definitions;
    return error;
}

static enum err read_state(const struct config *config, struct span user, struct user_view *view,
                           struct diag *diag)
{
    struct store_port store = redis_store_port(view->store);
    struct store_read read = {
        .partition = (int32_t)hash_partition(user, config->journal_partitions), .users = &user, .count = 1};
    enum err error = store.fire_read(store.self, &read, 1, &view->arena);
    if (error != ERR_OK)
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "Redis: %.*s",
                        SPAN_PRINTF(redis_store_failure(view->store)));
    error = user_state_decode(read.states[0], user, &view->arena, &view->state);
    if (error != ERR_OK)
        return diag_set(diag, ERR_CORRUPT, 0, 0,
                        "the user's state in Redis was written by another version of declic; ask with the "
                        "version that runs");
    return ERR_OK;
}

static struct user_view *view_new(void)
{
    struct user_view *view = memory_checked(calloc(1, sizeof *view));
    arena_init(&view->arena, 0);
    return view;
}

/* With the services open, or not. */
static enum err finish(const struct config *config, struct span user, struct user_view *view,
                       enum err error, struct user_view **made, struct diag *diag)
{
    if (error == ERR_OK)
        error = read_state(config, arena_copy(&view->arena, user), view, diag);
    if (error != ERR_OK)
        user_view_close(view);
    else
        *made = view;
    return error;
}

enum err user_view_open(const struct config *config, struct span user, const struct log *log,
                        struct user_view **made, struct diag *diag)
{
    struct user_view *view = view_new();
    return finish(config, user, view, open_services(config, log, view, diag), made, diag);
}

enum err user_view_open_shared(const struct config *config, struct span user,
                               struct definitions *definitions, struct user_view **made, struct diag *diag)
{
    struct user_view *view = view_new();
    view->definitions = definitions;
    return finish(config, user, view, open_store(config, view, diag), made, diag);
}

void user_view_close(struct user_view *view)
{
    if (view == NULL)
        return;
    if (view->campaigns != NULL)
        registry_release(view->stored.registry, view->campaigns);
    stored_campaigns_close(&view->stored);
    if (view->store != NULL)
        redis_store_close(view->store);
    arena_destroy(&view->arena);
    free(view);
}

const struct user_state *user_view_state(const struct user_view *view)
{
    return &view->state;
}

struct span user_view_step(struct user_view *view, struct span campaign, uint32_t version, uint32_t step)
{
    const struct campaign *definition;
    if (definitions_campaign(view->definitions, campaign, version, &definition) == ERR_OK &&
        step < definition->step_count)
        return definition->steps[step].id;
    return arena_printf(&view->arena, "step %u", step);
}

struct span user_view_channel(struct user_view *view, struct span campaign, uint32_t version,
                              struct span step)
{
    const struct campaign *definition;
    if (definitions_campaign(view->definitions, campaign, version, &definition) != ERR_OK)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < definition->step_count; i++)
        if (span_equal(definition->steps[i].id, step))
            return definition->steps[i].channel;
    return (struct span){NULL, 0};
}

static const struct campaign_log *campaigns_of(struct user_view *view)
{
    if (view->campaigns == NULL)
        view->campaigns = registry_acquire(view->stored.registry);
    return view->campaigns->log;
}

const struct policy *user_view_policy(struct user_view *view)
{
    const struct policy *policy;
    if (view->stored.registry == NULL ||
        definitions_policy(view->definitions, campaigns_of(view)->policy.version, &policy) != ERR_OK)
        return policy_empty();
    return policy;
}

const struct campaign_item *user_view_campaign(struct user_view *view, struct span id)
{
    assert(view->stored.registry != NULL);
    return campaign_log_find(campaigns_of(view), id);
}
