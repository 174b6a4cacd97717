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
