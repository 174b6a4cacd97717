/* What the parts of the oracle share: the case as it is judged, and what they ask of each other. */
#ifndef SIM_ORACLE_PARTS_H
#define SIM_ORACLE_PARTS_H

#include <string.h>

#include "oracle.h"

/* A cancel or restart that comes later than this before a due may wait for the send's outcome. */
#define MARK_WINDOW_MS 1000

/* An event that counts: the first time that its source record is in the journal. */
struct counted {
    const struct oracle_source *source;
    const struct oracle_event *event;
    bool duplicate; /* its id had come before */
    bool followed;  /* a thing's event, for one who follows; source is a copy with his name */
    bool unclear;   /* likewise, and he changes his mind later: he may be taken or left out */
};

struct judge {
    const struct oracle_case *run;
    struct counted *counted;
    size_t count;
    struct oracle_source *copies; /* of things' events, for who follows */
    size_t copy_count;
    char *why;
    size_t why_bytes;
    bool broken;
};

static inline bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

const struct oracle_campaign *oracle_campaign_of(const char *id);
const struct oracle_campaign *oracle_triggered_by(const char *event);
const struct counted *oracle_trigger_find(const struct judge *judge, const char *user, const char *id);
bool oracle_concerns_same(const struct counted *a, const struct counted *b);
const struct oracle_control *oracle_control_find(const struct judge *judge, const char *campaign,
                                                 const char *kind, int partition);
bool oracle_is_about_thing(const struct oracle_source *source);
bool oracle_is_archived(const struct judge *judge, const struct counted *trigger,
                        const struct oracle_campaign *campaign);
bool oracle_is_behind(const struct counted *a, const struct counted *b);
bool oracle_is_paused(const struct judge *judge, const struct counted *trigger,
                      const struct oracle_campaign *campaign);
bool oracle_may_cancel(const struct counted *order, const struct counted *trigger);
void oracle_broken(struct judge *judge, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* oracle_decisions.c: every trigger and every send of it has the decisions that it must have. */
void oracle_check_trigger(struct judge *judge, const struct counted *trigger);

#endif
