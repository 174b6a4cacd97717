#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const sentences[] = {
#define ERR(name, sentence) sentence,
#include "base/err.def"
#undef ERR
};

const char *err_sentence(enum err error)
{
    if ((unsigned)error >= ERR_COUNT)
        return "unknown error";
    return sentences[error];
}

enum err diag_set(struct diag *diag, enum err error, int line, int column, const char *format, ...)
{
    if (diag == NULL)
        return error;
    diag->line = line;
    diag->column = column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(diag->text, sizeof diag->text, format, arguments);
    va_end(arguments);
    return error;
}
