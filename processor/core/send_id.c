#include "core/send_id.h"

#include "base/uuid.h"

static_assert(SEND_ID_BYTES == UUID_BYTES, "a send id is a UUID");

#define UNIT_SEPARATOR '\x1f'

static const unsigned char name_space[UUID_BYTES] = {0x6f, 0x1c, 0x7b, 0x52, 0x5d, 0x0e, 0x5c, 0x7e,
                                                     0x9a, 0x53, 0x0f, 0x6a, 0x4d, 0x3c, 0x2b, 0x11};

void send_id_make(struct span campaign, struct span user, struct span key, struct span trigger_id,
                  struct span step, unsigned char id[SEND_ID_BYTES])
{
    const struct span parts[] = {campaign, user, key, trigger_id, step};
    uuid_v5(name_space, parts, sizeof parts / sizeof *parts, UNIT_SEPARATOR, id);
}

uint32_t bucket_of(struct span purpose, struct span campaign, struct span user)
{
    const struct span parts[] = {purpose, campaign, user};
    unsigned char id[UUID_BYTES];
    uuid_v5(name_space, parts, sizeof parts / sizeof *parts, UNIT_SEPARATOR, id);
    uint32_t number = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    return number % BUCKETS;
}
