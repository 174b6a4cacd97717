/* What people want to know who read about a user: his wall clock (his time zone, else the policy's, else
 * UTC), and what holds his messages back. */
#ifndef DECLIC_CLI_USER_CLOCK_H
#define DECLIC_CLI_USER_CLOCK_H

#include "app/user_view.h"
#include "ports/locale.h"

struct user_clock {
    struct locale_port locale;
    bool has_locale;
    const struct locale_zone *zone; /* NULL: UTC, which needs no second time beside what is printed */
    struct span zone_name;
};

/* Without ICU's data the clock shows UTC. The zone's name lives as long as the view. */
void user_clock_open(struct user_clock *clock, struct user_view *view);
void user_clock_close(struct user_clock *clock);

/* `Thu 26 Nov 04:30`, NUL-terminated. */
#define USER_CLOCK_BYTES 32
void user_clock_format(const struct user_clock *clock, int64_t instant_ms, char text[USER_CLOCK_BYTES]);

/* What a campaign's state means for what is pending, to stand after its id; empty when it is active. */
const char *campaign_state_words(const struct campaign_item *campaign);

#endif
