#include "codec/journal.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "codec/value_bin.h"

struct fixture {
    struct arena arena;
    struct journal_writer writer;
    struct buf block;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_destroy(&fixture->arena);
    journal_writer_free(&fixture->writer);
    buf_free(&fixture->block);
    free(fixture);
    return 0;
}

/* ---- values ---- */

static const struct value items[] = {
    {.kind = VALUE_NULL},
    {.kind = VALUE_BOOL, .boolean = true},
    {.kind = VALUE_BOOL, .boolean = false},
    {.kind = VALUE_INT, .integer = -3},
    {.kind = VALUE_UINT, .natural = 300},
    {.kind = VALUE_DOUBLE, .real = -2.5},
    {.kind = VALUE_STRING, .bytes = "h\xC3\xA9", .size = 3},
    {.kind = VALUE_BYTES, .bytes = "\0\xFF", .size = 2},
    {.kind = VALUE_TYPE, .bytes = "int", .size = 3},
    {.kind = VALUE_TIMESTAMP, .integer = -1, .size = 999999999},
    {.kind = VALUE_DURATION, .integer = 90, .size = 0},
    {.kind = VALUE_LIST, .size = 0},
};

static struct value_member one_member[1];

/* {"all": [one of each kind]} */
static struct value one_of_each(void)
{
    one_member[0].key = value_string(SPAN_LITERAL("all"));
    one_member[0].value = value_list(items, sizeof items / sizeof *items);
    return value_map(one_member, 1);
}

/* Persisted: a change here makes journals unreadable. */
static void golden_value(void **state)
{
    struct fixture *fixture = *state;
    value_bin_append(&fixture->block, one_of_each());
    assert_hex_equal(buf_span(&fixture->block), "0a0183616c6c" /* a map of one: "all" */
                                                "090c000201"   /* a list of twelve: null, true, false */
                                                "030504ac02"   /* -3, 300u */
                                                "0500000000000004c0"     /* -2.5 */
                                                "8368c3a9070200ff"       /* text, bytes */
                                                "0803696e74"             /* the type int */
                                                "0b01ff93ebdc030cb40100" /* a timestamp, a duration */
                                                "0900");
    struct span guarded = guarded_copy(buf_span(&fixture->block));
    struct cursor cursor = cursor_make(guarded);
    struct value read = value_bin_read(&cursor, &fixture->arena);
    assert_false(cursor.failed);
    assert_true(cursor.at == cursor.end);
    assert_true(value_equal(read, one_of_each()));
    guarded_free(guarded);
}

static void strings_of_every_length(void **state)
{
    struct fixture *fixture = *state;
    char text[200];
    memset(text, 'x', sizeof text);
    for (size_t size = 0; size <= sizeof text; size++) {
        buf_clear(&fixture->block);
        value_bin_append(&fixture->block, value_string(span_make(text, size)));
        assert_int_equal(fixture->block.size, size + (size < 64 ? 1 : size < 128 ? 2 : 3));
        struct cursor cursor = cursor_make(buf_span(&fixture->block));
        assert_int_equal(value_bin_read(&cursor, &fixture->arena).size, size);
        assert_false(cursor.failed);
    }
}

static void a_value_cut_anywhere_fails(void **state)
{
    struct fixture *fixture = *state;
    value_bin_append(&fixture->block, one_of_each());
    for (size_t size = 0; size < fixture->block.size; size++) {
        struct span guarded = guarded_copy(span_make(fixture->block.data, size));
        struct cursor cursor = cursor_make(guarded);
        struct value read = value_bin_read(&cursor, &fixture->arena);
        assert_true(cursor.failed);
        assert_int_equal(read.kind, VALUE_NULL);
        guarded_free(guarded);
    }
}

static void values_that_lie(void **state)
{
    struct fixture *fixture = *state;
    static const struct span cases[] = {
        SPAN_LITERAL("\x0D"),                     /* no such tag */
        SPAN_LITERAL("\xC0"),                     /* no such tag */
        SPAN_LITERAL("\x09\xFF\xFF\xFF\xFF\x0F"), /* a list of four thousand million */
        SPAN_LITERAL("\x0A\x02\x00\x00\x00"),     /* a map of two, with bytes for one */
        SPAN_LITERAL("\x06\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        SPAN_LITERAL("\x0B\x00\x80\x94\xEB\xDC\x03"), /* 10^9 nanoseconds */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cursor cursor = cursor_make(cases[i]);
        size_t used = fixture->arena.used_bytes;
        value_bin_read(&cursor, &fixture->arena);
        assert_true(cursor.failed);
        assert_true(fixture->arena.used_bytes - used < 256);
    }
    /* Lists inside each other, each claiming all of the rest. */
    char nested[100];
    for (size_t i = 0; i < sizeof nested; i += 2) {
        nested[i] = 9;
        nested[i + 1] = (char)(sizeof nested - i - 2);
    }
    struct cursor lying = cursor_make(span_make(nested, sizeof nested));
    size_t used = fixture->arena.used_bytes;
    value_bin_read(&lying, &fixture->arena);
    assert_true(lying.failed);
    assert_true(fixture->arena.used_bytes - used <= 16 * sizeof nested);
    char deep[200];
    for (size_t i = 0; i < sizeof deep; i += 2)
        memcpy(deep + i, "\x09\x01", 2);
    struct cursor cursor = cursor_make(span_make(deep, sizeof deep));
    value_bin_read(&cursor, &fixture->arena);
    assert_true(cursor.failed);
}

/* ---- blocks ---- */

static struct entry sample_event(void)
{
    struct entry entry = {.kind = ENTRY_EVENT, .has_source = true};
    entry.source = (struct source_position){.topic = SPAN_LITERAL("shop.events"),
                                            .incarnation = 0x1122334455667788,
                                            .partition = 3,
                                            .floor = 100,
                                            .offset = 105,
                                            .index = 1};
    entry.event = (struct event){.id = SPAN_LITERAL("e1"),
                                 .user = SPAN_LITERAL("u42"),
                                 .name = SPAN_LITERAL("cart_updated"),
                                 .time_ms = 1764061395000,
                                 .arrived_ms = 1764061395200,
                                 .attributes = one_of_each(),
                                 .traceparent = SPAN_LITERAL("00-aa"),
                                 .tracestate = SPAN_LITERAL("k=v")};
    return entry;
}

static struct entry sample_profile(void)
{
    struct entry entry = {.kind = ENTRY_PROFILE, .has_source = true};
    entry.source = sample_event().source;
    entry.source.topic = SPAN_LITERAL("crm.profiles");
    entry.profile = (struct profile_update){.user = SPAN_LITERAL("u42"),
                                            .time_ms = -5,
                                            .arrived_ms = 1764061395201,
                                            .tombstone = true,
                                            .attributes = value_map(NULL, 0)};
    return entry;
}

static struct entry sample_settled(void)
{
    struct entry entry = {.kind = ENTRY_SETTLED};
    entry.settled = (struct settled){.user = SPAN_LITERAL("u42"),
                                     .campaign = SPAN_LITERAL("cart"),
                                     .version = 3,
                                     .key = SPAN_LITERAL("c42"),
                                     .trigger_id = SPAN_LITERAL("e1"),
                                     .step = SPAN_LITERAL("first"),
                                     .attempt = 2,
                                     .outcome = OUTCOME_POSTPONED,
                                     .reason = SPAN_LITERAL("quiet"),
                                     .due_ms = 1764064995000,
                                     .new_due_ms = 1764079395000,
                                     .at_ms = 1764064995003};
    return entry;
}

static struct entry sample_control(void)
{
    struct entry entry = {.kind = ENTRY_CONTROL};
    entry.control = (struct control){.kind = CONTROL_CAMPAIGN,
                                     .id = SPAN_LITERAL("cart"),
                                     .version = 4,
                                     .sequence = 7,
                                     .option = SPAN_LITERAL("migrate"),
                                     .definition = SPAN_LITERAL("campaign: cart\n"),
                                     .at_ms = 1764061395000};
    return entry;
}

static void write_samples(struct fixture *fixture)
{
    const struct entry entries[] = {sample_event(), sample_profile(), sample_settled(), sample_control()};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        journal_writer_add(&fixture->writer, &entries[i]);
    assert_int_equal(fixture->writer.count, 4);
    size_t bound = journal_writer_bytes(&fixture->writer);
    buf_clear(&fixture->block);
    journal_writer_finish(&fixture->writer, &fixture->block);
    assert_true(fixture->block.size <= bound);
}

static void expect_same_source(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->has_source, b->has_source);
    assert_true(span_equal(a->source.topic, b->source.topic));
    assert_true(a->source.incarnation == b->source.incarnation);
    assert_int_equal(a->source.partition, b->source.partition);
    assert_int_equal(a->source.floor, b->source.floor);
    assert_int_equal(a->source.offset, b->source.offset);
    assert_int_equal(a->source.index, b->source.index);
}

static struct entry next(struct journal_reader *reader)
{
    struct entry entry;
    assert_int_equal(journal_reader_next(reader, &entry), ERR_OK);
    return entry;
}

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    write_samples(fixture);
    struct span guarded = guarded_copy(buf_span(&fixture->block));
    struct journal_reader reader;
    assert_int_equal(journal_reader_init(&reader, guarded, &fixture->arena), ERR_OK);
    assert_int_equal(reader.life_count, 2);

    struct entry wrote = sample_event();
    struct entry read = next(&reader);
    assert_int_equal(read.kind, ENTRY_EVENT);
    expect_same_source(&wrote, &read);
    assert_true(span_equal(read.event.id, wrote.event.id));
    assert_true(span_equal(read.event.user, wrote.event.user));
    assert_true(span_equal(read.event.name, wrote.event.name));
    assert_true(span_equal(read.event.traceparent, wrote.event.traceparent));
    assert_true(span_equal(read.event.tracestate, wrote.event.tracestate));
    assert_int_equal(read.event.time_ms, wrote.event.time_ms);
    assert_int_equal(read.event.arrived_ms, wrote.event.arrived_ms);
    assert_true(value_equal(read.event.attributes, wrote.event.attributes));

    wrote = sample_profile();
    read = next(&reader);
    assert_int_equal(read.kind, ENTRY_PROFILE);
    expect_same_source(&wrote, &read);
    assert_true(span_equal(read.profile.user, wrote.profile.user));
    assert_int_equal(read.profile.time_ms, wrote.profile.time_ms);
    assert_int_equal(read.profile.arrived_ms, wrote.profile.arrived_ms);
    assert_true(read.profile.tombstone);
    assert_int_equal(read.profile.attributes.size, 0);

    read = next(&reader);
    assert_int_equal(read.kind, ENTRY_SETTLED);
    assert_span_equal(read.settled.user, "u42");
    assert_span_equal(read.settled.campaign, "cart");
    assert_int_equal(read.settled.version, 3);
    assert_span_equal(read.settled.key, "c42");
    assert_span_equal(read.settled.trigger_id, "e1");
    assert_span_equal(read.settled.step, "first");
    assert_int_equal(read.settled.attempt, 2);
    assert_int_equal(read.settled.outcome, OUTCOME_POSTPONED);
    assert_span_equal(read.settled.reason, "quiet");
    assert_int_equal(read.settled.due_ms, 1764064995000);
    assert_int_equal(read.settled.new_due_ms, 1764079395000);
    assert_int_equal(read.settled.at_ms, 1764064995003);

    read = next(&reader);
    assert_int_equal(read.kind, ENTRY_CONTROL);
    assert_int_equal(read.control.kind, CONTROL_CAMPAIGN);
    assert_span_equal(read.control.id, "cart");
    assert_int_equal(read.control.version, 4);
    assert_int_equal(read.control.sequence, 7);
    assert_span_equal(read.control.option, "migrate");
    assert_span_equal(read.control.definition, "campaign: cart\n");
    assert_span_equal(read.control.snippets, "");
    assert_int_equal(read.control.at_ms, 1764061395000);

    assert_int_equal(reader.index, 4);
    assert_int_equal(journal_reader_next(&reader, &read), ERR_NOT_FOUND);
    guarded_free(guarded);
}

/* Persisted: a change here makes journals unreadable. Outcomes are numbered by outcome.def. */
static void golden_block(void **state)
{
    struct fixture *fixture = *state;
    struct entry entries[] = {sample_event(), sample_profile(), sample_settled(), sample_control()};
    entries[0].event.attributes = value_map(NULL, 0);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        journal_writer_add(&fixture->writer, &entries[i]);
    journal_writer_finish(&fixture->writer, &fixture->block);
    assert_hex_equal(
        buf_span(&fixture->block),
        "0180e485a4d766020b73686f702e6576656e7473887766554433221103c8010c" /* version, base, two lives */
        "63726d2e70726f66696c6573887766554433221103c801"
        "012707000a01008f03026531037534320c636172745f757064617465640a0005" /* the event */
        "30302d6161036b3d76"
        "021103010a01028be485a4d766037534320a00"                           /* the profile */
        "032a037534320463617274030363343202653105666972737402040571756965" /* settled */
        "74f09abda7d76680e8dd0d06"
        "04270104636172740407076d6967726174650f63616d706169676e3a20636172" /* control */
        "740a00f0e085a4d766");
}

/* An event about a thing and a slice, likewise. */
static void golden_block_of_many_users(void **state)
{
    struct fixture *fixture = *state;
    const struct span users[] = {SPAN_LITERAL("u43"), SPAN_LITERAL("u7")};
    struct entry thing = sample_event(), slice = {.kind = ENTRY_SLICE};
    thing.kind = ENTRY_THING;
    thing.event.user = span_make(NULL, 0);
    thing.event.attributes = value_map(NULL, 0);
    slice.slice = (struct slice){
        .cursor = 300, .after = SPAN_LITERAL("u42"), .users = users, .user_count = 2, .last = true};
    journal_writer_add(&fixture->writer, &thing);
    journal_writer_add(&fixture->writer, &slice);
    slice.slice = (struct slice){.cursor = 301};
    journal_writer_add(&fixture->writer, &slice);
    journal_writer_finish(&fixture->writer, &fixture->block);
    assert_hex_equal(buf_span(&fixture->block),
                     "0180e485a4d766010b73686f702e6576656e7473887766554433221103c801"
                     "072407000a01008f03026531000c636172745f757064617465640a0005"
                     "30302d6161036b3d76" /* the event about a thing */
                     "080f01ac020375343202037534330275"
                     "37"               /* a last slice of two users */
                     "080500ad020000"); /* an empty one */
    struct journal_reader reader;
    assert_int_equal(journal_reader_init(&reader, buf_span(&fixture->block), &fixture->arena), ERR_OK);
    struct entry read = next(&reader);
    assert_int_equal(read.kind, ENTRY_THING);
    assert_true(read.has_source);
    assert_span_equal(read.event.user, "");
    assert_span_equal(read.event.name, "cart_updated");
    read = next(&reader);
    assert_int_equal(read.kind, ENTRY_SLICE);
    assert_int_equal(read.slice.cursor, 300);
    assert_span_equal(read.slice.after, "u42");
    assert_int_equal(read.slice.user_count, 2);
    assert_span_equal(read.slice.users[0], "u43");
    assert_span_equal(read.slice.users[1], "u7");
    assert_true(read.slice.last);
    read = next(&reader);
    assert_int_equal(read.slice.user_count, 0);
    assert_false(read.slice.last);
}

static void equal_lives_are_written_once(void **state)
{
    struct fixture *fixture = *state;
    struct entry entry = sample_event();
    for (int i = 0; i < 10; i++) {
        entry.source.offset++;
        journal_writer_add(&fixture->writer, &entry);
    }
    entry.source.floor++;
    journal_writer_add(&fixture->writer, &entry);
    entry.source.incarnation++;
    journal_writer_add(&fixture->writer, &entry);
    journal_writer_finish(&fixture->writer, &fixture->block);
    struct journal_reader reader;
    assert_int_equal(journal_reader_init(&reader, buf_span(&fixture->block), &fixture->arena), ERR_OK);
    assert_int_equal(reader.life_count, 3);
    for (int i = 0; i < 10; i++)
        assert_int_equal(next(&reader).source.offset, 106 + i);
    assert_int_equal(next(&reader).source.floor, 101);
    assert_true(next(&reader).source.incarnation == 0x1122334455667789);
}

static void extreme_numbers_survive(void **state)
{
    struct fixture *fixture = *state;
    struct entry entry = sample_event();
    entry.source.floor = INT64_MIN;
    entry.source.offset = INT64_MAX;
    entry.source.index = UINT32_MAX;
    entry.source.partition = INT32_MAX;
    entry.source.incarnation = UINT64_MAX;
    entry.event.time_ms = INT64_MIN;
    entry.event.arrived_ms = INT64_MAX;
    journal_writer_add(&fixture->writer, &entry);
    struct entry settled = sample_settled();
    settled.settled.due_ms = INT64_MIN;
    settled.settled.new_due_ms = INT64_MAX;
    settled.settled.at_ms = 0;
    journal_writer_add(&fixture->writer, &settled);
    journal_writer_finish(&fixture->writer, &fixture->block);
    struct journal_reader reader;
    assert_int_equal(journal_reader_init(&reader, buf_span(&fixture->block), &fixture->arena), ERR_OK);
    struct entry read = next(&reader);
    expect_same_source(&entry, &read);
    assert_true(read.event.time_ms == INT64_MIN && read.event.arrived_ms == INT64_MAX);
    read = next(&reader);
    assert_true(read.settled.due_ms == INT64_MIN && read.settled.new_due_ms == INT64_MAX &&
                read.settled.at_ms == 0);
}

static void the_writer_starts_anew(void **state)
{
    struct fixture *fixture = *state;
    write_samples(fixture);
    struct buf first = {0};
    buf_append(&first, buf_span(&fixture->block));
    write_samples(fixture);
    assert_true(span_equal(buf_span(&first), buf_span(&fixture->block)));
    buf_free(&first);
    buf_clear(&fixture->block);
    journal_writer_finish(&fixture->writer, &fixture->block);
    struct journal_reader reader;
    struct entry entry;
    assert_int_equal(journal_reader_init(&reader, buf_span(&fixture->block), &fixture->arena), ERR_OK);
    assert_int_equal(journal_reader_next(&reader, &entry), ERR_NOT_FOUND);
}

/* Reads as far as it goes; the guard page is the test. */
static enum err read_all(struct fixture *fixture, struct span block)
{
    struct span guarded = guarded_copy(block);
    struct journal_reader reader;
    enum err error = journal_reader_init(&reader, guarded, &fixture->arena);
    struct entry entry;
    while (error == ERR_OK)
        error = journal_reader_next(&reader, &entry);
    guarded_free(guarded);
    arena_reset(&fixture->arena);
    return error;
}

static void a_block_cut_anywhere_is_noticed_or_shorter(void **state)
{
    struct fixture *fixture = *state;
    write_samples(fixture);
    size_t whole = 0;
    for (size_t size = 0; size <= fixture->block.size; size++) {
        enum err error = read_all(fixture, span_make(fixture->block.data, size));
        assert_true(error == ERR_CORRUPT || error == ERR_NOT_FOUND);
        whole += error == ERR_NOT_FOUND;
    }
    assert_int_equal(whole, 5); /* after the header and after each entry */
}

static void damaged_blocks_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    write_samples(fixture);
    static const unsigned char damage[] = {0x00, 0x01, 0x7F, 0x80, 0xC0, 0xFF};
    for (size_t at = 0; at < fixture->block.size; at++) {
        char right = fixture->block.data[at];
        for (size_t i = 0; i < sizeof damage; i++) {
            fixture->block.data[at] = (char)damage[i];
            enum err error = read_all(fixture, buf_span(&fixture->block));
            assert_true(error == ERR_CORRUPT || error == ERR_NOT_FOUND || error == ERR_VERSION);
        }
        fixture->block.data[at] = right;
    }
}

static void later_layouts_are_named(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_all(fixture, SPAN_LITERAL("")), ERR_CORRUPT);
    assert_int_equal(read_all(fixture, SPAN_LITERAL("\x02\x00\x00")), ERR_VERSION);
    assert_int_equal(read_all(fixture, SPAN_LITERAL("\x01\x00\x00\x09\x00")), ERR_VERSION);     /* a kind */
    assert_int_equal(read_all(fixture, SPAN_LITERAL("\x01\x00\x00\x01\x01\x08")), ERR_CORRUPT); /* a flag */
    assert_int_equal(read_all(fixture, SPAN_LITERAL("\x01\x00\x00")), ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(golden_value),
        TEST(strings_of_every_length),
        TEST(a_value_cut_anywhere_fails),
        TEST(values_that_lie),
        TEST(what_was_written_is_read),
        TEST(golden_block),
        TEST(golden_block_of_many_users),
        TEST(equal_lives_are_written_once),
        TEST(extreme_numbers_survive),
        TEST(the_writer_starts_anew),
        TEST(a_block_cut_anywhere_is_noticed_or_shorter),
        TEST(damaged_blocks_do_no_harm),
        TEST(later_layouts_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
