/* An outbound message: what a channel worker consumes. Points into the batch's arena. */
#ifndef DECLIC_CORE_OUTBOUND_H
#define DECLIC_CORE_OUTBOUND_H

#include "core/decision.h"

struct outbound_message {
    unsigned char send_id[SEND_ID_BYTES];
    struct span campaign;
    uint32_t version;
    struct span step;
    struct span channel; /* the topic is <prefix>out.<channel> */
    struct span user;
    struct span key;
    struct span address; /* empty: null */
    struct span locale;
    struct span variant; /* empty: null */
    int64_t due_ms;
    int64_t decided_ms;
    struct span trigger_id;
    struct span trigger_name;
    int64_t trigger_time_ms;
    const struct content *content;
    struct span traceparent; /* of the trigger's source record; empty when it had none */
    struct span tracestate;
};

#endif
