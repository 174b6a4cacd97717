/* What changed campaigns would have done differently: the messages of two runs over the same events, told
 * apart by send id, and by campaign, user and step where ids differ. */
#ifndef DECLIC_MEMORY_SIM_COMPARE_H
#define DECLIC_MEMORY_SIM_COMPARE_H

#include "base/buf.h"
#include "core/decision.h"

struct sim_compare;

struct sim_compare *sim_compare_new(void);
void sim_compare_free(struct sim_compare *compare);

/* Takes a record of the first run (`after` false) or of the second; all of the first come first. */
void sim_compare_take(struct sim_compare *compare, bool after, const struct decision_record *record);

/* Appends how many messages are the same, gone, new, at another time or of another text, with the first
 * few of each that differs. */
void sim_compare_print(const struct sim_compare *compare, struct buf *out);

#endif
