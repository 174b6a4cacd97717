/* Building a match index. */
#include <math.h>
#include <stdlib.h>

#include "core/match_layout.h"

/* What the entries of one group want of one attribute, gathered before it is laid out. */
struct wanted {
    struct match_key key;
    uint32_t bit;
};

struct bound {
    double real;
    bool strict;
    uint32_t bit;
};

struct gathered {
    const struct span *path;
    size_t path_size;
    struct wanted *equals;
    size_t equal_count, equal_capacity;
    struct bound *lowers, *uppers;
    size_t lower_count, lower_capacity, upper_count, upper_capacity;
};

struct builder {
    struct arena *arena;
    uint32_t event_slot;
    uint32_t word_count;
    struct gathered *attributes;
    size_t attribute_count, attribute_capacity;
};

static struct gathered *attribute_of(struct builder *builder, const struct cel_test *test)
{
    for (size_t i = 0; i < builder->attribute_count; i++) {
        struct gathered *attribute = &builder->attributes[i];
        bool same = attribute->path_size == test->path_size;
        for (size_t j = 0; same && j < test->path_size; j++)
            same = span_equal(attribute->path[j], test->path[j]);
        if (same)
            return attribute;
    }
    struct gathered *attribute = ARENA_PUSH(builder->arena, &builder->attributes, &builder->attribute_count,
                                            &builder->attribute_capacity);
    attribute->path = test->path;
    attribute->path_size = test->path_size;
    return attribute;
}

/* The index compares numbers as doubles. CEL compares two integers exactly, so an integer literal is only
 * usable where doubles tell all integers apart. */
static bool usable_key(struct value literal, struct match_key *key)
{
    if (!match_key_of(literal, key))
        return false;
    bool whole = literal.kind == VALUE_INT || literal.kind == VALUE_UINT;
    return !whole || fabs(key->real) < 0x1p53;
}

static void want(struct builder *builder, struct gathered *attribute, struct match_key key, uint32_t bit)
{
    struct wanted *wanted =
        ARENA_PUSH(builder->arena, &attribute->equals, &attribute->equal_count, &attribute->equal_capacity);
    *wanted = (struct wanted){key, bit};
}

/* False when it cannot be used: then the entry must be evaluated. */
static bool gather_equal(struct builder *builder, const struct cel_test *test, uint32_t bit)
{
    struct match_key key;
    uint32_t count = test->operator_ == CEL_TEST_IN ? test->literal.size : 1;
    const struct value *literals = test->operator_ == CEL_TEST_IN ? test->literal.items : &test->literal;
    for (uint32_t i = 0; i < count; i++)
        if (!usable_key(literals[i], &key))
            return false;
    if (count == 0) /* `in []` is never true, which the table cannot say */
        return false;
    struct gathered *attribute = attribute_of(builder, test);
    if (attribute->equal_count != 0 && attribute->equals[attribute->equal_count - 1].bit == bit)
        return false; /* a second equality on one attribute */
    for (uint32_t i = 0; i < count; i++) {
        (void)usable_key(literals[i], &key);
        want(builder, attribute, key, bit);
    }
    return true;
}

/* Keeps the narrower of two bounds of one entry. */
static void gather_bound(struct builder *builder, struct bound **bounds, size_t *count, size_t *capacity,
                         struct bound bound, int sign)
{
    struct bound *last = *count == 0 ? NULL : &(*bounds)[*count - 1];
    if (last == NULL || last->bit != bound.bit) {
        *ARENA_PUSH(builder->arena, bounds, count, capacity) = bound;
    } else if (last->real == bound.real) {
        last->strict = last->strict || bound.strict;
    } else if (sign > 0 ? bound.real > last->real : bound.real < last->real) {
        *last = bound;
    }
}

static bool gather_range(struct builder *builder, const struct cel_test *test, uint32_t bit)
{
    struct match_key key;
    if (!usable_key(test->literal, &key) || key.kind != VALUE_DOUBLE || key.real != key.real)
        return false;
    struct gathered *attribute = attribute_of(builder, test);
    struct bound bound = {
        .real = key.real,
        .strict = test->operator_ == CEL_TEST_LESS || test->operator_ == CEL_TEST_GREATER,
        .bit = bit,
    };
    if (test->operator_ == CEL_TEST_GREATER || test->operator_ == CEL_TEST_GREATER_EQUAL)
        gather_bound(builder, &attribute->lowers, &attribute->lower_count, &attribute->lower_capacity,
                     bound, 1);
    else
        gather_bound(builder, &attribute->uppers, &attribute->upper_count, &attribute->upper_capacity,
                     bound, -1);
    return true;
}

/* Takes an entry's tests; true when they decide it. */
static bool gather_entry(struct builder *builder, const struct cel_program *where, uint32_t bit)
{
    if (where == NULL)
        return true;
    size_t count;
    bool all;
    const struct cel_test *tests = cel_tests(where, &count, &all);
    for (size_t i = 0; i < count; i++) {
        bool equality = tests[i].operator_ == CEL_TEST_EQUAL || tests[i].operator_ == CEL_TEST_IN;
        bool used =
            tests[i].slot == builder->event_slot &&
            (equality ? gather_equal(builder, &tests[i], bit) : gather_range(builder, &tests[i], bit));
        all = all && used;
    }
    return all;
}

/* --- laying out
 * ---------------------------------------------------------------------------------------------------- */

static uint64_t *new_set(const struct builder *builder, bool full)
{
    uint64_t *set = arena_alloc(builder->arena, builder->word_count * sizeof *set);
    memset(set, full ? 0xFF : 0, builder->word_count * sizeof *set);
    return set;
}

static void set_bit(uint64_t *set, uint32_t bit)
{
    set[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void clear_bit(uint64_t *set, uint32_t bit)
{
    set[bit / 64] &= ~((uint64_t)1 << bit % 64);
}

/* Adds a bit to the posting of its key; room for it was counted. */
static void post(struct match_posting *places, uint64_t mask, struct arena *arena,
                 const struct wanted *wanted)
{
    uint64_t hash = match_key_hash(&wanted->key);
    uint64_t at = hash & mask;
    while (places[at].bit_count != 0 &&
           (places[at].hash != hash || !match_key_equal(&places[at].key, &wanted->key)))
        at = (at + 1) & mask;
    struct match_posting *posting = &places[at];
    posting->key = wanted->key;
    posting->hash = hash;
    /* Capacities are powers of two, so a full posting shows by its count. */
    uint32_t *bits = (uint32_t *)(uintptr_t)posting->bits;
    if ((posting->bit_count & (posting->bit_count - 1)) == 0) {
        uint32_t *larger =
            ARENA_ARRAY(arena, uint32_t, posting->bit_count == 0 ? 1 : 2 * posting->bit_count);
        if (posting->bit_count != 0)
            memcpy(larger, bits, posting->bit_count * sizeof *bits);
        bits = larger;
    }
    bits[posting->bit_count++] = wanted->bit;
    posting->bits = bits;
}

static void lay_equals(const struct builder *builder, const struct gathered *gathered,
                       struct match_attribute *attribute)
{
    if (gathered->equal_count == 0)
        return;
    uint64_t place_count = 4;
    while (place_count < 2 * gathered->equal_count)
        place_count *= 2;
    struct match_posting *places = ARENA_ARRAY(builder->arena, struct match_posting, place_count);
    uint64_t *without = new_set(builder, true);
    for (size_t i = 0; i < gathered->equal_count; i++) {
        const struct wanted *wanted = &gathered->equals[i];
        post(places, place_count - 1, builder->arena, wanted);
        clear_bit(without, wanted->bit);
        if (wanted->key.text.size > attribute->longest_text)
            attribute->longest_text = wanted->key.text.size;
    }
    attribute->places = places;
    attribute->mask = place_count - 1;
    attribute->equal_free = without;
}

/* A growing value meets a bound that it may equal before a strict one. */
static int compare_lower(const void *left, const void *right)
{
    const struct bound *a = left, *b = right;
    if (a->real != b->real)
        return a->real < b->real ? -1 : 1;
    return (int)a->strict - (int)b->strict;
}

static int compare_upper(const void *left, const void *right)
{
    const struct bound *a = left, *b = right;
    if (a->real != b->real)
        return a->real > b->real ? -1 : 1;
    return (int)a->strict - (int)b->strict;
}

static void lay_bounds(const struct builder *builder, struct bound *gathered, size_t count, bool lower,
                       struct match_bounds *bounds)
{
    if (count == 0)
        return;
    qsort(gathered, count, sizeof *gathered, lower ? compare_lower : compare_upper);
    double *reals = ARENA_ARRAY(builder->arena, double, count);
    bool *strict = ARENA_ARRAY(builder->arena, bool, count);
    uint32_t *bits = ARENA_ARRAY(builder->arena, uint32_t, count);
    size_t words = builder->word_count;
    uint64_t *steps = ARENA_ARRAY(builder->arena, uint64_t, (count / MATCH_STEP + 1) * words);
    uint64_t *without = new_set(builder, true), *so_far = new_set(builder, false);
    for (size_t i = 0; i < count; i++) {
        reals[i] = gathered[i].real;
        strict[i] = gathered[i].strict;
        bits[i] = gathered[i].bit;
        clear_bit(without, bits[i]);
        set_bit(so_far, bits[i]);
        if ((i + 1) % MATCH_STEP == 0)
            memcpy(steps + (i + 1) / MATCH_STEP * words, so_far, words * sizeof *steps);
    }
    *bounds = (struct match_bounds){reals, strict, bits, (uint32_t)count, steps, without};
}

static void lay_attribute(const struct builder *builder, const struct gathered *gathered,
                          struct match_attribute *attribute)
{
    uint64_t *tested = new_set(builder, false);
    attribute->path = gathered->path;
    attribute->path_size = gathered->path_size;
    for (size_t i = 0; i < gathered->equal_count; i++)
        set_bit(tested, gathered->equals[i].bit);
    for (size_t i = 0; i < gathered->lower_count; i++)
        set_bit(tested, gathered->lowers[i].bit);
    for (size_t i = 0; i < gathered->upper_count; i++)
        set_bit(tested, gathered->uppers[i].bit);
    attribute->tested = tested;
    lay_equals(builder, gathered, attribute);
    lay_bounds(builder, gathered->lowers, gathered->lower_count, true, &attribute->lower);
    lay_bounds(builder, gathered->uppers, gathered->upper_count, false, &attribute->upper);
}

static void build_group(struct builder *builder, const struct match_entry *const *entries, uint32_t count,
                        struct match_group *group)
{
    struct match *matches = ARENA_ARRAY(builder->arena, struct match, count);
    builder->word_count = (count + 63) / 64;
    builder->attributes = NULL;
    builder->attribute_count = builder->attribute_capacity = 0;
    for (uint32_t bit = 0; bit < count; bit++) {
        matches[bit].id = entries[bit]->id;
        matches[bit].certain = gather_entry(builder, entries[bit]->where, bit);
    }
    struct match_attribute *attributes =
        ARENA_ARRAY(builder->arena, struct match_attribute, builder->attribute_count);
    for (size_t i = 0; i < builder->attribute_count; i++)
        lay_attribute(builder, &builder->attributes[i], &attributes[i]);
    *group = (struct match_group){
        .event = arena_copy(builder->arena, entries[0]->event),
        .matches = matches,
        .count = count,
        .word_count = builder->word_count,
        .attributes = attributes,
        .attribute_count = builder->attribute_count,
    };
}

/* By event name, id, and the order given (they lie in one array). */
static int compare_entries(const void *left, const void *right)
{
    const struct match_entry *a = *(const struct match_entry *const *)left;
    const struct match_entry *b = *(const struct match_entry *const *)right;
    int order = span_compare(a->event, b->event);
    if (order != 0)
        return order;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a < b ? -1 : a > b;
}

struct match_index *match_index_build(const struct match_entry *entries, size_t count, uint32_t event_slot,
                                      struct arena *arena)
{
    struct match_index *index = ARENA_NEW(arena, struct match_index);
    if (count == 0)
        return index;
    const struct match_entry **sorted = ARENA_ARRAY(arena, const struct match_entry *, count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &entries[i];
    qsort(sorted, count, sizeof *sorted, compare_entries);
    struct builder builder = {.arena = arena, .event_slot = event_slot};
    struct match_group *groups = ARENA_ARRAY(arena, struct match_group, count);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && span_equal(sorted[end]->event, sorted[start]->event); end++)
            ;
        build_group(&builder, sorted + start, (uint32_t)(end - start), &groups[index->group_count++]);
    }
    index->groups = groups;
    return index;
}
