/* Whole files that people write: campaigns, policy, configuration, snippets. */
#ifndef DECLIC_BASE_FILE_H
#define DECLIC_BASE_FILE_H

#include "base/arena.h"

/* The content as text in `arena`; of a file that is larger than `max_bytes` the beginning, at least one
 * byte more than that. ERR_IO with errno set (EISDIR for a directory). */
WARN_UNUSED enum err file_read(struct span path, size_t max_bytes, struct arena *arena, struct span *text);

#endif
