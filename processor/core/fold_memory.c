#include "core/fold_parts.h"

#include "base/hash.h"
#include "core/cel/cel.h"

#define ID_HASH_SEED 0x6964
#define HISTORY_KEEP_MS ((int64_t)30 * 86400000)

/* now - span, as far down as there is. */
static int64_t before(int64_t now_ms, int64_t span_ms)
{
    int64_t result_ms;
    return __builtin_sub_overflow(now_ms, span_ms, &result_ms) ? INT64_MIN : result_ms;
}

void fold_forgot(const struct fold *fold, uint64_t count)
{
    if (fold->counts != NULL)
        fold->counts->forgotten += count;
}

struct value fold_keep_members(struct arena *arena, struct value map, const struct name_set *a,
                               const struct name_set *b)
{
    if (map.size == 0 || a->all || b->all)
        return map;
    if (a->count == 0 && b->count == 0)
        return value_map(NULL, 0);
    struct value_member *kept = ARENA_ARRAY(arena, struct value_member, map.size);
    size_t count = 0;
    for (uint32_t i = 0; i < map.size; i++) {
        struct span name = value_span(map.members[i].key);
        if (name_set_has(a, name) || name_set_has(b, name))
            kept[count++] = map.members[i];
    }
    return value_map(kept, count);
}

/* --- ids ---------------------------------------------------------------------------------------------- */

bool fold_id_is_seen(const struct fold_pass *pass, struct span id)
{
    uint64_t hash = hash_bytes(id, ID_HASH_SEED);
    for (size_t i = 0; i < pass->state->seen.count; i++) {
        const struct seen_id *seen = &pass->state->seen.items[i];
        if (seen->hash == hash && pass->at_ms - seen->arrived_ms < pass->fold->limits->dedupe_ms)
            return true;
    }
    return false;
}

void fold_id_remember(struct fold_pass *pass, struct span id)
{
    struct user_state *state = pass->state;
    if (state->seen.count >= pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&state->seen, 0);
        fold_forgot(pass->fold, 1);
    }
    *USER_LIST_PUSH(pass->fold->arena, &state->seen) =
        (struct seen_id){hash_bytes(id, ID_HASH_SEED), pass->at_ms};
}

/* --- count() and last() ---------------------------------------------------------------------------------
 */

static struct counter *counter_of(struct fold_pass *pass, const struct counter_spec *spec)
{
    struct counter *counter = user_counter_find(pass->state, spec->name, spec->predicate_text);
    if (counter != NULL)
        return counter;
    counter = USER_LIST_PUSH(pass->fold->arena, &pass->state->counters);
    counter->name = spec->name;
    counter->predicate = spec->predicate_text;
    return counter;
}

/* Keeps the times ascending, and at most as many as are remembered. */
static void counter_add(struct fold_pass *pass, struct counter *counter, int64_t time_ms)
{
    USER_LIST_PUSH(pass->fold->arena, &counter->times);
    int64_t *times = counter->times.items;
    size_t at = counter->times.count - 1;
    for (; at > 0 && times[at - 1] > time_ms; at--)
        times[at] = times[at - 1];
    times[at] = time_ms;
    if (counter->times.count > pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&counter->times, 0);
        fold_forgot(pass->fold, 1);
    }
}

static bool predicate_holds(const struct fold *fold, const struct counter_spec *spec,
                            struct value attributes)
{
    if (spec->predicate == NULL)
        return true;
    const struct cel_activation activation = {.variables = &attributes, .locale = fold->locale};
    return cel_eval_condition(spec->predicate, &activation, fold->arena, NULL);
}

void fold_count_event(struct fold_pass *pass, const struct event_interest *interest)
{
    for (size_t i = 0; i < interest->counter_count; i++) {
        const struct counter_spec *spec = interest->counters[i];
        if (predicate_holds(pass->fold, spec, pass->event->attributes))
            counter_add(pass, counter_of(pass, spec), pass->event->time_ms);
    }
}

static void forget_counted(const struct fold *fold, struct user_state *state, int64_t now_ms)
{
    for (size_t i = state->counters.count; i-- > 0;) {
        struct counter *counter = &state->counters.items[i];
        const struct counter_spec *spec =
            campaign_set_counter(fold->campaigns, counter->name, counter->predicate);
        size_t drop = counter->times.count;
        if (spec != NULL) {
            /* An event may be looked at with a `now` as old as it can be when it arrives. */
            int64_t oldest_now_ms = before(now_ms, fold->limits->max_age_ms);
            int64_t limit_ms = before(oldest_now_ms, spec->window_ms);
            drop = 0;
            while (drop < counter->times.count && counter->times.items[drop] <= limit_ms &&
                   !(spec->wants_last &&
                     (drop + 1 == counter->times.count || counter->times.items[drop + 1] > oldest_now_ms)))
                drop++;
        }
        if (drop == counter->times.count) {
            USER_LIST_REMOVE(&state->counters, i);
            continue;
        }
        counter->times.items += drop;
        counter->times.count -= drop;
        counter->times.capacity -= drop;
    }
}

/* --- times
 * ------------------------------------------------------------------------------------------------ */

static struct times_counter *times_find(const struct user_state *state, struct span campaign,
                                        uint32_t alternative)
{
    for (size_t i = 0; i < state->times.count; i++) {
        struct times_counter *counter = &state->times.items[i];
        if (counter->alternative == alternative && span_equal(counter->campaign, campaign))
            return counter;
    }
    return NULL;
}

static void times_add(struct fold_pass *pass, struct times_counter *counter, struct span same,
                      int64_t time_ms)
{
    USER_LIST_PUSH(pass->fold->arena, &counter->events);
    struct times_event *events = counter->events.items;
    size_t at = counter->events.count - 1;
    for (; at > 0 && events[at - 1].time_ms > time_ms; at--)
        events[at] = events[at - 1];
    events[at] = (struct times_event){same, time_ms};
    if (counter->events.count > pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&counter->events, 0);
        fold_forgot(pass->fold, 1);
    }
}

bool fold_times_reached(struct fold_pass *pass, const struct campaign *campaign, uint32_t alternative,
                        struct span same, int64_t time_ms)
{
    const struct trigger *trigger = &campaign->triggers[alternative];
    struct times_counter *counter = times_find(pass->state, campaign->id, alternative);
    if (counter == NULL) {
        counter = USER_LIST_PUSH(pass->fold->arena, &pass->state->times);
        counter->campaign = campaign->id;
        counter->alternative = alternative;
    }
    times_add(pass, counter, same, time_ms);
    int64_t after_ms = before(time_ms, trigger->times_within_ms);
    uint32_t matching = 0;
    for (size_t i = 0; i < counter->events.count; i++) {
        const struct times_event *event = &counter->events.items[i];
        if (event->time_ms > after_ms && event->time_ms <= time_ms && span_equal(event->same, same))
            matching++;
    }
    if (matching < trigger->times_at_least)
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < counter->events.count; i++) {
        struct times_event event = counter->events.items[i];
        if (!(event.time_ms > after_ms && event.time_ms <= time_ms && span_equal(event.same, same)))
            counter->events.items[kept++] = event;
    }
    counter->events.count = kept;
    return true;
}

static int64_t times_within(const struct fold *fold, const struct times_counter *counter)
{
    const struct campaign_slot *slot = campaign_set_find(fold->campaigns, counter->campaign);
    if (slot == NULL || counter->alternative >= slot->current->trigger_count)
        return -1;
    const struct trigger *trigger = &slot->current->triggers[counter->alternative];
    return trigger->times_at_least == 0 ? -1 : trigger->times_within_ms;
}

static void forget_times(const struct fold *fold, struct user_state *state, int64_t now_ms)
{
    for (size_t i = state->times.count; i-- > 0;) {
        struct times_counter *counter = &state->times.items[i];
        int64_t within_ms = times_within(fold, counter);
        int64_t limit_ms = before(before(now_ms, fold->limits->max_age_ms), within_ms);
        size_t drop = 0;
        while (drop < counter->events.count &&
               (within_ms < 0 || counter->events.items[drop].time_ms <= limit_ms))
            drop++;
        if (drop == counter->events.count) {
            USER_LIST_REMOVE(&state->times, i);
            continue;
        }
        counter->events.items += drop;
        counter->events.count -= drop;
        counter->events.capacity -= drop;
    }
}

/* --- entries and sent messages --------------------------------------------------------------------------
 */

struct entry_note *fold_last_entry(const struct user_state *state, struct span campaign, struct span key)
{
    for (size_t i = state->entries.count; i-- > 0;) {
        struct entry_note *entry = &state->entries.items[i];
        if (span_equal(entry->campaign, campaign) && span_equal(entry->key, key))
            return entry;
    }
    return NULL;
}

/* At most as many of one campaign as are remembered. */
static void bound_entries(struct fold_pass *pass, struct span campaign)
{
    struct user_state *state = pass->state;
    if (state->entries.count < pass->fold->limits->remembered)
        return;
    size_t count = 0, oldest = SIZE_MAX;
    for (size_t i = state->entries.count; i-- > 0;) {
        if (span_equal(state->entries.items[i].campaign, campaign)) {
            count++;
            oldest = i;
        }
    }
    if (count >= pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&state->entries, oldest);
        fold_forgot(pass->fold, 1);
    }
}

void fold_note_entry(struct fold_pass *pass, const struct campaign *campaign, struct span key,
                     int64_t time_ms, bool restart)
{
    if (campaign->entry.cooldown_ms == 0 && campaign->entry.at_most_count == 0)
        return;
    struct entry_note *entry = restart ? fold_last_entry(pass->state, campaign->id, key) : NULL;
    if (entry == NULL) {
        bound_entries(pass, campaign->id);
        entry = USER_LIST_PUSH(pass->fold->arena, &pass->state->entries);
        entry->campaign = campaign->id;
        entry->key = key;
    }
    entry->time_ms = time_ms;
}

void fold_note_sent(struct fold_pass *pass, const struct campaign *campaign, const struct step *step,
                    int64_t sent_ms)
{
    struct user_state *state = pass->state;
    if (campaign->type == CAMPAIGN_TRANSACTIONAL || pass->fold->campaigns->sent_keep_ms == 0)
        return;
    const struct labels *labels = step->labels.given       ? &step->labels
                                  : campaign->labels.given ? &campaign->labels
                                                           : &pass->fold->policy->labels;
    if (state->sent.count >= pass->fold->limits->remembered) {
        USER_LIST_REMOVE(&state->sent, 0);
        fold_forgot(pass->fold, 1);
    }
    USER_LIST_PUSH(pass->fold->arena, &state->sent);
    struct sent_note *notes = state->sent.items;
    size_t at = state->sent.count - 1;
    for (; at > 0 && notes[at - 1].time_ms > sent_ms; at--)
        notes[at] = notes[at - 1];
    notes[at] = (struct sent_note){sent_ms, step->channel, labels->names, labels->count};
}

/* --- forgetting ------------------------------------------------------------------------------------------
 */

/* Removes the items for which `old` is true, keeping the order. */
#define FORGET_IF(list, item, old)                               \
    do {                                                         \
        size_t kept_ = 0;                                        \
        for (size_t i_ = 0; i_ < (list)->count; i_++) {          \
            __typeof__((list)->items) item = &(list)->items[i_]; \
            if (old)                                             \
                continue;                                        \
            if (kept_ != i_)                                     \
                (list)->items[kept_] = *item;                    \
            kept_++;                                             \
        }                                                        \
        (list)->count = kept_;                                   \
    } while (0)

void fold_forget_old(const struct fold *fold, struct user_state *state, int64_t now_ms)
{
    const struct fold_limits *limits = fold->limits;
    FORGET_IF(&state->seen, seen, now_ms - seen->arrived_ms >= limits->dedupe_ms);
    FORGET_IF(&state->cancels, cancel, now_ms - cancel->arrived_ms >= limits->lateness_ms);
    int64_t entry_limit_ms = before(before(now_ms, limits->max_age_ms), fold->campaigns->entry_keep_ms);
    FORGET_IF(&state->entries, entry, entry->time_ms <= entry_limit_ms);
    int64_t sent_limit_ms = before(now_ms, fold->campaigns->sent_keep_ms);
    FORGET_IF(&state->sent, sent, sent->time_ms <= sent_limit_ms);
    FORGET_IF(&state->follows, follow, follow->expires_ms <= now_ms);
    FORGET_IF(&state->dates, date, date->forget_ms <= now_ms);
    FORGET_IF(&state->history, note, now_ms - note->at_ms >= HISTORY_KEEP_MS);
    forget_counted(fold, state, now_ms);
    forget_times(fold, state, now_ms);
}
