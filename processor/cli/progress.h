/* A progress bar on standard error, where that is a terminal.
 */
#ifndef DECLIC_CLI_PROGRESS_H
#define DECLIC_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    const char *what; /* "lines" */
    int percent;      /* as it stands on the terminal; -1: nothing yet */
    uint64_t count;
};

/* `hidden`: the terminal is needed for something else. */
void progress_begin(struct progress *progress, const char *what, bool hidden);

/* One more is done; total 0: not known how much there is. Cheap while the bar does not move. */
void progress_step(struct progress *progress, int64_t done, int64_t total);

/* Wipes the bar. */
void progress_end(struct progress *progress);

#endif
