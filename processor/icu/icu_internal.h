/* What the files of this folder share: the state behind the port, its caches, UTF-16 to UTF-8. */
#ifndef DECLIC_ICU_ICU_INTERNAL_H
#define DECLIC_ICU_ICU_INTERNAL_H

#include <assert.h>
#include <unicode/ubrk.h>
#include <unicode/ucal.h>
#include <unicode/ucasemap.h>
#include <unicode/utext.h>
#include <unicode/utypes.h>

#include "ports/locale.h"

/* Longest locale, zone or skeleton that is looked at; ICU's own names are all shorter. */
#define ICU_NAME_BYTES 96
#define ICU_CACHE_SLOTS 64

/* Objects that are costly to open, by name. The slot that was filled first is reused first. */
struct icu_cache {
    void (*close)(void *object);
    struct icu_cache_slot {
        uint32_t hash;
        uint32_t key_bytes;
        char key[2 * ICU_NAME_BYTES];
        void *object;
    } slots[ICU_CACHE_SLOTS];
    size_t next;
    size_t last; /* slot of the last hit */
};

struct icu_zone_table {
    const char *folder;         /* where the system's files lie */
    struct locale_zone **zones; /* open addressing, by name; capacity a power of two */
    size_t count;
    size_t capacity;
};

struct icu_state {
    struct icu_cache numbers; /* UNumberFormatter, by skeleton and locale */
    struct icu_cache names;   /* struct icu_names, by locale */
    struct icu_cache styles;  /* UDateFormat, by style, locale and zone */
    struct icu_cache tags;    /* char *: ICU's form of a locale, by what the caller wrote */
    struct icu_zone_table zones;
    struct UFormattedNumber *formatted; /* reused by every number */
    UCaseMap *cases;
    UBreakIterator *graphemes;
    UText *text;
};

/* Ends the process when ICU is out of memory; other failures are the caller's to look at. */
void icu_check_memory(UErrorCode status);
void *icu_allocate(size_t bytes);

/* The cached object of the key `a` + 0x1F + `b`, or NULL. */
void *icu_cache_find(struct icu_cache *cache, struct span a, struct span b);
/* Keeps `object` (and closes it when its slot is reused). The key must fit, see icu_cache_find. */
void icu_cache_keep(struct icu_cache *cache, struct span a, struct span b, void *object);
void icu_cache_clear(struct icu_cache *cache);

/* ICU's identifier for a locale in BCP 47 or ICU form, NUL-terminated, owned by the state's cache (valid
 * until the next call). What is no locale gives "en". */
const char *icu_locale_id(struct icu_state *state, struct span locale);

struct span icu_to_utf8(struct arena *arena, const UChar *text, int32_t length);

/* What ICU may call the zone at the instant, NUL-terminated: its name, or its offset where ICU's own rules
 * are not asked. */
void icu_zone_id(const struct locale_zone *zone, int64_t instant_s, char id[ICU_NAME_BYTES]);

void icu_zones_close(struct icu_zone_table *zones);
void icu_zones_wire(struct locale_port *port);
void icu_format_open(struct icu_state *state, UErrorCode *status);
void icu_format_close(struct icu_state *state);
void icu_format_wire(struct locale_port *port);

#endif
