/* The scalars of `declic eval` that JSON lacks, each in an object with one member; see eval_json.h. */
#ifndef DECLIC_CODEC_EVAL_WRAP_H
#define DECLIC_CODEC_EVAL_WRAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/value.h"

struct eval_wrapper {
    const char *name;  /* "$uint" */
    const char *takes; /* what it takes, for a message */
    /* False when `inner` is not that. */
    bool (*decode)(struct value inner, struct arena *arena, struct value *value);
};

/* NULL when the name is no wrapper's. */
const struct eval_wrapper *eval_wrapper_find(struct span name);

/* Appends a value that is no list and no map, wrapped where JSON lacks it. */
void eval_wrap(struct value value, struct buf *out);

#endif
