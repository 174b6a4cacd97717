/* Which events anything that lives needs: the sieve through which intake drops the others.
 *
 * Built from compiled campaigns and the policy, never changed afterwards, read by several threads.
 * It holds names only. Profiles always pass: what a user's profile says must be known to campaigns
 * that do not exist yet.
 */
#ifndef DECLIC_APP_INTEREST_H
#define DECLIC_APP_INTEREST_H

#include "core/campaign.h"

struct interest;

struct interest *interest_new(void);
void interest_free(struct interest *interest);

/* Adds what one campaign reacts to: its triggers' and cancels' events, what its expressions count. */
void interest_add_campaign(struct interest *interest, const struct campaign *campaign);
void interest_add_policy(struct interest *interest, const struct policy *policy);
/* Everything passes from now on; for a definition that this build cannot compile. */
void interest_add_all(struct interest *interest);

/* True when an event of a user with this name may have an effect. */
bool interest_wants(const struct interest *interest, struct span name);
/* True when an event without a user, about a thing, may. */
bool interest_wants_thing(const struct interest *interest, struct span name);

/* Where intake gets it from, and the proof that it is new enough: an event may be dropped only by a
 * set that was read past a watermark asked for after the event was had. Else what is produced right
 * after `apply` returned could be dropped by a set that does not know the campaign yet. */
struct interest_port {
    void *self;
    uint64_t (*ask)(void *self);
    bool (*passed)(void *self, uint64_t ticket);
    /* Held until release(*hold); not older than any ticket that was seen passed before. */
    const struct interest *(*acquire)(void *self, void **hold);
    void (*release)(void *self, void *hold);
};

#endif
