/* One simulation: a cluster, processes of the real program on it, a shop that writes events, and what
 * came of it all.
 */
#ifndef DECLIC_SIM_SITE_H
#define DECLIC_SIM_SITE_H

#include "app/definitions.h"
#include "app/interest.h"
#include "codec/mapping.h"
#include "core/entry.h"
#include "ports/locale.h"
#include "sim/cluster.h"
#include "sim/oracle.h"
#include "sim/sim_appender.h"
#include "sim/sim_store.h"

/* What a site may consist of beside the shop. */
enum part { PART_FAN_OUT, PART_CROWD, PART_VARIETY, PART_SWEEP, PART_COUNT };

/* What costs time to make and is the same for every seed. */
struct shared {
    struct arena arena;
    struct locale_port locale;
    struct definitions *definitions;
    struct interest *interests[2]; /* without and with the campaign that is applied in the middle */
    struct mapping mapping;
    bool faults_given; /* the seeds have these and no others */
    bool faults[FAULT_COUNT];
    bool parts[PART_COUNT]; /* the seeds have these, whatever the dice say */
};

void shared_open(struct shared *shared);

#define SOURCES_MAX 256

struct site {
    struct world world;
    struct shared *shared;
    struct cluster cluster;
    struct sim_topic topic;
    struct oracle_source sources[SOURCES_MAX]; /* what the shop wrote, in order */
    size_t source_count;
    int planned; /* events that the shop has still to write */
    struct node *nodes[64];
    size_t node_count;
    int last_process;
    int64_t slack_ms;
    int64_t sweep_every_ms; /* 0: no sweeps, the journal is not trimmed */
    bool busy;              /* an engine turned more than it may */
    int crowd;              /* how many users site_crowd.c has */
};

/* Whether this seed has it: so many of 1000 have. */
bool site_has(struct site *site, enum part part, int per_mille);

/* site_campaigns.c: the campaigns, and how they get into the journal */
#define LATE_CAMPAIGN 6 /* index of the one that is applied in the middle */
struct span site_definition(struct span id, uint32_t version);
/* Appends what `apply` would: all but the late campaign. */
void site_apply_first(struct site *site);
/* Publishes the late one and appends its control records one after the other; takes up to a second. */
void site_apply_late(void *self);
/* Archives the campaign `sale` some time, pauses `held` and resumes it. */
void site_plan_lives(struct site *site);
/* Appends the control to every partition, one after the other within a second from at_us on. */
void site_plan_control(struct site *site, const struct control *control, int64_t at_us);
/* Appends a control record; `at_ms` is set to now. */
void site_append_control(struct site *site, int32_t partition, const struct control *control);

/* site_fan_out.c: users f0, f1, … who follow things, events about these, an archive; judged on their own */
#define FAN_OUT_CAMPAIGN "watch"
void site_fan_out_open(struct site *site);
bool site_fan_out_is_user(struct span user);
/* An EVENT or THING of theirs. */
bool site_fan_out_is_entry(const struct entry *entry);
size_t site_fan_out_user_count(void);
const char *site_fan_out_user(size_t number);
bool site_fan_out_judge(const struct site *site, char *why, size_t why_bytes);

/* site_crowd.c: users u0, u1, … whose sends fall due together; judged on their own */
#define CROWD_CAMPAIGN "crowd"
void site_crowd_open(struct site *site);
bool site_crowd_is_user(struct span user);
bool site_crowd_judge(const struct site *site, char *why, size_t why_bytes);

/* site_variety.c: users v0, v1, … with campaigns of all kinds; judged on their own */
struct site_variety_text {
    const char *id;
    uint32_t version;
    const char *text;
};
const struct site_variety_text *site_variety_texts(size_t *count);
void site_variety_open(struct site *site);
bool site_variety_is_user(struct span user);
size_t site_variety_user_count(void);
const char *site_variety_user(size_t number);
bool site_variety_judge(const struct site *site, char *why, size_t why_bytes);

/* site_shop.c */
void site_shop_open(struct site *site);

/* site_node.c: processes */
void site_node_start(struct site *site);
void site_tend(void *self); /* starts and stops processes; calls itself again */
int site_nodes_alive(const struct site *site);

/* site_judge.c */
/* The text of a member of one of our own JSON records, NUL-terminated; "" when there is none. */
void site_member_text(struct span json, const char *name, char text[ORACLE_TEXT]);
/* Likewise an instant; 0: none. */
int64_t site_member_time(struct span json, const char *name);
/* Everything is folded and nothing is pending or open. */
bool site_is_at_rest(const struct site *site);
/* The oracle's judgement, and the store against a replay of the journal from its start. */
bool site_judge(struct site *site, char *why, size_t why_bytes);

/* site.c: a whole run. False with *why when a promise was broken. */
bool site_run(struct shared *shared, uint64_t seed, bool trace, char *why, size_t why_bytes);

#endif
