/* What the engine's files share. See engine.h for which file does what.
 *
 * Words: the *head* of a partition is the journal offset its view in the store stands at, as
 * acknowledged; the *position* is how far its journal is known to be folded or skipped (control
 * records of transactions have offsets too); a *mark* is a high watermark that was asked for at a
 * known time; it is *passed* when the position has reached its answer.
 */
#ifndef DECLIC_APP_ENGINE_INTERNAL_H
#define DECLIC_APP_ENGINE_INTERNAL_H

#include "app/engine.h"
#include "app/horizon.h"
#include "app/steady_clock.h"
#include "codec/partition_state.h"
#include "core/campaign_set.h"

#define PRODUCERS 2
#define HEAD_CHECK_MS 1000
#define MARK_ANSWER_MS 2000 /* asked again after this */
#define ORPHAN_LAG_MS 1000  /* a mark not passed for this long: somebody's transaction is open */
#define STORE_RETRY_MS 500
#define NOTES_WAIT_MS 3000
#define FIRE_USERS_MIN 64       /* a transaction is not made smaller than this after failures */
#define ABORTED_PAUSE_MS 100    /* a member that was thrown out and does not know it is refused at once */
#define END_TRANSACTION_MS 4000 /* longest wait for an outcome while partitions are given up */

enum partition_phase {
    PARTITION_OPENING, /* waiting until no transaction of a former tenure is undecided */
    PARTITION_READING, /* head and ids to be read, first mark to be answered */
    PARTITION_LOOKING, /* no view, and a log that was trimmed: the snapshot taken at its start is looked for
                        */
    PARTITION_CATCHING_UP, /* folding until the first mark is passed */
    PARTITION_ATTACHED,    /* fires */
};

struct queued_record {
    int64_t offset;
    int64_t append_ms;
    struct span value;
    void *record;
};

struct mark {
    uint64_t sequence; /* of the request; 0: none */
    int64_t asked_ms;  /* wall time just before the request went out */
    int64_t asked_monotonic_ms;
    bool answered;
    int64_t high;
};

/* A user with sends in a transaction that is not over for us. See engine_flight.c. */
enum flight_phase {
    FLIGHT_OPEN,      /* the transaction has no outcome yet */
    FLIGHT_COMMITTED, /* leaves when the head has passed `settled_offset` */
    FLIGHT_UNCERTAIN, /* leaves when a mark asked for after `after_sequence` is passed */
};
struct flight {
    struct user_node node; /* user bytes behind the struct */
    enum flight_phase phase;
    int producer;
    uint32_t cookie;
    int64_t settled_offset;
    uint64_t after_sequence;
    int64_t fired_due_ms; /* the due for which it was taken */
    int64_t due_ms;       /* INT64_MAX, or when the user wants to fire next, as far as the horizon told */
    struct flight *next_finished;
};

struct partition {
    int32_t id;
    enum partition_phase phase;
    bool gone;              /* revoked; freed at the end of the turn */
    int64_t phase_since_ms; /* monotonic */

    int64_t head;
    bool unwritten; /* `head` is where folding begins; the store has no head yet */
    bool rebuild;   /* the view has something unreadable: fold anew from the log's start */
    int64_t position;
    int64_t log_start;  /* as the last mark told */
    int64_t end_offset; /* last END event: everything below it was delivered or skipped */
    struct partition_state state;
    struct span stale_ids; /* heap; of the former owner, to be fenced if it left a transaction open */
    bool fenced;

    struct queued_record *queue;
    size_t queue_first, queue_count, queue_capacity;

    struct mark mark; /* the one outstanding or not yet passed */
    uint64_t passed_sequence;
    int64_t frontier_ms;
    struct mark stable; /* a request for the last stable offset, when a mark is not passed */

    struct horizon horizon;
    struct user_map flights;
    bool blocked;        /* an outcome was unknown: nothing fires until the flights have left */
    bool uncertain;      /* flights wait for a mark to be asked for and passed */
    int64_t noted_until; /* decision records of journal records below were given, by whomever */
    int64_t retry_at_ms; /* monotonic: the store did not answer or was full */

    bool slices_out;         /* slices were written that have not come back */
    int64_t slices_since_ms; /* monotonic: when */

    bool sweep_out;       /* a record of a sweep was written that has not come back */
    int64_t sweep_out_ms; /* monotonic: when */
    int64_t trim_at_ms;   /* monotonic: asked for again */

    const struct policy *policy;
    const struct campaign_set *campaigns; /* as of the head; NULL: to be built */
    struct arena campaigns_arena;
};

struct transaction {
    bool open;             /* begun, no outcome yet */
    bool full;             /* it took all that it may: more is due */
    int64_t begun_ms;      /* monotonic */
    uint64_t turn;         /* when it began, counted in transactions; 0: never */
    int64_t not_before_ms; /* monotonic: the last one was aborted, the next is begun no earlier */
    int32_t *touched;      /* partitions */
    size_t touched_count, touched_capacity;
    size_t fire_users; /* at most so many are taken: fewer after a transaction that failed, within the
                          bounds */
    int64_t *dues;     /* of its messages, for the lateness histogram */
    size_t due_count, due_capacity;
    uint32_t next_cookie;
};

/* A walk over all users of a partition, to find those whom a cursor concerns; see engine_walk.c. */
struct walk {
    int32_t partition; /* -1: none is under way */
    uint64_t cursor;
    struct store_scan scan;
    bool sorted; /* the scan is over: `names` are the next users, ascending */
    bool more;   /* there are others beyond them */
    struct arena arena;
    struct span *names;
    size_t count, capacity, next;
};

/* The partition that this engine sweeps now; see engine_sweep.c. */
struct sweep {
    int32_t partition; /* -1: none */
    size_t turn;       /* the first to be looked at next */
    uint64_t number;   /* of the sweep that `scan` is for */
    struct store_scan scan;
    size_t left;     /* users met by this scan whom the sweep did not cover */
    bool waits;      /* for partition->sweep_out */
    int64_t next_ms; /* monotonic */
};

struct engine {
    struct engine_options options;
    struct engine_ports ports;
    struct steady_clock clock;
    struct definitions *definitions;
    struct metrics *metrics;
    struct metrics_batch numbers;

    struct partition **partitions; /* by id; NULL: not ours */
    size_t partition_slots;
    struct transaction transactions[PRODUCERS];
    struct walk walk;
    struct sweep sweep;
    uint64_t mark_sequence;
    size_t queued_records;
    size_t queued_bytes;

    bool stopping, closing, stopped;
    bool delivery_held; /* a full batch waits for the store */
    bool assigned_once, store_away;
    int64_t store_full_until_ms; /* monotonic */
    size_t fire_turn;
    uint64_t transaction_turn;
    int64_t store_said_ms, journal_said_ms, clocks_said_ms, full_said_ms, check_at_ms, numbers_at_ms;
    int64_t now_ms; /* wall, steady; read once a turn and before firing */
    int64_t monotonic_ms;
    int64_t clock_steps_seen, clock_steps_accepted;

    struct fold_counts counts;
    struct arena batch; /* reset with every fold batch and every firing */
    struct buf scratch, record_text;
};

/* engine_partition.c */
struct partition *partition_new(int32_t id);
void partition_free(struct engine *engine, struct partition *partition);
struct partition *engine_partition(const struct engine *engine, int32_t id);
void partition_drop_queue(struct engine *engine, struct partition *partition);
void partition_queue_push(struct engine *engine, struct partition *partition,
                          const struct queued_record *record);
/* Works the position out anew from the head, the queue and the last END, and passes marks. */
void partition_update_position(struct engine *engine, struct partition *partition);
/* Asks for a watermark of the partitions that want one (one request for all of them). */
void engine_ask_marks(struct engine *engine, int32_t *partitions, size_t count);
void partition_watermark(struct engine *engine, struct partition *partition,
                         const struct journal_event *event);
/* The campaigns in force at the head; false when a definition is not known yet (try again later). */
bool partition_need_campaigns(struct engine *engine, struct partition *partition);
void partition_forget_campaigns(struct partition *partition);

/* What the fold and the decisions of this partition work with, as of its head; memory is engine->batch. */
struct fold partition_fold(struct engine *engine, const struct partition *partition,
                           struct decision_sink decisions);

/* engine_attach.c */
void partition_begin_attach(struct engine *engine, struct partition *partition, const char *why);
void partition_attach(struct engine *engine, struct partition *partition);
void partition_watch_orphans(struct engine *engine, struct partition *partition);
void partition_refill_horizon(struct engine *engine, struct partition *partition);
void engine_check_heads(struct engine *engine);
/* Writes the first head of a view, with these users. */
enum err partition_write_first(struct engine *engine, struct partition *partition,
                               const struct store_user_write *writes, size_t count);
/* Reads the journal from the head on, towards the mark. */
void partition_catch_up(struct engine *engine, struct partition *partition);
/* A store call failed: says so, sets when to try again. */
void engine_store_failed(struct engine *engine, struct partition *partition, enum err error);

/* engine_fold.c */
void engine_fold(struct engine *engine);

/* engine_control.c */
/* `user`: whom an ERASE names, else NULL. */
void partition_control(struct engine *engine, struct partition *partition, struct fold *fold,
                       struct user_state *user, const struct control *control);
/* The fold goes on with the campaigns as they are now. */
void partition_renew_campaigns(struct engine *engine, struct partition *partition, struct fold *fold);

/* engine_fire.c */
/* How long until there is something to fire, or to ask a mark for, 1 ms at least; INT64_MAX: nothing is
 * due. */
int64_t engine_fire_wait_ms(const struct engine *engine);
void engine_fire(struct engine *engine);

/* engine_flight.c */
/* NULL: none. */
struct flight *flight_find(const struct partition *partition, uint64_t hash, struct span user);
struct flight *flight_add(struct partition *partition, uint64_t hash, struct span user, int producer);
void engine_poll_outcomes(struct engine *engine);
bool engine_transaction_touches(const struct engine *engine, int32_t partition);
/* Ends every transaction that touches one of them, waiting a bounded while for the outcome. */
void engine_end_transactions(struct engine *engine, const int32_t *partitions, size_t count);
/* Lets the flights go whose time has come; called when the head or a mark moved. */
void partition_land_flights(struct engine *engine, struct partition *partition);

/* engine_slices.c: what concerns many users, as it is folded */
/* No user: where the ids of events about things are remembered. */
struct span slices_memory_of(const struct event *event);
#define SLICES_MEMORIES 16
/* All of them, by number; and whether a user is one. */
struct span slices_memory(size_t number);
bool slices_is_memory(struct span user);
/* An event about a thing opens a cursor for each campaign that it may trigger. */
void slices_open_thing(struct engine *engine, struct partition *partition, struct fold *fold,
                       const struct event *event, bool duplicate);
/* The event of a THING cursor, all of it in the arena. False: it cannot be read. */
bool slices_event(const struct partition_cursor *cursor, struct arena *arena, struct event *event);
/* A control that took effect opens what it takes; `before` is the live campaign as it was. */
void slices_open_version(struct partition *partition, const struct control *control, bool first);
void slices_open_dates(struct partition *partition, const struct control *control);
void slices_open_life(struct partition *partition, const struct control *control,
                      const struct live_campaign *before);
/* Which journeys a cursor (END, SHIFT, MIGRATE) is about. */
struct journey_range slices_range(const struct partition_cursor *cursor);

/* What one slice folds into each of its users. */
struct slice_work {
    struct partition_cursor *cursor; /* NULL: the slice does not count */
    const struct campaign_slot *slot;
    struct event event; /* THING */
};
struct slice_work slices_begin(struct engine *engine, struct partition *partition, const struct fold *fold,
                               const struct slice *slice);
void slices_fold_user(const struct slice_work *work, struct fold *fold, struct user_state *state,
                      int64_t append_ms);
/* The cursor moves or closes; true when sends that it held are free now. */
bool slices_end(struct engine *engine, struct partition *partition, const struct slice_work *work,
                const struct slice *slice);
/* Versions below this have sends that wait for a cursor; 0: none. */
uint32_t slices_hold_below(const struct partition_state *state, struct span campaign);

/* The things that a user follows, as the store numbers them: ascending. */
struct follow_numbers {
    uint64_t *items;
    size_t count;
};
struct follow_numbers slices_follow_numbers(struct arena *arena, const struct user_state *state);
uint64_t slices_follow_number(struct span rule, struct span thing);
/* Appends what changed from `before` to `after` to *changes. */
struct follow_changes {
    struct store_follow *items;
    size_t count, capacity;
};
void slices_follow_changes(struct arena *arena, struct span user, const struct follow_numbers *before,
                           const struct follow_numbers *after, struct follow_changes *changes);

/* engine_cursors.c: writing the next slices of open cursors */
void engine_write_slices(struct engine *engine);
/* The partition is attached anew, or gone: what was found out about it no longer holds. */
void engine_forget_slices(struct engine *engine, struct partition *partition);

/* engine_walk.c */
void walk_init(struct walk *walk);
void walk_free(struct walk *walk);
void walk_forget(struct walk *walk);
/* Goes on with the walk for this cursor; begins it, if no other is under way. The partition may be
 * attaching again afterwards: its cursors are then gone. */
void walk_turn(struct engine *engine, struct partition *partition, const struct partition_cursor *cursor);
/* The next slice of the cursor, users in the engine's batch; false: not yet. */
bool walk_slice(struct engine *engine, const struct partition *partition,
                const struct partition_cursor *cursor, struct slice *slice);

/* engine_snapshot.c */
/* A record while the snapshot is looked for that was taken at the log's start; when it is this one, the
 * partition begins with it. */
void partition_look(struct engine *engine, struct partition *partition, const struct journal_event *event);
/* There is none: what was before the log's start is lost. */
void partition_begin_without_snapshot(struct engine *engine, struct partition *partition);
void snapshots_begin_sweep(struct engine *engine, struct partition *partition, int64_t offset,
                           const struct partition_snapshot *snapshot);
/* False: the record does not count. */
bool snapshots_begin(struct engine *engine, struct partition *partition, int64_t offset,
                     const struct snapshot *snapshot);
/* Makes the user's state what the snapshot says, when that is valid; false otherwise. */
bool snapshots_fold_user(struct engine *engine, const struct partition *partition,
                         const struct snapshot *snapshot, const struct snapshot_user *user,
                         struct user_state *state);
void snapshots_end(struct engine *engine, struct partition *partition, const struct snapshot *snapshot);

/* engine_sweep.c */
void engine_sweep(struct engine *engine);
/* The partition is attached anew, or gone. */
void engine_forget_sweep(struct engine *engine, struct partition *partition);
void partition_trimmed(struct engine *engine, struct partition *partition, int64_t log_start);

/* engine_records.c: decision records as they are written */
#define DECISION_ID_BYTES 96
/* `declic-decision-id` of what the due loop decides: send_id/attempt/when the journey was put in the
 * calendar/outcome. A date that goes and comes back makes another journey with the same send_ids, at the
 * same instant even. */
struct span decision_id_of_send(const struct decision_record *record, uint32_t attempt,
                                char text[DECISION_ID_BYTES]);
/* The record as an outbox record; its value stands in engine->record_text until the next call, and its
 * one header is *header, whose value the caller sets. */
struct outbox_record engine_decision_record(struct engine *engine, const struct decision_record *record,
                                            struct outbox_header *header);
/* Gives a decision of the fold to the outbox; its id is partition/offset/index/number. Records that were
 * given before (journal offset below noted_until) are left out. */
void engine_note_decision(struct engine *engine, const struct partition *partition, int64_t offset,
                          uint32_t index, uint32_t number, const struct decision_record *record);

#endif
