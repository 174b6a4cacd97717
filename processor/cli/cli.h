/* The command line: which command is meant, its flags, and how errors are told.
 *
 * A command is a `struct cli_command` that its own file defines and commands.def lists; everything else
 * (help, unknown flags, settings, exit codes) is done here from what the struct says. Results go to
 * standard output, errors to standard error.
 */
#ifndef DECLIC_CLI_CLI_H
#define DECLIC_CLI_CLI_H

#include "app/config.h"
#include "base/buf.h"
#include "base/log.h"
#include "ports/locale.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_WRONG = 1,       /* the work found something wrong */
    CLI_USAGE = 2,       /* wrong usage or configuration */
    CLI_UNREACHABLE = 3, /* a service cannot be reached */
};

struct cli_flag {
    const char *name;  /* without the dashes */
    const char *value; /* what to call its value in the help; NULL: a switch */
    const char *help;
};

struct cli_call;

struct cli_command {
    const char *name;      /* words as typed: "campaigns validate" */
    const char *arguments; /* for the help: "DIR"; "": none */
    int least_arguments, most_arguments;
    const char *summary;          /* one line, for the list of commands */
    const char *help;             /* more of it for `--help`; NULL: none */
    const struct cli_flag *flags; /* ended by an empty name; NULL: none */
    /* It reads the configuration: takes --config and every --KEY of it. */
    bool takes_config;
    int (*run)(const struct cli_call *call); /* returns enum cli_exit */
};

/* One command as it was typed. */
struct cli_call {
    const struct cli_command *command;
    const char *const *arguments;
    int argument_count;
    const struct config_property *flags; /* the command's own that were given */
    size_t flag_count;
    const struct config_property *settings; /* --KEY of the configuration */
    size_t setting_count;
    struct arena *arena; /* for whatever lives as long as the command */
};

/* Finds the command, reads its flags and runs it; returns the exit code. */
int cli_main(int argc, const char *const *argv);

/* The flag's value (of the last, when repeated), or NULL; "" for a switch. */
const char *cli_flag(const struct cli_call *call, const char *name);

/* Loads the configuration that the call asks for. CLI_DONE, or CLI_USAGE with everything wrong printed. */
WARN_UNUSED int cli_config(const struct cli_call *call, struct config **config);

/* "declic COMMAND: text" and where the help is, to standard error. Returns CLI_USAGE. */
int cli_usage(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* Prints every item to standard error. */
void cli_print_diags(const struct diag_list *diags);

/* Writes the text to standard output and frees it. */
void cli_print(struct buf *text);

/* ICU's locales and zones; to be closed with icu_locale_close. CLI_DONE, or CLI_USAGE (said): its data is
 * not installed. */
WARN_UNUSED int cli_locale_open(const struct cli_call *call, struct locale_port *locale);

/* For parts that log while a command waits for them: errors alone, to standard error. */
extern const struct log cli_log;

#endif
