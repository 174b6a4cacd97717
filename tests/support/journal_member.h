/* A group member as a test drives it: polls its journal port and remembers what came.
 */
#ifndef DECLIC_TESTS_JOURNAL_MEMBER_H
#define DECLIC_TESTS_JOURNAL_MEMBER_H

#include "ports/journal.h"

#define MEMBER_PARTITIONS 8

struct journal_member {
    struct journal_port port;
    int64_t start_at; /* each assigned partition is started here, at once; negative: the test does it */
    bool owned[MEMBER_PARTITIONS];
    int owned_count;
    int records[MEMBER_PARTITIONS];      /* since it was last started */
    int64_t position[MEMBER_PARTITIONS]; /* next offset: after a record, or an end */
    int64_t ended[MEMBER_PARTITIONS];    /* of the last END; -1 none since the last start */
    int ranges[MEMBER_PARTITIONS];
    int64_t low[MEMBER_PARTITIONS];                    /* after the last trim; 0: none */
    struct journal_event watermark[MEMBER_PARTITIONS]; /* the last answer */
    int watermarks;
    int assigned_events, revoked_events, lost_events;
};

void journal_member_init(struct journal_member *member, struct journal_port port, int64_t start_at);
void journal_member_start(struct journal_member *member, int32_t partition, int64_t offset);
/* One poll; returns the kind of the event. */
enum journal_event_kind journal_member_poll(struct journal_member *member, int timeout_ms);

/* Polls `member` (and `other`, which may be NULL) until the condition is true; fails after 20 s. */
#define MEMBER_UNTIL(member, other, condition)                          \
    do {                                                                \
        int64_t until_ = member_now_ms() + 20000;                       \
        while (!(condition)) {                                          \
            struct journal_member *other_ = (other);                    \
            if (member_now_ms() > until_)                               \
                fail_msg("did not happen within 20 s: %s", #condition); \
            (void)journal_member_poll((member), 5);                     \
            if (other_ != NULL)                                         \
                (void)journal_member_poll(other_, 5);                   \
        }                                                               \
    } while (0)

int64_t member_now_ms(void);

#endif
