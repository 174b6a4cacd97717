#include "cli/lines.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "icu/icu_locale.h"

enum { READ_BYTES = 64 * 1024, WRITE_BYTES = 256 * 1024 };

static enum err write_all(int out, struct buf *answers)
{
    size_t done = 0;
    while (done < answers->size) {
        ssize_t written = write(out, answers->data + done, answers->size - done);
        if (written < 0 && errno != EINTR)
            return ERR_IO;
        done += written < 0 ? 0 : (size_t)written;
    }
    buf_clear(answers);
    return ERR_OK;
}

struct lines {
    int out;
    lines_answer *answer;
    void *self;
    struct arena arena;
    struct buf input; /* what is read and not answered */
    struct buf answers;
};

static void answer_line(struct lines *lines, struct span line)
{
    arena_reset(&lines->arena);
    lines->answer(lines->self, line, &lines->arena, &lines->answers);
}

/* Answers the complete lines in the input; `from` is where a newline may stand first. */
static enum err answer_complete(struct lines *lines, size_t from)
{
    size_t start = 0;
    enum err error = ERR_OK;
    for (;;) {
        struct span rest = span_slice(buf_span(&lines->input), from, lines->input.size);
        const char *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
        if (end == NULL || error != ERR_OK)
            break;
        size_t at = (size_t)(end - lines->input.data);
        answer_line(lines, span_slice(buf_span(&lines->input), start, at));
        start = from = at + 1;
        if (lines->answers.size >= WRITE_BYTES)
            error = write_all(lines->out, &lines->answers);
    }
    memmove(lines->input.data, lines->input.data + start, lines->input.size - start);
    lines->input.size -= start;
    return error == ERR_OK ? write_all(lines->out, &lines->answers) : error;
}

enum err lines_run(int in, int out, lines_answer *answer, void *self)
{
    struct lines lines = {.out = out, .answer = answer, .self = self};
    arena_init(&lines.arena, 0);
    enum err error = ERR_OK;
    while (error == ERR_OK) {
        ssize_t size = read(in, buf_reserve(&lines.input, READ_BYTES), READ_BYTES);
        if (size == 0)
            break;
        if (size < 0) {
            error = errno == EINTR ? ERR_OK : ERR_IO;
            continue;
        }
        lines.input.size += (size_t)size;
        error = answer_complete(&lines, lines.input.size - (size_t)size);
    }
    if (error == ERR_OK && lines.input.size != 0) {
        answer_line(&lines, buf_span(&lines.input));
        error = write_all(out, &lines.answers);
    }
    buf_free(&lines.input);
    buf_free(&lines.answers);
    arena_destroy(&lines.arena);
    return error;
}

int lines_command(const struct cli_call *call, lines_answer *answer)
{
    struct locale_port locale = {0};
    int code = cli_locale_open(call, &locale);
    if (code != CLI_DONE)
        return code;
    enum err error = lines_run(STDIN_FILENO, STDOUT_FILENO, answer, &locale);
    int why = errno;
    icu_locale_close(&locale);
    if (error == ERR_OK)
        return CLI_DONE;
    fprintf(stderr, "declic %s: standard input or output: %s\n", call->command->name, strerror(why));
    return CLI_WRONG;
}
