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

#endif
