/* What a summary counts; shared by the files that write it down.
 */
#ifndef DECLIC_MEMORY_SIM_TALLY_H
#define DECLIC_MEMORY_SIM_TALLY_H

#include "memory/sim_summary.h"
#include "memory/sim_users.h"

#define HOURS 24
#define TOP_USERS 5

/* What one campaign came to. */
struct tally {
    struct span id;
    uint64_t entered, restarted_entries, users_reached;
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t reasons[OUTCOME_COUNT][REASON_COUNT]; /* POSTPONED, SKIPPED, IGNORED */
    uint64_t hours[HOURS];                         /* sent, by local hour of the day */
};

struct sim_summary {
    struct arena arena;
    const struct campaign_set *campaigns;
    const struct locale_port *locale;
    const struct locale_zone *zone;
    struct tally *tallies; /* one a campaign, in order of id */
    /* Those that got a message: state.size is how many, state.data a bit for each campaign. */
    struct sim_users users;
    /* The entry that the last record belonged to, as a hash: an entry's records follow each other. */
    uint64_t last_entry;
    bool last_was_restart;
};

/* The users who got most, most first; equal ones in order of id. Returns how many. */
size_t sim_summary_top_users(const struct sim_summary *summary, const struct sim_user *top[TOP_USERS]);

#endif
