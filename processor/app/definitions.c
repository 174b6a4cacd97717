#include "app/definitions.h"

#include <pthread.h>
#include <stdlib.h>

#include "app/campaign_compile.h"
#include "base/memory.h"
#include "codec/policy_yaml.h"

struct definition {
    struct span id; /* empty: the policy */
    uint32_t version;
    struct campaign *campaign; /* NULL: the policy, or a text that does not compile */
    struct policy *policy;
    struct campaign_definition source;
    struct arena arena;
};

struct definitions {
    pthread_mutex_t lock;
    const struct log *log;
    bool has_source;
    struct definition_source source;
    struct definition **items;
    size_t count, capacity;
};

struct definitions *definitions_new(const struct definition_source *source, const struct log *log)
{
    struct definitions *definitions = memory_checked(calloc(1, sizeof *definitions));
    pthread_mutex_init(&definitions->lock, NULL);
    definitions->log = log;
    if (source != NULL) {
        definitions->has_source = true;
        definitions->source = *source;
    }
    return definitions;
}

void definitions_free(struct definitions *definitions)
{
    if (definitions == NULL)
        return;
    for (size_t i = 0; i < definitions->count; i++) {
        struct definition *definition = definitions->items[i];
        if (definition->campaign != NULL)
            campaign_close(definition->campaign);
        if (definition->policy != NULL)
            policy_close(definition->policy);
        arena_destroy(&definition->arena);
        free(definition);
    }
    free(definitions->items);
    pthread_mutex_destroy(&definitions->lock);
    free(definitions);
}

static struct definition *find(const struct definitions *definitions, struct span id, uint32_t version)
{
    for (size_t i = 0; i < definitions->count; i++)
        if (definitions->items[i]->version == version && span_equal(definitions->items[i]->id, id))
            return definitions->items[i];
    return NULL;
}

static void say_broken(const struct definitions *definitions, struct span id, uint32_t version,
                       const struct diag_list *diags)
{
    log_line(definitions->log, LOG_ERROR,
             "a definition in the log does not compile; its events are left out", log_span("campaign", id),
             log_number("version", version),
             log_span("error", diags->count == 0 ? SPAN_LITERAL("") : diags->items[0].text));
}

/* Compiles and remembers; also what does not compile, so that it is tried once. Under the lock. */
static struct definition *compile(struct definitions *definitions, struct span id, uint32_t version,
                                  const struct campaign_definition *source)
{
    struct definition *definition = memory_checked(calloc(1, sizeof *definition));
    arena_init(&definition->arena, 16 * 1024);
    definition->id = arena_copy(&definition->arena, id);
    definition->version = version;
    struct arena scratch;
    arena_init(&scratch, 0);
    struct diag_list diags = {.arena = &scratch};
    /* Snippets stay where they are read, and the journal's records do not. */
    struct campaign_definition kept = {arena_copy(&definition->arena, source->text),
                                       arena_copy(&definition->arena, source->snippets)};
    definition->source = kept;
    enum err error =
        id.size == 0
            ? policy_definition_compile(&kept, version, &definition->arena, &definition->policy, &diags)
            : campaign_definition_compile(&kept, definition->id, version, &definition->arena,
                                          &definition->campaign, &diags);
    if (error != ERR_OK)
        say_broken(definitions, id, version, &diags);
    arena_destroy(&scratch);
    if (definitions->count == definitions->capacity) {
        definitions->capacity = definitions->capacity == 0 ? 16 : definitions->capacity * 2;
        definitions->items = memory_checked(
            realloc(definitions->items, definitions->capacity * sizeof(struct definition *)));
    }
    definitions->items[definitions->count++] = definition;
    return definition;
}

static struct definition *find_or_compile(struct definitions *definitions, struct span id, uint32_t version)
{
    struct definition *definition = find(definitions, id, version);
    if (definition != NULL || !definitions->has_source)
        return definition;
    struct campaign_definition source;
    if (definitions->source.find(definitions->source.self, id, version, &source))
        definition = compile(definitions, id, version, &source);
    return definition;
}

enum err definitions_campaign(struct definitions *definitions, struct span id, uint32_t version,
                              const struct campaign **campaign)
{
    pthread_mutex_lock(&definitions->lock);
    struct definition *definition = find_or_compile(definitions, id, version);
    pthread_mutex_unlock(&definitions->lock);
    *campaign = definition == NULL ? NULL : definition->campaign;
    if (definition == NULL)
        return ERR_NOT_FOUND;
    return definition->campaign == NULL ? ERR_INVALID : ERR_OK;
}

enum err definitions_policy(struct definitions *definitions, uint32_t version, const struct policy **policy)
{
    *policy = policy_empty();
    if (version == 0)
        return ERR_OK;
    pthread_mutex_lock(&definitions->lock);
    struct definition *definition = find_or_compile(definitions, (struct span){NULL, 0}, version);
    pthread_mutex_unlock(&definitions->lock);
    if (definition == NULL)
        return ERR_NOT_FOUND;
    if (definition->policy == NULL)
        return ERR_INVALID;
    *policy = definition->policy;
    return ERR_OK;
}

enum err definitions_add(struct definitions *definitions, struct span id, uint32_t version,
                         const struct campaign_definition *source)
{
    pthread_mutex_lock(&definitions->lock);
    struct definition *definition = find(definitions, id, version);
    if (definition == NULL)
        definition = compile(definitions, id, version, source);
    pthread_mutex_unlock(&definitions->lock);
    return definition->campaign == NULL && definition->policy == NULL ? ERR_INVALID : ERR_OK;
}

bool definitions_text(struct definitions *definitions, struct span id, uint32_t version,
                      struct campaign_definition *definition)
{
    pthread_mutex_lock(&definitions->lock);
    const struct definition *found = find(definitions, id, version);
    pthread_mutex_unlock(&definitions->lock);
    if (found != NULL)
        *definition = found->source;
    return found != NULL;
}
