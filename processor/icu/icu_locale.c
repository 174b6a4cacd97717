#include "icu/icu_locale.h"

#include <stdio.h>
#include <stdlib.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "base/memory.h"
#include "icu/icu_internal.h"

void icu_check_memory(UErrorCode status)
{
    if (status == U_MEMORY_ALLOCATION_ERROR) {
        fputs("declic: out of memory in ICU\n", stderr);
        memory_exhausted();
    }
}

void *icu_allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        icu_check_memory(U_MEMORY_ALLOCATION_ERROR);
    return memory;
}

/* FNV-1a over a, a separator, b. */
static uint32_t hash_key(struct span a, struct span b)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < a.size; i++)
        hash = (hash ^ (uint8_t)a.data[i]) * 16777619u;
    hash = (hash ^ 0x1F) * 16777619u;
    for (size_t i = 0; i < b.size; i++)
        hash = (hash ^ (uint8_t)b.data[i]) * 16777619u;
    return hash;
}

static bool slot_matches(const struct icu_cache_slot *slot, uint32_t hash, struct span a, struct span b)
{
    return slot->object != NULL && slot->hash == hash && slot->key_bytes == a.size + 1 + b.size &&
           (a.size == 0 || memcmp(slot->key, a.data, a.size) == 0) && slot->key[a.size] == 0x1F &&
           (b.size == 0 || memcmp(slot->key + a.size + 1, b.data, b.size) == 0);
}

void *icu_cache_find(struct icu_cache *cache, struct span a, struct span b)
{
    uint32_t hash = hash_key(a, b);
    if (slot_matches(&cache->slots[cache->last], hash, a, b))
        return cache->slots[cache->last].object;
    for (size_t i = 0; i < ICU_CACHE_SLOTS; i++)
        if (slot_matches(&cache->slots[i], hash, a, b)) {
            cache->last = i;
            return cache->slots[i].object;
        }
    return NULL;
}

void icu_cache_keep(struct icu_cache *cache, struct span a, struct span b, void *object)
{
    struct icu_cache_slot *slot = &cache->slots[cache->next];
    assert(a.size + 1 + b.size <= sizeof slot->key);
    if (slot->object != NULL)
        cache->close(slot->object);
    slot->object = object;
    slot->hash = hash_key(a, b);
    slot->key_bytes = (uint32_t)(a.size + 1 + b.size);
    if (a.size != 0)
        memcpy(slot->key, a.data, a.size);
    slot->key[a.size] = 0x1F;
    if (b.size != 0)
        memcpy(slot->key + a.size + 1, b.data, b.size);
    cache->last = cache->next;
    cache->next = (cache->next + 1) % ICU_CACHE_SLOTS;
}

void icu_cache_clear(struct icu_cache *cache)
{
    for (size_t i = 0; i < ICU_CACHE_SLOTS; i++)
        if (cache->slots[i].object != NULL) {
            cache->close(cache->slots[i].object);
            cache->slots[i].object = NULL;
        }
}

/* Copies `locale` as a BCP 47 tag: underscores become dashes, what follows a dot or an at sign
 * ("fr_FR.UTF-8") is left out. False for characters that no locale has: ICU itself does not mind them, and
 * crashes later. */
static bool copy_tag(struct span locale, char tag[ICU_NAME_BYTES])
{
    size_t size = 0;
    for (; size < locale.size && locale.data[size] != '.' && locale.data[size] != '@'; size++) {
        char c = locale.data[size] == '_' ? '-' : locale.data[size];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-')
            return false;
        tag[size] = c;
    }
    tag[size] = '\0';
    return size > 0;
}

/* Fills id with ICU's form of `locale`; false when it is not one. */
static bool canonical_id(struct span locale, char id[ICU_NAME_BYTES])
{
    char tag[ICU_NAME_BYTES];
    if (!copy_tag(locale, tag))
        return false;
    UErrorCode status = U_ZERO_ERROR;
    int32_t parsed = 0;
    int32_t length = uloc_forLanguageTag(tag, id, ICU_NAME_BYTES, &parsed, &status);
    return U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING &&
           parsed == (int32_t)strlen(tag) && length > 0 && length < ICU_NAME_BYTES;
}

const char *icu_locale_id(struct icu_state *state, struct span locale)
{
    if (locale.size >= ICU_NAME_BYTES)
        return "en";
    char *id = icu_cache_find(&state->tags, locale, span_make("", 0));
    if (id != NULL)
        return id;
    id = icu_allocate(ICU_NAME_BYTES);
    if (!canonical_id(locale, id))
        memcpy(id, "en", 3);
    icu_cache_keep(&state->tags, locale, span_make("", 0), id);
    return id;
}

struct span icu_to_utf8(struct arena *arena, const UChar *text, int32_t length)
{
    size_t capacity = (size_t)length * 3 + 1;
    char *utf8 = arena_alloc_aligned(arena, capacity, 1);
    int32_t bytes = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8WithSub(utf8, (int32_t)capacity, &bytes, text, length, 0xFFFD, NULL, &status);
    return span_make(utf8, U_SUCCESS(status) ? (size_t)bytes : 0);
}

/* The end of the well-formed UTF-8 that begins at `from`. */
static size_t valid_run_end(struct span text, size_t from)
{
    int32_t at = (int32_t)from;
    int32_t size = (int32_t)text.size;
    const uint8_t *bytes = (const uint8_t *)text.data;
    while (at < size) {
        int32_t before = at;
        UChar32 point;
        U8_NEXT(bytes, at, size, point);
        if (point < 0)
            return (size_t)before;
    }
    return text.size;
}

/* Maps one well-formed run into `out`, whose room is at least 3 times the run's size (no full mapping
 * makes UTF-8 grow more: U+0390 and U+03B0, 2 bytes, become 6). */
static size_t map_run(UCaseMap *cases, enum locale_case how, struct span run, char *out, size_t room)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t size =
        how == LOCALE_UPPER
            ? ucasemap_utf8ToUpper(cases, out, (int32_t)room, run.data, (int32_t)run.size, &status)
            : ucasemap_utf8ToLower(cases, out, (int32_t)room, run.data, (int32_t)run.size, &status);
    icu_check_memory(status);
    if (U_FAILURE(status)) {
        memcpy(out, run.data, run.size);
        return run.size;
    }
    return (size_t)size;
}

static struct span map_case(void *self, struct span text, enum locale_case how, struct arena *arena)
{
    struct icu_state *state = self;
    if (text.size > INT32_MAX / 4)
        return text;
    size_t capacity = text.size * 3 + 1;
    char *out = arena_alloc_aligned(arena, capacity, 1);
    size_t written = 0;
    for (size_t at = 0; at < text.size;) {
        size_t end = valid_run_end(text, at);
        if (end > at)
            written +=
                map_run(state->cases, how, span_slice(text, at, end), out + written, capacity - written);
        at = end;
        if (at < text.size)
            out[written++] = text.data[at++];
    }
    return span_make(out, written);
}

/* Text where every byte is a cluster of its own: ASCII without CR (CR LF is one cluster). */
static bool is_plain_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((uint8_t)text.data[i] >= 0x80 || text.data[i] == '\r')
            return false;
    return true;
}

static size_t grapheme_prefix(void *self, struct span text, size_t graphemes, size_t *total)
{
    struct icu_state *state = self;
    if (is_plain_ascii(text)) {
        if (total != NULL)
            *total = text.size <= graphemes ? text.size : graphemes + 1;
        return text.size < graphemes ? text.size : graphemes;
    }
    UErrorCode status = U_ZERO_ERROR;
    state->text = utext_openUTF8(state->text, text.data, (int64_t)text.size, &status);
    ubrk_setUText(state->graphemes, state->text, &status);
    icu_check_memory(status);
    size_t count = 0;
    size_t prefix = graphemes == 0 ? 0 : text.size;
    int32_t boundary = ubrk_first(state->graphemes);
    while (count <= graphemes && (boundary = ubrk_next(state->graphemes)) != UBRK_DONE) {
        count++;
        if (count == graphemes)
            prefix = (size_t)boundary;
    }
    if (total != NULL)
        *total = count;
    return prefix;
}

enum err icu_locale_open(struct locale_port *port)
{
    /* Without this an unknown locale would fall back to that of the process's environment. */
    UErrorCode status = U_ZERO_ERROR;
    uloc_setDefault("en", &status);
    struct icu_state *state = icu_allocate(sizeof *state);
    *port = (struct locale_port){.self = state, .map_case = map_case, .grapheme_prefix = grapheme_prefix};
    state->tags.close = free;
    icu_zones_wire(port);
    icu_format_wire(port);
    icu_format_open(state, &status);
    state->cases = ucasemap_open("", 0, &status);
    state->graphemes = ubrk_open(UBRK_CHARACTER, "en", NULL, 0, &status);
    icu_check_memory(status);
    if (U_FAILURE(status)) {
        icu_locale_close(port);
        return ERR_IO;
    }
    return ERR_OK;
}

void icu_locale_close(struct locale_port *port)
{
    struct icu_state *state = port->self;
    if (state == NULL)
        return;
    icu_format_close(state);
    icu_zones_close(&state->zones);
    icu_cache_clear(&state->tags);
    if (state->cases != NULL)
        ucasemap_close(state->cases);
    if (state->graphemes != NULL)
        ubrk_close(state->graphemes);
    utext_close(state->text);
    free(state);
    *port = (struct locale_port){0};
}
