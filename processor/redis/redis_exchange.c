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

/* EXEC's reply is the last. An error inside its list, a key that holds something else, must not be taken
 * for an empty value. */
enum err redis_store_transact(struct redis_wire *wire, struct arena *arena, struct redis_value **value)
{
    redis_wire_command(wire, 1, "EXEC");
    enum err error = redis_wire_send(wire), judged = ERR_OK;
    for (size_t i = 0; error == ERR_OK && i < redis_wire_sent_count(wire); i++) {
        error = redis_wire_receive(wire, arena, value);
        if (error == ERR_OK && judged == ERR_OK && (*value)->kind == REDIS_ERROR)
            judged = redis_wire_judge(wire, *value);
    }
    if (error == ERR_OK && judged != ERR_OK && judged != ERR_LIMIT)
        redis_wire_drop(wire); /* the next connection may lead to a server that does it */
    if (error == ERR_OK)
        error = judged;
    for (size_t i = 0; error == ERR_OK && i < (*value)->count; i++) {
        if ((*value)->elements[i]->kind == REDIS_ERROR)
            error = redis_wire_judge(wire, (*value)->elements[i]);
    }
    return error;
}

/* ---- reading from a full server ---- */

/* ARGV: the number of commands; for each the number of its words, and the words. One call takes some 8,000
 * words at most. */
static const char read_script[] = "local replies, at = {}, 2\n"
                                  "for i = 1, tonumber(ARGV[1]) do\n"
                                  "  local words = tonumber(ARGV[at])\n"
                                  "  replies[i] = redis.call(unpack(ARGV, at + 1, at + words))\n"
                                  "  at = at + 1 + words\n"
                                  "end\n"
                                  "return replies\n";

/* The number behind `mark` and the end of its line, as this module writes them. */
static size_t sent_number(struct span sent, size_t *at)
{
    size_t number = 0;
    for (*at += 1; *at < sent.size && sent.data[*at] != '\r'; *at += 1)
        number = number * 10 + (size_t)(sent.data[*at] - '0');
    *at += 2;
    return number;
}

/* The commands between MULTI and EXEC as words of the script; how many words, when `wire` is NULL. */
static size_t repeat_words(struct redis_wire *wire, struct span sent, size_t commands)
{
    size_t at = 0, words = 0;
    for (size_t i = 0; i < commands; i++) {
        size_t count = sent_number(sent, &at);
        bool wanted = i > 0 && i + 1 < commands;
        if (wanted && wire != NULL)
            redis_wire_number(wire, (int64_t)count);
        words += wanted ? 1 + count : 0;
        for (size_t k = 0; k < count; k++) {
            size_t size = sent_number(sent, &at);
            if (wanted && wire != NULL)
                redis_wire_word(wire, span_make(sent.data + at, size));
            at += size + 2;
        }
    }
    return words;
}

enum err redis_store_read(struct redis_wire *wire, struct arena *arena, struct redis_value **value)
{
    enum err error = redis_store_transact(wire, arena, value);
    if (error != ERR_LIMIT)
        return error;
    struct span sent = redis_wire_sent(wire);
    size_t commands = redis_wire_sent_count(wire);
    redis_wire_command(wire, 4 + repeat_words(NULL, sent, commands), "EVAL");
    redis_wire_text(wire, read_script);
    redis_wire_number(wire, 0);
    redis_wire_number(wire, (int64_t)commands - 2);
    (void)repeat_words(wire, sent, commands);
    error = redis_wire_send(wire);
    return error != ERR_OK ? error : redis_store_expect(wire, arena, value);
}

enum err redis_store_ask(struct redis_store *store, const struct redis_keys *keys)
{
    enum err error = redis_store_begin(store, store->rest);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 1, "MULTI");
    redis_store_gather_get(store->rest, keys->head);
    return ERR_OK;
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
