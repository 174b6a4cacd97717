#include <stdio.h>
#include <stdlib.h>

#include "app/apply.h"
#include "app/campaign_json.h"
#include "base/civil.h"
#include "cli/service.h"
#include "codec/json.h"

static int read_log(const struct cli_call *call, const struct campaign_log **log)
{
    struct config *config;
    struct diag diag = {0};
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    enum err error = apply_read(config, NULL, SERVICE_TIMEOUT_MS, call->arena, log, &diag);
    return error == ERR_OK ? CLI_DONE : service_fail(call, error, &diag);
}

/* ---- list ---- */

static void list_json(const struct campaign_log *log)
{
    struct buf out = {0};
    buf_append_byte(&out, '[');
    size_t printed = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct campaign_item *item = &log->items[i];
        if (item->version == 0)
            continue;
        buf_printf(&out, "%s{\"campaign\":\"%.*s\",\"version\":%u,\"status\":\"%s\",\"applied\":%s,\"at\":",
                   printed++ == 0 ? "" : ",", SPAN_PRINTF(item->id), item->version,
                   campaign_status_name(item->status), item->applied ? "true" : "false");
        json_write_time(&out, item->at_ms);
        buf_append_byte(&out, '}');
    }
    buf_append_text(&out, "]\n");
    cli_print(&out);
}

static void list_row(struct span name, const struct campaign_item *item)
{
    char at[CIVIL_RFC3339_BYTES];
    size_t size = civil_format_ms(item->at_ms, at);
    printf("%-32.*s %7u  %-9s %.*s%s\n", SPAN_PRINTF(name), item->version,
           item->id.size == 0 ? "" : campaign_status_name(item->status), (int)size, at,
           item->applied ? "" : "  not completed: apply again");
}

static int run_list(const struct cli_call *call)
{
    const struct campaign_log *log;
    int code = read_log(call, &log);
    if (code != CLI_DONE)
        return code;
    if (cli_flag(call, "json") != NULL) {
        list_json(log);
        return CLI_DONE;
    }
    printf("%-32s %7s  %-9s %s\n", "CAMPAIGN", "VERSION", "STATUS", "SINCE");
    for (size_t i = 0; i < log->count; i++)
        if (log->items[i].version != 0)
            list_row(log->items[i].id, &log->items[i]);
    if (log->policy.version != 0)
        list_row(SPAN_LITERAL("(policy)"), &log->policy);
    return CLI_DONE;
}

/* ---- show ---- */

static void show_json(const struct campaign_item *item, uint32_t version,
                      const struct campaign_definition *definition)
{
    struct buf out = {0};
    buf_append_byte(&out, '[');
    campaign_json_write(&out, item, version, definition);
    buf_append_text(&out, "]\n");
    cli_print(&out);
}

static int run_show(const struct cli_call *call)
{
    const struct campaign_log *log;
    const char *version_text = cli_flag(call, "version");
    struct diag diag = {0};
    uint32_t version = 0;
    if (version_text != NULL) {
        char *end;
        unsigned long number = strtoul(version_text, &end, 10);
        if (*end != 0 || number == 0 || number > UINT32_MAX)
            return cli_usage(call, "--version needs a number from 1");
        version = (uint32_t)number;
    }
    int code = read_log(call, &log);
    if (code != CLI_DONE)
        return code;
    struct span id = span_from_text(call->arguments[0]);
    const struct campaign_item *item = id.size == 0 ? NULL : campaign_log_find(log, id);
    if (item == NULL || item->version == 0)
        return service_fail(
            call, diag_set(&diag, ERR_NOT_FOUND, 0, 0, "there is no campaign \"%.*s\"", SPAN_PRINTF(id)),
            &diag);
    if (version == 0)
        version = item->version;
    const struct campaign_definition *definition = campaign_item_definition(item, version);
    if (definition == NULL)
        return service_fail(
            call,
            diag_set(&diag, ERR_NOT_FOUND, 0, 0, "\"%.*s\" has no version %u", SPAN_PRINTF(id), version),
            &diag);
    if (cli_flag(call, "json") != NULL)
        show_json(item, version, definition);
    else
        fwrite(definition->text.data, 1, definition->text.size, stdout);
    return CLI_DONE;
}

static const struct cli_flag list_flags[] = {
    {"json", NULL, "print an array of objects"},
    {0},
};

const struct cli_command cli_campaigns_list = {
    .name = "campaigns list",
    .arguments = "",
    .summary = "List the campaigns in force, with version and status.",
    .flags = list_flags,
    .takes_config = true,
    .run = run_list,
};

static const struct cli_flag show_flags[] = {
    {"version", "N", "that version; default: the one in force"},
    {"json", NULL, "print an array of one object"},
    {0},
};

const struct cli_command cli_campaigns_show = {
    .name = "campaigns show",
    .arguments = "ID",
    .least_arguments = 1,
    .most_arguments = 1,
    .summary = "Print a campaign's definition.",
    .flags = show_flags,
    .takes_config = true,
    .run = run_show,
};
