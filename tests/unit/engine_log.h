/* The world that engine_world.h's engines are in: one journal partition and what is written to it, the
 * view, decisions and messages, all in memory.
 */
#ifndef DECLIC_TESTS_ENGINE_LOG_H
#define DECLIC_TESTS_ENGINE_LOG_H

#include <stdio.h>
#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/hash.h"
#include "check.h"
#include "codec/journal.h"
#include "codec/json.h"
#include "icu/icu_locale.h"
#include "memory/memory_store.h"

#define WORLD_START_MS INT64_C(1772409600000) /* 2 March 2026, 00:00 UTC */

struct world_text {
    char *bytes;
    size_t size;
    char *id; /* of a decision */
    uint64_t hash;
    int64_t append_ms;
};

struct world_list {
    struct world_text *items;
    size_t count, capacity;
};

struct world {
    struct world_list log;       /* records of the journal's partition */
    int64_t log_start;           /* nothing below is there any more */
    size_t stable;               /* what lies from there on is not handed out yet; 0: all is */
    int64_t sweep_every_ms;      /* of engines made from now on; 0: never */
    size_t slow_from;            /* transactions of so many outbound records or more fail; 0: none do */
    struct world_list decisions; /* each id once */
    struct world_list messages;
    int64_t now_ms;
    uint64_t events; /* made, for their ids */
    struct {
        const char *id, *text;
        uint32_t version;
    } definitions[8]; /* as the campaigns topic has them */
    size_t definition_count;
    struct memory_store *store;
    struct locale_port locale;
    struct log silent;
};

static inline void world_put(struct world_list *list, struct span bytes, struct span id, int64_t now_ms)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
    }
    struct world_text *text = &list->items[list->count++];
    text->bytes = calloc(1, bytes.size + 1);
    memcpy(text->bytes, bytes.data, bytes.size);
    text->size = bytes.size;
    text->id = calloc(1, id.size + 1);
    if (id.size > 0)
        memcpy(text->id, id.data, id.size);
    text->hash = hash_bytes(id, 0);
    text->append_ms = now_ms;
}

static inline void world_clear(struct world_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].bytes);
        free(list->items[i].id);
    }
    free(list->items);
    *list = (struct world_list){0};
}

static inline void world_init(struct world *world)
{
    *world = (struct world){.now_ms = WORLD_START_MS, .silent = {.level = LOG_ERROR, .fd = 2}};
    world->store = memory_store_new();
    assert_int_equal(icu_locale_open(&world->locale), ERR_OK);
}

static inline void world_free(struct world *world)
{
    world_clear(&world->log);
    world_clear(&world->decisions);
    world_clear(&world->messages);
    memory_store_free(world->store);
    icu_locale_close(&world->locale);
}

/* How many of them hold all of these texts (NULL: any). */
static inline size_t world_count(const struct world_list *list, const char *a, const char *b, const char *c)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += (a == NULL || strstr(list->items[i].bytes, a) != NULL) &&
                 (b == NULL || strstr(list->items[i].bytes, b) != NULL) &&
                 (c == NULL || strstr(list->items[i].bytes, c) != NULL);
    return count;
}

/* ---- what happens ---- */

static inline void world_append(struct world *world, const struct entry *entry)
{
    struct journal_writer writer = {0};
    struct buf block = {0};
    journal_writer_add(&writer, entry);
    journal_writer_finish(&writer, &block);
    world_put(&world->log, buf_span(&block), span_make(NULL, 0), world->now_ms);
    journal_writer_free(&writer);
    buf_free(&block);
}

/* An event of the user (NULL: about a thing), or with `name` NULL a profile. An id of NULL is a new one. */
static inline void world_happens(struct world *world, const char *id, const char *user, const char *name,
                                 const char *json)
{
    const struct json_limits limits = {.bytes = 65536, .depth = 8, .entries = 1000, .string_bytes = 4096};
    struct entry entry = {.kind = name == NULL ? ENTRY_PROFILE : user == NULL ? ENTRY_THING : ENTRY_EVENT};
    struct arena arena;
    struct value value;
    char made[32];
    snprintf(made, sizeof made, "e%llu", (unsigned long long)++world->events);
    arena_init(&arena, 0);
    assert_int_equal(json_parse(span_from_text(json), &limits, &arena, &value, NULL), ERR_OK);
    if (name == NULL)
        entry.profile = (struct profile_update){.user = span_from_text(user),
                                                .time_ms = world->now_ms,
                                                .arrived_ms = world->now_ms,
                                                .attributes = value};
    else
        entry.event = (struct event){.id = span_from_text(id == NULL ? made : id),
                                     .user = user == NULL ? span_make(NULL, 0) : span_from_text(user),
                                     .name = span_from_text(name),
                                     .time_ms = world->now_ms,
                                     .arrived_ms = world->now_ms,
                                     .attributes = value};
    world_append(world, &entry);
    arena_destroy(&arena);
}

static inline void world_control(struct world *world, enum control_kind kind, const char *id,
                                 uint32_t number, const char *option, const char *definition)
{
    const struct entry entry = {
        .kind = ENTRY_CONTROL,
        .control = {.kind = kind,
                    .id = span_from_text(id),
                    .version = definition == NULL ? 0 : number,
                    .sequence = number,
                    .option = span_from_text(option),
                    .definition = span_from_text(definition == NULL ? "" : definition),
                    .at_ms = world->now_ms}};
    if (definition != NULL) {
        assert_true(world->definition_count < 8);
        world->definitions[world->definition_count].id = id;
        world->definitions[world->definition_count].version = number;
        world->definitions[world->definition_count++].text = definition;
    }
    world_append(world, &entry);
}

#endif
