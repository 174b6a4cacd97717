#include "app/intake_progress.h"

#include <assert.h>

uint64_t progress_add(struct progress *progress)
{
    progress->touched = true;
    progress->in_flight[progress->current % PROGRESS_EPOCHS]++;
    return progress->current;
}

/* Moves over closed epochs of which nothing is missing. */
static void advance(struct progress *progress)
{
    while (progress->oldest < progress->current &&
           progress->in_flight[progress->oldest % PROGRESS_EPOCHS] == 0)
        progress->oldest++;
}

void progress_done(struct progress *progress, uint64_t cookie)
{
    assert(cookie >= progress->oldest && cookie <= progress->current);
    assert(progress->in_flight[cookie % PROGRESS_EPOCHS] > 0);
    progress->in_flight[cookie % PROGRESS_EPOCHS]--;
    advance(progress);
}

void progress_touch(struct progress *progress)
{
    progress->touched = true;
}

bool progress_may_close(const struct progress *progress)
{
    return progress->touched && progress->current - progress->oldest < PROGRESS_EPOCHS - 1;
}

void progress_note(const struct progress *progress, struct progress_marks *marks, int64_t next)
{
    if (marks->count > 0) {
        size_t last = (marks->first + marks->count - 1) % PROGRESS_EPOCHS;
        if (marks->marks[last].next == next)
            return;
        if (marks->marks[last].epoch == progress->current) {
            marks->marks[last].next = next;
            return;
        }
    }
    /* Marks of complete epochs that were not taken yet say no more than the newest of them. */
    while (marks->count > 1 &&
           marks->marks[(marks->first + 1) % PROGRESS_EPOCHS].epoch < progress->oldest) {
        marks->first = (marks->first + 1) % PROGRESS_EPOCHS;
        marks->count--;
    }
    assert(marks->count < PROGRESS_EPOCHS);
    size_t at = (marks->first + marks->count++) % PROGRESS_EPOCHS;
    marks->marks[at].epoch = progress->current;
    marks->marks[at].next = next;
}

void progress_close(struct progress *progress)
{
    assert(progress_may_close(progress));
    progress->current++;
    progress->touched = false;
    assert(progress->in_flight[progress->current % PROGRESS_EPOCHS] == 0);
    advance(progress);
}

bool progress_idle(const struct progress *progress)
{
    return progress->oldest == progress->current &&
           progress->in_flight[progress->current % PROGRESS_EPOCHS] == 0;
}

int64_t progress_take(const struct progress *progress, struct progress_marks *marks)
{
    int64_t next = -1;
    while (marks->count > 0 && marks->marks[marks->first].epoch < progress->oldest) {
        next = marks->marks[marks->first].next;
        marks->first = (marks->first + 1) % PROGRESS_EPOCHS;
        marks->count--;
    }
    return next;
}
