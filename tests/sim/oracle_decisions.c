/* The oracle on decision records: each send has exactly one outcome, and none contradicts what was sent. */
#include "oracle_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- decisions ---- */

static bool names(const struct oracle_decision *d, const struct counted *trigger,
                  const struct oracle_campaign *campaign, const char *step)
{
    return same(d->user, trigger->source->user) && same(d->trigger, trigger->source->id) &&
           same(d->campaign, campaign->id) && same(d->key, trigger->source->key) && same(d->step, step);
}

static bool is_repeat(const struct judge *judge, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (same(judge->run->decisions[i].id, judge->run->decisions[index].id))
            return true;
    return false;
}

static bool is_terminal(const struct oracle_decision *d)
{
    return same(d->outcome, "sent") || same(d->outcome, "cancelled") || same(d->outcome, "restarted") ||
           same(d->outcome, "skipped");
}

static bool was_sent(const struct judge *judge, const struct counted *trigger,
                     const struct oracle_campaign *campaign, const char *step)
{
    for (size_t i = 0; i < judge->run->message_count; i++) {
        const struct oracle_message *m = &judge->run->messages[i];
        if (same(m->user, trigger->source->user) && same(m->trigger, trigger->source->id) &&
            same(m->campaign, campaign->id) && (step == NULL || same(m->step, step)))
            return true;
    }
    return false;
}

/* Something of the earlier trigger may still have been to come when the later one, which the decision is
 * about, arrived: that is what the decision's instant tells, and intake may append it long after. */
static bool was_open(const struct judge *judge, const struct oracle_decision *d,
                     const struct counted *earlier, const struct counted *later,
                     const struct oracle_campaign *campaign)
{
    int64_t arrived_ms = d->at_ms < later->event->at_ms ? d->at_ms : later->event->at_ms;
    if (campaign->capped || campaign->quiet || oracle_is_paused(judge, earlier, campaign) ||
        oracle_is_paused(judge, later, campaign))
        return true; /* it may have been put off */
    int64_t last_ms = earlier->source->time_ms + campaign->steps[campaign->step_count - 1].after_ms;
    return arrived_ms < last_ms + MARK_WINDOW_MS + judge->run->slack_ms;
}

static bool ignored_rightly(const struct judge *judge, const struct oracle_decision *d,
                            const struct counted *trigger, const struct oracle_campaign *campaign)
{
    /* A restart that waited for a send under way may meet the end of its campaign. */
    bool ends = oracle_control_find(judge, campaign->id, "archive", trigger->event->partition) != NULL;
    if ((same(d->reason, "ended") && ends) ||
        (same(d->reason, "paused") && oracle_is_paused(judge, trigger, campaign)))
        return true;
    for (size_t i = 0; i < judge->count; i++) {
        const struct counted *other = &judge->counted[i];
        if (other == trigger || other->event->partition != trigger->event->partition)
            continue;
        if (same(d->reason, "duplicate") && same(other->source->id, trigger->source->id) &&
            other->event != trigger->event &&
            (same(other->source->user, trigger->source->user) || oracle_is_about_thing(other->source)))
            return true;
        /* A restart that waited for a send under way may be cancelled later. */
        if (same(d->reason, "cancelled") && oracle_may_cancel(other, trigger))
            return true;
        bool earlier = other < trigger && same(other->source->name, campaign->event) &&
                       oracle_concerns_same(other, trigger);
        if (same(d->reason, "in_progress") && earlier && was_sent(judge, other, campaign, NULL) &&
            was_open(judge, d, other, trigger, campaign))
            return true;
        /* Also a restart that waited for a send under way and was replaced by a later one meanwhile. */
        int64_t newer_ms = other->source->time_ms - trigger->source->time_ms;
        if (same(d->reason, "superseded") && oracle_concerns_same(other, trigger) &&
            same(other->source->name, campaign->event) &&
            (newer_ms > 0 || (newer_ms == 0 && oracle_is_behind(trigger, other))))
            return true;
    }
    return false;
}

static void check_reason(struct judge *judge, const struct oracle_decision *d,
                         const struct counted *trigger, const struct oracle_campaign *campaign)
{
    const struct counted *because = oracle_trigger_find(judge, d->user, d->reason);
    const struct oracle_control *archive =
        oracle_control_find(judge, campaign->id, "archive", trigger->event->partition);
    if (same(d->outcome, "skipped") && !(same(d->reason, "ended") && archive != NULL))
        oracle_broken(judge, "SKIPPED: %s of %s to %s (trigger %s): %s", d->step, d->campaign, d->user,
                      d->trigger, d->reason);
    else if (same(d->outcome, "cancelled") && (because == NULL || !oracle_may_cancel(because, trigger)))
        oracle_broken(judge, "CANCELLED for no reason: %s of %s to %s (trigger %s): %s", d->step,
                      d->campaign, d->user, d->trigger, d->reason);
    else if (same(d->outcome, "restarted") &&
             (because == NULL || !oracle_is_behind(trigger, because) || because->duplicate ||
              !same(because->source->name, campaign->event) || !oracle_concerns_same(because, trigger) ||
              was_sent(judge, trigger, campaign, NULL)))
        oracle_broken(judge, "RESTARTED for no reason: %s of %s to %s (trigger %s): %s", d->step,
                      d->campaign, d->user, d->trigger, d->reason);
}

/* A send was put off because of a message that was really sent. */
static void check_capped(struct judge *judge, const struct oracle_decision *d)
{
    int64_t slack_ms = judge->run->slack_ms;
    if (!same(d->outcome, "postponed") || !same(d->reason, "capped"))
        return;
    for (size_t i = 0; i < judge->run->message_count; i++) {
        const struct oracle_message *m = &judge->run->messages[i];
        const struct oracle_campaign *campaign = oracle_campaign_of(m->campaign);
        if (campaign != NULL && campaign->capped && same(m->user, d->user) &&
            m->decided_ms <= d->at_ms + slack_ms &&
            m->decided_ms + ORACLE_CAP_WITHIN_MS + slack_ms > d->at_ms)
            return;
    }
    oracle_broken(judge, "CAPPED for no reason: %s of %s to %s at %ld: no message stands for it", d->step,
                  d->campaign, d->user, (long)d->at_ms);
}

/* The one outcome of one send. */
static void check_send(struct judge *judge, const struct counted *trigger,
                       const struct oracle_campaign *campaign, const char *step)
{
    const struct oracle_decision *outcome = NULL;
    bool scheduled = false;
    for (size_t i = 0; i < judge->run->decision_count; i++) {
        const struct oracle_decision *d = &judge->run->decisions[i];
        if (!names(d, trigger, campaign, step) || is_repeat(judge, i))
            continue;
        scheduled |= same(d->outcome, "scheduled");
        check_capped(judge, d);
        if (!is_terminal(d))
            continue;
        if (outcome != NULL)
            oracle_broken(judge, "TWO OUTCOMES: %s of %s to %s (trigger %s): %s %s, and %s %s", step,
                          campaign->id, trigger->source->user, trigger->source->id, outcome->outcome,
                          outcome->reason, d->outcome, d->reason);
        outcome = d;
        check_reason(judge, d, trigger, campaign);
    }
    bool sent = was_sent(judge, trigger, campaign, step);
    if (!scheduled || outcome == NULL)
        oracle_broken(judge, "LOST: %s of %s to %s (trigger %s) %s%s", step, campaign->id,
                      trigger->source->user, trigger->source->id,
                      scheduled ? "has no outcome" : "was never scheduled",
                      sent ? ", yet it was sent" : "");
    else if (sent != same(outcome->outcome, "sent"))
        oracle_broken(judge, "CONTRADICTION: %s of %s to %s (trigger %s) is said to be %s and was %s", step,
                      campaign->id, trigger->source->user, trigger->source->id, outcome->outcome,
                      sent ? "sent" : "not sent");
}

static bool was_decided(const struct judge *judge, const struct counted *trigger,
                        const struct oracle_campaign *campaign)
{
    for (size_t i = 0; i < judge->run->decision_count; i++) {
        const struct oracle_decision *d = &judge->run->decisions[i];
        if (names(d, trigger, campaign, d->step) && !same(d->reason, "duplicate"))
            return true;
    }
    return false;
}

void oracle_check_trigger(struct judge *judge, const struct counted *trigger)
{
    const struct oracle_campaign *campaign = oracle_triggered_by(trigger->source->name);
    if (campaign == NULL || oracle_is_about_thing(trigger->source) ||
        (trigger->unclear && !was_decided(judge, trigger, campaign)))
        return;
    bool ignored = false;
    for (size_t i = 0; i < judge->run->decision_count; i++) {
        const struct oracle_decision *d = &judge->run->decisions[i];
        if (!same(d->outcome, "ignored") || !names(d, trigger, campaign, ""))
            continue;
        if (trigger->duplicate && !same(d->reason, "duplicate"))
            continue; /* told of the one that counts */
        if (!ignored_rightly(judge, d, trigger, campaign))
            oracle_broken(judge, "IGNORED for no reason: trigger %s of %s for %s: %s", d->trigger,
                          d->campaign, d->user, d->reason);
        ignored |= !same(d->reason, "duplicate");
    }
    /* An archived campaign is as if it were not: nothing needs to be said of its triggers. */
    ignored |= oracle_is_archived(judge, trigger, campaign);
    for (int i = 0; !ignored && !trigger->duplicate && i < campaign->step_count; i++)
        check_send(judge, trigger, campaign, campaign->steps[i].id);
    for (int i = 0; ignored && !trigger->duplicate && i < campaign->step_count; i++)
        if (was_sent(judge, trigger, campaign, campaign->steps[i].id))
            oracle_broken(judge, "CONTRADICTION: trigger %s of %s for %s was ignored, yet %s was sent",
                          trigger->source->id, campaign->id, trigger->source->user, campaign->steps[i].id);
}
