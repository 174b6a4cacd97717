#include "redis/redis_keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct redis_key_table {
    char *prefix;
    struct redis_keys **list; /* by partition; the names follow the struct in its block */
    size_t count;
};

struct redis_key_table *redis_key_table_new(struct span prefix)
{
    struct redis_key_table *table = memory_checked(calloc(1, sizeof(*table)));
    table->prefix = memory_checked(calloc(1, prefix.size + 1));
    if (prefix.size > 0)
        memcpy(table->prefix, prefix.data, prefix.size);
    return table;
}

void redis_key_table_free(struct redis_key_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->list[i]);
    free(table->list);
    free(table->prefix);
    free(table);
}

static struct redis_keys *keys_make(const struct redis_key_table *table, int32_t partition)
{
    static const char *const suffixes[] = {"head", "part", "ids", "u", "due", "f"};
    enum { count = sizeof(suffixes) / sizeof(*suffixes) };
    size_t room = strlen(table->prefix) + 24;
    struct redis_keys *keys = memory_checked(malloc(sizeof(*keys) + count * room));
    struct span *const places[count] = {&keys->head,  &keys->part, &keys->ids,
                                        &keys->users, &keys->due,  &keys->follows};
    char *at = (char *)(keys + 1);
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(at, room, "%s{%d}:%s", table->prefix, (int)partition, suffixes[i]);
        *places[i] = span_make(at, (size_t)size);
        at += room;
    }
    return keys;
}

const struct redis_keys *redis_keys_of(struct redis_key_table *table, int32_t partition)
{
    assert(partition >= 0);
    size_t need = (size_t)partition + 1;
    if (need > table->count) {
        table->list = memory_checked(realloc(table->list, need * sizeof(struct redis_keys *)));
        while (table->count < need)
            table->list[table->count++] = NULL;
    }
    if (table->list[partition] == NULL)
        table->list[partition] = keys_make(table, partition);
    return table->list[partition];
}
