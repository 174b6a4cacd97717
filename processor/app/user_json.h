/* What is due for a user and what happened to him, as lists and as JSON: for commands and HTTP alike.
 */
#ifndef DECLIC_APP_USER_JSON_H
#define DECLIC_APP_USER_JSON_H

#include "app/user_view.h"
#include "base/buf.h"
#include "core/decision.h"

struct pending_send {
    struct span campaign, key, step;
    uint32_t version;
    int64_t due_ms;
    unsigned char send_id[SEND_ID_BYTES];
};

/* In order of due, then send id; in `arena`, spans live as long as the view too. */
const struct pending_send *user_pending_list(struct user_view *view, struct arena *arena, size_t *count);

/* Appends one array of objects, an object a line: campaign, version, key, step, due, send_id. */
void user_pending_write_json(struct buf *out, const struct pending_send *list, size_t count);

/* What the state remembers of decisions, and one SCHEDULED for each send that waits for its first; in order
 * of time. In `arena`, as above. */
const struct outcome_note *user_history_list(struct user_view *view, struct arena *arena, size_t *count);

/* Appends them as decision records, likewise; `campaign` with data NULL: of all. */
void user_history_write_json(struct buf *out, struct user_view *view, struct span campaign,
                             struct arena *arena);

#endif
