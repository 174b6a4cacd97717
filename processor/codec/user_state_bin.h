/* A user's state as few bytes: what stands in the view for each user, and in snapshots.
 *
 *     version byte (1), a varint whose bit i says that section i follows, the sections in order:
 *     0 profile   1 journeys   2 cancels   3 counters   4 times   5 entries   6 sent   7 seen ids
 *     8 follows   9 dates   10 wakes   11 history   12 place
 * A section is a count and its items (the profile: a value; the place: the journal offset of the last
 * record that concerned the user, and a byte, the sweep that covers him). Within, numbers are varints; an
 * instant is the zigzag difference to the instant written before (the first: to 0); a name that is likely
 * to come again (campaign, step, channel, label, event name) is 0 and its text the first time, then 1 + its
 * place among the first 255 such names; other texts are a size and bytes; values as in codec/value_bin.
 *
 * The version grows when the layout changes. In the view a state of a version that is not known is not read
 * but folded anew from the journal; snapshots in the journal are all there is of what lies before them, so
 * a program reads every version that came before its own.
 */
#ifndef DECLIC_CODEC_USER_STATE_BIN_H
#define DECLIC_CODEC_USER_STATE_BIN_H

#include "base/buf.h"
#include "core/user_state.h"

#define USER_STATE_VERSION 1

/* Appends the state; nothing at all for an empty one that has no place in the journal either. The same
 * state gives the same bytes. Not into the buffer that the state was decoded from: it still points there.
 */
void user_state_encode(const struct user_state *state, struct buf *out);

/* Reads what user_state_encode wrote (no bytes: an empty state). The state points into `bytes` and
 * `arena`, takes at most about a hundred times the bytes there, and must not outlive either.
 * Errors: ERR_VERSION; ERR_TRUNCATED when the bytes end too early or contradict themselves. */
WARN_UNUSED enum err user_state_decode(struct span bytes, struct span user, struct arena *arena,
                                       struct user_state *state);

#endif
