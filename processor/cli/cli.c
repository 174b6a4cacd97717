#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/nearest.h"
#include "icu/icu_locale.h"

#define COMMAND(command) extern const struct cli_command command;
#include "cli/commands.def"
#undef COMMAND

static const struct cli_command *const commands[] = {
#define COMMAND(command) &command,
#include "cli/commands.def"
#undef COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands, MAX_WORDS = 8 };

/* --- help ------------------------------------------------------------------------------------------ */

static void print_commands(FILE *out)
{
    fputs("Usage: declic COMMAND [arguments] [flags]\n\n"
          "Declic sends event-triggered messages. Commands:\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-20s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`declic COMMAND --help` tells more. Exit codes: 0 done, 1 something was found wrong, 2 wrong "
          "usage\n"
          "or configuration, 3 a service cannot be reached.\n",
          out);
}

static void print_flag(FILE *out, const char *name, const char *value, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value == NULL ? "" : " ", value == NULL ? "" : value);
    fprintf(out, "  %-24s %s\n", left, help);
}

static void print_command_help(FILE *out, const struct cli_command *command)
{
    fprintf(out, "Usage: declic %s%s%s [flags]\n\n%s\n", command->name,
            command->arguments[0] == '\0' ? "" : " ", command->arguments, command->summary);
    if (command->help != NULL)
        fprintf(out, "\n%s\n", command->help);
    fputs("\nFlags:\n", out);
    for (const struct cli_flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++)
        print_flag(out, flag->name, flag->value, flag->help);
    if (command->takes_config) {
        print_flag(out, "config", "FILE", "the configuration; default: $DECLIC_CONFIG, else declic.yaml");
        print_flag(out, "KEY", "VALUE", "any setting of the configuration, such as --redis.url");
    }
    print_flag(out, "help", NULL, "this text");
}

/* --- finding the command --------------------------------------------------------------------------- */

/* How many of the leading words are the command's name; 0: they are not. */
static int words_matched(const char *name, const char *const *words, int count)
{
    int matched = 0;
    for (;;) {
        size_t size = strcspn(name, " ");
        if (matched == count || strlen(words[matched]) != size || strncmp(words[matched], name, size) != 0)
            return 0;
        matched++;
        if (name[size] == '\0')
            return matched;
        name += size + 1;
    }
}

static bool in_group(const struct cli_command *command, const char *word)
{
    size_t size = strlen(word);
    return strncmp(command->name, word, size) == 0 && command->name[size] == ' ';
}

/* True when some command is `word` and more. */
static bool is_group(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (in_group(commands[i], word))
            return true;
    }
    return false;
}

static void print_group(FILE *out, const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (in_group(commands[i], word))
            fprintf(out, "  declic %-20s %s\n", commands[i]->name, commands[i]->summary);
    }
}

static void print_group_help(const char *word)
{
    printf("Usage: declic %s COMMAND [arguments] [flags]\n\nCommands:\n", word);
    print_group(stdout, word);
    puts("\nEach has its own --help.");
}

static int unknown_command(const char *const *words, int count)
{
    if (is_group(words[0]) && (count == 1 || words[1][0] == '-')) {
        fprintf(stderr, "declic: `%s` needs one more word:\n", words[0]);
        print_group(stderr, words[0]);
        return CLI_USAGE;
    }
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    char typed[128];
    bool two = count > 1 && words[1][0] != '-';
    snprintf(typed, sizeof typed, "%s%s%s", words[0], two ? " " : "", two ? words[1] : "");
    int nearest = nearest_word(span_from_text(typed), names, COMMAND_COUNT);
    if (nearest < 0)
        nearest = nearest_word(span_from_text(words[0]), names, COMMAND_COUNT);
    fprintf(stderr, "declic: unknown command `%s`", nearest < 0 && !is_group(words[0]) ? words[0] : typed);
    if (nearest >= 0)
        fprintf(stderr, "; did you mean `%s`?", names[nearest]);
    fputs("\nTry `declic --help`.\n", stderr);
    return CLI_USAGE;
}

/* --- flags ------------------------------------------------------------------------------------------ */

struct parser {
    struct cli_call call;
    const char **arguments;
    struct config_property *flags, *settings;
    size_t flag_capacity, setting_capacity;
};

static const struct cli_flag config_flag = {"config", "FILE", ""};

static const struct cli_flag *find_flag(const struct cli_command *command, struct span name)
{
    for (const struct cli_flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++) {
        if (span_equal_text(name, flag->name))
            return flag;
    }
    return command->takes_config && span_equal_text(name, "config") ? &config_flag : NULL;
}

static int unknown_flag(const struct cli_call *call, struct span name)
{
    enum { MAX_FLAGS = 32 };
    const char *names[MAX_FLAGS];
    size_t count = 0;
    for (const struct cli_flag *flag = call->command->flags; flag != NULL && flag->name != NULL; flag++) {
        if (count + 2 < MAX_FLAGS)
            names[count++] = flag->name;
    }
    if (call->command->takes_config)
        names[count++] = "config";
    names[count++] = "help";
    int nearest = nearest_word(name, names, count);
    struct span near = nearest >= 0 ? span_from_text(names[nearest]) : SPAN_LITERAL("");
    if (near.size == 0 && call->command->takes_config)
        near = config_key_nearest(name);
    if (near.size > 0)
        return cli_usage(call, "unknown flag --%.*s; did you mean --%.*s?", SPAN_PRINTF(name),
                         SPAN_PRINTF(near));
    return cli_usage(call, "unknown flag --%.*s", SPAN_PRINTF(name));
}

/* One flag at argv[*at]; moves *at past its value. CLI_DONE or CLI_USAGE. */
static int read_flag(struct parser *parser, int argc, const char *const *argv, int *at)
{
    struct cli_call *call = &parser->call;
    struct span text = span_from_text(argv[*at] + 2);
    const char *equals = memchr(text.data, '=', text.size);
    struct span name = equals == NULL ? text : span_slice(text, 0, (size_t)(equals - text.data));
    const struct cli_flag *flag = find_flag(call->command, name);
    bool is_setting = flag == NULL && call->command->takes_config && config_key_is_known(name);
    struct span value = SPAN_LITERAL("");
    if (flag == NULL && !is_setting)
        return unknown_flag(call, name);
    bool is_switch = flag != NULL && flag->value == NULL;
    if (is_switch && equals != NULL)
        return cli_usage(call, "--%.*s takes no value", SPAN_PRINTF(name));
    if (equals != NULL)
        value = span_from_text(equals + 1);
    else if (!is_switch && *at + 1 >= argc)
        return cli_usage(call, "--%.*s needs a value", SPAN_PRINTF(name));
    else if (!is_switch)
        value = span_from_text(argv[++*at]);
    struct config_property *property =
        is_setting
            ? ARENA_PUSH(call->arena, &parser->settings, &call->setting_count, &parser->setting_capacity)
            : ARENA_PUSH(call->arena, &parser->flags, &call->flag_count, &parser->flag_capacity);
    *property = (struct config_property){name, value};
    return CLI_DONE;
}

static int read_words(struct parser *parser, int argc, const char *const *argv)
{
    struct cli_call *call = &parser->call;
    bool only_arguments = false;
    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];
        bool is_flag = !only_arguments && word[0] == '-' && word[1] != '\0';
        if (is_flag && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (is_flag && word[1] != '-') {
            return cli_usage(call, "unknown flag %s; flags begin with two hyphens", word);
        } else if (is_flag) {
            int code = read_flag(parser, argc, argv, &at);
            if (code != CLI_DONE)
                return code;
        } else {
            parser->arguments[call->argument_count++] = word;
        }
    }
    if (call->argument_count < call->command->least_arguments)
        return cli_usage(call, "%s is missing", call->command->arguments);
    if (call->argument_count > call->command->most_arguments)
        return cli_usage(call, "unexpected argument `%s`",
                         parser->arguments[call->command->most_arguments]);
    return CLI_DONE;
}

static bool asks_for_help(int argc, const char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

static int run_command(const struct cli_command *command, int argc, const char *const *argv)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct parser parser = {.call = {.command = command, .arena = &arena}};
    parser.arguments = ARENA_ARRAY(&arena, const char *, (size_t)argc + 1);
    int code = read_words(&parser, argc, argv);
    parser.call.arguments = parser.arguments;
    parser.call.flags = parser.flags;
    parser.call.settings = parser.settings;
    if (code == CLI_DONE)
        code = command->run(&parser.call);
    arena_destroy(&arena);
    return code;
}

/* The command with the longest name that the words begin with, and how many words that is. */
static const struct cli_command *find_command(const char *const *words, int count, int *matched)
{
    const struct cli_command *command = NULL;
    *matched = 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int words_of_name = words_matched(commands[i]->name, words, count);
        if (words_of_name > *matched) {
            *matched = words_of_name;
            command = commands[i];
        }
    }
    return command;
}

static int finish(int code)
{
    if (fflush(stdout) == 0 || code != CLI_DONE)
        return code;
    perror("declic: standard output");
    return CLI_WRONG;
}

int cli_main(int argc, const char *const *argv)
{
    static const char *const version[] = {"version"};
    const char *const *words = argv + 1;
    int count = argc - 1, matched;
    if (count < 1) {
        print_commands(stderr);
        return CLI_USAGE;
    }
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0 || strcmp(words[0], "help") == 0) {
        print_commands(stdout);
        return finish(CLI_DONE);
    }
    if (strcmp(words[0], "--version") == 0) {
        words = version;
        count = 1;
    }
    const struct cli_command *command = find_command(words, count, &matched);
    if (command == NULL && count > 1 && is_group(words[0]) && asks_for_help(1, words + 1)) {
        print_group_help(words[0]);
        return finish(CLI_DONE);
    }
    if (command == NULL)
        return unknown_command(words, count);
    if (asks_for_help(count - matched, words + matched)) {
        print_command_help(stdout, command);
        return finish(CLI_DONE);
    }
    return finish(run_command(command, count - matched, words + matched));
}

/* --- for commands --------------------------------------------------------------------------------- */

const struct log cli_log = {.level = LOG_ERROR, .fd = 2};

const char *cli_flag(const struct cli_call *call, const char *name)
{
    for (size_t i = call->flag_count; i > 0; i--) {
        if (span_equal_text(call->flags[i - 1].name, name))
            return call->flags[i - 1].value.data;
    }
    return NULL;
}

int cli_config(const struct cli_call *call, struct config **config)
{
    struct diag_list diags = {.arena = call->arena};
    const struct config_input input = {
        .path = cli_flag(call, "config"),
        .environment = (const char *const *)environ,
        .flags = call->settings,
        .flag_count = call->setting_count,
    };
    if (config_load(&input, call->arena, config, &diags) == ERR_OK)
        return CLI_DONE;
    cli_print_diags(&diags);
    return CLI_USAGE;
}

int cli_usage(const struct cli_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "declic %s: ", call->command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry `declic %s --help`.\n", call->command->name);
    va_end(arguments);
    return CLI_USAGE;
}

void cli_print_diags(const struct diag_list *diags)
{
    struct buf buf = {0};
    for (size_t i = 0; i < diags->count; i++)
        diag_item_print(&diags->items[i], &buf);
    if (buf.size > 0)
        fwrite(buf.data, 1, buf.size, stderr);
    buf_free(&buf);
}

void cli_print(struct buf *text)
{
    if (text->size > 0)
        fwrite(text->data, 1, text->size, stdout);
    buf_free(text);
}

int cli_locale_open(const struct cli_call *call, struct locale_port *locale)
{
    if (icu_locale_open(locale) == ERR_OK)
        return CLI_DONE;
    fprintf(stderr, "declic %s: ICU's data cannot be loaded; install ICU's data files\n",
            call->command->name);
    return CLI_USAGE;
}
