/* A decision record: what happened to one send or one trigger, and why.
 *
 * The fold and the due loop make them; codec/decision_json writes them for the decisions topic and
 * for `simulate`. Everything points into the batch's arena or the campaign.
 */
#ifndef DECLIC_CORE_DECISION_H
#define DECLIC_CORE_DECISION_H

#include "core/value.h"

enum outcome {
#define OUTCOME(name, text) OUTCOME_##name,
#include "core/outcome.def"
    OUTCOME_COUNT
};

enum reason {
#define REASON(name, text) REASON_##name,
#include "core/outcome.def"
    REASON_COUNT
};

struct span outcome_text(enum outcome outcome);
struct span reason_text(enum reason reason);
/* What it means, as the end of a sentence for people (reason_words.def). */
const char *decision_words(enum outcome outcome, struct span reason);

/* A rendered message: fields in file order, each a string or (webhook bodies) a copied value. */
struct content_field {
    struct span name;
    struct value value;
};

struct content {
    const struct content_field *fields;
    size_t count;
};

#define SEND_ID_BYTES 16

struct decision_record {
    int64_t at_ms;
    struct span user;
    struct span campaign;
    uint32_t version;
    struct span key;
    struct span step;    /* empty: absent */
    struct span channel; /* empty: absent */
    enum outcome outcome;
    struct span reason; /* empty: absent */
    bool has_due;
    int64_t due_ms;
    struct span trigger_id;
    bool has_send_id;
    unsigned char send_id[SEND_ID_BYTES];
    int64_t calendar_ms; /* decide.c: when its journey was put in the calendar; for the record's id */
    const struct content *content; /* with `sent` only, else NULL */
};

/* Where decision records go, in the order in which things happen. */
struct decision_sink {
    void *self;
    void (*record)(void *self, const struct decision_record *record);
};

#endif
