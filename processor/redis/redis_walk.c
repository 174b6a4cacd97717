/* Many users of a partition: who follows a thing, in order; and all of them, in none.
 *
 * A walk over all users is HSCAN: it costs no index, and what it promises (whoever is there from begin to
 * end comes at least once) is enough for it. Its cursor means something to one run of one server only:
 * another connection may lead to another, so the walk begins again then.
 */
#include <stdlib.h>

#include "redis/redis_follow.h"
#include "redis/redis_store_internal.h"

/* The user of a member of the index; empty when the member is too short to be one of ours. */
static struct span follower_of(struct span member)
{
    size_t prefix = member.size < FOLLOW_PREFIX_BYTES ? member.size : FOLLOW_PREFIX_BYTES;
    return span_slice(member, prefix, member.size);
}

/* Begins the question for the head and for members of the index from one to another, which follow as words.
 */
static enum err index_ask(struct redis_store *store, const struct redis_keys *keys)
{
    enum err error = redis_store_ask(store, keys);
    if (error != ERR_OK)
        return error;
    redis_wire_command(store->rest, 7, "ZRANGEBYLEX");
    redis_wire_word(store->rest, keys->follows);
    return ERR_OK;
}

/* Ends it, and reads the answer. */
static enum err index_answer(struct redis_store *store, size_t limit, struct arena *arena,
                             const struct redis_value **members, int64_t *head)
{
    struct redis_value *list;
    redis_wire_text(store->rest, "LIMIT");
    redis_wire_number(store->rest, 0);
    redis_wire_number(store->rest, (int64_t)limit);
    enum err error = redis_store_read(store->rest, arena, &list);
    if (error != ERR_OK)
        return error;
    *head = redis_store_head(list->elements[0]);
    *members = list->elements[1];
    return ERR_OK;
}

enum err redis_followers_read(void *self, int32_t partition, uint64_t thing, struct span after,
                              size_t limit, struct arena *arena, struct span **users, size_t *count,
                              int64_t *head)
{
    struct redis_store *store = self;
    const struct redis_value *members;
    char first[1 + FOLLOW_PREFIX_BYTES] = "(", end[1 + FOLLOW_PREFIX_BYTES] = "(";
    enum err error = index_ask(store, redis_store_keys(store, partition));
    if (error != ERR_OK)
        return error;
    redis_follow_prefix(thing, first + 1);
    redis_follow_prefix(thing + 1, end + 1);
    redis_wire_joined(store->rest, span_make(first, sizeof(first)), after);
    if (thing == UINT64_MAX)
        redis_wire_text(store->rest, "+");
    else
        redis_wire_word(store->rest, span_make(end, sizeof(end)));
    error = index_answer(store, limit, arena, &members, head);
    if (error != ERR_OK)
        return error;
    *count = members->count;
    *users = ARENA_ARRAY(arena, struct span, members->count);
    for (size_t i = 0; i < members->count; i++)
        (*users)[i] = follower_of(members->elements[i]->text);
    return ERR_OK;
}

enum err redis_follows_read(void *self, int32_t partition, const struct store_follow *after, size_t limit,
                            struct arena *arena, struct store_follow **follows, size_t *count,
                            int64_t *head)
{
    struct redis_store *store = self;
    const struct redis_value *members;
    char first[1 + FOLLOW_PREFIX_BYTES] = "(";
    enum err error = index_ask(store, redis_store_keys(store, partition));
    if (error != ERR_OK)
        return error;
    if (after == NULL) {
        redis_wire_text(store->rest, "-");
    } else {
        redis_follow_prefix(after->thing, first + 1);
        redis_wire_joined(store->rest, span_make(first, sizeof(first)), after->user);
    }
    redis_wire_text(store->rest, "+");
    error = index_answer(store, limit, arena, &members, head);
    if (error != ERR_OK)
        return error;
    *count = members->count;
    *follows = ARENA_ARRAY(arena, struct store_follow, members->count);
    for (size_t i = 0; i < members->count; i++) {
        struct span member = redis_store_text(members->elements[i]);
        (*follows)[i] = (struct store_follow){redis_follow_thing(member), follower_of(member), true};
    }
    return ERR_OK;
}

static void take_users(const struct redis_value *flat, struct arena *arena, struct store_user **users,
                       size_t *count)
{
    *count = flat->count / 2;
    *users = ARENA_ARRAY(arena, struct store_user, *count);
    for (size_t i = 0; i < *count; i++)
        (*users)[i] = (struct store_user){redis_store_text(flat->elements[2 * i]),
                                          redis_store_text(flat->elements[2 * i + 1])};
}

enum err redis_users_scan(void *self, int32_t partition, struct store_scan *scan, size_t limit,
                          struct arena *arena, struct store_user **users, size_t *count, int64_t *head)
{
    struct redis_store *store = self;
    const struct redis_keys *keys = redis_store_keys(store, partition);
    struct redis_value *list;
    enum err error = redis_store_ask(store, keys);
    if (error != ERR_OK)
        return error;
    uint64_t life = redis_wire_generation(store->rest);
    if (scan->life != 0 && scan->life != life)
        return ERR_CONFLICT;
    redis_wire_command(store->rest, 5, "HSCAN");
    redis_wire_word(store->rest, keys->users);
    redis_wire_word(store->rest, arena_printf(arena, "%llu", (unsigned long long)scan->at));
    redis_wire_text(store->rest, "COUNT");
    redis_wire_number(store->rest, (int64_t)limit);
    error = redis_store_read(store->rest, arena, &list);
    if (error != ERR_OK)
        return error;
    const struct redis_value *page = list->elements[1];
    if (page->count != 2 || page->elements[0]->kind != REDIS_TEXT)
        return ERR_REFUSED;
    scan->life = life;
    scan->at =
        strtoull(page->elements[0]->text.data, NULL, 10); /* replies end with a NUL beyond their size */
    scan->over = scan->at == 0;
    *head = redis_store_head(list->elements[0]);
    take_users(page->elements[1], arena, users, count);
    return ERR_OK;
}
