#include "redis/redis_commit.h"

#include "redis/redis_follow.h"

#define DUE_NONE INT64_MAX

/* KEYS: head, part, users, due, follows of each partition. ARGV: the number of partitions; for each the
 * expected head ("" none), the new head, the part ("" unchanged), the number of writes; for each the user,
 * the state ("" delete), the score ("" none); then the number of followers that go, and each. Those that
 * come are not offered to it. Answers 1 done, 0 another head, -1 it would grow. */
static const char frugal_script[] =
    "#!lua flags=allow-oom\n"
    "local GROWTH = 128\n"
    "local function each(visit_partition, visit_write, visit_follow)\n"
    "  local at = 2\n"
    "  for p = 1, tonumber(ARGV[1]) do\n"
    "    local k = (p - 1) * 5\n"
    "    local r = visit_partition(k, ARGV[at], ARGV[at + 1], ARGV[at + 2])\n"
    "    if r then return r end\n"
    "    local writes = tonumber(ARGV[at + 3])\n"
    "    at = at + 4\n"
    "    for _ = 1, writes do\n"
    "      r = visit_write(k, ARGV[at], ARGV[at + 1], ARGV[at + 2])\n"
    "      if r then return r end\n"
    "      at = at + 3\n"
    "    end\n"
    "    local follows = tonumber(ARGV[at])\n"
    "    for i = 1, follows do visit_follow(k, ARGV[at + i]) end\n"
    "    at = at + 1 + follows\n"
    "  end\n"
    "end\n"
    "local refused = each(\n"
    "  function(k, expected)\n"
    "    if (redis.call('GET', KEYS[k + 1]) or '') ~= expected then return 0 end\n"
    "  end,\n"
    "  function(k, user, state)\n"
    "    if state ~= '' then\n"
    "      local old = redis.call('HSTRLEN', KEYS[k + 3], user)\n"
    "      if old == 0 or #state > old + GROWTH then return -1 end\n"
    "    end\n"
    "  end,\n"
    "  function() end)\n"
    "if refused then return refused end\n"
    "each(\n"
    "  function(k, _, head, part)\n"
    "    redis.call('SET', KEYS[k + 1], head)\n"
    "    if part ~= '' then redis.call('SET', KEYS[k + 2], part) end\n"
    "  end,\n"
    "  function(k, user, state, score)\n"
    "    if state == '' then redis.call('HDEL', KEYS[k + 3], user)\n"
    "    else redis.call('HSET', KEYS[k + 3], user, state) end\n"
    "    if score == '' then redis.call('ZREM', KEYS[k + 4], user)\n"
    "    else redis.call('ZADD', KEYS[k + 4], score, user) end\n"
    "  end,\n"
    "  function(k, follow) redis.call('ZREM', KEYS[k + 5], follow) end)\n"
    "return 1\n";

void redis_score_word(struct redis_wire *wire, int64_t due_ms)
{
    if (due_ms == INT64_MIN)
        redis_wire_word(wire, SPAN_LITERAL("-inf"));
    else if (due_ms == INT64_MAX)
        redis_wire_word(wire, SPAN_LITERAL("+inf"));
    else
        redis_wire_number(wire, due_ms);
}

/* How many of the writes go to which command. */
struct shares {
    size_t set, deleted, due, undue;
};

static struct shares shares_of(const struct store_commit *commit)
{
    struct shares shares = {0};
    for (size_t i = 0; i < commit->count; i++) {
        const struct store_user_write *write = &commit->writes[i];
        shares.set += write->state.size > 0;
        shares.due += write->due_ms != DUE_NONE;
    }
    shares.deleted = commit->count - shares.set;
    shares.undue = commit->count - shares.due;
    return shares;
}

static size_t follows_that(const struct store_commit *commit, bool on)
{
    size_t count = 0;
    for (size_t i = 0; i < commit->follow_count; i++)
        count += commit->follows[i].on == on;
    return count;
}

static void follow_word(struct redis_wire *wire, const struct store_follow *follow)
{
    char prefix[FOLLOW_PREFIX_BYTES];
    redis_follow_prefix(follow->thing, prefix);
    redis_wire_joined(wire, span_make(prefix, sizeof(prefix)), follow->user);
}

/* One variadic command for each kind of write that occurs. */
static void gather_writes(struct redis_wire *wire, const struct redis_keys *keys,
                          const struct store_commit *commit)
{
    struct shares shares = shares_of(commit);
    const struct store_user_write *end = commit->writes + commit->count, *w;
    if (shares.set > 0) {
        redis_wire_command(wire, 2 + 2 * shares.set, "HSET");
        redis_wire_word(wire, keys->users);
        for (w = commit->writes; w < end; w++) {
            if (w->state.size > 0) {
                redis_wire_word(wire, w->user);
                redis_wire_word(wire, w->state);
            }
        }
    }
    if (shares.deleted > 0) {
        redis_wire_command(wire, 2 + shares.deleted, "HDEL");
        redis_wire_word(wire, keys->users);
        for (w = commit->writes; w < end; w++) {
            if (w->state.size == 0)
                redis_wire_word(wire, w->user);
        }
    }
    if (shares.due > 0) {
        redis_wire_command(wire, 2 + 2 * shares.due, "ZADD");
        redis_wire_word(wire, keys->due);
        for (w = commit->writes; w < end; w++) {
            if (w->due_ms != DUE_NONE) {
                redis_score_word(wire, w->due_ms);
                redis_wire_word(wire, w->user);
            }
        }
    }
    if (shares.undue > 0) {
        redis_wire_command(wire, 2 + shares.undue, "ZREM");
        redis_wire_word(wire, keys->due);
        for (w = commit->writes; w < end; w++) {
            if (w->due_ms == DUE_NONE)
                redis_wire_word(wire, w->user);
        }
    }
}

/* Likewise for those who begin or cease to follow something. */
static void gather_follows(struct redis_wire *wire, const struct redis_keys *keys,
                           const struct store_commit *commit)
{
    size_t on = follows_that(commit, true), off = commit->follow_count - on;
    if (on > 0) {
        redis_wire_command(wire, 2 + 2 * on, "ZADD");
        redis_wire_word(wire, keys->follows);
        for (size_t i = 0; i < commit->follow_count; i++) {
            if (commit->follows[i].on) {
                redis_wire_number(wire, 0);
                follow_word(wire, &commit->follows[i]);
            }
        }
    }
    if (off > 0) {
        redis_wire_command(wire, 2 + off, "ZREM");
        redis_wire_word(wire, keys->follows);
        for (size_t i = 0; i < commit->follow_count; i++) {
            if (!commit->follows[i].on)
                follow_word(wire, &commit->follows[i]);
        }
    }
}

void redis_commit_gather(struct redis_wire *wire, struct redis_key_table *table,
                         const struct store_commit *commits, size_t count)
{
    redis_wire_command(wire, 1, "MULTI");
    for (size_t i = 0; i < count; i++) {
        const struct redis_keys *keys = redis_keys_of(table, commits[i].partition);
        redis_wire_command(wire, 3, "SET");
        redis_wire_word(wire, keys->head);
        redis_wire_number(wire, commits[i].new_head);
        if (commits[i].part.size > 0) {
            redis_wire_command(wire, 3, "SET");
            redis_wire_word(wire, keys->part);
            redis_wire_word(wire, commits[i].part);
        }
        gather_writes(wire, keys, &commits[i]);
        gather_follows(wire, keys, &commits[i]);
    }
    redis_wire_command(wire, 1, "EXEC");
}

/* EXEC's reply is a list of replies; an error among them means that a key holds something else. */
static enum err judge_exec(struct redis_wire *wire, const struct redis_value *exec, enum err queueing)
{
    if (exec->kind == REDIS_NIL)
        return ERR_CONFLICT;
    if (exec->kind == REDIS_ERROR)
        return queueing != ERR_OK ? queueing : redis_wire_judge(wire, exec);
    for (size_t i = 0; i < exec->count; i++) {
        if (exec->elements[i]->kind == REDIS_ERROR)
            return redis_wire_judge(wire, exec->elements[i]);
    }
    return ERR_OK;
}

enum err redis_commit_receive(struct redis_wire *wire, struct arena *arena)
{
    size_t replies = redis_wire_sent_count(wire);
    enum err queueing = ERR_OK;
    struct redis_value *value = NULL;
    for (size_t i = 0; i < replies; i++) {
        if (redis_wire_receive(wire, arena, &value) != ERR_OK)
            return ERR_UNKNOWN_OUTCOME;
        if (value->kind == REDIS_ERROR && i + 1 < replies && queueing == ERR_OK)
            queueing = redis_wire_judge(wire, value);
    }
    return judge_exec(wire, value, queueing);
}

/* The word that GET answers for this head; "" where there is none. */
static void head_word(struct redis_wire *wire, int64_t head)
{
    if (head == STORE_NO_HEAD)
        redis_wire_text(wire, "");
    else
        redis_wire_number(wire, head);
}

static void frugal_writes(struct redis_wire *wire, const struct store_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        redis_wire_word(wire, commit->writes[i].user);
        redis_wire_word(wire, commit->writes[i].state);
        if (commit->writes[i].due_ms == DUE_NONE)
            redis_wire_text(wire, "");
        else
            redis_score_word(wire, commit->writes[i].due_ms);
    }
    redis_wire_number(wire, (int64_t)commit->follow_count);
    for (size_t i = 0; i < commit->follow_count; i++)
        follow_word(wire, &commit->follows[i]);
}

static void frugal_gather(struct redis_wire *wire, struct redis_key_table *table,
                          const struct store_commit *commits, size_t count)
{
    size_t words = 3 + 5 * count + 1 + 5 * count;
    for (size_t i = 0; i < count; i++)
        words += 3 * commits[i].count + commits[i].follow_count;
    redis_wire_command(wire, words, "EVAL");
    redis_wire_text(wire, frugal_script);
    redis_wire_number(wire, (int64_t)(5 * count));
    for (size_t i = 0; i < count; i++) {
        const struct redis_keys *keys = redis_keys_of(table, commits[i].partition);
        redis_wire_word(wire, keys->head);
        redis_wire_word(wire, keys->part);
        redis_wire_word(wire, keys->users);
        redis_wire_word(wire, keys->due);
        redis_wire_word(wire, keys->follows);
    }
    redis_wire_number(wire, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        head_word(wire, commits[i].expected_head);
        redis_wire_number(wire, commits[i].new_head);
        redis_wire_word(wire, commits[i].part);
        redis_wire_number(wire, (int64_t)commits[i].count);
        frugal_writes(wire, &commits[i]);
    }
}

static enum err frugal_receive(struct redis_wire *wire, struct arena *arena)
{
    struct redis_value *value;
    if (redis_wire_send(wire) != ERR_OK || redis_wire_receive(wire, arena, &value) != ERR_OK)
        return ERR_UNKNOWN_OUTCOME;
    if (value->kind == REDIS_NUMBER)
        return value->number == 1 ? ERR_OK : value->number == 0 ? ERR_CONFLICT : ERR_LIMIT;
    enum err error = value->kind == REDIS_ERROR ? redis_wire_judge(wire, value) : ERR_REFUSED;
    /* Below 7.0 the script's first line is an error, and nothing passes at maxmemory. */
    return error == ERR_REFUSED ? ERR_LIMIT : error;
}

enum err redis_commit_frugally(struct redis_wire *wire, struct redis_key_table *table, struct arena *arena,
                               const struct store_commit *commits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (follows_that(&commits[i], true) > 0)
            return ERR_LIMIT;
    }
    frugal_gather(wire, table, commits, count);
    return frugal_receive(wire, arena);
}

enum err redis_ids_write_frugally(struct redis_wire *wire, const struct redis_keys *keys,
                                  struct arena *arena, int64_t expected_head, struct span ids)
{
    static const char script[] = "#!lua flags=allow-oom\n"
                                 "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end\n"
                                 "redis.call('SET', KEYS[2], ARGV[2])\n"
                                 "return 1\n";
    redis_wire_command(wire, 7, "EVAL");
    redis_wire_text(wire, script);
    redis_wire_number(wire, 2);
    redis_wire_word(wire, keys->head);
    redis_wire_word(wire, keys->ids);
    head_word(wire, expected_head);
    redis_wire_word(wire, ids);
    return frugal_receive(wire, arena);
}
