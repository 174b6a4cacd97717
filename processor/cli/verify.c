/* `declic verify`: what Redis holds against a fresh replay of the journal. */
#include <stdio.h>

#include "app/view_session.h"
#include "cli/service.h"
#include "cli/views.h"
#include "codec/json.h"

#define TRIES 3 /* of a partition whose journal is trimmed meanwhile */

/* What was found in the partition being compared; told when the comparison came to its end. */
struct found {
    struct arena arena;
    struct view_difference *items;
    size_t count, capacity;
    size_t told; /* of all partitions */
};

static void add_difference(void *self, const struct view_difference *difference)
{
    struct found *found = self;
    struct view_difference *added =
        ARENA_PUSH(&found->arena, &found->items, &found->count, &found->capacity);
    *added = (struct view_difference){difference->partition, arena_copy(&found->arena, difference->user),
                                      arena_copy(&found->arena, difference->what)};
}

static void print_text(const struct view_difference *difference)
{
    printf("partition %d: ", (int)difference->partition);
    if (difference->user.size != 0)
        printf("user %.*s: ", SPAN_PRINTF(difference->user));
    printf("%.*s\n", SPAN_PRINTF(difference->what));
}

static void print_json(const struct view_difference *difference, bool first)
{
    struct buf out = {0};
    buf_printf(&out, "%s{\"partition\":%d", first ? "" : ",", (int)difference->partition);
    if (difference->user.size != 0) {
        buf_append(&out, SPAN_LITERAL(",\"user\":"));
        json_write_string(&out, difference->user);
    }
    buf_append(&out, SPAN_LITERAL(",\"differs\":"));
    json_write_string(&out, difference->what);
    buf_append_byte(&out, '}');
    cli_print(&out);
}

static void print_found(struct found *found, bool json)
{
    for (size_t i = 0; i < found->count; i++, found->told++) {
        if (json)
            print_json(&found->items[i], found->told == 0);
        else
            print_text(&found->items[i]);
    }
}

struct work {
    const struct cli_call *call;
    struct view_session *session;
    bool json, repair;
    struct found found;
    struct view_report report;
    int32_t differing, dropped;
};

static enum err check_partition(struct work *work, int32_t partition, struct diag *diag)
{
    struct found *found = &work->found;
    enum err error = ERR_ABORTED;
    size_t users = work->report.users;
    for (int i = 0; i < TRIES && error == ERR_ABORTED; i++) {
        arena_reset(&found->arena);
        found->items = NULL;
        found->count = found->capacity = 0;
        work->report.users = users;
        error = view_session_check(work->session, partition, &work->report, diag);
    }
    if (error == ERR_ABORTED)
        return ERR_UNKNOWN_OUTCOME;
    if (error != ERR_OK || found->count == 0)
        return error;
    print_found(found, work->json);
    work->differing++;
    if (!work->repair)
        return ERR_OK;
    error = view_session_drop(work->session, partition, diag);
    work->dropped += error == ERR_OK;
    return error;
}

static void print_summary(const struct work *work, int32_t partitions)
{
    if (work->json)
        return;
    printf("%zu users in %d %s compared: ", work->report.users, (int)partitions,
           partitions == 1 ? "partition" : "partitions");
    if (work->found.told == 0)
        puts("all as the journal says.");
    else if (work->repair)
        printf("%zu differences; %d %s dropped and folded anew by whoever runs.\n", work->found.told,
               (int)work->dropped, work->dropped == 1 ? "view was" : "views were");
    else
        printf("%zu differences in %d %s; --repair mends.\n", work->found.told, (int)work->differing,
               work->differing == 1 ? "partition" : "partitions");
}

static int check_all(struct work *work, int32_t first, int32_t end)
{
    struct diag diag = {0};
    enum err error = ERR_OK;
    int32_t p = first;
    if (work->json)
        putchar('[');
    for (; p < end && error == ERR_OK; p++) {
        views_progress(p - first, end - first);
        error = check_partition(work, p, &diag);
    }
    views_progress(end - first, end - first);
    if (work->json)
        puts("]");
    if (error != ERR_OK)
        return service_fail(work->call, error, &diag);
    print_summary(work, end - first);
    return work->found.told == 0 ? CLI_DONE : CLI_WRONG;
}

static int run(const struct cli_call *call)
{
    struct work work = {
        .call = call, .json = cli_flag(call, "json") != NULL, .repair = cli_flag(call, "repair") != NULL};
    struct config *config;
    struct diag diag = {0};
    int32_t first, end;
    int code = cli_config(call, &config);
    if (code == CLI_DONE)
        code = views_partitions(call, config, &first, &end);
    if (code != CLI_DONE)
        return code;
    enum err error = view_session_open(config, &cli_log, &work.session, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    arena_init(&work.found.arena, 0);
    work.report = (struct view_report){.self = &work.found, .difference = add_difference};
    code = check_all(&work, first, end);
    arena_destroy(&work.found.arena);
    view_session_close(work.session);
    return code;
}

static const struct cli_flag flags[] = {
    {"partition", "P", "this journal partition only"},
    {"repair", NULL, "drop the view of each partition that differs, to be folded anew"},
    {"json", NULL, "one JSON array of objects: partition, user, differs"},
    {0},
};

const struct cli_command cli_verify = {
    .name = "verify",
    .arguments = "",
    .summary = "Compare what Redis holds with a fresh replay of the journal.",
    .help = "Also while processes run: each piece of Redis is compared with the journal up to\n"
            "the very offset that it was read at. Says for each user which parts of his state\n"
            "differ, never what is in them. Ends with 0 when all is the same and with 1 when\n"
            "something differs, also when it was mended. Needs the memory of one partition's\n"
            "states.",
    .flags = flags,
    .takes_config = true,
    .run = run,
};
