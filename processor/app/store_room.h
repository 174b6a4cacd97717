/* Whether the view has room for more.
 *
 * A Redis at its memory limit refuses every write, also those that would only settle and remove. So
 * intake stops well before: what is in the journal already can then be folded, sent and cancelled, which
 * makes room. Looked at once a second, and more often as it fills.
 */
#ifndef DECLIC_APP_STORE_ROOM_H
#define DECLIC_APP_STORE_ROOM_H

#include "ports/store.h"

#define STORE_ROOM_STOP_PERCENT 85 /* of the limit: no more */
#define STORE_ROOM_GO_PERCENT 80   /* again */

/* Zero-initialise with the port. */
struct store_room {
    struct store_port store;
    bool looked, tight;
    int64_t look_again_ms;
    int64_t used_bytes, limit_bytes; /* as last seen; limit 0: there is none */
};

/* True while there is no room. A store that does not answer keeps the last answer. `now_ms` is a clock that
 * does not go back. */
bool store_room_is_tight(struct store_room *room, int64_t now_ms);

#endif
