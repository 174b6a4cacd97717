/* Who judges a simulation: what was asked of the program and what came of it, against what a user is
 * promised. Knows the simulation's campaigns by their meaning and shares nothing with the program.
 *
 * Times are ms since the epoch where a record says them, and really passed ms (`at_ms`) where something
 * reached a log. `slack_ms` says how far the clocks of the run differ from real time.
 */
#ifndef DECLIC_SIM_ORACLE_H
#define DECLIC_SIM_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_TEXT 64

/* A record of the source topic. An event without a user is about the thing that its key names, and is for
 * everybody who follows it. */
struct oracle_source {
    int partition;
    int64_t offset;
    char id[ORACLE_TEXT], user[ORACLE_TEXT], name[ORACLE_TEXT], key[ORACLE_TEXT];
    int64_t time_ms;
    int number; /* what its message has to show */
};

/* An event in the journal: which source record, where, when it got there. In journal order. */
struct oracle_event {
    int source_partition;
    int64_t source_offset;
    int partition;
    int64_t offset;
    int64_t at_ms;
};

/* "apply", "pause", "resume" or "archive" of a campaign, where it stands in the journal. */
struct oracle_control {
    const char *kind;
    char campaign[ORACLE_TEXT];
    int partition;
    int64_t offset;
    int64_t at_ms;
};

/* A message on the outbound topic, as a reader of committed records sees it. In order. */
struct oracle_message {
    char send_id[ORACLE_TEXT], user[ORACLE_TEXT], campaign[ORACLE_TEXT], key[ORACLE_TEXT];
    char trigger[ORACLE_TEXT], step[ORACLE_TEXT], title[ORACLE_TEXT];
    int64_t due_ms, decided_ms;
    int64_t at_ms; /* when it was appended */
};

/* A decision record, likewise. */
struct oracle_decision {
    char id[ORACLE_TEXT * 2]; /* what tells a repeat */
    char user[ORACLE_TEXT], campaign[ORACLE_TEXT], key[ORACLE_TEXT], trigger[ORACLE_TEXT];
    char step[ORACLE_TEXT], outcome[ORACLE_TEXT], reason[ORACLE_TEXT];
    int64_t at_ms, due_ms;
};

struct oracle_case {
    int64_t slack_ms;
    int partitions; /* of the journal */
    const struct oracle_source *sources;
    size_t source_count;
    const struct oracle_event *events;
    size_t event_count;
    const struct oracle_control *controls;
    size_t control_count;
    const struct oracle_message *messages;
    size_t message_count;
    const struct oracle_decision *decisions;
    size_t decision_count;
};

/* One of the simulation's campaigns, as far as the promise goes. All take `order` with the same key for a
 * cancel, restart when triggered anew, and never skip but what an archived campaign has left. */
struct oracle_step {
    const char *id;
    int64_t after_ms;
};
struct oracle_campaign {
    const char *id, *event;
    struct oracle_step steps[2];
    int step_count;
    bool capped, quiet;
};
#define ORACLE_CAP_WITHIN_MS 12000 /* one message of the capped campaigns a user */

/* True when every promise was kept; else *why (up to why_bytes, NUL-terminated) begins with the promise in
 * capitals. */
bool oracle_judge(const struct oracle_case *run, char *why, size_t why_bytes);

#endif
