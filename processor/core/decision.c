#include "core/decision.h"

struct span outcome_text(enum outcome outcome)
{
    static const struct span texts[] = {
#define OUTCOME(name, text) {text, sizeof(text) - 1},
#include "core/outcome.def"
    };
    assert((unsigned)outcome < OUTCOME_COUNT);
    return texts[outcome];
}

struct span reason_text(enum reason reason)
{
    static const struct span texts[] = {
#define REASON(name, text) {text, sizeof(text) - 1},
#include "core/outcome.def"
    };
    assert((unsigned)reason < REASON_COUNT);
    return texts[reason];
}

const char *decision_words(enum outcome outcome, struct span reason)
{
    static const struct {
        enum outcome outcome;
        struct span reason;
        const char *words;
    } rows[] = {
#define WORDS(name, reason_text, words) {OUTCOME_##name, {reason_text, sizeof(reason_text) - 1}, words},
#include "core/reason_words.def"
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].outcome == outcome && (rows[i].reason.size == 0 || span_equal(rows[i].reason, reason)))
            return rows[i].words;
    return "";
}
