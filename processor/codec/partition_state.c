#include "codec/partition_state.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/varint.h"

#define LAYOUT 3
#define MAX_LIVES 4096 /* of all source partitions; the least used is forgotten beyond */

static void *grow(void *items, size_t *capacity, size_t item_bytes)
{
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    void *larger = memory_checked(realloc(items, *capacity * item_bytes));
    return larger;
}

static struct span own(struct span bytes)
{
    char *copy = memory_checked(malloc(bytes.size + 1));
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return span_make(copy, bytes.size);
}

void partition_state_init(struct partition_state *state)
{
    *state = (struct partition_state){
        .append_max_ms = INT64_MIN, .arrived_max_ms = INT64_MIN, .sweep = {.begun_ms = INT64_MIN}};
}

static void cursor_free(struct partition_cursor *cursor)
{
    free((char *)cursor->campaign.data);
    free((char *)cursor->after.data);
    free((char *)cursor->event.data);
}

void partition_state_free(struct partition_state *state)
{
    for (size_t i = 0; i < state->cursor_count; i++)
        cursor_free(&state->cursors[i]);
    free(state->cursors);
    for (size_t i = 0; i < state->life_count; i++) {
        free((char *)state->lives[i].topic.data);
        free(state->lives[i].seen);
    }
    for (size_t i = 0; i < state->campaign_count; i++)
        free((char *)state->campaigns[i].id.data);
    free(state->lives);
    free(state->campaigns);
    partition_state_init(state);
}

static struct source_life *find_life(struct partition_state *state, const struct source_position *position)
{
    for (size_t i = 0; i < state->life_count; i++) {
        struct source_life *life = &state->lives[i];
        if (life->incarnation == position->incarnation && life->partition == position->partition &&
            span_equal(life->topic, position->topic))
            return life;
    }
    return NULL;
}

static struct source_life *new_life(struct partition_state *state)
{
    if (state->life_count == MAX_LIVES) {
        struct source_life *least = &state->lives[0];
        for (size_t i = 1; i < state->life_count; i++)
            if (state->lives[i].touched < least->touched)
                least = &state->lives[i];
        free((char *)least->topic.data);
        free(least->seen);
        *least = (struct source_life){0};
        return least;
    }
    if (state->life_count == state->life_capacity)
        state->lives = grow(state->lives, &state->life_capacity, sizeof *state->lives);
    struct source_life *life = &state->lives[state->life_count++];
    *life = (struct source_life){0};
    return life;
}

static int compare_place(struct source_place a, struct source_place b)
{
    if (a.offset != b.offset)
        return a.offset < b.offset ? -1 : 1;
    return a.index < b.index ? -1 : a.index > b.index;
}

static void raise_floor(struct source_life *life, int64_t floor)
{
    if (floor <= life->floor)
        return;
    life->floor = floor;
    size_t below = 0;
    while (below < life->seen_count && life->seen[below].offset < floor)
        below++;
    life->seen_count -= below;
    memmove(life->seen, life->seen + below, life->seen_count * sizeof *life->seen);
}

bool partition_state_take(struct partition_state *state, const struct source_position *position)
{
    struct source_life *life = find_life(state, position);
    if (life == NULL) {
        life = new_life(state);
        life->topic = own(position->topic);
        life->incarnation = position->incarnation;
        life->partition = position->partition;
        life->floor = position->floor;
    }
    life->touched = ++state->uses;
    raise_floor(life, position->floor);
    struct source_place place = {position->offset, position->index};
    if (place.offset < life->floor)
        return false;
    /* Nearly always the last: look from the end. */
    size_t at = life->seen_count;
    while (at > 0 && compare_place(life->seen[at - 1], place) > 0)
        at--;
    if (at > 0 && compare_place(life->seen[at - 1], place) == 0)
        return false;
    if (life->seen_count == life->seen_capacity)
        life->seen = grow(life->seen, &life->seen_capacity, sizeof *life->seen);
    memmove(life->seen + at + 1, life->seen + at, (life->seen_count - at) * sizeof *life->seen);
    life->seen[at] = place;
    life->seen_count++;
    return true;
}

static size_t campaign_place(const struct partition_state *state, struct span id, bool *found)
{
    size_t low = 0, high = state->campaign_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = span_compare(state->campaigns[middle].id, id);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

struct live_campaign *partition_state_campaign(struct partition_state *state, struct span id)
{
    bool found;
    size_t at = campaign_place(state, id, &found);
    return found ? &state->campaigns[at] : NULL;
}

struct live_campaign *partition_state_put_campaign(struct partition_state *state, struct span id)
{
    bool found;
    size_t at = campaign_place(state, id, &found);
    if (found)
        return &state->campaigns[at];
    if (state->campaign_count == state->campaign_capacity)
        state->campaigns = grow(state->campaigns, &state->campaign_capacity, sizeof *state->campaigns);
    struct live_campaign *campaign = &state->campaigns[at];
    memmove(campaign + 1, campaign, (state->campaign_count - at) * sizeof *campaign);
    state->campaign_count++;
    *campaign = (struct live_campaign){.id = own(id)};
    return campaign;
}

/* ---- cursors ---- */

static struct partition_cursor *push_cursor(struct partition_state *state)
{
    if (state->cursor_count == state->cursor_capacity)
        state->cursors = grow(state->cursors, &state->cursor_capacity, sizeof *state->cursors);
    return &state->cursors[state->cursor_count++];
}

void partition_state_open_cursor(struct partition_state *state, const struct partition_cursor *cursor)
{
    struct partition_cursor *opened = push_cursor(state);
    *opened = *cursor;
    opened->id = ++state->cursors_opened;
    opened->campaign = own(cursor->campaign);
    opened->after = own(span_make(NULL, 0));
    opened->event = own(cursor->event);
}

struct partition_cursor *partition_state_cursor(struct partition_state *state, uint64_t id)
{
    for (size_t i = 0; i < state->cursor_count; i++)
        if (state->cursors[i].id == id)
            return &state->cursors[i];
    return NULL;
}

void partition_cursor_move(struct partition_cursor *cursor, struct span after)
{
    struct span moved = own(after);
    free((char *)cursor->after.data);
    cursor->after = moved;
}

void partition_state_close_cursor(struct partition_state *state, uint64_t id)
{
    struct partition_cursor *cursor = partition_state_cursor(state, id);
    if (cursor == NULL)
        return;
    cursor_free(cursor);
    size_t behind = state->cursor_count - (size_t)(cursor - state->cursors) - 1;
    memmove(cursor, cursor + 1, behind * sizeof *cursor);
    state->cursor_count--;
}

static void encode_cursor(const struct partition_cursor *cursor, struct buf *out)
{
    varint_append(out, cursor->id);
    varint_append(out, cursor->kind);
    varint_append_span(out, cursor->campaign);
    varint_append_span(out, cursor->after);
    varint_append_signed(out, cursor->at_ms);
    varint_append(out, cursor->before_version);
    varint_append_signed(out, cursor->entered_upto_ms);
    varint_append(out, cursor->reason);
    varint_append_signed(out, cursor->by_ms);
    varint_append_span(out, cursor->event);
    varint_append(out, cursor->duplicate);
}

static void decode_cursor(struct cursor *cursor, struct partition_state *state)
{
    struct partition_cursor *decoded = push_cursor(state);
    *decoded = (struct partition_cursor){.id = cursor_varint(cursor)};
    decoded->kind = (enum cursor_kind)cursor_varint_max(cursor, CURSOR_MIGRATE);
    decoded->campaign = own(cursor_span(cursor));
    decoded->after = own(cursor_span(cursor));
    decoded->at_ms = cursor_varint_signed(cursor);
    decoded->before_version = (uint32_t)cursor_varint_max(cursor, UINT32_MAX);
    decoded->entered_upto_ms = cursor_varint_signed(cursor);
    decoded->reason = (enum reason)cursor_varint_max(cursor, REASON_COUNT - 1);
    decoded->by_ms = cursor_varint_signed(cursor);
    decoded->event = own(cursor_span(cursor));
    decoded->duplicate = cursor_varint_max(cursor, 1) != 0;
}

/* ---- binary form ---- */

static void encode_life(const struct source_life *life, struct buf *out)
{
    varint_append_span(out, life->topic);
    varint_append(out, life->incarnation);
    varint_append(out, (uint64_t)life->partition);
    varint_append_signed(out, life->floor);
    varint_append(out, life->touched);
    varint_append(out, life->seen_count);
    int64_t before = life->floor;
    for (size_t i = 0; i < life->seen_count; i++) {
        varint_append(out, (uint64_t)(life->seen[i].offset - before));
        varint_append(out, life->seen[i].index);
        before = life->seen[i].offset;
    }
}

static void encode_sweep(const struct sweep_state *sweep, struct buf *out)
{
    varint_append(out, sweep->number);
    varint_append(out, sweep->open);
    varint_append_signed(out, sweep->taken);
    varint_append_signed(out, sweep->at);
    varint_append_signed(out, sweep->begun_ms);
    varint_append(out, sweep->behind);
    varint_append_signed(out, sweep->keep_from);
    varint_append(out, sweep->restoring);
}

static struct sweep_state decode_sweep(struct cursor *cursor)
{
    struct sweep_state sweep = {.number = cursor_varint(cursor)};
    sweep.open = cursor_varint_max(cursor, 1) != 0;
    sweep.taken = cursor_varint_signed(cursor);
    sweep.at = cursor_varint_signed(cursor);
    sweep.begun_ms = cursor_varint_signed(cursor);
    sweep.behind = cursor_varint_max(cursor, 1) != 0;
    sweep.keep_from = cursor_varint_signed(cursor);
    sweep.restoring = cursor_varint(cursor);
    return sweep;
}

void partition_state_encode(const struct partition_state *state, struct buf *out)
{
    buf_append_byte(out, LAYOUT);
    varint_append_signed(out, state->append_max_ms);
    varint_append_signed(out, state->arrived_max_ms);
    varint_append(out, state->policy_version);
    varint_append(out, state->uses);
    varint_append(out, state->campaign_count);
    for (size_t i = 0; i < state->campaign_count; i++) {
        const struct live_campaign *campaign = &state->campaigns[i];
        varint_append_span(out, campaign->id);
        varint_append(out, campaign->version);
        varint_append(out, campaign->status);
        varint_append(out, campaign->sequence);
        varint_append_signed(out, campaign->paused_at_ms);
        varint_append_signed(out, campaign->paused_arrived_ms);
        varint_append(out, campaign->treatment);
    }
    varint_append(out, state->life_count);
    for (size_t i = 0; i < state->life_count; i++)
        encode_life(&state->lives[i], out);
    varint_append(out, state->cursors_opened);
    varint_append(out, state->cursor_count);
    for (size_t i = 0; i < state->cursor_count; i++)
        encode_cursor(&state->cursors[i], out);
    encode_sweep(&state->sweep, out);
}

static void decode_life(struct cursor *cursor, struct partition_state *state)
{
    struct source_life *life = new_life(state);
    life->topic = own(cursor_span(cursor));
    life->incarnation = cursor_varint(cursor);
    life->partition = (int32_t)cursor_varint_max(cursor, INT32_MAX);
    life->floor = cursor_varint_signed(cursor);
    life->touched = cursor_varint(cursor);
    size_t count = cursor_varint_max(cursor, cursor_left(cursor));
    int64_t offset = life->floor;
    for (size_t i = 0; i < count && !cursor->failed; i++) {
        offset += (int64_t)cursor_varint_max(cursor, INT64_MAX / 2);
        if (life->seen_count == life->seen_capacity)
            life->seen = grow(life->seen, &life->seen_capacity, sizeof *life->seen);
        life->seen[life->seen_count++] =
            (struct source_place){offset, (uint32_t)cursor_varint_max(cursor, UINT32_MAX)};
    }
}

enum err partition_state_decode(struct span bytes, struct partition_state *state)
{
    partition_state_init(state);
    struct cursor cursor = cursor_make(bytes);
    uint8_t layout = cursor_byte(&cursor);
    if (cursor.failed)
        return ERR_TRUNCATED;
    if (layout != LAYOUT)
        return ERR_VERSION;
    state->append_max_ms = cursor_varint_signed(&cursor);
    state->arrived_max_ms = cursor_varint_signed(&cursor);
    state->policy_version = (uint32_t)cursor_varint_max(&cursor, UINT32_MAX);
    state->uses = cursor_varint(&cursor);
    size_t campaigns = cursor_varint_max(&cursor, cursor_left(&cursor));
    for (size_t i = 0; i < campaigns && !cursor.failed; i++) {
        struct live_campaign *campaign = partition_state_put_campaign(state, cursor_span(&cursor));
        campaign->version = (uint32_t)cursor_varint_max(&cursor, UINT32_MAX);
        campaign->status = (enum campaign_status)cursor_varint_max(&cursor, CAMPAIGN_ARCHIVED);
        campaign->sequence = cursor_varint(&cursor);
        campaign->paused_at_ms = cursor_varint_signed(&cursor);
        campaign->paused_arrived_ms = cursor_varint_signed(&cursor);
        campaign->treatment = (enum pause_treatment)cursor_varint_max(&cursor, PAUSE_DRAIN);
    }
    size_t lives = cursor_varint_max(&cursor, cursor_left(&cursor));
    for (size_t i = 0; i < lives && i < MAX_LIVES && !cursor.failed; i++)
        decode_life(&cursor, state);
    state->cursors_opened = cursor_varint(&cursor);
    size_t cursors = cursor_varint_max(&cursor, cursor_left(&cursor));
    for (size_t i = 0; i < cursors && !cursor.failed; i++)
        decode_cursor(&cursor, state);
    state->sweep = decode_sweep(&cursor);
    if (cursor.failed)
        return ERR_TRUNCATED;
    return cursor_left(&cursor) == 0 ? ERR_OK : ERR_CORRUPT;
}
