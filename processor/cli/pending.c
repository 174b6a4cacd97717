/* `declic pending`: what is due for a user. */
#include <stdio.h>

#include "app/user_json.h"
#include "base/civil.h"
#include "base/uuid.h"
#include "cli/cli.h"

static void print_json(const struct pending_send *list, size_t count)
{
    struct buf out = {0};
    user_pending_write_json(&out, list, count);
    fwrite(out.data, 1, out.size, stdout);
    buf_free(&out);
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

static void print_table(struct span user, const struct pending_send *list, size_t count)
{
    if (count == 0) {
        printf("nothing is pending for %.*s\n", SPAN_PRINTF(user));
        return;
    }
    int campaign = width(8, list, count, offsetof(struct pending_send, campaign));
    int key = width(3, list, count, offsetof(struct pending_send, key));
    int step = width(4, list, count, offsetof(struct pending_send, step));
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
    const struct pending_send *list = user_pending_list(view, call->arena, &count);
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
