/* A consumer group: its coordinator, and the part of the client that talks to it.
 *
 * Cooperative rebalancing: members join with what they own, a generation gives out assignments, what is
 * to move is first taken from its owner in one generation and given to the other in the next (with
 * FAULT_ONE_ROUND at once). The client's background work (heartbeats, joining) goes on while the
 * program's thread is busy; what it has to say waits as an event until the program asks for it, and the
 * next request to join waits until the program has handled all of them.
 *
 * Sets of partitions are bits, at most 64.
 */
#ifndef DECLIC_SIM_GROUP_H
#define DECLIC_SIM_GROUP_H

#include "base/span.h"
#include "sim/world.h"

#define GROUP_MEMBERS 16

struct group_member {
    int64_t id;
    bool joined;
    int64_t heard_us;
    uint64_t claims;
    struct group_client *client;
};

struct group_offset {
    int64_t offset; /* -1: nothing was committed */
    struct span metadata;
};

struct group {
    struct world *world;
    const char *name;
    int partitions;
    int32_t generation;
    bool preparing, completing;
    int64_t deadline_us;
    int64_t last_id;
    struct group_member members[GROUP_MEMBERS];
    size_t member_count;
    struct group_offset offsets[64];
};

void group_init(struct group *group, struct world *world, const char *name, int partitions);
/* What the offsets request of a transaction checks. */
bool group_knows(const struct group *group, int64_t member, int32_t generation);
void group_rebalance(struct group *group);
/* The coordinator is there again and waits for every member anew. */
void group_begin_sessions(struct group *group);

enum client_event_kind { CLIENT_ASSIGNED, CLIENT_REVOKED, CLIENT_LOST };
struct client_event {
    enum client_event_kind kind;
    uint64_t set;
};

struct group_identity {
    int64_t member;
    int32_t generation; /* -1: none */
};

struct group_client {
    struct process *process;
    struct group *group;
    struct group_identity identity;
    uint64_t owned;
    bool joining, again, lost, closing, closed, gone;
    struct client_event queue[8];
    size_t queued;
    bool standing; /* the first of the queue was handed out and not answered */
    int64_t mute_until_us;
    int64_t answered_us; /* when the coordinator last answered */
    void (*notify)(void *self);
    void *self;
};

/* Joins in the background; notify(self) is called when there is something to hand out. */
void client_open(struct group_client *client, struct process *process, struct group *group,
                 void (*notify)(void *self), void *self);
/* True with the event that waits; it stands until client_served. LOST is worked out as it is handed out. */
bool client_hand_out(struct group_client *client, struct client_event *event);
void client_served(struct group_client *client);
void client_close(struct group_client *client);
/* As if the process had died: no word to the coordinator. */
void client_abandon(struct group_client *client);

#endif
