#include "support/journal_member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
// cmocka wants the headers above first
#include <cmocka.h>

int64_t member_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void journal_member_init(struct journal_member *member, struct journal_port port, int64_t start_at)
{
    *member = (struct journal_member){.port = port, .start_at = start_at};
}

void journal_member_start(struct journal_member *member, int32_t partition, int64_t offset)
{
    member->records[partition] = 0;
    member->position[partition] = offset;
    member->ended[partition] = -1;
    assert_int_equal(member->port.start(member->port.self, partition, offset), ERR_OK);
}

static void take_assigned(struct journal_member *member, const struct journal_event *event)
{
    member->assigned_events++;
    for (size_t i = 0; i < event->count; i++) {
        int32_t p = event->partitions[i];
        assert_false(member->owned[p]);
        member->owned[p] = true;
        member->owned_count++;
        member->records[p] = 0;
        member->ended[p] = -1;
        if (member->start_at >= 0)
            journal_member_start(member, p, member->start_at);
    }
}

static void take_revoked(struct journal_member *member, const struct journal_event *event)
{
    for (size_t i = 0; i < event->count; i++) {
        assert_true(member->owned[event->partitions[i]]);
        member->owned[event->partitions[i]] = false;
        member->owned_count--;
    }
}

static void take_record(struct journal_member *member, const struct journal_event *event)
{
    int32_t p = event->partition;
    assert_true(member->owned[p]);
    assert_true(event->offset >= member->position[p]);
    assert_true(event->append_ms > INT64_C(1600000000000));
    member->position[p] = event->offset + 1;
    member->records[p]++;
    member->port.release(member->port.self, event->record);
}

enum journal_event_kind journal_member_poll(struct journal_member *member, int timeout_ms)
{
    struct journal_event event;
    enum err error = member->port.poll(member->port.self, timeout_ms, &event);
    if (error != ERR_OK)
        fail_msg("poll: %s: %.*s", err_sentence(error), SPAN_PRINTF(event.text));
    switch (event.kind) {
    case JOURNAL_ASSIGNED:
        take_assigned(member, &event);
        break;
    case JOURNAL_REVOKED:
        member->revoked_events++;
        take_revoked(member, &event);
        break;
    case JOURNAL_LOST:
        member->lost_events++;
        take_revoked(member, &event);
        break;
    case JOURNAL_RECORD:
        take_record(member, &event);
        break;
    case JOURNAL_END:
        assert_true(event.offset >= member->position[event.partition]);
        member->position[event.partition] = event.offset;
        member->ended[event.partition] = event.offset;
        break;
    case JOURNAL_RANGE:
        member->ranges[event.partition]++;
        break;
    case JOURNAL_WATERMARK:
        member->watermark[event.partition] = event;
        member->watermarks++;
        break;
    case JOURNAL_TRIMMED:
        member->low[event.partition] = event.low;
        break;
    case JOURNAL_NOTHING:
    case JOURNAL_AWAY:
        break;
    }
    return event.kind;
}
