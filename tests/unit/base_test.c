#include <stdlib.h>

#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/sha1.h"
#include "base/sha1_block.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/varint.h"
#include "check.h"

static void varints_round_trip(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        size_t size;
    } cases[] = {{0, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {INT64_MAX, 9}, {UINT64_MAX, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf buf = {0};
        varint_append(&buf, cases[i].number);
        assert_int_equal(buf.size, cases[i].size);
        for (size_t cut = 0; cut <= buf.size; cut++) {
            struct span guarded = guarded_copy(span_make(buf.data, cut));
            struct cursor cursor = cursor_make(guarded);
            uint64_t number = cursor_varint(&cursor);
            assert_int_equal(cursor.failed, cut < buf.size);
            assert_true(number == (cut < buf.size ? 0 : cases[i].number));
            guarded_free(guarded);
        }
        buf_free(&buf);
    }
}

/* With bytes after it a varint is read eight bytes at once. */
static void varints_with_more_behind_them(void **state)
{
    (void)state;
    static const char behind[][9] = {{0},
                                     {(char)0xFF, (char)0xFF, (char)0xFF, (char)0xFF, (char)0xFF,
                                      (char)0xFF, (char)0xFF, (char)0xFF, (char)0xFF}};
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t number = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
        for (int change = 0; change < 4; change++) {
            struct buf buf = {0};
            uint64_t wanted = change / 2 == 0 ? number : number ^ (number & 0x5555555555555555);
            varint_append(&buf, wanted);
            size_t size = buf.size;
            buf_append(&buf, span_make(behind[change % 2], sizeof behind[0]));
            struct cursor cursor = cursor_make(buf_span(&buf));
            assert_true(cursor_varint(&cursor) == wanted);
            assert_int_equal(cursor_left(&cursor), buf.size - size);
            buf_free(&buf);
        }
    }
    struct cursor longer = cursor_make(SPAN_LITERAL("\x81\x80\x00\x01\x01\x01\x01\x01\x01\x01"));
    assert_true(cursor_varint(&longer) == 0);
    assert_true(longer.failed);
}

/* Both work by words up to 16 bytes; neither looks beyond the end or before the beginning. */
static void spans_of_every_length_are_compared_and_copied(void **state)
{
    (void)state;
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t size = 0; size <= 20; size++) {
        struct span guarded = guarded_copy(span_make(text, size));
        char copy[32];
        memset(copy, '-', sizeof copy);
        span_copy_to(copy + 1, guarded);
        assert_memory_equal(copy + 1, text, size);
        assert_true(copy[0] == '-' && copy[1 + size] == '-');
        assert_true(span_equal(guarded, span_make(copy + 1, size)));
        assert_false(span_equal(guarded, span_make(copy + 1, size + 1)));
        for (size_t i = 0; i < size; i++) {
            copy[1 + i] ^= 1;
            assert_false(span_equal(guarded, span_make(copy + 1, size)));
            copy[1 + i] ^= 1;
        }
        guarded_free(guarded);
    }
}

static void signed_varints_are_zigzag(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, -1, 1, -2, 2};
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(varint_zigzag(numbers[i]), i);
    assert_true(varint_unzigzag(varint_zigzag(INT64_MIN)) == INT64_MIN);
    assert_true(varint_unzigzag(varint_zigzag(INT64_MAX)) == INT64_MAX);
}

static void varints_that_are_no_such(void **state)
{
    (void)state;
    static const struct span cases[] = {
        SPAN_LITERAL("\x80\x00"),                                 /* 0 in two bytes */
        SPAN_LITERAL("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), /* 65 bits */
        SPAN_LITERAL("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cursor cursor = cursor_make(cases[i]);
        assert_true(cursor_varint(&cursor) == 0);
        assert_true(cursor.failed);
        assert_int_equal(cursor_byte(&cursor), 0);
    }
    struct cursor cursor = cursor_make(SPAN_LITERAL("\x05"
                                                    "abc"));
    assert_int_equal(cursor_span(&cursor).size, 0);
    assert_true(cursor.failed);
}

/* From the algorithm's published test vectors. */
static void hash_is_xxh64(void **state)
{
    (void)state;
    assert_true(hash_bytes(SPAN_LITERAL(""), 0) == 0xEF46DB3751D8E999u);
    assert_true(hash_bytes(SPAN_LITERAL("a"), 0) == 0xD24EC4F1A98C6E5Bu);
    assert_true(hash_bytes(SPAN_LITERAL("abc"), 0) == 0x44BC2CF5AD770999u);
    assert_true(hash_bytes(SPAN_LITERAL("Nobody inspects the spammish repetition"), 0) ==
                0xFBCEA83C8A378BF1u);
    assert_true(hash_bytes(SPAN_LITERAL("a"), 1) != hash_bytes(SPAN_LITERAL("a"), 0));
}

/* As Kafka's clients do it: hashes that its Java client and librdkafka agree upon, without the sign bit.
 * Changing one moves users between journal partitions. */
static void partition_is_that_of_kafkas_clients(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        uint32_t hash;
    } known[] = {{"kafka", 0xD067CF64}, {"giberish123456789", 0x8F552B0C},
                 {"1234", 0x9FC97B14},  {"234", 0xE7C009CA},
                 {"34", 0x873930DA},    {"4", 0x5A4B5CA1}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct span user = span_from_text(known[i].user);
        assert_int_equal(hash_partition(user, 1), 0);
        assert_int_equal(hash_partition(user, 64), (known[i].hash & 0x7FFFFFFF) % 64);
        assert_int_equal(hash_partition(user, 0x7FFFFFFF), known[i].hash & 0x7FFFFFFF);
    }
}

static void expect_sha1(struct span text, size_t times, const char *hex)
{
    struct sha1 sha1;
    unsigned char digest[SHA1_BYTES];
    sha1_init(&sha1);
    for (size_t i = 0; i < times; i++)
        sha1_update(&sha1, text);
    sha1_finish(&sha1, digest);
    struct buf buf = {0};
    for (int i = 0; i < SHA1_BYTES; i++)
        buf_printf(&buf, "%02x", digest[i]);
    assert_span_equal(buf_span(&buf), hex);
    buf_free(&buf);
}

/* The instructions of this machine, if it has any, against plain C. */
static void sha1_blocks_agree(void **state)
{
    (void)state;
    uint32_t plain[5] = {1, 2, 3, 4, 5}, best[5] = {1, 2, 3, 4, 5}, random = 1;
    unsigned char block[64];
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 64; k++) {
            random = random * 1664525 + 1013904223;
            block[k] = (unsigned char)(random >> 24);
        }
        sha1_block_plain(plain, block);
        sha1_block_best()(best, block);
        assert_memory_equal(plain, best, sizeof plain);
    }
}

/* Every length around the ends of blocks, taken in one piece and in two; the digests' own digest is
 * Python's hashlib's. */
static void sha1_of_each_length(void **state)
{
    (void)state;
    struct sha1 whole;
    unsigned char bytes[130], digest[SHA1_BYTES];
    sha1_init(&whole);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        for (size_t cut = 0; cut <= size; cut += 13) {
            struct sha1 sha1;
            unsigned char again[SHA1_BYTES];
            sha1_init(&sha1);
            sha1_update(&sha1, span_make(bytes, cut));
            sha1_update(&sha1, span_make(bytes + cut, size - cut));
            sha1_finish(&sha1, again);
            assert_true(cut == 0 || memcmp(again, digest, SHA1_BYTES) == 0);
            memcpy(digest, again, SHA1_BYTES);
        }
        sha1_update(&whole, span_make(digest, SHA1_BYTES));
        if (size < sizeof bytes)
            bytes[size] = (unsigned char)size;
    }
    sha1_finish(&whole, digest);
    struct buf buf = {0};
    for (int i = 0; i < SHA1_BYTES; i++)
        buf_printf(&buf, "%02x", digest[i]);
    assert_span_equal(buf_span(&buf), "69e8170ae953351d42e29a858ad1f6d32b9fc7d5");
    buf_free(&buf);
}

static void sha1_of_the_standard(void **state)
{
    (void)state;
    expect_sha1(SPAN_LITERAL(""), 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    expect_sha1(SPAN_LITERAL("abc"), 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect_sha1(SPAN_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), 1,
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    expect_sha1(SPAN_LITERAL("a"), 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void uuids(void **state)
{
    (void)state;
    /* RFC 9562, appendix A.4 */
    static const unsigned char dns[UUID_BYTES] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                                  0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    unsigned char uuid[UUID_BYTES];
    struct span parts[] = {SPAN_LITERAL("www"), SPAN_LITERAL("example"), SPAN_LITERAL("com")};
    uuid_v5(dns, parts, 3, '.', uuid);
    char text[UUID_TEXT_BYTES];
    uuid_format(uuid, text);
    assert_span_equal(span_make(text, sizeof text), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    assert_true(uuid_random_u64() != 0);
}

struct number {
    int key;
    struct heap_node node;
};

static bool smaller(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ITEM(a, const struct number, node)->key < HEAP_ITEM(b, const struct number, node)->key;
}

static void heap_gives_the_smallest(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static struct number numbers[COUNT];
    struct heap heap = {.precedes = smaller};
    unsigned random = 1;
    for (int i = 0; i < COUNT; i++) {
        random = random * 1103515245 + 12345;
        numbers[i] = (struct number){.key = (int)(random >> 16 & 255)};
        heap_insert(&heap, &numbers[i].node);
    }
    for (int i = 0; i < COUNT; i += 3)
        heap_remove(&heap, &numbers[i].node);
    for (int i = 1; i < COUNT; i += 3) {
        numbers[i].key = 255 - numbers[i].key;
        heap_update(&heap, &numbers[i].node);
    }
    int before = -1;
    int left = 0;
    for (struct heap_node *first; (first = heap_first(&heap)) != NULL; left++) {
        int key = HEAP_ITEM(first, struct number, node)->key;
        assert_true(key >= before);
        before = key;
        heap_remove(&heap, first);
        assert_false(heap_contains(first));
    }
    assert_int_equal(left, COUNT - (COUNT + 2) / 3);
    heap_free(&heap);
}

static void log_lines(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct log_field fields[] = {log_number("partition", -3), log_text("topic", "shop.events"),
                                 log_span("said", SPAN_LITERAL("a \"b\"\n\x1B[2J\xFF\xC3\xA9")),
                                 log_text("none", "")};
    log_format(&buf, 0, LOG_WARN, "it went wrong", fields, 4);
    assert_span_equal(buf_span(&buf),
                      "ts=1970-01-01T00:00:00.000Z level=warn msg=\"it went wrong\" partition=-3 "
                      "topic=shop.events said=\"a \\\"b\\\"\\n\\x1b[2J\\xff\xC3\xA9\" none=\"\"\n");
    buf_free(&buf);
}

static void log_goes_where_told_and_from_its_level_on(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct log log = {.level = LOG_INFO, .fd = ends[1]};
    log_line(&log, LOG_DEBUG, "unheard");
    log_line(&log, LOG_INFO, "heard", log_number("n", 1), log_text("t", "x"));
    close(ends[1]);
    char text[256];
    ssize_t size = read(ends[0], text, sizeof text);
    close(ends[0]);
    const char *tail = " level=info msg=heard n=1 t=x\n";
    assert_int_equal(size, strlen("ts=2026-12-01T08:30:00.000Z") + strlen(tail));
    assert_memory_equal(text + size - strlen(tail), tail, strlen(tail));
}

static void log_repeats_every_few_seconds(void **state)
{
    (void)state;
    struct log_repeat repeat = {0};
    uint64_t times = 0;
    assert_false(log_repeat_end(&repeat));
    assert_true(log_repeat_due(&repeat, 100, &times));
    assert_int_equal(times, 1);
    assert_false(log_repeat_due(&repeat, 101, &times));
    assert_false(log_repeat_due(&repeat, 100 + LOG_REPEAT_MS - 1, &times));
    assert_true(log_repeat_due(&repeat, 100 + LOG_REPEAT_MS, &times));
    assert_int_equal(times, 3);
    assert_true(log_repeat_end(&repeat));
    assert_true(log_repeat_due(&repeat, 100 + LOG_REPEAT_MS + 1, &times));
    assert_int_equal(times, 1);
}

static void log_levels(void **state)
{
    (void)state;
    enum log_level level;
    assert_int_equal(log_parse_level(SPAN_LITERAL("warn"), &level), ERR_OK);
    assert_int_equal(level, LOG_WARN);
    assert_int_equal(log_parse_level(SPAN_LITERAL("loud"), &level), ERR_SYNTAX);
}

static void utf8_round_trips(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        size_t size = utf8_encode(code, bytes);
        if (utf8_sequence(bytes, bytes + size) != size)
            fail_msg("U+%04X", code);
        if (size > 1 && utf8_sequence(bytes, bytes + size - 1) != 0)
            fail_msg("U+%04X cut", code);
    }
    assert_true(utf8_valid(SPAN_LITERAL("caf\xC3\xA9")));
    assert_false(utf8_valid(SPAN_LITERAL("caf\xC3")));
}

/* Short names are gathered before they are hashed, long ones are not: wherever the line is, the same id. */
static void a_uuid_does_not_depend_on_how_it_is_cut(void **state)
{
    (void)state;
    static const unsigned char dns[UUID_BYTES] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                                  0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    char text[2 * 300 + 9];
    memset(text, 'x', sizeof text);
    for (size_t size = 0; size < 300; size++) {
        const struct span parts[] = {span_make(text, size), span_make(text, 7), span_make(text, size)};
        text[size] = text[size + 8] = '.';
        const struct span whole[] = {span_make(text, 2 * size + 9)};
        unsigned char cut[UUID_BYTES], in_one[UUID_BYTES];
        uuid_v5(dns, whole, 1, '.', in_one);
        text[size] = text[size + 8] = 'x';
        uuid_v5(dns, parts, 3, '.', cut);
        assert_memory_equal(cut, in_one, UUID_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(varints_with_more_behind_them),
        cmocka_unit_test(spans_of_every_length_are_compared_and_copied),
        cmocka_unit_test(signed_varints_are_zigzag),
        cmocka_unit_test(varints_that_are_no_such),
        cmocka_unit_test(hash_is_xxh64),
        cmocka_unit_test(partition_is_that_of_kafkas_clients),
        cmocka_unit_test(sha1_of_the_standard),
        cmocka_unit_test(sha1_of_each_length),
        cmocka_unit_test(sha1_blocks_agree),
        cmocka_unit_test(uuids),
        cmocka_unit_test(heap_gives_the_smallest),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(log_goes_where_told_and_from_its_level_on),
        cmocka_unit_test(log_repeats_every_few_seconds),
        cmocka_unit_test(log_levels),
        cmocka_unit_test(a_uuid_does_not_depend_on_how_it_is_cut),
        cmocka_unit_test(utf8_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
