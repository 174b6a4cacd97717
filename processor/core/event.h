/* What intake makes of a source record: an event or a profile update.
 *
 * Spans and values point into the record or the batch's arena. Times are ms since the epoch.
 */
#ifndef DECLIC_CORE_EVENT_H
#define DECLIC_CORE_EVENT_H

#include "core/value.h"

#define EVENT_ID_BYTES 128
#define EVENT_USER_BYTES 256
#define EVENT_NAME_BYTES 64

struct event {
    struct span id;          /* 1-128 bytes, no control characters */
    struct span user;        /* 1-256 bytes; empty for an event about a thing */
    struct span name;        /* [A-Za-z0-9_.:-]{1,64} */
    int64_t time_ms;         /* when it occurred */
    int64_t arrived_ms;      /* when intake read it; never goes back within a journal partition */
    struct value attributes; /* VALUE_MAP with string keys */
    struct span traceparent; /* W3C trace context of the source record; empty when it had none */
    struct span tracestate;
};

struct profile_update {
    struct span user;
    int64_t time_ms;
    int64_t arrived_ms;
    bool tombstone;          /* removes the profile; attributes is then empty */
    struct value attributes; /* VALUE_MAP; merged by top-level name, null removes one */
};

/* What attributes may hold, as they came with the record. All inclusive. */
struct attribute_limits {
    uint32_t depth;      /* maps and lists inside each other; the attributes themselves are 1 */
    size_t entries;      /* members and elements, at any depth */
    size_t string_bytes; /* of one string or name */
};

/* ERR_LIMIT or ERR_TYPE (not a map), with the reason in *diag. */
WARN_UNUSED enum err event_check_attributes(struct value attributes, const struct attribute_limits *limits,
                                            struct diag *diag);

/* The rules for single fields; ERR_INVALID with the reason in *diag. */
WARN_UNUSED enum err event_check_id(struct span id, struct diag *diag);
WARN_UNUSED enum err event_check_user(struct span user, struct diag *diag);
WARN_UNUSED enum err event_check_name(struct span name, struct diag *diag);

/* Refuses an event that occurred more than max_age_ms before its arrival or is more than
 * max_future_ms ahead of it. ERR_INVALID with the reason in *diag. */
WARN_UNUSED enum err event_check_age(const struct event *event, int64_t max_age_ms, int64_t max_future_ms,
                                     struct diag *diag);

#endif
