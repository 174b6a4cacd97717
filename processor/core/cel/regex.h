/* Regular expressions in linear time: RE2's syntax, partial match, UTF-8, its cache bounded to 1 MiB each.
 */
#ifndef DECLIC_CORE_CEL_REGEX_H
#define DECLIC_CORE_CEL_REGEX_H

#include "base/span.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cel_regex;

/* NULL when `pattern` is not one, or needs more memory than it may. */
struct cel_regex *cel_regex_new(struct span pattern);
void cel_regex_free(struct cel_regex *regex);
/* Is there a match anywhere in `text`? Several threads may ask at once. */
bool cel_regex_match(const struct cel_regex *regex, struct span text);

#ifdef __cplusplus
}
#endif

#endif
