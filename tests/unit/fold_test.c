/* What the live engine needs of the fold beyond what `simulate` shows: marks, settled records, versions and
 * the life of a campaign, limits. The meaning of campaigns is tested by stories and the model. */
#include "unit/check.h"

#include "support/fold_script.h"

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char cart[] = "campaign: cart\n"
                           "type: event\n"
                           "trigger: {event: cart}\n"
                           "entry: {key: event.cart}\n"
                           "cancel: [{event: order, match: {event.cart: trigger.cart}}]\n"
                           "steps:\n"
                           "  - {id: first, send: {after: 1h}, channel: push, message: {title: hello}}\n"
                           "  - {id: second, send: {after: 2h}, channel: push, message: {title: again}}\n";

static const char always[] =
    "campaign: cart\n"
    "type: event\n"
    "trigger: {event: cart}\n"
    "entry: {when_pending: restart_always}\n"
    "steps:\n"
    "  - {id: first, send: {after: 1h}, channel: push, message: {title: hello}}\n"
    "  - {id: second, send: {after: 2h}, channel: push, message: {title: again}}\n";

static void run(const char *campaign, int64_t window_ms, const char *const *lines)
{
    const char *const campaigns[] = {campaign, NULL};
    fold_script_run(
        &(struct fold_script){.campaigns = campaigns, .mark_window_ms = window_ms, .lines = lines});
}

/* --- marks: a cancel or restart that comes so late that the send may be under way --------------------- */

static void cancel_marks_what_may_be_under_way(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "next 11:00",
              /* half a second before the due: the first is marked, the second cancelled */
              "event e2 order 10:59:59 {\"cart\":\"c\"} at 11:00:00", "= cancelled second[c] e2 12:00",
              "next now", "decide 11:00", "= cancelled first[c] e2 11:00", "next never"));
}

static void cancel_well_before_settles_at_once(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e2 order 10:59:59 {\"cart\":\"c\"}",
              "= cancelled first[c] e2 11:00", "= cancelled second[c] e2 12:00", "next never"));
}

static void without_a_window_nothing_is_marked(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e2 order 11:00 {\"cart\":\"c\"}",
              "= cancelled first[c] e2 11:00", "= cancelled second[c] e2 12:00", "next never"));
}

static void a_send_under_way_beats_the_mark(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "begin 11:00", "= sent first[c] 11:00",
              "event e2 order 11:00 {\"cart\":\"c\"}", "= cancelled second[c] e2 12:00", "settle 11:00",
              "next never"));
}

static const char quiet_cart[] = "campaign: cart\n"
                                 "type: event\n"
                                 "trigger: {event: cart}\n"
                                 "cancel: [{event: order}]\n"
                                 "quiet: {from: \"11:00\", to: \"13:00\"}\n"
                                 "steps:\n"
                                 "  - {id: first, send: {after: 1h}, channel: push, message: {title: a}}\n";

static void a_mark_survives_a_postponement(void **state)
{
    (void)state;
    run(quiet_cart, 1000,
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "begin 11:00",
              "= postponed first quiet 13:00", "event e2 order 11:00 {}", "next now", "settle 11:00",
              "next now", "decide 11:01", "= cancelled first e2 13:00", "next never"));
}

static void a_restart_waits_for_the_mark(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e2 cart 11:00 {\"cart\":\"c\"}", "next now",
              "decide 11:00", "= restarted first[c] e2 11:00", "= restarted second[c] e2 12:00",
              "= scheduled first[c] 12:00", "= scheduled second[c] 13:00", "next 12:00"));
}

static void a_restart_after_all_is_in_progress(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "begin 11:00", "= sent first[c] 11:00",
              "event e2 cart 11:00 {\"cart\":\"c\"}", "settle 11:00", "= ignored -[c] in_progress",
              "next 12:00", "decide 12:00", "= sent second[c] 12:00", "next never"));
}

static const char one_step[] = "campaign: cart\n"
                               "type: event\n"
                               "trigger: {event: cart}\n"
                               "entry: {cooldown: 61m}\n"
                               "steps:\n"
                               "  - {id: first, send: {after: 1h}, channel: push, message: {title: a}}\n";

/* What went out was all there was: the trigger met no open journey, and enters. */
static void a_restart_after_all_was_over_enters_afresh(void **state)
{
    (void)state;
    run(one_step, 1000,
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "begin 11:02", "= sent first 11:00",
              "event e2 cart 11:02 {}", "next now", "settle 11:02", "= scheduled first 12:02",
              "next 12:02"));
    run(one_step, 1000, /* with the checks of an entry */
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "begin 11:00", "= sent first 11:00",
              "event e2 cart 11:00 {}", "settle 11:00", "= ignored - cooldown", "next never"));
}

static void a_restart_waits_for_all_that_was_due(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "begin 11:00", "= sent first[c] 11:00",
              "event e2 cart 12:01 {\"cart\":\"c\"}", "settle 11:00", "next 12:00", "decide 12:01",
              "= sent second[c] 12:00", "= scheduled first[c] 13:01", "= scheduled second[c] 14:01"));
    run(cart, 1000, /* and a newer one takes its place */
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "decide 11:00", "= sent first[c] 11:00",
              "event e2 cart 12:01 {\"cart\":\"c\"}", "event e3 cart 12:02 {\"cart\":\"c\"}",
              "= ignored -[c] superseded", "next 12:00", "decide 12:02", "= sent second[c] 12:00",
              "= scheduled first[c] 13:02", "= scheduled second[c] 14:02"));
}

static const char keeping[] = "campaign: cart\n"
                              "type: event\n"
                              "trigger: {event: cart}\n"
                              "entry: {when_pending: keep}\n"
                              "quiet: {from: \"11:30\", to: \"13:00\"}\n"
                              "steps:\n"
                              "  - {id: first, send: {after: 1h}, channel: push, message: {title: a}}\n";

static void a_journey_that_was_due_keeps_nobody_out(void **state)
{
    (void)state;
    run(keeping, 1000,
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "event e2 cart 11:00 {}",
              "= ignored - pending", "event e3 cart 11:01 {}", "decide 11:01", "= sent first 11:00",
              "= scheduled first 12:01", "next 12:01"));
    run(keeping, 1000, /* it was put off instead */
        LINES("event e1 cart 10:31 {}", "= scheduled first 11:31", "event e2 cart 11:32 {}", "decide 11:32",
              "= postponed first quiet 13:00", "= ignored - pending", "next 13:00"));
}

static void restart_always_restarts_also_then(void **state)
{
    (void)state;
    run(always, 1000,
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "= scheduled second 12:00",
              "begin 11:00", "= sent first 11:00", "event e2 cart 11:00 {}", "settle 11:00",
              "= restarted second e2 12:00", "= scheduled first 12:00", "= scheduled second 13:00"));
}

/* A restart that waits marks both; the cancel is of the journey that is there, not of the newer trigger.
 * The first turns out sent, the restart comes to nothing: the cancel is what remains. (Found by the
 * simulator.) */
static void a_cancel_outlives_a_deferred_restart(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "begin 11:00", "= sent first[c] 11:00",
              "event e2 cart 11:30 {\"cart\":\"c\"} at 12:00:00",
              "event e3 order 11:00 {\"cart\":\"c\"} at 12:00:00", "next now", "settle 11:00",
              "decide 12:00", "= cancelled second[c] e3 12:00", "= scheduled first[c] 12:30",
              "= scheduled second[c] 13:30"));
}

static void a_newer_trigger_takes_the_place_of_a_deferred_one(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e3 cart 11:00 {\"cart\":\"c\"}",
              "event e2 cart 10:30 {\"cart\":\"c\"} at 11:00", "= ignored -[c] superseded",
              "event e4 cart 11:00 {\"cart\":\"c\"}", "= ignored -[c] superseded", "decide 11:00",
              "= restarted first[c] e4 11:00", "= restarted second[c] e4 12:00",
              "= scheduled first[c] 12:00", "= scheduled second[c] 13:00"));
}

static void a_cancel_ends_a_deferred_restart(void **state)
{
    (void)state;
    run(cart, 1000,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e2 cart 11:00 {\"cart\":\"c\"}",
              "event e3 order 11:00 {\"cart\":\"c\"}", "= ignored -[c] cancelled",
              "= cancelled second[c] e3 12:00", "decide 11:00", "= cancelled first[c] e3 11:00",
              "next never"));
}

/* ---- settled records ---- */

static void an_outdated_settled_has_no_effect(void **state)
{
    (void)state;
    run(quiet_cart, 0,
        LINES("event e1 cart 10:00 {}", "= scheduled first 11:00", "begin 11:00",
              "= postponed first quiet 13:00",
              /* the same decision once more, as after a crash: the second settled is of an old attempt */
              "begin 11:00", "= postponed first quiet 13:00", "settle 11:00", "next 13:00", "decide 13:00",
              "= sent first 13:00", "next never"));
}

/* ---- the life of a campaign ---- */

static const char cart_2[] = "campaign: cart\n"
                             "type: event\n"
                             "trigger: {event: cart}\n"
                             "entry: {key: event.cart}\n"
                             "cancel: [{event: refund, match: {event.cart: trigger.cart}}]\n"
                             "steps:\n"
                             "  - {id: second, send: {after: 2h}, channel: sms, message: {title: again}}\n"
                             "  - {id: third, send: {after: 3h}, channel: push, message: {title: last}}\n";

static void run_versions(const char *const *lines)
{
    const char *const campaigns[] = {cart, NULL};
    const char *const versions[] = {cart_2, NULL};
    fold_script_run(&(struct fold_script){.campaigns = campaigns, .versions = versions, .lines = lines});
}

static void journeys_finish_on_their_version(void **state)
{
    (void)state;
    run_versions(LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
                       "= scheduled second[c] 12:00", "version 2",
                       /* each version is cancelled by its own rules */
                       "event e2 refund 10:05 {\"cart\":\"c\"}", "event e3 cart 10:10 {\"cart\":\"d\"}",
                       "= scheduled second[d] 12:10", "= scheduled third[d] 13:10",
                       "event e4 order 10:20 {\"cart\":\"c\"}", "= cancelled first[c] e4 11:00",
                       "= cancelled second[c] e4 12:00", "event e5 order 10:20 {\"cart\":\"d\"}",
                       "decide 12:10", "= sent second[d] 12:10"));
}

static void a_trigger_restarts_an_older_version(void **state)
{
    (void)state;
    run_versions(LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
                       "= scheduled second[c] 12:00", "version 2", "event e2 cart 10:30 {\"cart\":\"c\"}",
                       "= restarted first[c] e2 11:00", "= restarted second[c] e2 12:00",
                       "= scheduled second[c] 12:30", "= scheduled third[c] 13:30"));
}

static void pending_sends_migrate(void **state)
{
    (void)state;
    run_versions(LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
                       "= scheduled second[c] 12:00", "version 2", "migrate 10:30",
                       "= skipped first[c] ended 11:00", "= scheduled third[c] 13:00", "decide 12:00",
                       "= sent second[c] 12:00", "decide 13:00", "= sent third[c] 13:00", "next never"));
}

/* What was decided on the old version is told of the same send on the new one. */
static void a_send_under_way_migrates(void **state)
{
    (void)state;
    run_versions(LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
                       "= scheduled second[c] 12:00", "decide 11:00", "= sent first[c] 11:00",
                       "begin 12:00", "= sent second[c] 12:00", "version 2", "migrate 12:00",
                       "= scheduled third[c] 13:00", "settle 12:00", "next 13:00", "decide 13:00",
                       "= sent third[c] 13:00", "next never"));
}

static void pending_sends_of_older_versions_are_cancelled(void **state)
{
    (void)state;
    run_versions(LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
                       "= scheduled second[c] 12:00", "version 2", "event e2 cart 10:10 {\"cart\":\"d\"}",
                       "= scheduled second[d] 12:10", "= scheduled third[d] 13:10",
                       "end 10:30 ended before 2", "= skipped first[c] ended 11:00",
                       "= skipped second[c] ended 12:00", "next 12:10"));
}

static void a_pause_that_holds(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "status hold", "event e2 cart 10:10 {\"cart\":\"d\"}",
              "= ignored -[d] paused", "decide 11:30", "event e3 order 11:40 {\"cart\":\"x\"}",
              "status active", "decide 12:30", "= skipped first[c] late 11:00", "= sent second[c] 12:00"));
}

static void a_pause_that_shifts(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "status shift", "decide 12:00", "status active", "shift 90",
              "next 12:30", "decide 12:30", "= sent first[c] 12:30", "next 13:30"));
}

static void a_pause_that_drains_or_expires(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "status drain", "decide 11:00", "= sent first[c] 11:00",
              "status expire", "end 11:30 paused", "= skipped second[c] paused 12:00", "next never"));
}

static void an_archived_campaign_ends(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "status archived", "event e2 cart 10:10 {\"cart\":\"d\"}",
              "end 10:20 ended", "= skipped first[c] ended 11:00", "= skipped second[c] ended 12:00"));
}

static void a_send_that_outlives_its_campaign_is_ended(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "status archived", "decide 11:00",
              "= skipped first[c] ended 11:00"));
}

static void a_user_is_erased(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("profile 09:00 {\"city\":\"Lyon\"}", "event e1 cart 10:00 {\"cart\":\"c\"}",
              "= scheduled first[c] 11:00", "= scheduled second[c] 12:00", "erase 10:30",
              "= skipped first[c] erased 11:00", "= skipped second[c] erased 12:00", "next never",
              "empty"));
}

static const char birthday[] =
    "campaign: birthday\n"
    "type: event\n"
    "trigger: {yearly: profile.birth_date}\n"
    "cancel: [{event: order}]\n"
    "steps:\n"
    "  - {id: wish, send: {days: 0, at: \"09:00\"}, channel: push, message: {title: a}}\n";

static void a_new_date_trigger_meets_users_who_are_there(void **state)
{
    (void)state;
    run(birthday, 0,
        LINES("status archived", "profile 09:00 {\"birth_date\":\"1990-03-05\"}", "status active",
              "changed 10:00", "= scheduled wish +3d 09:00", "changed 10:01"));
}

static void the_next_year_waits_for_the_day(void **state)
{
    (void)state;
    run(birthday, 0,
        LINES("profile 09:00 {\"birth_date\":\"1990-03-05\"}", "= scheduled wish +3d 09:00",
              "event e1 order 10:00 {}", "= cancelled wish e1 +3d 09:00", "next +3d 00:00",
              "profile 11:00 {\"city\":\"Lyon\"}", "decide +3d 00:00", "= scheduled wish +368d 09:00"));
}

static void a_gone_date_waits_but_not_one_of_another_year(void **state)
{
    (void)state;
    run(birthday, 0,
        LINES("profile 09:00 {\"birth_date\":\"1990-03-05\"}", "= scheduled wish +3d 09:00",
              "profile 10:00 {\"birth_date\":null}", "= cancelled wish no_date +3d 09:00",
              "profile 11:00 {\"birth_date\":\"1990-03-05\"}", "next +3d 00:00",
              "profile 11:30 {\"birth_date\":\"1990-03-01\"}", "= scheduled wish +364d 09:00"));
}

/* ---- limits, forgetting ---- */

static void journeys_are_limited(void **state)
{
    (void)state;
    struct fold_limits limits = fold_limits_default;
    limits.journeys = 2;
    const char *const campaigns[] = {cart, NULL};
    fold_script_run(&(struct fold_script){
        .campaigns = campaigns,
        .limits = &limits,
        .lines = LINES("event e1 cart 10:00 {\"cart\":\"a\"}", "= scheduled first[a] 11:00",
                       "= scheduled second[a] 12:00", "event e2 cart 10:00 {\"cart\":\"b\"}",
                       "= scheduled first[b] 11:00", "= scheduled second[b] 12:00",
                       "event e3 cart 10:01 {\"cart\":\"c\"}", "= ignored -[c] limit",
                       /* a restart adds none */
                       "event e4 cart 10:02 {\"cart\":\"b\"}", "= restarted first[b] e4 11:00",
                       "= restarted second[b] e4 12:00", "= scheduled first[b] 11:02",
                       "= scheduled second[b] 12:02")});
}

static void the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct fold_limits limits = fold_limits_default;
    limits.remembered = 2;
    const char *const campaigns[] = {cart, NULL};
    fold_script_run(&(struct fold_script){
        .campaigns = campaigns,
        .limits = &limits,
        .lines =
            LINES("event e1 order 10:00 {\"cart\":\"a\"}", "event e2 order 10:00 {\"cart\":\"b\"}",
                  "event e3 order 10:00 {\"cart\":\"c\"}", "event e4 cart 09:59 {\"cart\":\"b\"} at 10:01",
                  "= ignored -[b] cancelled", "event e5 cart 09:59 {\"cart\":\"a\"} at 10:02",
                  "= scheduled first[a] 10:59", "= scheduled second[a] 11:59",
                  /* its id is no longer known */
                  "event e1 cart 10:03 {\"cart\":\"x\"}", "= scheduled first[x] 11:03",
                  "= scheduled second[x] 12:03")});
}

static void a_user_becomes_unknown(void **state)
{
    (void)state;
    struct fold_limits limits = fold_limits_default;
    limits.history = 0;
    const char *const campaigns[] = {cart, NULL};
    fold_script_run(&(struct fold_script){
        .campaigns = campaigns,
        .limits = &limits,
        .lines = LINES("event e1 cart 10:00 {\"cart\":\"a\"}", "= scheduled first[a] 11:00",
                       "= scheduled second[a] 12:00", "decide 11:00", "= sent first[a] 11:00",
                       "decide 12:00", "= sent second[a] 12:00", "empty")});
}

/* --- several sends of one user, decided in a row ------------------------------------------------------ */

static void journeys_that_end_give_up_their_place(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"c\"}", "= scheduled first[c] 11:00",
              "= scheduled second[c] 12:00", "event e2 cart 10:01 {\"cart\":\"d\"}",
              "= scheduled first[d] 11:01", "= scheduled second[d] 12:01",
              "event e3 cart 10:02 {\"cart\":\"e\"}", "= scheduled first[e] 11:02",
              "= scheduled second[e] 12:02", "decide 11:30", "= sent first[c] 11:00",
              "= sent first[d] 11:01", "= sent first[e] 11:02", "decide 12:30", "= sent second[c] 12:00",
              "= sent second[d] 12:01", "= sent second[e] 12:02", "next never"));
}

/* A control's cursor may come to the user when he has entered anew: what he entered then is not meant. */
static void a_control_is_about_what_was_there(void **state)
{
    (void)state;
    run(cart, 0,
        LINES("event e1 cart 10:00 {\"cart\":\"a\"}", "= scheduled first[a] 11:00",
              "= scheduled second[a] 12:00", "event e2 cart 10:30 {\"cart\":\"b\"}",
              "= scheduled first[b] 11:30", "= scheduled second[b] 12:30", "shift 60 upto 10:15",
              "next 11:30", "end 10:40 paused upto 10:15", "= skipped first[a] paused 12:00",
              "= skipped second[a] paused 13:00", "end 10:41 paused upto 10:29:59", "next 11:30"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_control_is_about_what_was_there),
        cmocka_unit_test(journeys_that_end_give_up_their_place),
        cmocka_unit_test(cancel_marks_what_may_be_under_way),
        cmocka_unit_test(cancel_well_before_settles_at_once),
        cmocka_unit_test(without_a_window_nothing_is_marked),
        cmocka_unit_test(a_send_under_way_beats_the_mark),
        cmocka_unit_test(a_mark_survives_a_postponement),
        cmocka_unit_test(a_restart_waits_for_the_mark),
        cmocka_unit_test(a_restart_after_all_is_in_progress),
        cmocka_unit_test(a_restart_after_all_was_over_enters_afresh),
        cmocka_unit_test(a_restart_waits_for_all_that_was_due),
        cmocka_unit_test(a_journey_that_was_due_keeps_nobody_out),
        cmocka_unit_test(restart_always_restarts_also_then),
        cmocka_unit_test(a_cancel_outlives_a_deferred_restart),
        cmocka_unit_test(a_newer_trigger_takes_the_place_of_a_deferred_one),
        cmocka_unit_test(a_cancel_ends_a_deferred_restart),
        cmocka_unit_test(an_outdated_settled_has_no_effect),
        cmocka_unit_test(journeys_finish_on_their_version),
        cmocka_unit_test(a_trigger_restarts_an_older_version),
        cmocka_unit_test(pending_sends_migrate),
        cmocka_unit_test(a_send_under_way_migrates),
        cmocka_unit_test(pending_sends_of_older_versions_are_cancelled),
        cmocka_unit_test(a_pause_that_holds),
        cmocka_unit_test(a_pause_that_shifts),
        cmocka_unit_test(a_pause_that_drains_or_expires),
        cmocka_unit_test(an_archived_campaign_ends),
        cmocka_unit_test(a_send_that_outlives_its_campaign_is_ended),
        cmocka_unit_test(a_user_is_erased),
        cmocka_unit_test(a_new_date_trigger_meets_users_who_are_there),
        cmocka_unit_test(the_next_year_waits_for_the_day),
        cmocka_unit_test(a_gone_date_waits_but_not_one_of_another_year),
        cmocka_unit_test(journeys_are_limited),
        cmocka_unit_test(the_oldest_is_forgotten),
        cmocka_unit_test(a_user_becomes_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
