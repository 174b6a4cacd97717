/* The simulator: recorded events in, decision records out, in virtual time and without services.
 *
 * Runs the same fold and the same decisions as the engine, over users in memory, on one clock. The clock
 * is what each line says as its arrival and never goes back. Before a line every send that is due before
 * it is decided, in order of due, priority (high first) and send id; sends due at the very instant
 * wait until all lines of that instant are taken. A send that is put in the calendar when it was due
 * already is decided at once, before the next line. One thread; a million events of 100,000 users take
 * some hundred MiB.
 *
 * A line that is refused moves the clock all the same, if its arrival can be read.
 *
 * A line is `{"kind": "event" | "profile", "arrives", "id", "user", "name", "time", "attributes"}`.
 */
#ifndef DECLIC_MEMORY_SIMULATE_H
#define DECLIC_MEMORY_SIMULATE_H

#include "codec/source_record.h"
#include "core/campaign_set.h"
#include "core/decide.h"

struct simulation;

struct simulation_options {
    const struct campaign_set *campaigns;
    const struct locale_port *locale;
    const struct fold_limits *limits;          /* NULL: fold_limits_default, without history */
    const struct record_limits *record_limits; /* NULL: record_limits_default */
    int64_t max_future_ms;
    bool has_until;
    int64_t until_ms; /* lines that arrive later are not taken, and the clock stops there */
    /* Records come in the order in which they happen and are gone when the call returns. */
    struct decision_sink decisions;
    /* A line that was refused: its number from 0, the column where that is known (else 1), and why. */
    void *refused_self;
    void (*refused)(void *self, uint64_t line, int column, const char *why);
    /* Asked before each decision: true ends what is under way early, and nothing after it counts. NULL:
     * never. */
    void *interrupted_self;
    bool (*interrupted)(void *self);
};

struct simulation *simulation_new(const struct simulation_options *options);
void simulation_free(struct simulation *simulation);

/* Takes the next line (without its line feed). Blank ones count but say nothing. What follows from a line
 * comes with the next one, or with simulation_finish. */
void simulation_take(struct simulation *simulation, struct span line);

/* Takes a record as a source topic has it; it arrived at its own timestamp. Lines or records: not both. */
void simulation_take_record(struct simulation *simulation, const struct source_record *record,
                            const struct mapping *mapping, bool profile);

/* After the last line: runs the clock to `until`, or until nothing is pending (no further year of a yearly
 * trigger is then entered). */
void simulation_finish(struct simulation *simulation);

/* How many users the lines named so far. */
size_t simulation_user_count(const struct simulation *simulation);

/* An arrival as a line or --until gives it: RFC 3339 text or whole ms. ERR_INVALID. */
WARN_UNUSED enum err simulation_time(struct value value, int64_t *time_ms);

#endif
