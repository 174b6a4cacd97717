/* The campaigns topic's records folded, and what an apply, pause, resume or archive makes of them. */
#include "check.h"

#include <stdio.h>

#include "app/apply_plan.h"
#include "app/campaign_compile.h"
#include "app/interest.h"
#include "core/liquid/liquid.h"

struct fixture {
    struct arena arena;
    struct campaign_log_builder *builder;
};

static void setup(struct fixture *f)
{
    arena_init(&f->arena, 0);
    f->builder = campaign_log_builder_new();
}

static void teardown(struct fixture *f)
{
    campaign_log_builder_free(f->builder);
    arena_destroy(&f->arena);
}

static enum err add(struct fixture *f, const char *key, const char *value)
{
    struct diag diag;
    struct span text = value == NULL ? (struct span){0} : span_from_text(value);
    return campaign_log_builder_add(f->builder, span_from_text(key), value != NULL, text, (struct span){0},
                                    &diag);
}

/* Writes a change as apply does: the definition, then the state. */
static void write_change(struct fixture *f, const struct change *change, bool applied)
{
    struct buf key = {0}, value = {0};
    struct campaign_item item = change->item;
    const struct campaign_definition *definition = campaign_item_definition(&item, item.version);
    item.applied = applied;
    if (definition != NULL) {
        campaign_log_write_definition_key(&key, item.id, item.version);
        assert_int_equal(campaign_log_builder_add(f->builder, buf_span(&key), true, definition->text,
                                                  definition->snippets, NULL),
                         ERR_OK);
        buf_clear(&key);
    }
    campaign_log_write_state_key(&key, item.id);
    campaign_log_write_state(&value, &item);
    assert_int_equal(campaign_log_builder_add(f->builder, buf_span(&key), true, buf_span(&value),
                                              (struct span){0}, NULL),
                     ERR_OK);
    buf_free(&key);
    buf_free(&value);
}

static struct change define(struct fixture *f, const char *id, const char *text)
{
    struct campaign_definition definition = {.text = span_from_text(text)};
    return change_define(campaign_log_build(f->builder, &f->arena), span_from_text(id), &definition,
                         SPAN_LITERAL("cancel"), 1000, &f->arena);
}

static void versions_and_state_are_folded(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    assert_int_equal(add(&f, "campaign/b@2", "two"), ERR_OK);
    assert_int_equal(add(&f, "campaign/b@1", "one"), ERR_OK);
    assert_int_equal(add(&f, "campaign/a@10", "ten"), ERR_OK);
    assert_int_equal(
        add(&f, "campaign/b",
            "{\"version\":2,\"status\":\"paused\",\"sequence\":5,\"control\":\"pause\",\"stage\":"
            "\"applied\",\"option\":\"shift\",\"at\":\"2026-12-01T00:00:00.000Z\"}"),
        ERR_OK);
    const struct campaign_log *log = campaign_log_build(f.builder, &f.arena);
    assert_int_equal(log->count, 2);
    assert_span_equal(log->items[0].id, "a");
    const struct campaign_item *b = campaign_log_find(log, SPAN_LITERAL("b"));
    assert_int_equal(b->version, 2);
    assert_int_equal(b->status, CAMPAIGN_PAUSED);
    assert_int_equal(b->sequence, 5);
    assert_int_equal(b->at_ms, 1796083200000);
    assert_true(b->applied);
    assert_span_equal(b->option, "shift");
    assert_span_equal(campaign_item_definition(b, 1)->text, "one");
    assert_null(campaign_item_definition(b, 3));
    assert_null(campaign_log_find(log, SPAN_LITERAL("c")));
    assert_null(campaign_log_find(log, (struct span){0}));
    teardown(&f);
}

static void a_campaign_may_be_called_policy(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    assert_int_equal(add(&f, "policy@1", "time_zone: UTC"), ERR_OK);
    assert_int_equal(add(&f, "campaign/policy@4", "campaign: policy"), ERR_OK);
    const struct campaign_log *log = campaign_log_build(f.builder, &f.arena);
    assert_int_equal(log->count, 1);
    assert_int_equal(campaign_item_last_version(&log->items[0]), 4);
    assert_int_equal(campaign_item_last_version(&log->policy), 1);
    teardown(&f);
}

static void what_is_no_record_of_ours_is_told(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    const char *const keys[] = {"",
                                "campaign",
                                "campaign/",
                                "campaign/x@",
                                "campaign/x@0",
                                "campaign/@1",
                                "campaign/x@1x",
                                "policyx",
                                "policy@",
                                "other",
                                "campaign/x@4294967296"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (add(&f, keys[i], "x") != ERR_INVALID)
            fail_msg("key %s was taken", keys[i]);
    const char *const states[] = {"", "{}", "[]", "{\"version\":0}",
                                  "{\"version\":1,\"status\":\"gone\",\"sequence\":1,\"control\":\"pause\","
                                  "\"stage\":\"applied\"}"};
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (add(&f, "campaign/x", states[i]) != ERR_INVALID)
            fail_msg("state %s was taken", states[i]);
    assert_int_equal(campaign_log_build(f.builder, &f.arena)->count, 0);
    teardown(&f);
}

static void a_null_value_removes(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    assert_int_equal(add(&f, "campaign/x@1", "one"), ERR_OK);
    assert_int_equal(add(&f, "campaign/x@1", NULL), ERR_OK);
    assert_int_equal(campaign_log_build(f.builder, &f.arena)->count, 0);
    teardown(&f);
}

static void each_change_is_the_next_version(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    struct change change = define(&f, "x", "one");
    assert_int_equal(change.action, CHANGE_CREATE);
    assert_int_equal(change.item.version, 1);
    assert_int_equal(change.item.sequence, 1);
    assert_span_equal(change.item.option, "");
    write_change(&f, &change, true);

    change = define(&f, "x", "one");
    assert_int_equal(change.action, CHANGE_NONE);

    change = define(&f, "x", "two");
    assert_int_equal(change.action, CHANGE_UPDATE);
    assert_int_equal(change.from_version, 1);
    assert_int_equal(change.item.version, 2);
    assert_int_equal(change.item.sequence, 2);
    assert_span_equal(change.item.option, "cancel");
    struct control control = campaign_item_control(&change.item);
    assert_int_equal(control.kind, CONTROL_CAMPAIGN);
    assert_span_equal(control.definition, "two");
    write_change(&f, &change, true);

    /* An older text again is a new version too. */
    assert_int_equal(define(&f, "x", "one").item.version, 3);
    teardown(&f);
}

static void a_version_left_without_its_state_is_not_made_again(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    assert_int_equal(add(&f, "campaign/x@7", "lost"), ERR_OK);
    struct change change = define(&f, "x", "one");
    assert_int_equal(change.item.version, 8);
    assert_int_equal(change.action, CHANGE_CREATE);
    teardown(&f);
}

static void what_was_not_completed_is_found(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    struct change change = define(&f, "x", "one");
    write_change(&f, &change, false);
    const struct campaign_log *log = campaign_log_build(f.builder, &f.arena);
    assert_int_equal(change_unfinished_count(log), 1);
    struct control control = campaign_item_control(&log->items[0]);
    assert_int_equal(control.version, 1);
    assert_int_equal(control.sequence, 1);
    assert_span_equal(control.definition, "one");
    /* It is in force as far as the next apply can tell. */
    assert_int_equal(define(&f, "x", "one").action, CHANGE_NONE);
    write_change(&f, &change, true);
    assert_int_equal(change_unfinished_count(campaign_log_build(f.builder, &f.arena)), 0);
    teardown(&f);
}

static enum err control(struct fixture *f, enum control_kind kind, struct change *change)
{
    struct diag diag;
    enum err error = change_control(campaign_log_build(f->builder, &f->arena), SPAN_LITERAL("x"), kind,
                                    SPAN_LITERAL("shift"), 2000, change, &diag);
    if (error == ERR_OK && change->action != CHANGE_NONE)
        write_change(f, change, true);
    return error;
}

static void a_life_from_create_to_archive_and_back(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f);
    struct change change;
    assert_int_equal(control(&f, CONTROL_PAUSE, &change), ERR_NOT_FOUND);
    change = define(&f, "x", "one");
    write_change(&f, &change, true);
    assert_int_equal(control(&f, CONTROL_RESUME, &change), ERR_OK);
    assert_int_equal(change.action, CHANGE_NONE);
    assert_int_equal(control(&f, CONTROL_PAUSE, &change), ERR_OK);
    assert_int_equal(change.action, CHANGE_PAUSE);
    assert_int_equal(change.item.sequence, 2);
    assert_span_equal(campaign_item_control(&change.item).option, "shift");
    assert_span_equal(campaign_item_control(&change.item).definition, "");

    /* A new version of a paused campaign leaves it paused. */
    change = define(&f, "x", "two");
    assert_int_equal(change.item.status, CAMPAIGN_PAUSED);
    write_change(&f, &change, true);

    assert_int_equal(control(&f, CONTROL_ARCHIVE, &change), ERR_OK);
    assert_int_equal(change.item.sequence, 4);
    assert_int_equal(control(&f, CONTROL_RESUME, &change), ERR_INVALID);
    change = define(&f, "x", "two");
    assert_int_equal(change.action, CHANGE_REVIVE);
    assert_int_equal(change.item.version, 3);
    assert_int_equal(change.item.status, CAMPAIGN_ACTIVE);
    teardown(&f);
}

static void snippets_come_back(void **unused)
{
    (void)unused;
    struct arena arena;
    arena_init(&arena, 0);
    const struct liquid_snippet in[] = {{SPAN_LITERAL("foot"), SPAN_LITERAL("a \"b\"\n")},
                                        {SPAN_LITERAL("head"), SPAN_LITERAL("")}};
    const struct liquid_snippet *out;
    size_t count;
    assert_int_equal(snippets_read(snippets_write(in, 2, &arena), &arena, &out, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_span_equal(out[0].text, "a \"b\"\n");
    assert_span_equal(out[1].name, "head");
    assert_int_equal(snippets_write(in, 0, &arena).size, 0);
    assert_int_equal(snippets_read(SPAN_LITERAL("[1]"), &arena, &out, &count), ERR_INVALID);
    arena_destroy(&arena);
}

static void interest_is_in_triggers_cancels_and_counters(void **unused)
{
    (void)unused;
    struct arena arena;
    arena_init(&arena, 0);
    struct campaign_definition definition = {
        .text = SPAN_LITERAL(
            "campaign: x\ntype: event\n"
            "trigger: [{event: first}, {event: second, where: event.n > 1}]\n"
            "audience: count(\"bought\", \"30d\", it.total > 5.0) >= 2 && last(\"came\") != null\n"
            "cancel: [{event: left}]\n"
            "steps: [{id: a, channel: push, message: {title: hello}}]\n")};
    struct diag_list diags = {.arena = &arena};
    struct campaign *campaign;
    assert_int_equal(
        campaign_definition_compile(&definition, SPAN_LITERAL("x"), 3, &arena, &campaign, &diags), ERR_OK);
    assert_int_equal(campaign->version, 3);
    struct interest *interest = interest_new();
    interest_add_campaign(interest, campaign);
    const char *const wanted[] = {"first", "second", "bought", "came", "left"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        if (!interest_wants(interest, span_from_text(wanted[i])))
            fail_msg("%s is not wanted", wanted[i]);
    assert_false(interest_wants(interest, SPAN_LITERAL("firs")));
    assert_false(interest_wants(interest, SPAN_LITERAL("")));
    assert_false(interest_wants_thing(interest, SPAN_LITERAL("first")));
    interest_add_all(interest);
    assert_true(interest_wants(interest, SPAN_LITERAL("anything")));
    interest_free(interest);
    campaign_close(campaign);
    arena_destroy(&arena);
}

static void interest_grows(void **unused)
{
    (void)unused;
    enum { NAMES = 1000 };
    static char names[NAMES][8];
    static struct trigger triggers[NAMES];
    struct interest *interest = interest_new();
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        triggers[i].event = span_from_text(names[i]);
        triggers[i].kind = i % 2 == 0 ? TRIGGER_EVENT : TRIGGER_THING;
    }
    struct campaign campaign = {.triggers = triggers, .trigger_count = NAMES};
    interest_add_campaign(interest, &campaign);
    for (int i = 0; i < NAMES; i++) {
        assert_int_equal(interest_wants(interest, triggers[i].event), i % 2 == 0);
        assert_int_equal(interest_wants_thing(interest, triggers[i].event), i % 2 == 1);
    }
    interest_free(interest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_state_are_folded),
        cmocka_unit_test(a_campaign_may_be_called_policy),
        cmocka_unit_test(what_is_no_record_of_ours_is_told),
        cmocka_unit_test(a_null_value_removes),
        cmocka_unit_test(each_change_is_the_next_version),
        cmocka_unit_test(a_version_left_without_its_state_is_not_made_again),
        cmocka_unit_test(what_was_not_completed_is_found),
        cmocka_unit_test(a_life_from_create_to_archive_and_back),
        cmocka_unit_test(snippets_come_back),
        cmocka_unit_test(interest_is_in_triggers_cancels_and_counters),
        cmocka_unit_test(interest_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
