/* The campaigns and the policy in force at one point of a journal partition.
 *
 * Built anew whenever a control record changes something (cheap: the compiled campaigns are only pointed
 * at), immutable and shared by reading threads afterwards. Knows which campaigns an event name concerns,
 * and what has to be counted for their expressions.
 */
#ifndef DECLIC_CORE_CAMPAIGN_SET_H
#define DECLIC_CORE_CAMPAIGN_SET_H

#include "core/campaign.h"
#include "core/match_index.h"

struct cel_program;

enum campaign_status { CAMPAIGN_ACTIVE = 0, CAMPAIGN_PAUSED = 1, CAMPAIGN_ARCHIVED = 2 };

/* What happens to pending sends while a campaign is paused. Persisted with the partition, as the status is:
 * a new one goes to the end. */
enum pause_treatment {
    PAUSE_HOLD,   /* kept, decided on resume by the late policy */
    PAUSE_SHIFT,  /* kept, moved by the length of the pause on resume */
    PAUSE_EXPIRE, /* skipped when the pause is folded */
    PAUSE_DRAIN,  /* decided as if nothing was */
};

/* One campaign: every version that some journey may still be on, oldest first. */
struct campaign_life {
    const struct campaign *const *versions;
    size_t version_count; /* at least 1; the last is the current one */
    enum campaign_status status;
    enum pause_treatment treatment; /* PAUSED */
    /* Pending sends of older versions wait: something that concerns them all (an archive, a shift, a
     * migration) has taken effect and has not come to every user yet. 0: none do. */
    uint32_t hold_below;
};

struct campaign_slot {
    const struct campaign *current;
    struct campaign_life life;
    bool has_dates; /* the current version has a YEARLY or DATE trigger */
};

/* Something that is counted for count() and last(). */
struct counter_spec {
    struct span name;
    struct span predicate_text;          /* empty: every event of that name */
    const struct cel_program *predicate; /* NULL: likewise */
    int64_t window_ms;                   /* the widest that any live expression asks for */
    bool wants_last;                     /* the latest is kept, however old */
};

struct follow_interest {
    const struct follow_rule *rule;
    bool on, off;
};

/* What an event name means to the campaigns. */
struct event_interest {
    struct span name;
    const struct campaign_slot *const *slots; /* that name it in a trigger or a cancel, in order of id */
    size_t slot_count;
    /* Which of the slots an event may concern, by the `where`s of their triggers and cancels on that name;
     * the ids are places in `slots`. */
    const struct match_index *index;
    const struct counter_spec *const *counters;
    size_t counter_count;
    const struct follow_interest *follows;
    size_t follow_count;
    bool thing; /* some current version has a THING trigger on it */
};

struct campaign_set {
    const struct campaign_slot *slots; /* in order of id, as bytes */
    size_t slot_count;
    /* A hash table of them; see campaign_set_find. */
    const struct campaign_place {
        struct span id; /* without a slot: the place is empty */
        const struct campaign_slot *slot;
    } * places;
    unsigned place_bits; /* of its size */
    const struct policy *policy;
    const struct counter_spec *counters;
    size_t counter_count;
    const struct event_interest *interests; /* a hash table; see campaign_set_interest */
    size_t interest_mask;
    struct name_set kept_follow; /* attributes of following events that some live version needs */
    int64_t entry_keep_ms;       /* how long an entry matters to some cooldown or at_most */
    int64_t sent_keep_ms;        /* how long a sent message matters to some cap; 0: there are no caps */
};

/* Everything lives in `arena` or points into the campaigns and the policy, which must outlive it.
 * `lives` in any order, ids distinct; archived ones are dropped when they have no purpose any more by the
 * caller. `policy` is never NULL. */
const struct campaign_set *campaign_set_build(struct arena *arena, const struct campaign_life *lives,
                                              size_t count, const struct policy *policy);

/* NULL when no campaign, counter or follow rule names the event. */
const struct event_interest *campaign_set_interest(const struct campaign_set *set, struct span event_name);

/* NULL when unknown. */
const struct campaign_slot *campaign_set_find(const struct campaign_set *set, struct span id);
const struct campaign *campaign_slot_version(const struct campaign_slot *slot, uint32_t version);
const struct campaign *campaign_set_version(const struct campaign_set *set, struct span id,
                                            uint32_t version);

/* The spec of a counter, or NULL when nothing live wants it. */
const struct counter_spec *campaign_set_counter(const struct campaign_set *set, struct span name,
                                                struct span predicate_text);

/* Whether pending sends of this version stay undecided for now. */
bool campaign_slot_holds(const struct campaign_slot *slot, uint32_t version);

#endif
