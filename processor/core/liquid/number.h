/* Numbers as Shopify's filters compute with them.
 *
 * Whole numbers stay whole (up to 38 digits); a float takes part as the decimal that it prints as, so
 * 0.1 plus 0.2 is 0.3. A result too large for exact digits goes on as a double.
 */
#ifndef DECLIC_CORE_LIQUID_NUMBER_H
#define DECLIC_CORE_LIQUID_NUMBER_H

#include "core/value.h"

typedef __int128 int128;

struct number {
    bool is_float;
    bool is_inexact; /* `real` is the value, digits and scale are not */
    int128 digits;   /* the value is digits * 10^-scale; scale is 0 when !is_float */
    int scale;
    double real;
};

#define NUMBER_TEXT_BYTES 400

/* The literal of a template: -?\d+(\.\d+)?. ERR_OVERFLOW when it has more than 38 digits. */
WARN_UNUSED enum err number_parse_literal(struct span text, struct arena *arena, struct value *value);

/* What Ruby's to_i makes of a literal (fractions are cut, nil is 0, text gives its leading digits);
 * false for what has no to_i. Beyond int64 it is the nearest end. */
bool number_literal_to_int(struct value value, int64_t *whole);

/* Utils.to_number: text that is a decimal or begins with digits counts, anything else is 0. */
struct number number_from_value(struct value value);
/* The shortest decimal that reads back as `real`, which is what it prints as. */
struct number number_from_double(double real);
/* ERR_INVALID for what is neither a number nor text that is one as a whole. */
WARN_UNUSED enum err number_from_value_strict(struct value value, struct number *number);
struct value number_to_value(struct number number, struct arena *arena);

/* Ruby's String#to_i: leading space, sign, digits with single underscores; the nearest int64. */
int64_t number_text_to_int(struct span text);
/* Ruby's Integer(text): as a whole, 0x 0o 0b prefixes allowed. ERR_INVALID otherwise. */
WARN_UNUSED enum err number_text_to_int_strict(struct span text, int64_t *whole);

enum number_op {
    NUMBER_PLUS,
    NUMBER_MINUS,
    NUMBER_TIMES,
    NUMBER_DIVIDE, /* whole by whole rounds down */
    NUMBER_MODULO, /* has the sign of b */
};

/* ERR_DIVIDE_BY_ZERO (a float divided by 0 is infinite, as in Ruby); ERR_OVERFLOW when whole numbers leave
 * 38 digits. */
WARN_UNUSED enum err number_compute(enum number_op op, struct number a, struct number b,
                                    struct number *result);
struct number number_absolute(struct number number);
int number_compare(struct number a, struct number b);

enum number_rounding {
    ROUND_NEAREST, /* halves away from zero */
    ROUND_UP,
    ROUND_DOWN,
};
/* To `places` decimals (negative: tens, hundreds, …). Whole numbers stay whole; so does a float's
 * result with places <= 0. ERR_OVERFLOW when a float is too large for a whole number. */
WARN_UNUSED enum err number_round(struct number number, int64_t places, enum number_rounding how,
                                  struct number *result);

/* Text, as Ruby prints it: "3", "0.1", "1.0e+20". Returns its length, at most NUMBER_TEXT_BYTES. */
size_t number_print_int(int64_t whole, char text[NUMBER_TEXT_BYTES]);
size_t number_print_big(int128 whole, char text[NUMBER_TEXT_BYTES]);
size_t number_print_double(double real, char text[NUMBER_TEXT_BYTES]);
/* Without an exponent and without needless zeros: -?digits[.digits], for the locale port. */
size_t number_print_plain(struct number number, char text[NUMBER_TEXT_BYTES]);

#endif
