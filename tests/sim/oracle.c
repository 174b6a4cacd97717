#include "oracle_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct oracle_campaign campaigns[] = {
    {"cart", "cart", {{"first", 6000}, {"second", 15000}}, 2, false, false},
    {"offer", "offer", {{"only", 4000}}, 1, true, false},
    {"night", "night", {{"only", 5000}}, 1, false, true},
    {"late", "late", {{"only", 3000}}, 1, false, false},
    {"drop", "drop", {{"only", 5000}}, 1, false, false},
    {"sale", "sale", {{"only", 12000}}, 1, false, false},
    {"held", "held", {{"only", 7000}}, 1, false, false},
};
#define CAMPAIGNS (sizeof campaigns / sizeof *campaigns)

void oracle_broken(struct judge *judge, const char *format, ...)
{
    if (judge->broken)
        return;
    judge->broken = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(judge->why, judge->why_bytes, format, arguments);
    va_end(arguments);
}

const struct oracle_campaign *oracle_campaign_of(const char *id)
{
    for (size_t i = 0; i < CAMPAIGNS; i++)
        if (same(campaigns[i].id, id))
            return &campaigns[i];
    return NULL;
}

const struct oracle_campaign *oracle_triggered_by(const char *event)
{
    for (size_t i = 0; i < CAMPAIGNS; i++)
        if (same(campaigns[i].event, event))
            return &campaigns[i];
    return NULL;
}

/* ---- what counts ---- */

static const struct oracle_source *source_of(const struct oracle_case *run,
                                             const struct oracle_event *event)
{
    for (size_t i = 0; i < run->source_count; i++)
        if (run->sources[i].partition == event->source_partition &&
            run->sources[i].offset == event->source_offset)
            return &run->sources[i];
    return NULL;
}

static bool was_counted(const struct judge *judge, const struct oracle_event *event)
{
    for (size_t i = 0; i < judge->count; i++)
        if (judge->counted[i].source->partition == event->source_partition &&
            judge->counted[i].source->offset == event->source_offset &&
            judge->counted[i].event->partition == event->partition)
            return true;
    return false;
}

static bool id_came_before(const struct judge *judge, const struct oracle_source *source, int partition)
{
    for (size_t i = 0; i < judge->count; i++)
        if (same(judge->counted[i].source->id, source->id) &&
            same(judge->counted[i].source->user, source->user) &&
            judge->counted[i].event->partition == partition)
            return true;
    return false;
}

/* ---- followers ---- */

bool oracle_is_about_thing(const struct oracle_source *source)
{
    return source->user[0] == '\0';
}

/* Whether the user follows the thing after the first `count` of what counted. */
static bool follows(const struct judge *judge, const char *user, const char *thing, size_t count)
{
    bool on = false;
    for (size_t i = 0; i < count; i++) {
        const struct counted *c = &judge->counted[i];
        if (c->duplicate || !same(c->source->user, user) || !same(c->source->key, thing))
            continue;
        if (same(c->source->name, "follow"))
            on = true;
        else if (same(c->source->name, "unfollow"))
            on = false;
    }
    return on;
}

static bool was_derived(const struct judge *judge, const struct counted *thing, const char *user)
{
    for (size_t i = 0; i < judge->count; i++)
        if (judge->counted[i].followed && judge->counted[i].event == thing->event &&
            same(judge->counted[i].source->user, user))
            return true;
    return false;
}

/* Whether he begins (or, with "unfollow", ceases) to follow it after the event at `index`. */
static bool changes_later(const struct judge *judge, const char *name, const char *user,
                          const struct counted *thing, size_t index)
{
    const struct oracle_case *run = judge->run;
    for (size_t i = index + 1; i < run->event_count; i++) {
        const struct oracle_source *source = source_of(run, &run->events[i]);
        if (source != NULL && run->events[i].partition == thing->event->partition &&
            same(source->name, name) && same(source->user, user) && same(source->key, thing->source->key))
            return true;
    }
    return false;
}

/* What follows the thing's event (at `index` of the journal's) in the list: the same event for each one who
 * follows. The users enter some while after it, so who changes his mind may be taken or left out. */
static void derive(struct judge *judge, const struct counted *thing, size_t index)
{
    const struct oracle_case *run = judge->run;
    size_t before = judge->count;
    for (size_t i = 0; i < run->event_count; i++) {
        const struct oracle_source *source = source_of(run, &run->events[i]);
        if (source == NULL || !same(source->name, "follow") ||
            run->events[i].partition != thing->event->partition || !same(source->key, thing->source->key) ||
            was_derived(judge, thing, source->user))
            continue;
        bool on = follows(judge, source->user, thing->source->key, before);
        if (!on && !changes_later(judge, "follow", source->user, thing, index))
            continue;
        struct oracle_source *copy = &judge->copies[judge->copy_count++];
        *copy = *thing->source;
        memcpy(copy->user, source->user, sizeof copy->user);
        judge->counted[judge->count++] = (struct counted){
            .source = copy,
            .event = thing->event,
            .followed = true,
            .unclear = !on || changes_later(judge, "unfollow", source->user, thing, index)};
    }
}

/* ---- all that counts ---- */

static void count_events(struct judge *judge)
{
    const struct oracle_case *run = judge->run;
    for (size_t i = 0; i < run->event_count; i++) {
        const struct oracle_event *event = &run->events[i];
        const struct oracle_source *source = source_of(run, event);
        if (source == NULL) {
            oracle_broken(judge, "INVENTED: journal %d/%ld holds a source record that was never written",
                          event->partition, (long)event->offset);
            return;
        }
        if (was_counted(judge, event))
            continue;
        bool duplicate = id_came_before(judge, source, event->partition);
        struct counted *counted = &judge->counted[judge->count++];
        *counted = (struct counted){.source = source, .event = event, .duplicate = duplicate};
        if (oracle_is_about_thing(source) && !duplicate)
            derive(judge, counted, i);
    }
    for (size_t i = 0; i < run->source_count; i++) {
        const struct oracle_source *source = &run->sources[i];
        int found = 0;
        for (int p = 0; p < run->partitions; p++) {
            const struct oracle_event key = {
                .source_partition = source->partition, .source_offset = source->offset, .partition = p};
            found += was_counted(judge, &key);
        }
        if (found != (oracle_is_about_thing(source) ? run->partitions : 1))
            oracle_broken(judge, "EVENT LOST: source %d/%ld (%s of %s) is in %d journal partitions",
                          source->partition, (long)source->offset, source->id, source->user, found);
    }
}

/* Whether b stands behind a in the same partition of the journal. */
bool oracle_is_behind(const struct counted *a, const struct counted *b)
{
    return b > a && a->event != b->event && a->event->partition == b->event->partition;
}

const struct counted *oracle_trigger_find(const struct judge *judge, const char *user, const char *id)
{
    for (size_t i = 0; i < judge->count; i++)
        if (same(judge->counted[i].source->id, id) && same(judge->counted[i].source->user, user))
            return &judge->counted[i];
    return NULL;
}

bool oracle_concerns_same(const struct counted *a, const struct counted *b)
{
    return same(a->source->user, b->source->user) && same(a->source->key, b->source->key);
}

const struct oracle_control *oracle_control_find(const struct judge *judge, const char *campaign,
                                                 const char *kind, int partition)
{
    for (size_t i = 0; i < judge->run->control_count; i++) {
        const struct oracle_control *control = &judge->run->controls[i];
        if (same(control->campaign, campaign) && same(control->kind, kind) &&
            control->partition == partition)
            return control;
    }
    return NULL;
}

static bool is_after(const struct counted *event, const struct oracle_control *control)
{
    return control != NULL && event->event->offset > control->offset;
}

bool oracle_is_archived(const struct judge *judge, const struct counted *trigger,
                        const struct oracle_campaign *campaign)
{
    return is_after(trigger,
                    oracle_control_find(judge, campaign->id, "archive", trigger->event->partition));
}

bool oracle_is_paused(const struct judge *judge, const struct counted *trigger,
                      const struct oracle_campaign *campaign)
{
    int partition = trigger->event->partition;
    return is_after(trigger, oracle_control_find(judge, campaign->id, "pause", partition)) &&
           !is_after(trigger, oracle_control_find(judge, campaign->id, "resume", partition));
}

bool oracle_may_cancel(const struct counted *order, const struct counted *trigger)
{
    return same(order->source->name, "order") && !order->duplicate &&
           oracle_concerns_same(order, trigger) && order->source->time_ms >= trigger->source->time_ms;
}

/* A campaign does not know of orders that came before it was applied. */
static bool must_cancel(const struct judge *judge, const struct counted *order,
                        const struct counted *trigger)
{
    const struct oracle_campaign *campaign = oracle_triggered_by(trigger->source->name);
    return campaign != NULL && oracle_may_cancel(order, trigger) &&
           is_after(order, oracle_control_find(judge, campaign->id, "apply", order->event->partition));
}

/* ---- messages ---- */

static const struct oracle_step *step_of(const struct oracle_campaign *campaign, const char *id)
{
    for (int i = 0; i < campaign->step_count; i++)
        if (same(campaign->steps[i].id, id))
            return &campaign->steps[i];
    return NULL;
}

static void check_repeated(struct judge *judge, size_t index)
{
    const struct oracle_message *m = &judge->run->messages[index];
    for (size_t i = 0; i < index; i++) {
        const struct oracle_message *other = &judge->run->messages[i];
        bool names_same = same(m->campaign, other->campaign) && same(m->user, other->user) &&
                          same(m->key, other->key) && same(m->trigger, other->trigger) &&
                          same(m->step, other->step);
        if (names_same != same(m->send_id, other->send_id))
            oracle_broken(judge,
                          "SEND ID: %s/%s/%s/%s and %s/%s/%s/%s have ids that do not tell them apart",
                          m->campaign, m->user, m->trigger, m->step, other->campaign, other->user,
                          other->trigger, other->step);
        if (names_same)
            oracle_broken(judge, "REPEATED: %s of %s to %s (trigger %s) was sent twice", m->step,
                          m->campaign, m->user, m->trigger);
    }
}

static void check_cancelled(struct judge *judge, const struct oracle_message *m,
                            const struct counted *trigger)
{
    for (size_t i = 0; i < judge->count; i++) {
        const struct counted *order = &judge->counted[i];
        if (!must_cancel(judge, order, trigger) || order->event->partition != trigger->event->partition)
            continue;
        if (order < trigger)
            oracle_broken(judge, "CANCEL LOST: %s of %s to %s: the cancel %s came before its trigger %s",
                          m->step, m->campaign, m->user, order->source->id, m->trigger);
        else if (order->event->at_ms + judge->run->slack_ms <= m->due_ms)
            oracle_broken(
                judge,
                "CANCEL LOST: %s of %s to %s (trigger %s), due %ld, was sent though the cancel %s reached "
                "the journal at %ld",
                m->step, m->campaign, m->user, m->trigger, (long)m->due_ms, order->source->id,
                (long)order->event->at_ms);
    }
}

static void check_replaced(struct judge *judge, const struct oracle_message *m,
                           const struct counted *trigger, const struct oracle_campaign *campaign)
{
    int64_t first_due_ms = trigger->source->time_ms + campaign->steps[0].after_ms;
    for (size_t i = 0; i < judge->count; i++) {
        const struct counted *next = &judge->counted[i];
        if (oracle_is_behind(trigger, next) && !next->duplicate && !next->followed &&
            !oracle_is_archived(judge, next, campaign) && !oracle_is_paused(judge, next, campaign) &&
            same(next->source->name, campaign->event) && oracle_concerns_same(trigger, next) &&
            next->source->time_ms >= trigger->source->time_ms &&
            next->event->at_ms + judge->run->slack_ms <= first_due_ms)
            oracle_broken(
                judge, "RESTART LOST: %s of %s to %s (trigger %s) was sent though %s replaced it in time",
                m->step, m->campaign, m->user, m->trigger, next->source->id);
    }
}

/* Neither after its campaign was archived nor while it was paused. */
static void check_life(struct judge *judge, const struct oracle_message *m, const struct counted *trigger,
                       const struct oracle_campaign *campaign)
{
    int64_t slack_ms = judge->run->slack_ms;
    int partition = trigger->event->partition;
    const struct oracle_control *archive = oracle_control_find(judge, campaign->id, "archive", partition),
                                *pause = oracle_control_find(judge, campaign->id, "pause", partition),
                                *resume = oracle_control_find(judge, campaign->id, "resume", partition);
    if (oracle_is_archived(judge, trigger, campaign) ||
        (archive != NULL && archive->at_ms + slack_ms <= m->due_ms))
        oracle_broken(
            judge, "ARCHIVED: %s of %s to %s (trigger %s), due %ld, was sent though it was archived at %ld",
            m->step, m->campaign, m->user, m->trigger, (long)m->due_ms, (long)archive->at_ms);
    if (oracle_is_paused(judge, trigger, campaign) ||
        (pause != NULL && resume != NULL && pause->at_ms + slack_ms <= m->due_ms &&
         m->decided_ms + slack_ms < resume->at_ms))
        oracle_broken(judge,
                      "PAUSED: %s of %s to %s (trigger %s), due %ld, was sent at %ld while it was paused",
                      m->step, m->campaign, m->user, m->trigger, (long)m->due_ms, (long)m->at_ms);
}

static void check_message(struct judge *judge, size_t index)
{
    const struct oracle_message *m = &judge->run->messages[index];
    const struct oracle_campaign *campaign = oracle_campaign_of(m->campaign);
    const struct oracle_step *step = campaign == NULL ? NULL : step_of(campaign, m->step);
    const struct counted *trigger = oracle_trigger_find(judge, m->user, m->trigger);
    if (step == NULL || trigger == NULL || !same(trigger->source->name, campaign->event) ||
        !same(trigger->source->key, m->key)) {
        oracle_broken(judge, "INVENTED: nothing asks for %s of %s to %s (trigger %s)", m->step, m->campaign,
                      m->user, m->trigger);
        return;
    }
    char title[ORACLE_TEXT];
    snprintf(title, sizeof title, "n%d", trigger->source->number);
    if (!same(title, m->title))
        oracle_broken(judge, "CONTENT: %s of %s to %s says '%s', not '%s'", m->step, m->campaign, m->user,
                      m->title, title);
    if (m->at_ms + judge->run->slack_ms < m->due_ms || m->decided_ms < m->due_ms ||
        m->due_ms < trigger->source->time_ms + step->after_ms)
        oracle_broken(
            judge, "EARLY: %s of %s to %s (trigger %s of %ld), due %ld, was decided at %ld and sent at %ld",
            m->step, m->campaign, m->user, m->trigger, (long)trigger->source->time_ms, (long)m->due_ms,
            (long)m->decided_ms, (long)m->at_ms);
    check_repeated(judge, index);
    check_cancelled(judge, m, trigger);
    check_replaced(judge, m, trigger, campaign);
    check_life(judge, m, trigger, campaign);
}

/* ---- order and caps ---- */

/* Whether it entered by a restart that may have had to wait for a send under way. */
static bool may_have_waited(const struct judge *judge, const struct counted *trigger)
{
    for (size_t i = 0; i < judge->count; i++) {
        const struct counted *other = &judge->counted[i];
        const struct oracle_campaign *campaign = oracle_triggered_by(other->source->name);
        if (campaign != NULL && oracle_is_behind(other, trigger) && oracle_concerns_same(other, trigger) &&
            same(other->source->name, trigger->source->name) &&
            trigger->event->at_ms + MARK_WINDOW_MS + judge->run->slack_ms >=
                other->source->time_ms + campaign->steps[0].after_ms)
            return true;
    }
    return false;
}

static void check_order(struct judge *judge, const struct oracle_message *first,
                        const struct oracle_message *second)
{
    const struct counted *trigger = oracle_trigger_find(judge, second->user, second->trigger);
    if (trigger == NULL || trigger->followed || same(second->campaign, "held") ||
        !same(first->user, second->user) || second->due_ms + judge->run->slack_ms >= first->due_ms ||
        trigger->event->at_ms + judge->run->slack_ms >= first->due_ms || may_have_waited(judge, trigger))
        return;
    oracle_broken(judge, "ORDER: %s got %s/%s, due %ld, before %s/%s, due %ld", first->user,
                  first->campaign, first->step, (long)first->due_ms, second->campaign, second->step,
                  (long)second->due_ms);
}

static void check_cap(struct judge *judge, const struct oracle_message *a, const struct oracle_message *b)
{
    const struct oracle_campaign *of_a = oracle_campaign_of(a->campaign),
                                 *of_b = oracle_campaign_of(b->campaign);
    if (of_a == NULL || of_b == NULL || !of_a->capped || !of_b->capped || !same(a->user, b->user) ||
        judge->run->slack_ms != 0)
        return;
    int64_t apart_ms = a->decided_ms - b->decided_ms;
    if (apart_ms < ORACLE_CAP_WITHIN_MS && apart_ms > -ORACLE_CAP_WITHIN_MS)
        oracle_broken(judge, "CAP: %s got two capped messages within %ld ms", a->user,
                      (long)(apart_ms < 0 ? -apart_ms : apart_ms));
}

static void check_pairs(struct judge *judge)
{
    const struct oracle_case *run = judge->run;
    for (size_t i = 0; i < run->message_count; i++)
        for (size_t k = i + 1; k < run->message_count; k++) {
            check_order(judge, &run->messages[i], &run->messages[k]);
            check_cap(judge, &run->messages[i], &run->messages[k]);
        }
}

bool oracle_judge(const struct oracle_case *run, char *why, size_t why_bytes)
{
    struct judge judge = {.run = run, .why = why, .why_bytes = why_bytes};
    /* A thing's event counts once more for each follower, who has an event of his own. */
    size_t most = (run->event_count + 1) * (run->event_count + 1);
    judge.counted = calloc(most, sizeof *judge.counted);
    judge.copies = calloc(most, sizeof *judge.copies);
    if (judge.counted == NULL || judge.copies == NULL)
        abort();
    count_events(&judge);
    for (size_t i = 0; i < run->message_count; i++)
        check_message(&judge, i);
    check_pairs(&judge);
    for (size_t i = 0; i < judge.count; i++)
        oracle_check_trigger(&judge, &judge.counted[i]);
    free(judge.counted);
    free(judge.copies);
    return !judge.broken;
}
