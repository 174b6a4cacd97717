#include "base/hash.h"
#include "core/match_layout.h"

/* --- keys
 * ------------------------------------------------------------------------------------------------------ */

bool match_key_of(struct value value, struct match_key *key)
{
    *key = (struct match_key){.kind = value.kind};
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        key->real = value.boolean ? 1 : 0;
        return true;
    case VALUE_INT:
        key->kind = VALUE_DOUBLE;
        key->real = (double)value.integer;
        return true;
    case VALUE_UINT:
        key->kind = VALUE_DOUBLE;
        key->real = (double)value.natural;
        return true;
    case VALUE_DOUBLE:
        key->real = value.real + 0.0; /* -0 becomes 0 */
        return true;
    case VALUE_STRING:
        key->text = value_span(value);
        return true;
    default:
        return false;
    }
}

uint64_t match_key_hash(const struct match_key *key)
{
    if (key->kind == VALUE_STRING)
        return hash_bytes(key->text, key->kind);
    return hash_bytes(span_make(&key->real, sizeof key->real), key->kind);
}

bool match_key_equal(const struct match_key *a, const struct match_key *b)
{
    return a->kind == b->kind &&
           (a->kind == VALUE_STRING ? span_equal(a->text, b->text) : a->real == b->real);
}

/* --- finding
 * ---------------------------------------------------------------------------------------------------- */

static const struct match_group *find_group(const struct match_index *index, struct span event)
{
    size_t low = 0, high = index->group_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(index->groups[middle].event, event);
        if (order == 0)
            return &index->groups[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct value *find_value(struct value attributes, const struct match_attribute *attribute)
{
    const struct value *value = &attributes;
    for (size_t i = 0; i < attribute->path_size && value != NULL; i++)
        value = value->kind == VALUE_MAP ? value_member_find(*value, attribute->path[i]) : NULL;
    return value;
}

static void set_bit(uint64_t *words, uint32_t bit)
{
    words[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* passed &= set */
static void keep(uint64_t *passed, const uint64_t *set, uint32_t word_count)
{
    for (uint32_t i = 0; i < word_count; i++)
        passed[i] &= set[i];
}

static const struct match_posting *find_posting(const struct match_attribute *attribute,
                                                const struct match_key *key)
{
    if (key->kind == VALUE_STRING && key->text.size > attribute->longest_text)
        return NULL;
    uint64_t hash = match_key_hash(key);
    for (uint64_t at = hash & attribute->mask;; at = (at + 1) & attribute->mask) {
        const struct match_posting *posting = &attribute->places[at];
        if (posting->bit_count == 0)
            return NULL;
        if (posting->hash == hash && match_key_equal(&posting->key, key))
            return posting;
    }
}

static void keep_equal(const struct match_group *group, const struct match_attribute *attribute,
                       const struct match_key *key, uint64_t *passed, uint64_t *set)
{
    const struct match_posting *posting = key == NULL ? NULL : find_posting(attribute, key);
    if (posting == NULL) {
        keep(passed, attribute->equal_free, group->word_count);
        return;
    }
    memcpy(set, attribute->equal_free, group->word_count * sizeof *set);
    for (uint32_t i = 0; i < posting->bit_count; i++)
        set_bit(set, posting->bits[i]);
    keep(passed, set, group->word_count);
}

/* How many bounds hold: those the value has met when it comes from below (sign 1) or above (sign -1). */
static uint32_t count_met(const struct match_bounds *bounds, double real, int sign)
{
    uint32_t low = 0, high = bounds->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        double bound = bounds->reals[middle];
        bool met = bound == real ? !bounds->strict[middle] : sign > 0 ? bound < real : bound > real;
        if (met)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void keep_bounded(const struct match_group *group, const struct match_bounds *bounds, uint32_t met,
                         uint64_t *passed, uint64_t *set)
{
    const uint64_t *step = bounds->steps + (size_t)(met / MATCH_STEP) * group->word_count;
    for (uint32_t i = 0; i < group->word_count; i++)
        set[i] = step[i] | bounds->free[i];
    for (uint32_t i = met / MATCH_STEP * MATCH_STEP; i < met; i++)
        set_bit(set, bounds->bits[i]);
    keep(passed, set, group->word_count);
}

static void apply(const struct match_group *group, const struct match_attribute *attribute,
                  struct value attributes, uint64_t *passed, uint64_t *set)
{
    struct match_key key;
    const struct value *value = find_value(attributes, attribute);
    bool has_key = value != NULL && match_key_of(*value, &key);
    /* NaN meets no bound. */
    bool is_number = has_key && key.kind == VALUE_DOUBLE && key.real == key.real;
    if (attribute->places != NULL)
        keep_equal(group, attribute, has_key ? &key : NULL, passed, set);
    if (attribute->lower.count != 0)
        keep_bounded(group, &attribute->lower, is_number ? count_met(&attribute->lower, key.real, 1) : 0,
                     passed, set);
    if (attribute->upper.count != 0)
        keep_bounded(group, &attribute->upper, is_number ? count_met(&attribute->upper, key.real, -1) : 0,
                     passed, set);
}

static bool any_common(const uint64_t *a, const uint64_t *b, uint32_t word_count)
{
    for (uint32_t i = 0; i < word_count; i++)
        if ((a[i] & b[i]) != 0)
            return true;
    return false;
}

static size_t collect(const struct match_group *group, const uint64_t *passed, struct match *matches)
{
    size_t count = 0;
    for (uint32_t i = 0; i < group->word_count; i++) {
        const struct match *of_word = group->matches + (size_t)i * 64;
        if (passed[i] == UINT64_MAX) {
            memcpy(matches + count, of_word, 64 * sizeof *matches);
            count += 64;
            continue;
        }
        for (uint64_t word = passed[i]; word != 0; word &= word - 1)
            matches[count++] = of_word[__builtin_ctzll(word)];
    }
    return count;
}

size_t match_index_find(const struct match_index *index, struct span event, struct value attributes,
                        struct arena *scratch, const struct match **matches)
{
    const struct match_group *group = find_group(index, event);
    *matches = NULL;
    if (group == NULL)
        return 0;
    uint64_t *passed = arena_alloc(scratch, 2 * group->word_count * sizeof *passed);
    uint64_t *set = passed + group->word_count;
    memset(passed, 0xFF, group->word_count * sizeof *passed);
    if (group->count % 64 != 0)
        passed[group->word_count - 1] = ((uint64_t)1 << group->count % 64) - 1;
    for (size_t i = 0; i < group->attribute_count; i++)
        if (any_common(passed, group->attributes[i].tested, group->word_count))
            apply(group, &group->attributes[i], attributes, passed, set);
    /* Room for all: counting the bits first would cost as much as collecting them. */
    struct match *found = arena_alloc(scratch, group->count * sizeof *found);
    size_t count = collect(group, passed, found);
    *matches = found;
    return count;
}
