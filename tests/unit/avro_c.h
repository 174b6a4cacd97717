/* avro-c, the Avro project's own implementation in C, as the one that ours is held against.
 *
 * Nothing of its headers shows here: they and codec/avro_schema.h use the same names for different things.
 * A failure of avro-c itself fails the test that called.
 */
#ifndef DECLIC_TESTS_UNIT_AVRO_C_H
#define DECLIC_TESTS_UNIT_AVRO_C_H

#include "base/buf.h"
#include "core/value.h"

struct dice {
    uint64_t state;
};

/* 0 to limit - 1. */
static inline uint32_t dice_below(struct dice *dice, uint32_t limit)
{
    dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice->state >> 33) % limit;
}

static inline uint64_t dice_bits(struct dice *dice)
{
    uint64_t high = dice_below(dice, 1u << 22), middle = dice_below(dice, 1u << 21);
    return high << 42 | middle << 21 | dice_below(dice, 1u << 21);
}

/* Numbers of every length, both ends of the range among them. */
static inline int64_t dice_long(struct dice *dice)
{
    uint64_t bits = dice_below(dice, 4) == 0 ? UINT64_MAX : dice_bits(dice);
    bits >>= dice_below(dice, 64);
    return (int64_t)(dice_below(dice, 2) == 0 ? bits : ~bits);
}

/* Valid UTF-8 of up to `pieces` pieces; some have two to four bytes. */
struct span dice_text(struct dice *dice, uint32_t pieces, struct arena *arena);

struct avro_c;

struct avro_c *avro_c_open(struct span schema);
void avro_c_close(struct avro_c *peer);

struct avro_c_sample {
    struct buf bytes; /* as avro-c writes it */
    struct buf
        in_blocks;      /* the same, but lists and maps in blocks of any size, some with their bytes told */
    struct value value; /* as avro-c holds it; timestamps and the like are plain numbers to it */
};

/* A random value of the schema. */
void avro_c_sample_make(struct avro_c *peer, struct dice *dice, struct arena *arena,
                        struct avro_c_sample *sample);
void avro_c_sample_free(struct avro_c_sample *sample);

/* What avro-c reads in the bytes, which must be trusted: avro-c is not safe on others. */
struct value avro_c_read(struct avro_c *peer, struct span bytes, struct arena *arena);

/* The values are the same in kinds, in the order of members and in every bit; else the test fails. */
void expect_same(struct value expected, struct value actual, const char *what, struct span where);

#endif
