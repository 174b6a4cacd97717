#include "core/cel/regex.h"

#include <new>

#include <re2/re2.h>

struct cel_regex {
    re2::RE2 re2;

    cel_regex(re2::StringPiece pattern, const re2::RE2::Options &options) : re2(pattern, options)
    {
    }
};

static re2::StringPiece piece_of(struct span text)
{
    return re2::StringPiece(text.size == 0 ? "" : text.data, text.size);
}

struct cel_regex *cel_regex_new(struct span pattern)
{
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    auto *regex = new (std::nothrow) cel_regex(piece_of(pattern), options);
    if (regex != nullptr && !regex->re2.ok()) {
        delete regex;
        return nullptr;
    }
    return regex;
}

void cel_regex_free(struct cel_regex *regex)
{
    delete regex;
}

bool cel_regex_match(const struct cel_regex *regex, struct span text)
{
    return re2::RE2::PartialMatch(piece_of(text), regex->re2);
}
