/* Stories for the fold, one user, told line by line.
 *
 *     "event e1 cart 10:00 {\"total\": 45.0}"      what happens; arrives at its time
 *     "event e1 cart 10:00 {} at 10:20"           arrives (and is appended) at 10:20
 *     "= scheduled first 11:00"                    and what must come of it, record by record
 *
 * Times are of 2 March 2026, UTC; +1d 10:00 is the day after. Happenings:
 *     event ID NAME TIME JSON [at TIME]      profile TIME JSON|null      thing ID NAME TIME JSON
 *     decide TIME             decides and folds whatever is due by then, in order
 *     begin TIME              decides what is due but folds nothing: it is under way
 *     settle TIME             folds what is under way, appended at that time
 *     version N               version N of the first campaign is the current one from here on
 *     status active|hold|shift|expire|drain|archived          of the first campaign
 *     end TIME REASON [before N] [upto TIME]       shift MINUTES [upto TIME]
 *     migrate TIME   changed TIME   erase TIME     of journeys on versions before N, entered upto TIME
 *     next TIME|now|never     asserts when the due loop is wanted
 *     empty                   asserts that nothing is known any more
 * A record is `OUTCOME STEP[KEY] REASON DUE`: STEP is - for ignored, CAMPAIGN:STEP for any but the first
 * campaign; KEY, REASON and DUE only where there are any. After each line the state goes through its
 * binary form. Fails with the line's number and text.
 */
#ifndef DECLIC_TESTS_FOLD_SCRIPT_H
#define DECLIC_TESTS_FOLD_SCRIPT_H

#include "core/fold.h"

struct fold_script {
    const char *const *campaigns; /* YAML texts, ended by NULL */
    const char *const *versions; /* further versions (2, 3, …) of the first one, ended by NULL; or NULL */
    const char *policy;          /* YAML text, or NULL */
    const struct fold_limits *limits; /* NULL: the defaults */
    int64_t mark_window_ms;
    const char *const *lines; /* ended by NULL */
};

void fold_script_run(const struct fold_script *script);

/* 2 March 2026, 00:00 UTC. */
#define FOLD_SCRIPT_DAY_MS INT64_C(1772409600000)

#endif
