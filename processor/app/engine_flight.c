/* What is in flight: users with a send in a transaction whose outcome is not folded yet.
 *
 * Nothing more of such a user is decided until the outcome is known *and* folded, so that no decision ever
 * rests on a message that turns out unsent. That also covers caps and the order of one user's messages. An
 * outcome that is not known is read from the log: the flights wait for a mark that is asked for after the
 * producer was made anew, and their partitions fire nothing meanwhile.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/memory.h"

struct flight *flight_find(const struct partition *partition, uint64_t hash, struct span user)
{
    return (struct flight *)user_map_find(&partition->flights, hash, user);
}

struct flight *flight_add(struct partition *partition, uint64_t hash, struct span user, int producer)
{
    struct flight *flight = memory_checked(calloc(1, sizeof *flight + user.size));
    memcpy(flight + 1, user.data, user.size);
    flight->node = (struct user_node){hash, span_make(flight + 1, user.size)};
    flight->producer = producer;
    flight->due_ms = INT64_MAX;
    user_map_add(&partition->flights, &flight->node);
    return flight;
}

struct landing {
    const struct partition *partition;
    struct flight *finished; /* list */
    bool uncertain_left;     /* some wait for a mark that is not passed yet */
};

static void look_at_flight(void *self, struct user_node *node)
{
    struct landing *landing = self;
    struct flight *flight = (struct flight *)node;
    const struct partition *partition = landing->partition;
    bool over = (flight->phase == FLIGHT_COMMITTED && partition->head > flight->settled_offset) ||
                (flight->phase == FLIGHT_UNCERTAIN && partition->passed_sequence > flight->after_sequence);
    if (over) {
        flight->next_finished = landing->finished;
        landing->finished = flight;
    } else if (flight->phase == FLIGHT_UNCERTAIN) {
        landing->uncertain_left = true;
    }
}

void partition_land_flights(struct engine *engine, struct partition *partition)
{
    (void)engine;
    if (partition->flights.count == 0 && !partition->blocked)
        return;
    struct landing landing = {.partition = partition};
    user_map_each(&partition->flights, look_at_flight, &landing);
    partition->uncertain = landing.uncertain_left;
    if (!landing.uncertain_left)
        partition->blocked = false;
    while (landing.finished != NULL) {
        struct flight *flight = landing.finished;
        landing.finished = flight->next_finished;
        user_map_remove(&partition->flights, &flight->node);
        /* Firing reads the state and sees what is really due. */
        if (flight->due_ms != INT64_MAX)
            horizon_load(&partition->horizon, flight->node.user, flight->due_ms);
        free(flight);
    }
}

struct outcome_walk {
    struct engine *engine;
    int producer;
    const struct outbox_result *result;
};

static void settle_flight(void *self, struct user_node *node)
{
    struct outcome_walk *walk = self;
    struct flight *flight = (struct flight *)node;
    if (flight->phase != FLIGHT_OPEN || flight->producer != walk->producer)
        return;
    const struct outbox_result *result = walk->result;
    if (result->outcome == OUTBOX_ABORTED) {
        /* Nothing of it is in the log: over at once, to be tried again. */
        flight->phase = FLIGHT_COMMITTED;
        flight->settled_offset = INT64_MIN;
        if (flight->due_ms == INT64_MAX)
            flight->due_ms = flight->fired_due_ms;
    } else if (result->outcome == OUTBOX_COMMITTED && flight->cookie < result->offset_count &&
               result->offsets[flight->cookie] >= 0) {
        flight->phase = FLIGHT_COMMITTED;
        flight->settled_offset = result->offsets[flight->cookie];
    } else {
        /* The outcome, or the place in the log, is not known: it will be folded when a mark that is
         * asked for from now on is passed. */
        flight->phase = FLIGHT_UNCERTAIN;
        flight->after_sequence = walk->engine->mark_sequence;
        if (flight->due_ms == INT64_MAX)
            flight->due_ms = flight->fired_due_ms;
    }
}

bool engine_transaction_touches(const struct engine *engine, int32_t partition)
{
    for (int producer = 0; producer < PRODUCERS; producer++) {
        const struct transaction *transaction = &engine->transactions[producer];
        for (size_t i = 0; transaction->open && i < transaction->touched_count; i++)
            if (transaction->touched[i] == partition)
                return true;
    }
    return false;
}

static void observe_lateness(struct engine *engine, const struct transaction *transaction)
{
    int64_t now_ms = steady_clock_now(&engine->clock);
    for (size_t i = 0; i < transaction->due_count; i++) {
        int64_t late_ms = now_ms - transaction->dues[i];
        metrics_observe_us(&engine->numbers, HISTOGRAM_LATENESS, (late_ms < 0 ? 0 : late_ms) * 1000);
    }
    metrics_count(&engine->numbers, METRIC_MESSAGES, (int64_t)transaction->due_count);
}

/* Brokers that are too slow for a transaction of this size would be so again, and for ever. */
static void adapt_size(const struct engine *engine, struct transaction *transaction,
                       enum outbox_outcome outcome)
{
    size_t most = engine->options.bounds.fire_users, least = most < FIRE_USERS_MIN ? most : FIRE_USERS_MIN;
    size_t users = outcome == OUTBOX_COMMITTED ? transaction->fire_users * 2 : transaction->fire_users / 2;
    transaction->fire_users = users > most ? most : users < least ? least : users;
}

static void take_outcome(struct engine *engine, int producer, const struct outbox_result *result)
{
    struct transaction *transaction = &engine->transactions[producer];
    static const enum metric counters[] = {[OUTBOX_COMMITTED] = METRIC_TRANSACTIONS_COMMITTED,
                                           [OUTBOX_ABORTED] = METRIC_TRANSACTIONS_ABORTED,
                                           [OUTBOX_UNKNOWN] = METRIC_TRANSACTIONS_UNKNOWN};
    metrics_count(&engine->numbers, counters[result->outcome], 1);
    metrics_observe_us(&engine->numbers, HISTOGRAM_TRANSACTION, result->elapsed_us);
    if (result->outcome == OUTBOX_COMMITTED)
        observe_lateness(engine, transaction);
    else
        log_line(engine->options.log, LOG_WARN,
                 result->outcome == OUTBOX_ABORTED ? "a transaction was aborted; its sends are tried again"
                                                   : "a transaction's outcome is read from the log",
                 log_number("worker", engine->options.worker), log_number("producer", producer),
                 log_text("error", result->text == NULL ? "" : result->text));
    transaction->open = false;
    adapt_size(engine, transaction, result->outcome);
    if (result->outcome == OUTBOX_ABORTED)
        transaction->not_before_ms = engine->monotonic_ms + ABORTED_PAUSE_MS;
    struct outcome_walk walk = {engine, producer, result};
    for (size_t i = 0; i < transaction->touched_count; i++) {
        struct partition *partition = engine_partition(engine, transaction->touched[i]);
        if (partition == NULL)
            continue;
        if (result->outcome == OUTBOX_UNKNOWN)
            partition->blocked = true;
        user_map_each(&partition->flights, settle_flight, &walk);
        partition_land_flights(engine, partition);
    }
}

void engine_poll_outcomes(struct engine *engine)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    for (int producer = 0; producer < PRODUCERS; producer++) {
        struct outbox_result result;
        if (engine->transactions[producer].open && outbox->poll(outbox->self, producer, &result))
            take_outcome(engine, producer, &result);
    }
}

void engine_end_transactions(struct engine *engine, const int32_t *partitions, size_t count)
{
    const struct outbox_port *outbox = engine->ports.outbox;
    bool waiting[PRODUCERS] = {false};
    for (int producer = 0; producer < PRODUCERS; producer++) {
        const struct transaction *transaction = &engine->transactions[producer];
        for (size_t i = 0; transaction->open && i < transaction->touched_count && !waiting[producer]; i++)
            for (size_t k = 0; k < count; k++)
                waiting[producer] |= transaction->touched[i] == partitions[k];
        if (waiting[producer])
            outbox->abort(outbox->self, producer);
    }
    const struct clock_port *clock = &engine->ports.clock;
    int64_t until_ms = clock->monotonic_ms(clock->self) + END_TRANSACTION_MS;
    for (;;) {
        engine_poll_outcomes(engine);
        bool open = false;
        for (int producer = 0; producer < PRODUCERS; producer++)
            open |= waiting[producer] && engine->transactions[producer].open;
        if (!open || clock->monotonic_ms(clock->self) >= until_ms)
            return; /* one that is still open keeps its partitions from attaching again */
        outbox->wait(outbox->self, 50);
    }
}
