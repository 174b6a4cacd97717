#include "app/store_room.h"

#define LOOK_MS 1000
#define NEAR_LOOK_MS 100 /* above NEAR_PERCENT of the limit: a small Redis fills within a second */
#define NEAR_PERCENT 50
#define AWAY_LOOK_MS 5000 /* a store that hangs must not hold up the caller each second */

static bool above(const struct store_room *room, int64_t percent)
{
    return room->limit_bytes > 0 && room->used_bytes >= room->limit_bytes / 100 * percent;
}

bool store_room_is_tight(struct store_room *room, int64_t now_ms)
{
    if (room->looked && now_ms < room->look_again_ms)
        return room->tight;
    room->looked = true;
    enum err error = room->store.memory_read(room->store.self, &room->used_bytes, &room->limit_bytes);
    if (error != ERR_OK) {
        room->look_again_ms = now_ms + AWAY_LOOK_MS;
        return room->tight;
    }
    int64_t percent = room->tight ? STORE_ROOM_GO_PERCENT : STORE_ROOM_STOP_PERCENT;
    room->tight = above(room, percent);
    room->look_again_ms = now_ms + (above(room, NEAR_PERCENT) ? NEAR_LOOK_MS : LOOK_MS);
    return room->tight;
}
