#include "memory/sim_compare.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/civil.h"
#include "base/hash.h"
#include "base/memory.h"
#include "codec/decision_json.h"

#define EXAMPLES 5

/* A message that some run sent. */
struct message {
    unsigned char send_id[SEND_ID_BYTES];
    bool before, after, used;
    int64_t before_ms, after_ms;
    uint64_t before_content, after_content; /* hashes */
    struct span campaign, user, step;
};

struct sim_compare {
    struct arena arena;
    struct message *slots; /* open addressing by send id */
    size_t count, size;
    struct buf content;
};

struct sim_compare *sim_compare_new(void)
{
    struct arena arena;
    arena_init(&arena, 256 * 1024);
    struct sim_compare *compare = ARENA_NEW(&arena, struct sim_compare);
    compare->arena = arena;
    return compare;
}

void sim_compare_free(struct sim_compare *compare)
{
    if (compare == NULL)
        return;
    free(compare->slots);
    buf_free(&compare->content);
    struct arena arena = compare->arena; /* it lies in it itself */
    arena_destroy(&arena);
}

static struct message *place_of(struct message *slots, size_t size, const unsigned char *send_id)
{
    size_t at = hash_bytes(span_make(send_id, SEND_ID_BYTES), 0) & (size - 1);
    while (slots[at].used && memcmp(slots[at].send_id, send_id, SEND_ID_BYTES) != 0)
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static void grow(struct sim_compare *compare)
{
    size_t size = compare->size == 0 ? 1024 : compare->size * 2;
    struct message *slots = calloc(size, sizeof *slots);
    if (slots == NULL) {
        fputs("declic: out of memory (the messages that are compared)\n", stderr);
        memory_exhausted();
    }
    for (size_t i = 0; i < compare->size; i++) {
        if (compare->slots[i].used)
            *place_of(slots, size, compare->slots[i].send_id) = compare->slots[i];
    }
    free(compare->slots);
    compare->slots = slots;
    compare->size = size;
}

void sim_compare_take(struct sim_compare *compare, bool after, const struct decision_record *record)
{
    if (record->outcome != OUTCOME_SENT)
        return;
    if (compare->count * 2 >= compare->size)
        grow(compare);
    struct message *message = place_of(compare->slots, compare->size, record->send_id);
    if (!message->used) {
        compare->count += 1;
        message->used = true;
        memcpy(message->send_id, record->send_id, SEND_ID_BYTES);
        message->campaign = arena_copy(&compare->arena, record->campaign);
        message->user = arena_copy(&compare->arena, record->user);
        message->step = arena_copy(&compare->arena, record->step);
    }
    buf_clear(&compare->content);
    content_json_write(&compare->content, record->content);
    uint64_t content = hash_bytes(buf_span(&compare->content), 0);
    *(after ? &message->after : &message->before) = true;
    *(after ? &message->after_ms : &message->before_ms) = record->at_ms;
    *(after ? &message->after_content : &message->before_content) = content;
}

/* --- printing
 * ---------------------------------------------------------------------------------------------- */

enum difference { SAME, GONE, NEW, OTHER_TIME, OTHER_TEXT, DIFFERENCE_COUNT };

static enum difference difference_of(const struct message *message)
{
    if (!message->after)
        return GONE;
    if (!message->before)
        return NEW;
    if (message->before_ms != message->after_ms)
        return OTHER_TIME;
    return message->before_content != message->after_content ? OTHER_TEXT : SAME;
}

static int64_t time_of(const struct message *message)
{
    return message->before ? message->before_ms : message->after_ms;
}

/* In the order of time, then of send id, which does not depend on the table. */
static int earlier(const void *left, const void *right)
{
    const struct message *a = *(const struct message *const *)left,
                         *b = *(const struct message *const *)right;
    if (time_of(a) != time_of(b))
        return time_of(a) < time_of(b) ? -1 : 1;
    return memcmp(a->send_id, b->send_id, SEND_ID_BYTES);
}

static void print_example(const struct message *message, enum difference difference, struct buf *out)
{
    char before[CIVIL_RFC3339_BYTES], after[CIVIL_RFC3339_BYTES];
    civil_format_ms(message->before_ms, before);
    civil_format_ms(message->after_ms, after);
    buf_printf(out, "    %s  %.*s/%.*s to %.*s", difference == NEW ? after : before,
               SPAN_PRINTF(message->campaign), SPAN_PRINTF(message->step), SPAN_PRINTF(message->user));
    if (difference == OTHER_TIME)
        buf_printf(out, ", now %s", after);
    buf_append_byte(out, '\n');
}

static void print_kind(const struct message *const *messages, size_t count, enum difference difference,
                       const char *what, struct buf *out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += difference_of(messages[i]) == difference;
    buf_printf(out, "  %-14s %9zu\n", what, found);
    size_t shown = 0;
    for (size_t i = 0; difference != SAME && i < count && shown < EXAMPLES; i++) {
        if (difference_of(messages[i]) != difference)
            continue;
        print_example(messages[i], difference, out);
        shown++;
    }
    if (difference != SAME && found > shown)
        buf_printf(out, "    and %zu more\n", found - shown);
}

void sim_compare_print(const struct sim_compare *compare, struct buf *out)
{
    static const char *const names[DIFFERENCE_COUNT] = {[SAME] = "the same",
                                                        [GONE] = "gone",
                                                        [NEW] = "new",
                                                        [OTHER_TIME] = "at other times",
                                                        [OTHER_TEXT] = "other text"};
    const struct message **messages = calloc(compare->count + 1, sizeof *messages);
    if (messages == NULL) {
        fputs("declic: out of memory (the messages that are compared)\n", stderr);
        memory_exhausted();
    }
    size_t count = 0;
    for (size_t i = 0; i < compare->size; i++) {
        if (compare->slots[i].used)
            messages[count++] = &compare->slots[i];
    }
    if (count > 1)
        qsort(messages, count, sizeof *messages, earlier);
    buf_append_text(out, "messages\n");
    for (int i = 0; i < DIFFERENCE_COUNT; i++)
        print_kind(messages, count, (enum difference)i, names[i], out);
    free(messages);
}
