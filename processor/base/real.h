/* Doubles as decimal text and back: exact, shortest, independent of the process's locale.
 *
 * The shortest digits are those of which no fewer read back as the same double, the closest ones where
 * several do (std::to_chars).
 */
#ifndef DECLIC_BASE_REAL_H
#define DECLIC_BASE_REAL_H

#include "base/err.h"
#include "base/span.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REAL_BYTES 352

/* As Go's strconv.FormatFloat(x, 'g', -1, 64) writes it: "42", "0.0001", "1e-05", "1e+06", "-0", "NaN",
 * "+Inf", "-Inf". Returns the length. */
size_t real_format_general(double real, char text[REAL_BYTES]);

/* The same digits without an exponent: "1000000", "0.00001". NaN and infinities as above. */
size_t real_format_fixed(double real, char text[REAL_BYTES]);

/* Reads all of `text` as a decimal number with an optional sign, fraction and exponent ("1.", ".5" and
 * "+1e3" too: who wants a narrower form looks first), rounded to nearest; what is too small becomes zero.
 * ERR_SYNTAX, ERR_OVERFLOW (beyond the largest double). */
WARN_UNUSED enum err real_parse(struct span text, double *real);

#ifdef __cplusplus
}
#endif

#endif
