/* `declic pending`: what is due for a user. */
#include <stdio.h>
#include <stdlib.h>

#include "app/user_view.h"
#include "base/civil.h"
#include "base/uuid.h"
#include "cli/cli.h"
#include "codec/json.h"
#include "core/send_id.h"

struct pending {
    struct span campaign, key, step;
    uint32_t version;
    int64_t due_ms;
    unsigned char send_id[SEND_ID_BYTES];
};

static int by_due(const void *a, const void *b)
{
    const struct pending *left = a, *right = b;
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    return memcmp(left->send_id, right->send_id, SEND_ID_BYTES);
}

static struct pending *gather(struct user_view *view, struct arena *arena, size_t *count)
{
    const struct user_state *state = user_view_state(view);
    struct pending *list = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 0; i < state->journeys.count; i++) {
        const struct journey *journey = &state->journeys.items[i];
        for (uint32_t k = 0; k < journey->step_count; k++) {
            if (journey->steps[k].status != STEP_PENDING)
                continue;
            struct pending *one = ARENA_PUSH(arena, &list, count, &capacity);
            *one = (struct pending){.campaign = journey->campaign,
                                    .key = journey->key,
                                    .step = user_view_step(view, journey->campaign, journey->version, k),
                                    .version = journey->version,
                                    .due_ms = journey->steps[k].due_ms};
            send_id_make(journey->campaign, state->user, journey->key, journey->trigger.id, one->step,
                         one->send_id);
        }
    }
    if (*count != 0)
        qsort(list, *count, sizeof *list, by_due);
    return list;
}

static void print_json(const struct pending *list, size_t count)
{
    struct buf out = {0};
    buf_append_byte(&out, '[');
    for (size_t i = 0; i < count; i++) {
        char due[CIVIL_RFC3339_BYTES], id[UUID_TEXT_BYTES];
        size_t due_size = civil_format_ms(list[i].due_ms, due);
        uuid_format(list[i].send_id, id);
        buf_append_text(&out, i == 0 ? "\n {\"campaign\":" : ",\n {\"campaign\":");
        json_write_string(&out, list[i].campaign);
        buf_printf(&out, ",\"version\":%u,\"key\":", list[i].version);
        json_write_string(&out, list[i].key);
        buf_append_text(&out, ",\"step\":");
        json_write_string(&out, list[i].step);
        buf_printf(&out, ",\"due\":\"%.*s\",\"send_id\":\"%.*s\"}", (int)due_size, due, UUID_TEXT_BYTES,
                   id);
    }
    buf_append_text(&out, count == 0 ? "]\n" : "\n]\n");
    fwrite(out.data, 1, out.size, stdout);
    buf_free(&out);
}

static int width(size_t least, const struct pending *list, size_t count, size_t offset)
{
    size_t widest = least;
    for (size_t i = 0; i < count; i++) {
        const struct span *text = (const struct span *)((const char *)&list[i] + offset);
        if (text->size > widest)
            widest = text->size;
    }
    return widest > 60 ? 60 : (int)widest;
}

static void print_table(struct span user, const struct pending *list, size_t count)
{
    if (count == 0) {
        printf("nothing is pending for %.*s\n", SPAN_PRINTF(user));
        return;
    }
    int campaign = width(8, list, count, offsetof(struct pending, campaign));
    int key = width(3, list, count, offsetof(struct pending, key));
    int step = width(4, list, count, offsetof(struct pending, step));
    printf("%-24s  %-*s  %7s  %-*s  %-*s  %s\n", "DUE", campaign, "CAMPAIGN", "VERSION", key, "KEY", step,
           "STEP", "SEND ID");
    for (size_t i = 0; i < count; i++) {
        char due[CIVIL_RFC3339_BYTES], id[UUID_TEXT_BYTES];
        size_t due_size = civil_format_ms(list[i].due_ms, due);
        uuid_format(list[i].send_id, id);
        printf("%-24.*s  %-*.*s  %7u  %-*.*s  %-*.*s  %.*s\n", (int)due_size, due, campaign,
               SPAN_PRINTF(list[i].campaign), list[i].version, key, SPAN_PRINTF(list[i].key), step,
               SPAN_PRINTF(list[i].step), UUID_TEXT_BYTES, id);
    }
}

static int pending_command(const struct cli_call *call)
{
    const char *user = cli_flag(call, "user");
    if (user == NULL || user[0] == '\0')
        return cli_usage(call, "--user is needed: whose pending sends?");
    struct config *config;
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    struct log log = {.level = LOG_ERROR, .fd = 2};
    struct user_view *view;
    struct diag diag = {0};
    enum err error = user_view_open(config, span_from_text(user), &log, &view, &diag);
    if (error != ERR_OK) {
        fprintf(stderr, "declic pending: %s\n", diag.text);
        return error == ERR_UNREACHABLE ? CLI_UNREACHABLE : error == ERR_INVALID ? CLI_USAGE : CLI_WRONG;
    }
    size_t count;
    struct pending *list = gather(view, call->arena, &count);
    if (cli_flag(call, "json") != NULL)
        print_json(list, count);
    else
        print_table(span_from_text(user), list, count);
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
