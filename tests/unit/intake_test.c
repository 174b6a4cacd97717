/* Intake over ports in memory: what is appended, refused and committed, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/partition_state.h"
#include "intake_world.h"

static uint64_t next_random = 100;

static uint64_t count_up(void)
{
    return next_random++;
}

struct fixture {
    struct world world;
    struct process process;
    struct arena arena;
    struct intake_source sources[1];
    struct intake *intake;
};

static struct intake *intake_open(struct fixture *f, struct process *process)
{
    struct intake_settings settings = {
        .sources = f->sources,
        .source_count = 1,
        .partitions = WORLD_JOURNAL,
        .connector = SPAN_LITERAL("declic.intake"),
        .limits = record_limits_default,
        .max_age_ms = 7 * 86400000LL,
        .max_future_ms = 300000,
        .random = count_up,
    };
    intake_settings_turn(&settings);
    settings.commit_every_ms = 20;
    struct intake_ports ports = process_ports(process);
    return intake_new(&settings, &ports);
}

static void setup(struct fixture *f, uint64_t seed)
{
    struct mapping_spec plain = {.format = MAPPING_JSON};
    memset(f, 0, sizeof(*f));
    world_init(&f->world, seed);
    f->world.wanted[0] = "seen";
    f->process.world = &f->world;
    arena_init(&f->arena, 0);
    f->sources[0].topic = SPAN_LITERAL("shop");
    assert_int_equal(mapping_compile(&plain, &f->arena, &f->sources[0].mapping, NULL), ERR_OK);
    f->intake = intake_open(f, &f->process);
}

static void teardown(struct fixture *f)
{
    intake_free(f->intake);
    process_crash(&f->process);
    world_free(&f->world);
    arena_destroy(&f->arena);
}

static void steps(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        f->world.now_ms += 3;
        assert_int_equal(intake_step(f->intake, 10), ERR_OK);
    }
}

static const char *event(struct fixture *f, const char *user, const char *name, int64_t time_ms)
{
    return arena_printf(&f->arena,
                        "{\"user\":\"%s\",\"name\":\"%s\",\"time\":%lld,\"attributes\":{\"n\":1}}", user,
                        name, (long long)time_ms)
        .data;
}

/* Reads the whole journal; returns how many entries it has, the last in *entry. */
static size_t journal_read(struct fixture *f, struct entry *entry)
{
    size_t count = 0;
    for (size_t i = 0; i < f->world.count; i++) {
        const struct world_written *w = &f->world.log[i];
        struct journal_reader reader;
        if (w->target != APPENDER_JOURNAL)
            continue;
        assert_int_equal(journal_reader_init(&reader, span_make(w->value, w->size), &f->arena), ERR_OK);
        while (journal_reader_next(&reader, entry) == ERR_OK)
            count++;
    }
    return count;
}

static size_t letters(const struct fixture *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->world.count; i++)
        count += f->world.log[i].target == APPENDER_DEAD_LETTERS;
    return count;
}

static void an_event_is_appended_with_its_place(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    world_put(&f.world, 1, "k", event(&f, "u1", "seen", f.world.now_ms - 5000));
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 1);
    assert_int_equal(entry.kind, ENTRY_EVENT);
    assert_true(span_equal_text(entry.event.user, "u1"));
    assert_true(span_equal_text(entry.event.id, "shop/1/0"));
    assert_true(entry.has_source);
    assert_true(span_equal_text(entry.source.topic, "shop"));
    assert_int_equal(entry.source.partition, 1);
    assert_int_equal(entry.source.offset, 0);
    assert_int_equal(entry.source.floor, 0);
    assert_int_equal(f.world.sources[1].committed, 1);
    teardown(&f);
}

static void what_nothing_needs_is_dropped_and_committed(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    world_put(&f.world, 0, NULL, event(&f, "u1", "unseen", f.world.now_ms));
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 0);
    assert_int_equal(letters(&f), 0);
    assert_int_equal(f.world.sources[0].committed, 1);
    assert_int_equal(intake_stats(f.intake)->dropped, 1);
    teardown(&f);
}

static void nothing_is_dropped_before_the_sieve_is_new_enough(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    f.world.sieve_stuck = true;
    world_put(&f.world, 0, NULL, event(&f, "u1", "later", f.world.now_ms));
    steps(&f, 1000);
    assert_int_equal(f.world.sources[0].committed, 0); /* the incarnation's, no more */
    assert_true(intake_trouble(f.intake).size > 0);
    f.world.wanted[1] = "later"; /* a campaign that was applied before the sieve caught up */
    f.world.passed = f.world.asked;
    f.world.sieve_stuck = false;
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 1);
    teardown(&f);
}

static void a_refused_record_goes_to_the_dead_letters(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    world_put(&f.world, 0, "key", "{not json");
    world_put(&f.world, 0, NULL, NULL);
    world_put(&f.world, 0, NULL, event(&f, "", "seen", f.world.now_ms));
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    assert_int_equal(letters(&f), 3);
    assert_int_equal(journal_read(&f, &entry), 1);
    assert_int_equal(f.world.sources[0].committed, 4);
    const struct world_written *first = NULL;
    for (size_t i = f.world.count; i-- > 0;)
        if (f.world.log[i].target == APPENDER_DEAD_LETTERS)
            first = &f.world.log[i];
    assert_string_equal(first->key, "key");
    assert_memory_equal(first->value, "{not json", 9);
    assert_non_null(strstr(first->headers, "__connect.errors.topic=shop\n"));
    assert_non_null(strstr(first->headers, "__connect.errors.partition=0\n"));
    assert_non_null(strstr(first->headers, "__connect.errors.offset=0\n"));
    assert_non_null(strstr(first->headers, "__connect.errors.connector.name=declic.intake\n"));
    assert_non_null(
        strstr(first->headers, "__connect.errors.exception.class.name=declic.errors.SyntaxException\n"));
    assert_non_null(strstr(first->headers, "__connect.errors.exception.message="));
    teardown(&f);
}

static void an_event_about_a_thing_goes_to_every_partition(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    f.world.wanted_thing = "price_dropped";
    world_put(&f.world, 0, NULL, event(&f, "", "price_dropped", f.world.now_ms));
    world_put(&f.world, 0, NULL, "{\"name\":\"price_dropped\",\"attributes\":{}}");
    world_put(&f.world, 0, NULL, "{\"name\":\"seen\",\"attributes\":{}}");
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), WORLD_JOURNAL);
    assert_int_equal(entry.kind, ENTRY_THING);
    assert_int_equal(entry.event.user.size, 0);
    assert_true(span_equal_text(entry.event.name, "price_dropped"));
    assert_int_equal(letters(&f), 2); /* an empty user is none that is missing; `seen` needs one */
    teardown(&f);
}

static void age_is_held_against_the_arrival(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    int64_t arrives = f.world.now_ms + 3 * 3; /* assigned, established, read: three steps */
    const int64_t day = 86400000;
    world_put(&f.world, 0, NULL, event(&f, "old", "seen", arrives - 7 * day - 1000));
    world_put(&f.world, 0, NULL, event(&f, "held", "seen", arrives - 7 * day + 1000));
    world_put(&f.world, 0, NULL, event(&f, "ahead", "seen", arrives + 299000));
    world_put(&f.world, 0, NULL, event(&f, "far", "seen", arrives + 301000));
    steps(&f, 30);
    assert_int_equal(letters(&f), 2);
    assert_int_equal(journal_read(&f, &entry), 2);
    teardown(&f);
}

static void profiles_are_refused_for_no_age_and_narrowed(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    static const struct span kept[] = {SPAN_LITERAL("city")};
    const struct name_set names = {kept, 1, false};
    setup(&f, 1);
    intake_free(f.intake);
    f.sources[0].profiles = true;
    struct intake_settings settings = {.sources = f.sources,
                                       .source_count = 1,
                                       .partitions = 1,
                                       .limits = record_limits_default,
                                       .profile_attributes = &names,
                                       .random = count_up};
    intake_settings_turn(&settings);
    struct intake_ports ports = process_ports(&f.process);
    f.intake = intake_new(&settings, &ports);
    world_put(&f.world, 0, NULL,
              "{\"user\":\"u\",\"time\":5,\"attributes\":{\"age\":4,\"city\":\"Lyon\"}}");
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 1);
    assert_int_equal(entry.kind, ENTRY_PROFILE);
    assert_int_equal(entry.profile.attributes.size, 1);
    world_put(&f.world, 0, "u", NULL);
    steps(&f, 60);
    assert_int_equal(journal_read(&f, &entry), 2);
    assert_true(entry.profile.tombstone);
    assert_int_equal(letters(&f), 0);
    teardown(&f);
}

static void nothing_is_committed_before_it_is_acknowledged(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, 1);
    f.process.hold_acks = true;
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    world_put(&f.world, 0, NULL, event(&f, "u", "unseen", f.world.now_ms));
    steps(&f, 100);
    assert_int_equal(f.world.sources[0].committed, 0);
    f.process.hold_acks = false;
    steps(&f, 30);
    assert_int_equal(f.world.sources[0].committed, 2);
    teardown(&f);
}

static void the_incarnation_is_established_first(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    f.process.hold_commits = true;
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 100);
    assert_int_equal(f.world.count + f.process.queued, 0);
    f.process.hold_commits = false;
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 1);
    char metadata[64];
    snprintf(metadata, sizeof(metadata), "declic 1 %016llx", (unsigned long long)entry.source.incarnation);
    assert_int_equal(f.world.sources[0].metadata_bytes, strlen(metadata));
    assert_memory_equal(f.world.sources[0].metadata, metadata, strlen(metadata));
    teardown(&f);
}

/* Stops the intake in order and begins another on what it left. */
static void begin_again(struct fixture *f)
{
    intake_stop(f->intake);
    for (int i = 0; i < 200 && !intake_stopped(f->intake); i++)
        steps(f, 1);
    assert_true(intake_stopped(f->intake));
    intake_free(f->intake);
    process_crash(&f->process);
    f->process = (struct process){.world = &f->world};
    f->intake = intake_open(f, &f->process);
}

static void the_incarnation_lasts_until_the_topic_is_made_anew(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    for (int i = 0; i < 3; i++)
        world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 3);
    uint64_t first = entry.source.incarnation;
    begin_again(&f);
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 4);
    assert_int_equal(entry.source.incarnation, first);
    assert_int_equal(entry.source.floor, 3);
    begin_again(&f);
    world_make_anew(&f.world.sources[0]); /* shorter than what was committed */
    steps(&f, 5);
    begin_again(&f);
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    assert_int_equal(journal_read(&f, &entry), 5);
    assert_int_not_equal(entry.source.incarnation, first);
    assert_int_equal(entry.source.offset, 0);
    teardown(&f);
}

static void a_revoke_waits_for_what_is_under_way(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, 1);
    f.process.hold_acks = true;
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    f.process.revoke = true;
    steps(&f, 30);
    assert_true(f.process.standing);
    f.process.hold_acks = false;
    steps(&f, 30);
    assert_int_equal(f.world.sources[0].committed, 1);
    assert_false(f.process.standing && !f.process.assign_next);
    teardown(&f);
}

static void a_revoke_does_not_wait_for_ever(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, 1);
    f.process.hold_acks = true;
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 30);
    f.process.closing = true;
    steps(&f, 2000);
    assert_false(f.process.assigned);
    assert_int_equal(f.world.sources[0].committed, 0);
    teardown(&f);
}

static void what_was_read_before_a_loss_is_not_taken_after_it(void **unused)
{
    (void)unused;
    struct fixture f;
    struct entry entry;
    setup(&f, 1);
    f.process.max_batch = 1;
    steps(&f, 30);
    f.world.sieve_stuck = true; /* two batches are read and wait */
    uint64_t before = f.world.asked;
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 10);
    f.process.lost = true;
    steps(&f, 1);
    f.world.passed = before + 1; /* the first is let go while the partition is nobody's */
    steps(&f, 3);
    f.world.passed = f.world.asked;
    f.world.sieve_stuck = false;
    steps(&f, 60);
    assert_int_equal(journal_read(&f, &entry), 2);
    assert_int_equal(f.world.sources[0].committed, 2);
    teardown(&f);
}

static void memory_in_flight_is_bounded(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, 1);
    intake_free(f.intake);
    struct intake_settings settings = {.sources = f.sources,
                                       .source_count = 1,
                                       .partitions = 1,
                                       .limits = record_limits_default,
                                       .max_age_ms = 7 * 86400000LL,
                                       .max_future_ms = 300000,
                                       .random = count_up};
    intake_settings_turn(&settings);
    settings.in_flight_bytes = 3000;
    settings.block_bytes = 500;
    struct intake_ports ports = process_ports(&f.process);
    f.intake = intake_new(&settings, &ports);
    f.process.hold_acks = true;
    for (int i = 0; i < 1000; i++)
        world_put(&f.world, 0, NULL, event(&f, "u", "seen", f.world.now_ms));
    steps(&f, 300);
    assert_true(intake_stats(f.intake)->in_flight >= 3000);
    assert_true(intake_stats(f.intake)->in_flight < 5000);
    f.process.hold_acks = false;
    steps(&f, 1000);
    assert_int_equal(f.world.sources[0].committed, 1000);
    teardown(&f);
}

/* ---- the promise: each record counts once, whatever goes wrong ---- */

/* Folds the journal as the engine does and counts what counts, by source partition and offset. */
static void count_folded(struct fixture *f, unsigned *counts, size_t stride)
{
    struct partition_state states[WORLD_JOURNAL];
    for (int p = 0; p < WORLD_JOURNAL; p++)
        partition_state_init(&states[p]);
    for (size_t i = 0; i < f->world.count; i++) {
        const struct world_written *w = &f->world.log[i];
        struct journal_reader reader;
        struct entry entry;
        if (w->target != APPENDER_JOURNAL)
            continue;
        assert_int_equal(journal_reader_init(&reader, span_make(w->value, w->size), &f->arena), ERR_OK);
        while (journal_reader_next(&reader, &entry) == ERR_OK)
            if (partition_state_take(&states[w->partition], &entry.source))
                counts[(size_t)entry.source.partition * stride + (size_t)entry.source.offset]++;
    }
    for (int p = 0; p < WORLD_JOURNAL; p++)
        partition_state_free(&states[p]);
}

/* One process after the other, each with failing commits, failing appends and a crash at a random moment;
 * the last one runs undisturbed. */
static void each_record_counts_once(void **unused)
{
    (void)unused;
    enum { RECORDS = 120 };
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct fixture f;
        unsigned counts[WORLD_SOURCES * RECORDS] = {0};
        setup(&f, seed);
        for (int i = 0; i < WORLD_SOURCES * RECORDS; i++) {
            char user[16];
            snprintf(user, sizeof(user), "u%u", world_chance(&f.world) % 20);
            world_put(&f.world, i % WORLD_SOURCES, NULL, event(&f, user, "seen", f.world.now_ms));
        }
        for (int life = 0; life < 6; life++) {
            bool last = life == 5;
            f.process.commit_fails = last ? 0 : 20;
            f.process.append_fails = last ? 0 : 3;
            int turns = last ? 1500 : 5 + (int)world_chance(&f.world);
            for (int i = 0; i < turns; i++) {
                f.world.now_ms += 1 + world_chance(&f.world) % 10;
                if (intake_step(f.intake, 10) != ERR_OK)
                    break;
            }
            if (last)
                break;
            intake_free(f.intake);
            process_crash(&f.process);
            f.process = (struct process){.world = &f.world};
            f.intake = intake_open(&f, &f.process);
        }
        count_folded(&f, counts, RECORDS);
        for (int i = 0; i < WORLD_SOURCES * RECORDS; i++)
            if (counts[i] != 1)
                fail_msg("seed %llu: record %d of source %d counted %u times", (unsigned long long)seed,
                         i % RECORDS, i / RECORDS, counts[i]);
        assert_int_equal(f.world.sources[0].committed, RECORDS);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_appended_with_its_place),
        cmocka_unit_test(what_nothing_needs_is_dropped_and_committed),
        cmocka_unit_test(nothing_is_dropped_before_the_sieve_is_new_enough),
        cmocka_unit_test(a_refused_record_goes_to_the_dead_letters),
        cmocka_unit_test(an_event_about_a_thing_goes_to_every_partition),
        cmocka_unit_test(age_is_held_against_the_arrival),
        cmocka_unit_test(profiles_are_refused_for_no_age_and_narrowed),
        cmocka_unit_test(nothing_is_committed_before_it_is_acknowledged),
        cmocka_unit_test(the_incarnation_is_established_first),
        cmocka_unit_test(the_incarnation_lasts_until_the_topic_is_made_anew),
        cmocka_unit_test(a_revoke_waits_for_what_is_under_way),
        cmocka_unit_test(a_revoke_does_not_wait_for_ever),
        cmocka_unit_test(what_was_read_before_a_loss_is_not_taken_after_it),
        cmocka_unit_test(memory_in_flight_is_bounded),
        cmocka_unit_test(each_record_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
