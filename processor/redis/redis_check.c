#include "redis/redis_check.h"

#define MAJOR_MIN 6
#define MINOR_MIN 2

/* The value of `name:value` in INFO's text; empty when there is none. */
static struct span info_field(struct span info, const char *name)
{
    struct span key = span_from_text(name);
    size_t at = 0;
    while (at < info.size) {
        size_t end = at;
        while (end < info.size && info.data[end] != '\r' && info.data[end] != '\n')
            end++;
        struct span line = span_slice(info, at, end);
        if (span_starts_with(line, key) && line.size > key.size && line.data[key.size] == ':')
            return span_slice(line, key.size + 1, line.size);
        at = end + 1;
    }
    return span_make(NULL, 0);
}

/* The digits at the beginning; *rest is what follows them. */
static int64_t leading_number(struct span text, struct span *rest)
{
    int64_t value = 0;
    size_t at = 0;
    while (at < text.size && at < 18 && text.data[at] >= '0' && text.data[at] <= '9')
        value = value * 10 + (text.data[at++] - '0');
    *rest = span_slice(text, at, text.size);
    return value;
}

int64_t redis_info_number(struct span info, const char *name)
{
    struct span rest;
    return leading_number(info_field(info, name), &rest);
}

static bool is_old(struct span version)
{
    struct span rest;
    int64_t major = leading_number(version, &rest);
    if (rest.size > 0)
        rest = span_slice(rest, 1, rest.size);
    int64_t minor = leading_number(rest, &rest);
    return major < MAJOR_MIN || (major == MAJOR_MIN && minor < MINOR_MIN);
}

enum err redis_info_check(struct span info, struct diag *diag)
{
    struct span version = info_field(info, "redis_version");
    struct span policy = info_field(info, "maxmemory_policy");
    if (span_equal_text(info_field(info, "loading"), "1"))
        return diag_set(diag, ERR_UNREACHABLE, 0, 0, "Redis is loading its data");
    if (span_equal_text(info_field(info, "role"), "slave"))
        return diag_set(diag, ERR_UNREACHABLE, 0, 0,
                        "this Redis is a replica; redis.url must name the primary");
    if (is_old(version))
        return diag_set(diag, ERR_REFUSED, 0, 0, "Redis %.*s is too old, 6.2 or later is needed",
                        SPAN_PRINTF(version));
    if (redis_info_number(info, "cluster_enabled") != 0)
        return diag_set(
            diag, ERR_REFUSED, 0, 0,
            "this is a Redis Cluster, which is not supported: a batch of several journal partitions "
            "is one step of one server; redis.url must name a single primary");
    if (!span_equal_text(policy, "noeviction"))
        return diag_set(
            diag, ERR_REFUSED, 0, 0,
            "Redis evicts keys (maxmemory-policy %.*s), which would lose sends; set "
            "maxmemory-policy noeviction (redis-cli CONFIG SET maxmemory-policy noeviction, and in "
            "redis.conf)",
            SPAN_PRINTF(policy));
    return ERR_OK;
}
