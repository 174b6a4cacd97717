/* `declic eval`: CEL expressions, a JSON line each, from standard input to standard output. */
#ifndef DECLIC_CLI_EVAL_H
#define DECLIC_CLI_EVAL_H

/* argv[0] is "eval". Returns the exit code. */
int cli_eval(int argc, char **argv);

#endif
