/* What concerns many users of a partition, as it is folded: an event about a thing, a campaign's new
 * version or end.
 *
 * Folding such an entry only opens a cursor in the partition's state. The users are named, a thousand at a
 * time, by slice entries that the owner appends (engine_cursors.c), and folding a slice folds each user and
 * moves the cursor, in the same atomic step as their states. So other records flow in between, a crash
 * resumes where the cursor stands, a replay meets the same users in the same order, and a slice of somebody
 * who lost the partition counts for nothing or, where it names the cursor's place, for as much as one of
 * the owner's.
 */
#include <stdlib.h>

#include "app/engine_internal.h"
#include "base/hash.h"
#include "codec/journal.h"
#include "core/user_state.h"

/* ---- events about things -------------------------------------------------------------------------- */

/* Each remembers as many ids as a user may. No user has a control character in his id. */
struct span slices_memory(size_t number)
{
    static const char names[SLICES_MEMORIES][2] = {
        "\x1F\x40", "\x1F\x41", "\x1F\x42", "\x1F\x43", "\x1F\x44", "\x1F\x45", "\x1F\x46", "\x1F\x47",
        "\x1F\x48", "\x1F\x49", "\x1F\x4A", "\x1F\x4B", "\x1F\x4C", "\x1F\x4D", "\x1F\x4E", "\x1F\x4F"};
    return span_make(names[number], sizeof names[0]);
}

bool slices_is_memory(struct span user)
{
    return user.size == 2 && user.data[0] == '\x1F';
}

struct span slices_memory_of(const struct event *event)
{
    return slices_memory(hash_bytes(event->id, 0) % SLICES_MEMORIES);
}

static bool is_triggered(const struct fold *fold, const struct campaign_slot *slot,
                         const struct event *event)
{
    struct span thing;
    if (slot->life.status == CAMPAIGN_ARCHIVED)
        return false;
    for (size_t i = 0; i < slot->current->trigger_count; i++)
        if (fold_thing_name(fold, &slot->current->triggers[i], event, &thing))
            return true;
    return false;
}

void slices_open_thing(struct engine *engine, struct partition *partition, struct fold *fold,
                       const struct event *event, bool duplicate)
{
    const struct event_interest *interest = campaign_set_interest(fold->campaigns, event->name);
    struct journal_writer writer = {0};
    struct partition_cursor cursor = {.kind = CURSOR_THING, .duplicate = duplicate};
    for (size_t i = 0; interest != NULL && i < interest->slot_count; i++) {
        if (!is_triggered(fold, interest->slots[i], event))
            continue;
        if (cursor.event.size == 0) {
            struct entry entry = {.kind = ENTRY_THING, .event = *event};
            journal_writer_add(&writer, &entry);
            buf_clear(&engine->scratch);
            journal_writer_finish(&writer, &engine->scratch);
            journal_writer_free(&writer);
            cursor.event = buf_span(&engine->scratch);
        }
        cursor.campaign = interest->slots[i]->current->id;
        partition_state_open_cursor(&partition->state, &cursor);
    }
}

bool slices_event(const struct partition_cursor *cursor, struct arena *arena, struct event *event)
{
    struct journal_reader reader;
    struct entry entry;
    if (journal_reader_init(&reader, arena_copy(arena, cursor->event), arena) != ERR_OK ||
        journal_reader_next(&reader, &entry) != ERR_OK || entry.kind != ENTRY_THING)
        return false;
    *event = entry.event;
    return true;
}

/* ---- controls ------------------------------------------------------------------------------------- */

/* Nothing that is in the calendar now was put there later than this; nothing that comes will be earlier. */
static int64_t entered_upto_ms(const struct partition_state *state)
{
    return state->arrived_max_ms > state->append_max_ms ? state->arrived_max_ms : state->append_max_ms;
}

void slices_open_version(struct partition *partition, const struct control *control, bool first)
{
    bool migrate = span_equal_text(control->option, "migrate");
    if (first || !(migrate || span_equal_text(control->option, "cancel")))
        return;
    const struct partition_cursor cursor = {.kind = migrate ? CURSOR_MIGRATE : CURSOR_END,
                                            .campaign = control->id,
                                            .at_ms = control->at_ms,
                                            .before_version = control->version,
                                            .entered_upto_ms = INT64_MAX,
                                            .reason = REASON_ENDED};
    partition_state_open_cursor(&partition->state, &cursor);
}

void slices_open_dates(struct partition *partition, const struct control *control)
{
    const struct campaign_slot *slot = campaign_set_find(partition->campaigns, control->id);
    const struct partition_cursor cursor = {
        .kind = CURSOR_DATES, .campaign = control->id, .at_ms = control->at_ms};
    if (slot != NULL && slot->has_dates && slot->current->version == control->version)
        partition_state_open_cursor(&partition->state, &cursor);
}

void slices_open_life(struct partition *partition, const struct control *control,
                      const struct live_campaign *before)
{
    struct live_campaign *live = partition_state_campaign(&partition->state, control->id);
    struct partition_cursor cursor = {.kind = CURSOR_END,
                                      .campaign = control->id,
                                      .at_ms = control->at_ms,
                                      .before_version = live->version + 1,
                                      .entered_upto_ms = entered_upto_ms(&partition->state)};
    if (control->kind == CONTROL_ARCHIVE) {
        cursor.reason = REASON_ENDED;
        cursor.entered_upto_ms = INT64_MAX;
    } else if (control->kind == CONTROL_PAUSE) {
        live->paused_arrived_ms = cursor.entered_upto_ms;
        cursor.reason = REASON_PAUSED;
        if (live->treatment != PAUSE_EXPIRE)
            return;
    } else {
        if (before->status != CAMPAIGN_PAUSED || before->treatment != PAUSE_SHIFT ||
            control->at_ms <= before->paused_at_ms)
            return;
        cursor.kind = CURSOR_SHIFT;
        cursor.by_ms = control->at_ms - before->paused_at_ms;
        cursor.entered_upto_ms = before->paused_arrived_ms;
    }
    partition_state_open_cursor(&partition->state, &cursor);
}

struct journey_range slices_range(const struct partition_cursor *cursor)
{
    return (struct journey_range){cursor->campaign, cursor->before_version, cursor->entered_upto_ms};
}

uint32_t slices_hold_below(const struct partition_state *state, struct span campaign)
{
    uint32_t below = 0;
    for (size_t i = 0; i < state->cursor_count; i++) {
        const struct partition_cursor *cursor = &state->cursors[i];
        if (cursor->before_version > below && span_equal(cursor->campaign, campaign))
            below = cursor->before_version;
    }
    return below;
}

/* ---- slices --------------------------------------------------------------------------------------- */

struct slice_work slices_begin(struct engine *engine, struct partition *partition, const struct fold *fold,
                               const struct slice *slice)
{
    struct slice_work work = {.cursor = partition_state_cursor(&partition->state, slice->cursor)};
    if (work.cursor == NULL || !span_equal(work.cursor->after, slice->after)) {
        metrics_count(&engine->numbers, METRIC_SLICES_IGNORED, 1);
        return (struct slice_work){0};
    }
    metrics_count(&engine->numbers, METRIC_SLICES_FOLDED, 1);
    work.slot = campaign_set_find(fold->campaigns, work.cursor->campaign);
    if (work.cursor->kind == CURSOR_THING && !slices_event(work.cursor, fold->arena, &work.event))
        work.slot = NULL;
    return work;
}

void slices_fold_user(const struct slice_work *work, struct fold *fold, struct user_state *state,
                      int64_t append_ms)
{
    const struct partition_cursor *cursor = work->cursor;
    const struct journey_range range = slices_range(cursor);
    if (work->slot == NULL)
        return;
    switch (cursor->kind) {
    case CURSOR_THING:
        fold_thing(fold, state, work->slot, &work->event, cursor->duplicate, append_ms);
        break;
    case CURSOR_DATES:
        fold_campaign_changed(fold, state, work->slot, cursor->at_ms, append_ms);
        break;
    case CURSOR_END:
        fold_campaign_end(fold, state, &range, cursor->reason, cursor->at_ms, append_ms);
        break;
    case CURSOR_SHIFT:
        fold_campaign_shift(state, &range, cursor->by_ms);
        break;
    case CURSOR_MIGRATE:
        fold_campaign_migrate(fold, state, work->slot, cursor->at_ms, append_ms);
        break;
    }
}

bool slices_end(struct engine *engine, struct partition *partition, const struct slice_work *work,
                const struct slice *slice)
{
    bool held = work->cursor->before_version != 0;
    (void)engine;
    partition->slices_out = false;
    if (!slice->last) {
        if (slice->user_count != 0)
            partition_cursor_move(work->cursor, slice->users[slice->user_count - 1]);
        return false;
    }
    partition_state_close_cursor(&partition->state, work->cursor->id);
    return held;
}

/* ---- who follows what ------------------------------------------------------------------------------ */

uint64_t slices_follow_number(struct span rule, struct span thing)
{
    return hash_bytes(thing, hash_bytes(rule, 0));
}

static int order_of_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Two things with one number are one here: the store then hands out some who do not follow, and the fold
 * looks. */
struct follow_numbers slices_follow_numbers(struct arena *arena, const struct user_state *state)
{
    struct follow_numbers numbers = {0};
    if (state->follows.count == 0)
        return numbers;
    uint64_t *all = ARENA_ARRAY(arena, uint64_t, state->follows.count);
    for (size_t i = 0; i < state->follows.count; i++)
        all[i] = slices_follow_number(state->follows.items[i].name, state->follows.items[i].thing);
    qsort(all, state->follows.count, sizeof *all, order_of_numbers);
    for (size_t i = 0; i < state->follows.count; i++)
        if (i == 0 || all[i] != all[i - 1])
            all[numbers.count++] = all[i];
    numbers.items = all;
    return numbers;
}

void slices_follow_changes(struct arena *arena, struct span user, const struct follow_numbers *before,
                           const struct follow_numbers *after, struct follow_changes *changes)
{
    size_t b = 0, a = 0;
    while (b < before->count || a < after->count) {
        if (b < before->count && a < after->count && before->items[b] == after->items[a]) {
            b++;
            a++;
            continue;
        }
        bool on = b == before->count || (a < after->count && after->items[a] < before->items[b]);
        *ARENA_PUSH(arena, &changes->items, &changes->count, &changes->capacity) =
            (struct store_follow){on ? after->items[a] : before->items[b], user, on};
        if (on)
            a++;
        else
            b++;
    }
}
