/* The binary form of a sweep's entries: persisted for as long as a journal is not trimmed past them. */
#include "check.h"
#include "codec/journal.h"

static struct entry next(struct journal_reader *reader)
{
    struct entry entry;
    assert_int_equal(journal_reader_next(reader, &entry), ERR_OK);
    return entry;
}

static const struct snapshot_user snapshot_users[] = {{SPAN_LITERAL("u1"), SPAN_LITERAL("state")},
                                                      {SPAN_LITERAL("u2"), {NULL, 0}}};

static void golden_snapshots(void **state)
{
    (void)state;
    struct journal_writer writer = {0};
    struct buf bytes = {0};
    struct arena arena;
    arena_init(&arena, 0);
    const struct snapshot_definition definition = {SPAN_LITERAL("cart"), 3, SPAN_LITERAL("yaml"),
                                                   SPAN_LITERAL("")};
    const struct entry entries[] = {
        {.kind = ENTRY_PARTITION_SNAPSHOT,
         .partition_snapshot = {.sweep = 7,
                                .taken = 1000,
                                .part = SPAN_LITERAL("part"),
                                .definitions = &definition,
                                .definition_count = 1,
                                .users = snapshot_users,
                                .user_count = 1}},
        {.kind = ENTRY_SNAPSHOT,
         .snapshot = {.sweep = 7,
                      .after = 1002,
                      .taken = 1004,
                      .users = snapshot_users,
                      .user_count = 2,
                      .last = true}},
    };
    for (size_t i = 0; i < 2; i++)
        journal_writer_add(&writer, &entries[i]);
    journal_writer_finish(&writer, &bytes);
    assert_hex_equal(buf_span(&bytes), "010000"
                                       "061f"             /* a partition snapshot, 31 bytes */
                                       "07d00f0470617274" /* sweep, taken, the part */
                                       "0104636172740304"
                                       "79616d6c00" /* one definition */
                                       "010275310573746174"
                                       "65"           /* one user */
                                       "0514"         /* a snapshot, 20 bytes */
                                       "0107d40fd80f" /* last, sweep, after, taken */
                                       "020275310573746174"
                                       "65" /* two users */
                                       "02753200");
    struct journal_reader reader;
    assert_int_equal(journal_reader_init(&reader, buf_span(&bytes), &arena), ERR_OK);
    const struct entry part = next(&reader), users = next(&reader);
    assert_int_equal(part.partition_snapshot.taken, 1000);
    assert_span_equal(part.partition_snapshot.definitions[0].text, "yaml");
    assert_span_equal(part.partition_snapshot.users[0].state, "state");
    assert_true(users.snapshot.last && users.snapshot.user_count == 2);
    assert_int_equal(users.snapshot.after, 1002);
    assert_int_equal(users.snapshot.taken, 1004);
    assert_span_equal(users.snapshot.users[1].user, "u2");
    assert_int_equal(users.snapshot.users[1].state.size, 0);
    journal_writer_free(&writer);
    buf_free(&bytes);
    arena_destroy(&arena);
}

/* Cut anywhere it is an error or shorter, also when a count claims more than there is. */
static void what_is_cut_or_changed_does_no_harm(void **state)
{
    (void)state;
    struct journal_writer writer = {0};
    struct buf bytes = {0};
    struct arena arena;
    arena_init(&arena, 0);
    const struct entry entry = {
        .kind = ENTRY_SNAPSHOT,
        .snapshot = {.sweep = 7, .after = 2, .taken = 4, .users = snapshot_users, .user_count = 2}};
    journal_writer_add(&writer, &entry);
    journal_writer_finish(&writer, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct span cut = guarded_copy(span_make(bytes.data, size));
        struct journal_reader reader;
        struct entry read;
        enum err error = journal_reader_init(&reader, cut, &arena);
        if (error == ERR_OK)
            error = journal_reader_next(&reader, &read);
        assert_true(error == ERR_CORRUPT || error == ERR_NOT_FOUND);
        guarded_free(cut);
    }
    for (size_t at = 3; at < bytes.size; at++) {
        char kept = bytes.data[at];
        for (int byte = 0; byte < 256; byte++) {
            struct journal_reader reader;
            struct entry read;
            bytes.data[at] = (char)byte;
            arena_reset(&arena);
            assert_int_equal(journal_reader_init(&reader, buf_span(&bytes), &arena), ERR_OK);
            (void)!journal_reader_next(&reader, &read);
            assert_true(arena.used_bytes <= bytes.size * 64);
        }
        bytes.data[at] = kept;
    }
    journal_writer_free(&writer);
    buf_free(&bytes);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_snapshots),
        cmocka_unit_test(what_is_cut_or_changed_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
