/* What a simulation came to, in figures: for each campaign how many entered, were scheduled, sent,
 * cancelled, skipped and why; at which hours messages go out; how many users are reached, and which get
 * most.
 *
 * Fed with decision records as they come; needs memory for each user and campaign, none for a record.
 */
#ifndef DECLIC_MEMORY_SIM_SUMMARY_H
#define DECLIC_MEMORY_SIM_SUMMARY_H

#include "base/buf.h"
#include "core/campaign_set.h"
#include "core/decision.h"
#include "ports/locale.h"

struct sim_summary;

/* `campaigns` and `locale` (for the policy's time zone) must outlive it. */
struct sim_summary *sim_summary_new(const struct campaign_set *campaigns, const struct locale_port *locale);
void sim_summary_free(struct sim_summary *summary);

void sim_summary_take(struct sim_summary *summary, const struct decision_record *record);

/* Appends the whole as text for a person; `users` is how many the input named. */
void sim_summary_print(const struct sim_summary *summary, size_t users, struct buf *out);

/* The same as a JSON array of objects: one a campaign, and a last one, whose `campaign` is null, for all.
 */
void sim_summary_json(const struct sim_summary *summary, size_t users, struct buf *out);

/* Appends what differs between two runs over the same events, campaign by campaign. */
void sim_summary_compare(const struct sim_summary *before, const struct sim_summary *after,
                         struct buf *out);

#endif
