#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "codec/campaign_yaml.h"
#include "codec/policy_yaml.h"
#include "codec/yaml_form.h"
#include "core/cel/cel.h"

static struct arena arena;

static void print_all(const struct diag_list *diags, struct buf *out)
{
    for (size_t i = 0; i < diags->count; i++) {
        struct diag_item item = diags->items[i];
        item.file = SPAN_LITERAL("");
        diag_item_print(&item, out);
    }
}

static struct campaign *read_good(const char *text)
{
    struct diag_list diags = {.arena = &arena};
    struct campaign *campaign;
    if (campaign_read(span_from_text(text), SPAN_LITERAL("c.yaml"), NULL, &arena, &campaign, &diags) !=
        ERR_OK) {
        struct buf out = {0};
        print_all(&diags, &out);
        fail_msg("%s\nis refused:\n%.*s", text, SPAN_PRINTF(buf_span(&out)));
    }
    return campaign;
}

static struct policy *read_policy(const char *text)
{
    struct diag_list diags = {.arena = &arena};
    struct policy *policy;
    if (policy_read(span_from_text(text), SPAN_LITERAL("p.yaml"), NULL, &arena, &policy, &diags) !=
        ERR_OK) {
        struct buf out = {0};
        print_all(&diags, &out);
        fail_msg("%s\nis refused:\n%.*s", text, SPAN_PRINTF(buf_span(&out)));
    }
    return policy;
}

/* --- what is wrong, and what is said ---------------------------------------------------------------- */

struct bad_case {
    struct span name, expected, yaml;
};

/* The text up to `mark` at the beginning of a line; *rest is what follows the mark. */
static struct span cut(struct span text, const char *mark, struct span *rest)
{
    size_t size = strlen(mark);
    for (size_t at = 0; at + size <= text.size; at++) {
        if ((at == 0 || text.data[at - 1] == '\n') && memcmp(text.data + at, mark, size) == 0) {
            *rest = span_slice(text, at + size, text.size);
            return span_slice(text, 0, at);
        }
    }
    *rest = SPAN_LITERAL("");
    return text;
}

static struct bad_case parse_case(struct span text)
{
    struct bad_case result;
    struct span head = cut(text, "---\n", &result.yaml);
    const char *end = memchr(head.data, '\n', head.size);
    result.name = span_slice(head, 0, (size_t)(end - head.data));
    cut(head, "schema: ", &head);
    end = memchr(head.data, '\n', head.size);
    result.expected = span_slice(head, (size_t)(end + 1 - head.data), head.size);
    while (result.yaml.size > 1 && result.yaml.data[result.yaml.size - 2] == '\n')
        result.yaml.size--; /* the empty line before the next case */
    return result;
}

typedef enum err (*read_function)(struct span yaml, struct diag_list *diags);

static enum err read_bad_campaign(struct span yaml, struct diag_list *diags)
{
    static const struct span kept[] = {
        SPAN_LITERAL("a"),    SPAN_LITERAL("age"), SPAN_LITERAL("b"),  SPAN_LITERAL("birth_date"),
        SPAN_LITERAL("city"), SPAN_LITERAL("end"), SPAN_LITERAL("id"), SPAN_LITERAL("name")};
    const struct name_set attributes = {kept, sizeof kept / sizeof *kept, false};
    struct policy *policy = read_policy("follows: {favourites: {on: {event: f, thing: event.id}}}");
    const struct campaign_options options = {.policy = policy, .profile_attributes = &attributes};
    struct campaign *campaign;
    enum err error = campaign_read(yaml, SPAN_LITERAL("c.yaml"), &options, &arena, &campaign, diags);
    campaign_close(campaign);
    policy_close(policy);
    return error;
}

static enum err read_bad_policy(struct span yaml, struct diag_list *diags)
{
    struct policy *policy;
    enum err error = policy_read(yaml, SPAN_LITERAL("p.yaml"), NULL, &arena, &policy, diags);
    policy_close(policy);
    return error;
}

static void check_file(const char *path, read_function read, int least)
{
    struct span text, rest;
    int wrong = 0, count = 0;
    assert_int_equal(file_read(span_from_text(path), 1024 * 1024, &arena, &text), ERR_OK);
    for (cut(text, "=== ", &rest); rest.size > 0; count++) {
        struct bad_case bad = parse_case(cut(rest, "=== ", &rest));
        struct diag_list diags = {.arena = &arena};
        struct buf came = {0};
        enum err error = read(bad.yaml, &diags);
        print_all(&diags, &came);
        if (error == ERR_OK || !span_equal(buf_span(&came), bad.expected)) {
            print_error("%.*s\n--- expected\n%.*s--- came\n%.*s---\n", SPAN_PRINTF(bad.name),
                        SPAN_PRINTF(bad.expected), SPAN_PRINTF(buf_span(&came)));
            wrong++;
        }
        buf_free(&came);
    }
    if (wrong > 0 || count < least)
        fail_msg("%d of %d cases in %s", wrong, count, path);
}

static void every_rule_broken_once(void **state)
{
    (void)state;
    check_file(DECLIC_SOURCE_DIR "/tests/unit/bad_campaigns.txt", read_bad_campaign, 150);
}

static void every_rule_of_the_policy_broken_once(void **state)
{
    (void)state;
    check_file(DECLIC_SOURCE_DIR "/tests/unit/bad_policies.txt", read_bad_policy, 30);
}

static void errors_end_at_a_hundred(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "x%d: 1\n", i);
    struct diag_list diags = {.arena = &arena};
    struct campaign *campaign;
    assert_int_equal(campaign_read(buf_span(&text), SPAN_LITERAL("c"), NULL, &arena, &campaign, &diags),
                     ERR_INVALID);
    assert_int_equal(diags.count, FORM_MAX_ERRORS + 1);
    buf_free(&text);
}

/* --- what is right ------------------------------------------------------------------------------------ */

static const char everything[] =
    "campaign: abandoned-cart\n"
    "type: behavioural\n"
    "labels: [marketing, cart]\n"
    "priority: 70\n"
    "starts: 2026-12-01T00:00:00Z\n"
    "ends: 2027-01-01T00:00:00.5+01:00\n"
    "trigger:\n"
    "  - event: cart_updated\n"
    "    where: event.total >= 30.0 && event.currency == \"EUR\"\n"
    "    times: {at_least: 3, within: 7d, same: event.page}\n"
    "  - yearly: profile.birth_date\n"
    "audience: profile.city == \"Lyon\" && event.source == 'app'\n"
    "entry: {key: event.cart_id, when_pending: restart_always, cooldown: 7d,\n"
    "        at_most: {count: 3, within: 30d}}\n"
    "cancel:\n"
    "  - {event: order_placed, where: event.total > 0.0,\n"
    "     match: {event.cart: trigger.cart_id}}\n"
    "  - {event: cart_emptied, where: event.site == trigger.site}\n"
    "steps:\n"
    "  - id: first\n"
    "    send: {days: -2, at: '18:30', date: event.ends, time_zone: profile.zone,\n"
    "           on: [sat, mon]}\n"
    "    if: trigger.total < 500.0\n"
    "    channel: email\n"
    "    late: {tolerance: 30m, then: send}\n"
    "    quiet: {from: '21:00', to: '08:00', days: [sun], time_zone: Europe/Paris}\n"
    "    labels: []\n"
    "    message:\n"
    "      subject: '{{ profile.first_name }}, {{ trigger.items }}'\n"
    "      html: '<b>{{ event.name }}</b>'\n"
    "    locales: {fr-CA: {subject: 'Allô'}}\n"
    "  - id: second\n"
    "    send: {before: 3h, date: event.ends}\n"
    "    channel: webhook\n"
    "    message: {body: {n: 1, list: ['{{ event.x }}', true, null]}}\n"
    "  - id: third\n"
    "    channel: push\n"
    "    variants:\n"
    "      - {id: a, weight: 33.333, message: {title: a}}\n"
    "      - {id: b, weight: 33.333, message: {title: b}}\n"
    "      - {id: c, weight: 33.334, message: {title: c}, locales: {fr: {title: d}}}\n"
    "holdout: 2.5\n"
    "late: {tolerance: 2h}\n";

static void the_head_is_read(void **state)
{
    (void)state;
    struct campaign *campaign = read_good(everything);
    assert_true(span_equal_text(campaign->id, "abandoned-cart"));
    assert_true(span_equal_text(campaign->definition, everything));
    assert_int_equal(campaign->type, CAMPAIGN_BEHAVIOURAL);
    assert_int_equal(campaign->labels.count, 2);
    assert_int_equal(campaign->priority, 70);
    assert_true(campaign->starts_ms == 1796083200000 && campaign->ends_ms == 1798758000500);
    assert_true(campaign->has_starts && campaign->has_ends && campaign->recheck);
    assert_int_equal(campaign->holdout_bp, 250);
    assert_int_equal(campaign->late.tolerance_ms, 7200000);
    assert_int_equal(campaign->late.then, LATE_SKIP);
    assert_false(campaign->quiet.given);
    campaign_close(campaign);
}

static void triggers_entry_and_cancels_are_read(void **state)
{
    (void)state;
    struct campaign *campaign = read_good(everything);
    const struct trigger *trigger = campaign->triggers;
    assert_int_equal(campaign->trigger_count, 2);
    assert_int_equal(trigger[0].kind, TRIGGER_EVENT);
    assert_int_equal(trigger[0].times_at_least, 3);
    assert_int_equal(trigger[0].times_within_ms, 604800000);
    assert_non_null(trigger[0].where.program);
    assert_int_equal(trigger[0].where.line, 9);
    assert_int_equal(trigger[0].where.column, 12);
    assert_int_equal(trigger[1].kind, TRIGGER_YEARLY);
    assert_int_equal(campaign->entry.when_pending, PENDING_RESTART_ALWAYS);
    assert_int_equal(campaign->entry.at_most_count, 3);
    assert_int_equal(campaign->entry.cooldown_ms, 604800000);
    assert_int_equal(campaign->cancel_count, 2);
    assert_int_equal(campaign->cancels[0].match_count, 1);
    assert_false(campaign->cancels[0].where_names_trigger);
    assert_true(campaign->cancels[1].where_names_trigger);
    campaign_close(campaign);
}

static void steps_are_read(void **state)
{
    (void)state;
    struct campaign *campaign = read_good(everything);
    const struct step *first = &campaign->steps[0], *second = &campaign->steps[1];
    assert_int_equal(first->send.form, SEND_DAYS);
    assert_int_equal(first->send.days, -2);
    assert_int_equal(first->send.at_minute, 18 * 60 + 30);
    assert_int_equal(first->send.on_days, 1 | 1 << 5);
    assert_non_null(first->send.zone.expression.program);
    assert_int_equal(first->late.then, LATE_SEND);
    assert_true(first->labels.given && first->labels.count == 0);
    assert_int_equal(first->quiet.from_minute, 21 * 60);
    assert_int_equal(first->quiet.days, 1 << 6);
    assert_true(span_equal_text(first->quiet.zone.name, "Europe/Paris"));
    assert_int_equal(first->messages.message.count, 2);
    assert_int_equal(first->messages.locale_count, 1);
    assert_int_equal(second->send.offset_ms, -10800000);
    const struct message_value *body = &second->messages.message.fields[0].value;
    assert_int_equal(body->kind, MESSAGE_MAP);
    assert_int_equal(body->members[0].value.constant.integer, 1);
    assert_int_equal(body->members[1].value.members[0].value.kind, MESSAGE_TEMPLATE);
    assert_int_equal(body->members[1].value.members[2].value.constant.kind, VALUE_NULL);
    campaign_close(campaign);
}

static void weights_leave_no_bucket_out(void **state)
{
    (void)state;
    struct campaign *campaign = read_good(everything);
    const struct variant *variants = campaign->steps[2].variants;
    /* bucket < 33.333 * 100 means buckets 0 to 3333; < 66.666 * 100 buckets to 6666 */
    assert_int_equal(variants[0].weight_bp, 3334);
    assert_int_equal(variants[1].weight_bp, 3333);
    assert_int_equal(variants[2].weight_bp, 3333);
    campaign_close(campaign);
}

static void percentages_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *percent;
        uint32_t buckets;
    } cases[] = {{"0", 0},   {"0.07", 7},    {"0.29", 29},  {"1.005", 101},
                 {"5", 500}, {"57.3", 5730}, {"100", 10000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span text = arena_printf(&arena,
                                        "campaign: c\ntrigger: {event: e}\nholdout: %s\n"
                                        "steps: [{id: a, channel: push, message: {title: t}}]\n",
                                        cases[i].percent);
        struct campaign *campaign = read_good(text.data);
        assert_int_equal(campaign->holdout_bp, cases[i].buckets);
        campaign_close(campaign);
    }
}

static void check_names(const struct name_set *set, const char *expected)
{
    struct buf text = {0};
    for (size_t i = 0; i < set->count; i++)
        buf_printf(&text, "%s%.*s", i == 0 ? "" : " ", SPAN_PRINTF(set->names[i]));
    buf_append_byte(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_free(&text);
}

static void what_is_read_after_the_entry_is_kept(void **state)
{
    (void)state;
    struct campaign *campaign = read_good(everything);
    /* Not: currency, page (conditions of the trigger), ends (dates are worked out at the entry). */
    check_names(&campaign->kept_trigger, "cart_id items name site source total x");
    assert_false(campaign->kept_trigger.all);
    campaign_close(campaign);
    campaign =
        read_good("campaign: c\ntrigger: {event: e}\nrecheck: false\naudience: event.source == 'app'\n"
                  "steps: [{id: a, channel: push, message: {title: '{{ event[x] }}'}}]\n");
    check_names(&campaign->kept_trigger, "");
    assert_true(campaign->kept_trigger.all);
    campaign_close(campaign);
    campaign =
        read_good("campaign: c\n"
                  "trigger: {event: e, thing: event.id, followers: f, where: event.price < follow.price}\n"
                  "steps: [{id: a, channel: push, message: {title: '{{ follow.size }}'}}]\n");
    check_names(&campaign->kept_follow, "price size");
    check_names(&campaign->kept_trigger, "");
    campaign_close(campaign);
}

static void the_policy_is_read(void **state)
{
    (void)state;
    struct policy *policy =
        read_policy("time_zone: Europe/Paris\n"
                    "locale: fr\n"
                    "addresses: {push: profile.push_token, sms: event.phone}\n"
                    "consent: {push: profile.push_optin == true && event.forced != true}\n"
                    "quiet: {from: '21:00', to: '08:00', days: [sun], time_zone: profile.zone}\n"
                    "caps:\n"
                    "  - {labels: [m], channels: [push], at_most: 3, within: 24h, then: postpone}\n"
                    "  - {at_most: 2, per: week}\n"
                    "follows:\n"
                    "  f: {on: {event: a, thing: event.p, where: event.x}, expires: 180d}\n");
    assert_int_equal(policy->address_count, 2);
    assert_int_equal(policy->consent_count, 1);
    assert_int_equal(policy->quiet.then, THEN_POSTPONE);
    assert_int_equal(policy->caps[0].then, THEN_POSTPONE);
    assert_int_equal(policy->caps[0].within_ms, 86400000);
    assert_int_equal(policy->caps[1].per, CAP_WEEK);
    assert_int_equal(policy->caps[1].then, THEN_SKIP);
    assert_int_equal(policy->follows[0].expires_ms, 15552000000);
    check_names(&policy->kept_trigger, "forced phone");
    assert_int_equal(policy->program_count, 6);
    policy_close(policy);
}

static void an_empty_policy_has_no_rules(void **state)
{
    (void)state;
    struct policy *policy = read_policy("# nothing yet\n");
    assert_int_equal(policy->cap_count + policy->address_count + policy->consent_count, 0);
    policy_close(policy);
}

/* Every example of the manual that is a whole campaign or policy. */
static void the_manuals_examples_are_right(void **state)
{
    (void)state;
    struct span rest;
    int campaigns = 0, policies = 0;
    assert_int_equal(
        file_read(SPAN_LITERAL(DECLIC_SOURCE_DIR "/docs/campaigns.md"), 1024 * 1024, &arena, &rest),
        ERR_OK);
    for (cut(rest, "```yaml\n", &rest); rest.size > 0; cut(rest, "```yaml\n", &rest)) {
        const char *text = arena_copy(&arena, cut(rest, "```\n", &rest)).data;
        if (strncmp(text, "campaign:", 9) == 0) {
            campaign_close(read_good(text));
            campaigns++;
        } else if (strncmp(text, "time_zone:", 10) == 0) {
            policy_close(read_policy(text));
            policies++;
        }
    }
    assert_int_equal(campaigns, 1);
    assert_int_equal(policies, 1);
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_broken_once),
        cmocka_unit_test(every_rule_of_the_policy_broken_once),
        cmocka_unit_test(errors_end_at_a_hundred),
        cmocka_unit_test(the_head_is_read),
        cmocka_unit_test(triggers_entry_and_cancels_are_read),
        cmocka_unit_test(steps_are_read),
        cmocka_unit_test(weights_leave_no_bucket_out),
        cmocka_unit_test(percentages_are_exact),
        cmocka_unit_test(what_is_read_after_the_entry_is_kept),
        cmocka_unit_test(the_policy_is_read),
        cmocka_unit_test(an_empty_policy_has_no_rules),
        cmocka_unit_test(the_manuals_examples_are_right),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
