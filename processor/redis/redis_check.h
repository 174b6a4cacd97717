/* What INFO says: whether this Redis may hold the view. Managed services hide CONFIG, INFO they all have.
 */
#ifndef DECLIC_REDIS_REDIS_CHECK_H
#define DECLIC_REDIS_REDIS_CHECK_H

#include "base/err.h"
#include "base/span.h"

/* The value of `name:value` in INFO's text as a whole number; 0 when there is none. */
int64_t redis_info_number(struct span info, const char *name);

/* ERR_OK; ERR_UNREACHABLE while it loads or is a replica (that passes); ERR_REFUSED for an evicting policy,
 * a version below 6.2 or a cluster, with the remedy in diag. */
WARN_UNUSED enum err redis_info_check(struct span info, struct diag *diag);

#endif
