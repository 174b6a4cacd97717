/* What source topics hold since some instant, in the order in which it arrived, for a simulation.
 *
 * A record arrived at its timestamp; where several partitions are read, the earliest comes first, of equal
 * ones that of the topic named first, then of the lower partition. Reads to the ends that the topics had
 * when it was opened.
 */
#ifndef DECLIC_CLI_TOPIC_INPUT_H
#define DECLIC_CLI_TOPIC_INPUT_H

#include "app/config.h"
#include "codec/source_record.h"

struct topic_input;

struct topic_input_record {
    const struct mapping *mapping;
    bool profile;
    struct source_record record; /* valid until the next one is asked for */
};

/* `topics` are names of configured sources, with commas between them. Everything lives in `arena` but
 * what topic_input_close frees. Errors (diag): ERR_NOT_FOUND (no such source or topic), ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_REFUSED, ERR_INVALID. */
WARN_UNUSED enum err topic_input_open(const struct config *config, struct span topics, int64_t since_ms,
                                      struct arena *arena, struct topic_input **input, struct diag *diag);
/* NULL is allowed. */
void topic_input_close(struct topic_input *input);

/* How many offsets there are to read in all, and how many were. */
void topic_input_progress(const struct topic_input *input, int64_t *total, int64_t *done);

/* The next record, or *more = false. Errors (diag): ERR_TIMEOUT. */
WARN_UNUSED enum err topic_input_next(struct topic_input *input, bool *more,
                                      struct topic_input_record *record, struct diag *diag);

#endif
