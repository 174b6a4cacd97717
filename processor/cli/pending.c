/* `declic pending`: what is due for a user. */
#include <stdio.h>

#include "app/user_json.h"
#include "base/civil.h"
#include "base/uuid.h"
#include "cli/service.h"
#include "cli/user_clock.h"

static void print_json(const struct pending_send *list, size_t count)
{
    struct buf out = {0};
    user_pending_write_json(&out, list, count);
    cli_print(&out);
}

static int width(size_t least, const struct pending_send *list, size_t count, size_t offset)
{
    size_t widest = least;
    for (size_t i = 0; i < count; i++) {
        const struct span *text = (const struct span *)((const char *)&list[i] + offset);
        if (text->size > widest)
            widest = text->size;
    }
    return widest > 60 ? 60 : (int)widest;
}

/* What the table alone would not tell: why a send whose time has come is still there. */
static void print_waiting(struct user_view *view, const struct pending_send *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool told = false;
        for (size_t k = 0; k < i && !told; k++)
            told = span_equal(list[k].campaign, list[i].campaign);
        const struct campaign_item *campaign = told ? NULL : user_view_campaign(view, list[i].campaign);
        if (campaign != NULL && campaign->status != CAMPAIGN_ACTIVE)
            printf("%.*s%s\n", SPAN_PRINTF(list[i].campaign), campaign_state_words(campaign));
    }
}

static void print_row(const struct user_clock *clock, const struct pending_send *send, const int widths[3])
{
    char due[CIVIL_RFC3339_BYTES], id[UUID_TEXT_BYTES], local[USER_CLOCK_BYTES];
    size_t due_size = civil_format_ms(send->due_ms, due);
    uuid_format(send->send_id, id);
    printf("%-24.*s  ", (int)due_size, due);
    if (clock->zone != NULL) {
        user_clock_format(clock, send->due_ms, local);
        printf("%-16s  ", local);
    }
    printf("%-*.*s  %7u  %-*.*s  %-*.*s  %.*s\n", widths[0], SPAN_PRINTF(send->campaign), send->version,
           widths[1], SPAN_PRINTF(send->key), widths[2], SPAN_PRINTF(send->step), UUID_TEXT_BYTES, id);
}

static void print_table(struct user_view *view, const struct pending_send *list, size_t count)
{
    struct span user = user_view_state(view)->user;
    struct user_clock clock;
    if (count == 0) {
        printf("nothing is pending for %.*s\n", SPAN_PRINTF(user));
        return;
    }
    const int widths[3] = {width(8, list, count, offsetof(struct pending_send, campaign)),
                           width(3, list, count, offsetof(struct pending_send, key)),
                           width(4, list, count, offsetof(struct pending_send, step))};
    user_clock_open(&clock, view);
    printf("%-24s  ", "DUE");
    if (clock.zone != NULL)
        printf("%-16s  ", "LOCAL TIME");
    printf("%-*s  %7s  %-*s  %-*s  %s\n", widths[0], "CAMPAIGN", "VERSION", widths[1], "KEY", widths[2],
           "STEP", "SEND ID");
    for (size_t i = 0; i < count; i++)
        print_row(&clock, &list[i], widths);
    if (clock.zone != NULL)
        printf("local time is that of %.*s, where %.*s is\n", SPAN_PRINTF(clock.zone_name),
               SPAN_PRINTF(user));
    print_waiting(view, list, count);
    user_clock_close(&clock);
}

static int pending_command(const struct cli_call *call)
{
    struct user_view *view;
    int code = service_user_view(call, "pending sends", &view);
    if (code != CLI_DONE)
        return code;
    size_t count;
    const struct pending_send *list = user_pending_list(view, call->arena, &count);
    if (cli_flag(call, "json") != NULL)
        print_json(list, count);
    else
        print_table(view, list, count);
    user_view_close(view);
    return CLI_DONE;
}

static const struct cli_flag flags[] = {
    {"user", "ID", "the user"},
    {"json", NULL, "one JSON array of objects"},
    {0},
};

const struct cli_command cli_pending = {
    .name = "pending",
    .arguments = "",
    .summary = "What is due for a user.",
    .flags = flags,
    .takes_config = true,
    .run = pending_command,
};
