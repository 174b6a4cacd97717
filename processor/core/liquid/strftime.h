/* strftime, as Ruby's Time has it, on the locale port's zones and names.
 *
 * Conversions, flags (- _ 0 ^ # :) and widths as in Ruby's documentation of Time#strftime; what is no
 * conversion is printed as it stands. In a locale other than English the names are the locale's and
 * %c, %x and %X its own styles.
 */
#ifndef DECLIC_CORE_LIQUID_STRFTIME_H
#define DECLIC_CORE_LIQUID_STRFTIME_H

#include "core/liquid/run.h"

/* Prints the instant in `zone` (NULL: UTC) to `text`. */
void strftime_print(struct run *run, struct text *text, struct span format, int64_t instant_s,
                    uint32_t nanos, const struct locale_zone *zone, struct span locale);

#endif
