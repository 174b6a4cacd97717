/* Which source offsets may be committed: those before which everything is acknowledged.
 *
 * Time is cut into epochs. A record that is appended is counted in the epoch in which its first content
 * was taken from the source; when an epoch is closed, each source partition notes the offset that it
 * had reached. Once everything counted in an epoch and in all earlier ones is acknowledged, those
 * offsets may be committed. So the cost of keeping books does not grow with the records in flight.
 */
#ifndef DECLIC_APP_INTAKE_PROGRESS_H
#define DECLIC_APP_INTAKE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_EPOCHS 64 /* open at the same time, the current one among them */

struct progress {
    uint64_t current; /* the epoch that is being filled */
    uint64_t oldest;  /* the first that is not complete; <= current */
    uint32_t in_flight[PROGRESS_EPOCHS];
    bool touched; /* the current epoch has something to note */
};

/* What one source partition noted and did not commit yet. */
struct progress_marks {
    struct {
        uint64_t epoch;
        int64_t next;
    } marks[PROGRESS_EPOCHS];
    size_t first, count;
};

/* Counts something that is to be acknowledged; returns its cookie. */
uint64_t progress_add(struct progress *progress);
/* It was acknowledged. */
void progress_done(struct progress *progress, uint64_t cookie);
/* Something was taken that needs no acknowledgement (it was dropped). */
void progress_touch(struct progress *progress);

/* True when the current epoch holds something and there is room for another one: note every partition,
 * then progress_close. */
bool progress_may_close(const struct progress *progress);
/* `next`: the partition's next offset as of now. Only before progress_close. */
void progress_note(const struct progress *progress, struct progress_marks *marks, int64_t next);
void progress_close(struct progress *progress);

/* Everything counted so far is acknowledged. */
bool progress_idle(const struct progress *progress);

/* The offset that the partition may commit, or -1 when nothing new may be. Forgets what it answered. */
int64_t progress_take(const struct progress *progress, struct progress_marks *marks);

#endif
