#include "cli/service.h"

#include <stdio.h>
#include <unistd.h>

#include "core/event.h"

int service_fail(const struct cli_call *call, enum err error, const struct diag *diag)
{
    const char *text = diag->text[0] != 0 ? diag->text : err_sentence(error);
    fprintf(stderr, "declic %s: %s\n", call->command->name, text);
    switch (error) {
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
    case ERR_UNKNOWN_OUTCOME:
        return CLI_UNREACHABLE;
    case ERR_INVALID:
    case ERR_USAGE:
        return CLI_USAGE;
    default:
        return CLI_WRONG;
    }
}

bool service_confirm(const struct cli_call *call, const char *question)
{
    char answer[16];
    if (cli_flag(call, "yes") != NULL || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    fputs("Nothing was changed.\n", stderr);
    return false;
}

int service_user_view(const struct cli_call *call, const char *what, struct user_view **view)
{
    const char *user = cli_flag(call, "user");
    if (user == NULL || user[0] == '\0')
        return cli_usage(call, "--user is needed: whose %s?", what);
    struct config *config;
    struct diag diag = {0};
    if (event_check_user(span_from_text(user), &diag) != ERR_OK)
        return cli_usage(call, "%s", diag.text);
    int code = cli_config(call, &config);
    if (code != CLI_DONE)
        return code;
    enum err error = user_view_open(config, span_from_text(user), &cli_log, view, &diag);
    return error == ERR_OK ? CLI_DONE : service_fail(call, error, &diag);
}

enum err service_partitions_count(const struct kafka_properties *properties, struct span topic,
                                  struct arena *arena, int32_t *count, struct diag *diag)
{
    struct kafka_admin *admin;
    struct kafka_topic_description description = {0};
    enum err error = kafka_admin_open(properties, NULL, &admin, diag);
    if (error != ERR_OK)
        return error;
    error =
        kafka_admin_topics_describe(admin, &topic, 1, false, SERVICE_TIMEOUT_MS, arena, &description, diag);
    kafka_admin_close(admin);
    if (error == ERR_OK && !description.exists)
        error = diag_set(diag, ERR_NOT_FOUND, 0, 0, "topic %.*s is missing in Kafka", SPAN_PRINTF(topic));
    *count = description.partitions;
    return error;
}
