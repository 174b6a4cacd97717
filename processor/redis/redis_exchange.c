#include "redis/redis_store_internal.h"

const struct redis_keys *redis_store_keys(struct redis_store *store, int32_t partition)
{
    return redis_keys_of(store->keys, partition);
}

enum err redis_store_begin(struct redis_store *store, struct redis_wire *wire)
{
    store->last = wire;
    arena_reset(&store->scratch);
    return redis_wire_ready(wire);
}

enum err redis_store_expect(struct redis_wire *wire, struct arena *arena, struct redis_value **value)
{
    enum err error = redis_wire_receive(wire, arena, value);
    if (error == ERR_OK && (*value)->kind == REDIS_ERROR) {
        error = redis_wire_judge(wire, *value);
        redis_wire_drop(wire);
    }
    return error;
}

enum err redis_store_expect_all(struct redis_wire *wire, struct arena *arena, size_t replies,
                                struct redis_value **last)
{
    enum err error = ERR_OK;
    for (size_t i = 0; i < replies && error == ERR_OK; i++)
        error = redis_store_expect(wire, arena, last);
    return error;
}

/* An error inside EXEC's list, a key that holds something else, must not be taken for an empty value. */
enum err redis_store_transact(struct redis_wire *wire, struct arena *arena, size_t commands,
                              struct redis_value **value)
{
    redis_wire_command(wire, 1, "EXEC");
    enum err error = redis_wire_send(wire);
    if (error == ERR_OK)
        error = redis_store_expect_all(wire, arena, commands, value);
    for (size_t i = 0; error == ERR_OK && i < (*value)->count; i++) {
        if ((*value)->elements[i]->kind == REDIS_ERROR)
            error = redis_wire_judge(wire, (*value)->elements[i]);
    }
    return error;
}

void redis_store_gather_get(struct redis_wire *wire, struct span key)
{
    redis_wire_command(wire, 2, "GET");
    redis_wire_word(wire, key);
}

int64_t redis_store_head(const struct redis_value *value)
{
    int64_t head = 0;
    if (value->kind != REDIS_TEXT || value->text.size == 0 || value->text.size > 18)
        return STORE_NO_HEAD;
    for (size_t i = 0; i < value->text.size; i++) {
        if (value->text.data[i] < '0' || value->text.data[i] > '9')
            return STORE_NO_HEAD;
        head = head * 10 + (value->text.data[i] - '0');
    }
    return head;
}

struct span redis_store_text(const struct redis_value *value)
{
    return value->kind == REDIS_TEXT ? value->text : span_make(NULL, 0);
}

void redis_store_gather_states(struct redis_store *store, struct redis_wire *wire,
                               const struct store_read *read)
{
    redis_wire_command(wire, 2 + read->count, "HMGET");
    redis_wire_word(wire, redis_store_keys(store, read->partition)->users);
    for (size_t i = 0; i < read->count; i++)
        redis_wire_word(wire, read->users[i]);
}

void redis_store_take_states(struct store_read *read, const struct redis_value *head,
                             const struct redis_value *states, struct arena *arena)
{
    read->head = redis_store_head(head);
    read->states = ARENA_ARRAY(arena, struct span, read->count);
    for (size_t i = 0; states != NULL && i < read->count && i < states->count; i++)
        read->states[i] = redis_store_text(states->elements[i]);
}
