/* What the writer and the reader of user states share. Not for others. */
#ifndef DECLIC_CODEC_USER_STATE_PARTS_H
#define DECLIC_CODEC_USER_STATE_PARTS_H

#include "codec/user_state_bin.h"
#include "codec/value_bin.h"

enum section {
    SECTION_PROFILE,
    SECTION_JOURNEYS,
    SECTION_CANCELS,
    SECTION_COUNTERS,
    SECTION_TIMES,
    SECTION_ENTRIES,
    SECTION_SENT,
    SECTION_SEEN,
    SECTION_FOLLOWS,
    SECTION_DATES,
    SECTION_WAKES,
    SECTION_HISTORY,
    SECTION_PLACE,
    SECTION_COUNT
};

/* Flags of a trigger, above its kind in bits 0 and 1. */
enum trigger_flag {
    TRIGGER_HAS_FOLLOW = 4,
    TRIGGER_HAS_TRACE = 8,
    TRIGGER_HAS_DAY = 16,
    TRIGGER_HAS_ALTERNATIVE = 32,
};

/* Flags of a journey and of a step; a step's status is in bits 0 and 1. */
enum journey_flag { JOURNEY_WAS_SENT = 1, JOURNEY_HAS_DEFERRED = 2, JOURNEY_DEFERRED_AFRESH = 4 };
enum step_flag { STEP_IS_MARKED = 4, STEP_HAS_ATTEMPT = 8 };

#define NAME_TABLE_SIZE 255

struct name_table {
    struct span names[NAME_TABLE_SIZE];
    size_t count;
};

#endif
