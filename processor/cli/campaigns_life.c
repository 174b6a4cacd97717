#include <stdio.h>

#include "app/apply.h"
#include "app/system_clock.h"
#include "cli/service.h"

static void print_json(const struct change *changes, int count)
{
    for (int i = 0; i < count; i++)
        printf("%s{\"campaign\":\"%.*s\",\"action\":\"%s\",\"version\":%u,\"status\":\"%s\"}",
               i == 0 ? "[" : ",", SPAN_PRINTF(changes[i].item.id), change_action_name(changes[i].action),
               changes[i].item.version, campaign_status_name(changes[i].item.status));
    puts("]");
}

/* One control record for each campaign named, all or none. */
static enum err write_controls(const struct cli_call *call, struct apply *writer, enum control_kind kind,
                               struct span option, struct change *changes, struct diag *diag)
{
    int64_t now_ms = system_clock_wall_ms();
    for (int i = 0; i < call->argument_count; i++) {
        enum err error = change_control(apply_log(writer), span_from_text(call->arguments[i]), kind, option,
                                        now_ms, &changes[i], diag);
        if (error != ERR_OK)
            return error == ERR_INVALID ? ERR_REFUSED : error;
    }
    return apply_write(writer, changes, (size_t)call->argument_count, diag);
}

static int run(const struct cli_call *call, enum control_kind kind, struct span option)
{
    struct config *config;
    struct apply *writer;
    struct diag diag = {0};
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    enum err error = apply_open(config, NULL, SERVICE_TIMEOUT_MS, &writer, &diag);
    if (error != ERR_OK)
        return service_fail(call, error, &diag);
    struct change *changes = ARENA_ARRAY(call->arena, struct change, (size_t)call->argument_count);
    error = write_controls(call, writer, kind, option, changes, &diag);
    if (error != ERR_OK)
        code = service_fail(call, error, &diag);
    else if (cli_flag(call, "json") != NULL)
        print_json(changes, call->argument_count);
    else
        for (int i = 0; i < call->argument_count; i++)
            printf("%.*s: %s%s\n", SPAN_PRINTF(changes[i].item.id),
                   campaign_status_name(changes[i].item.status),
                   changes[i].action != CHANGE_NONE ? ""
                   : option.size == 0               ? " already"
                                                    : " already; what is pending stays as that pause says");
    apply_close(writer);
    return code;
}

static int run_pause(const struct cli_call *call)
{
    const char *pending = cli_flag(call, "pending");
    struct span option = pending == NULL ? (struct span){0} : span_from_text(pending);
    if (pending != NULL && !change_treatment_is_known(option))
        return cli_usage(call, "--pending is hold, shift, expire or drain");
    if (span_equal_text(option, "expire") &&
        !service_confirm(call, "A pause with expire skips what is pending. Go on?"))
        return CLI_WRONG;
    return run(call, CONTROL_PAUSE, option);
}

static int run_resume(const struct cli_call *call)
{
    return run(call, CONTROL_RESUME, (struct span){0});
}

static int run_archive(const struct cli_call *call)
{
    if (!service_confirm(call, "Archiving ends what is pending. Go on?"))
        return CLI_WRONG;
    return run(call, CONTROL_ARCHIVE, (struct span){0});
}

static const struct cli_flag pause_flags[] = {
    {"pending", "CHOICE",
     "pending sends meanwhile: hold (default; decided on resume), shift (moved by the length of the "
     "pause), "
     "expire (skipped), drain (sent)"},
    {"yes", NULL, "do not ask"},
    {"json", NULL, "print an array of objects"},
    {0},
};
static const struct cli_flag resume_flags[] = {
    {"yes", NULL, "do not ask (nothing is asked)"},
    {"json", NULL, "print an array of objects"},
    {0},
};
static const struct cli_flag archive_flags[] = {
    {"yes", NULL, "do not ask"},
    {"json", NULL, "print an array of objects"},
    {0},
};

const struct cli_command cli_campaigns_pause = {
    .name = "campaigns pause",
    .arguments = "ID...",
    .least_arguments = 1,
    .most_arguments = 1000,
    .summary = "Stop a campaign's entries, until resume.",
    .flags = pause_flags,
    .takes_config = true,
    .run = run_pause,
};

const struct cli_command cli_campaigns_resume = {
    .name = "campaigns resume",
    .arguments = "ID...",
    .least_arguments = 1,
    .most_arguments = 1000,
    .summary = "End a pause.",
    .flags = resume_flags,
    .takes_config = true,
    .run = run_resume,
};

const struct cli_command cli_campaigns_archive = {
    .name = "campaigns archive",
    .arguments = "ID...",
    .least_arguments = 1,
    .most_arguments = 1000,
    .summary = "End a campaign: no entries, and what is pending is skipped.",
    .flags = archive_flags,
    .takes_config = true,
    .run = run_archive,
};
