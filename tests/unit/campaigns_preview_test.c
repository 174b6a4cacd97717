/* `declic campaigns preview` as it is typed, in a directory of its own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

static char folder[] = "/tmp/declic-preview-XXXXXX";
static char path[6][64];

enum { CAMPAIGNS, CAMPAIGN, EVENT, PROFILE, OUTPUT, BROKEN };

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_folder(void **state)
{
    static const char *const names[] = {"campaigns", "campaigns/cart.yaml", "event.json", "profile.json",
                                        "output",    "broken.json"};
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (int i = 0; i < 6; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    char command[96];
    snprintf(command, sizeof command, "mkdir %s", path[CAMPAIGNS]);
    if (system(command) != 0)
        return -1;
    write_file(
        path[CAMPAIGN],
        "campaign: cart\n"
        "type: event\n"
        "trigger: {event: cart_updated}\n"
        "steps:\n"
        "  - id: first\n"
        "    channel: push\n"
        "    message: {title: \"Hello {{ profile.name }}\", body: \"{{ event.total | money: 'EUR' }}\"}\n"
        "    locales: {fr: {title: \"Bonjour {{ profile.name }}\"}}\n"
        "  - id: second\n"
        "    channel: webhook\n"
        "    message: {body: {n: 1, t: [\"{% if event.total > 10 %}{% abort 'enough' %}{% endif %}\"]}}\n");
    write_file(path[EVENT],
               "{\"user\": \"u1\", \"name\": \"cart_updated\", \"attributes\": {\"total\": 12.5}}");
    write_file(path[PROFILE], "{\"name\": \"Ada\"}");
    write_file(path[BROKEN], "{\"total\": }");
    return 0;
}

static int remove_folder(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* Runs the command; its exit code, and what it printed in *printed. */
static int run(char printed[2048], int count, const char *const *arguments)
{
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int file = open(path[OUTPUT], O_CREAT | O_TRUNC | O_RDWR, 0600);
    dup2(file, STDOUT_FILENO);
    int code = cli_main(count, arguments);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    ssize_t size = pread(file, printed, 2047, 0);
    printed[size < 0 ? 0 : size] = '\0';
    close(file);
    return code;
}

#define RUN(printed, ...)                                                               \
    run((printed), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)), \
        (const char *const[]){__VA_ARGS__})

static void every_step_is_shown(void **state)
{
    char printed[2048];
    (void)state;
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "cart", "--campaigns", path[CAMPAIGNS],
                         "--event", path[EVENT], "--profile", path[PROFILE]),
                     CLI_DONE);
    assert_string_equal(printed, "first (push)\n"
                                 "  title: Hello Ada\n"
                                 "  body: €12.50\n"
                                 "second (webhook)\n"
                                 "  not sent: aborted: enough\n");
}

static void another_locale_may_be_asked_for(void **state)
{
    char printed[2048];
    (void)state;
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "cart", "--campaigns", path[CAMPAIGNS],
                         "--event", path[EVENT], "--profile", path[PROFILE], "--locale", "fr-CA", "--json"),
                     CLI_DONE);
    assert_string_equal(printed,
                        "[{\"step\":\"first\",\"channel\":\"push\",\"content\":{\"title\":\"Bonjour Ada\","
                        "\"body\":\"12,50\u00a0€\"}},{\"step\":\"second\",\"channel\":\"webhook\","
                        "\"error\":\"aborted: enough\"}]\n");
}

static void mistakes_are_told_apart(void **state)
{
    char printed[2048];
    (void)state;
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "cart", "--campaigns", path[CAMPAIGNS]),
                     CLI_USAGE);
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "other", "--campaigns", path[CAMPAIGNS],
                         "--event", path[EVENT]),
                     CLI_WRONG);
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "cart", "--campaigns", path[CAMPAIGNS],
                         "--event", path[BROKEN]),
                     CLI_WRONG);
    assert_int_equal(RUN(printed, "declic", "campaigns", "preview", "cart", "--campaigns", path[CAMPAIGNS],
                         "--event", "/nonexistent"),
                     CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_shown),
        cmocka_unit_test(another_locale_may_be_asked_for),
        cmocka_unit_test(mistakes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
