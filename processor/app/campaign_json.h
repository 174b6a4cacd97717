/* A campaign of the campaigns topic as JSON, for `campaigns show --json` and HTTP.
 */
#ifndef DECLIC_APP_CAMPAIGN_JSON_H
#define DECLIC_APP_CAMPAIGN_JSON_H

#include "app/campaign_log.h"

/* Appends one object: campaign, version (the one shown), current, status, applied, at, versions,
 * definition. */
void campaign_json_write(struct buf *out, const struct campaign_item *item, uint32_t version,
                         const struct campaign_definition *definition);

#endif
