/* Each outcome and reason has a sentence of its own, which `explain` tells. */
#include "check.h"

#include "core/decision.h"

static const struct {
    enum outcome outcome;
    const char *reasons;
} table[] = {
    {OUTCOME_SCHEDULED, ""},
    {OUTCOME_SENT, ""},
    {OUTCOME_CANCELLED, "e1 no_date"},
    {OUTCOME_RESTARTED, "e1"},
    {OUTCOME_POSTPONED, "quiet capped"},
    {OUTCOME_SKIPPED, "no_date late condition audience no_consent no_address quiet capped holdout aborted "
                      "render_failed paused ended erased"},
    {OUTCOME_IGNORED, "duplicate audience in_progress pending superseded cancelled cooldown entry_limit "
                      "not_started ended paused no_date limit"},
};

static void each_has_its_own_sentence(void **state)
{
    (void)state;
    const char *told[64];
    size_t count = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *at = table[i].reasons;
        do {
            size_t size = strcspn(at, " ");
            const char *words = decision_words(table[i].outcome, span_make(at, size));
            if (words[0] == '\0')
                fail_msg("no sentence for reason %.*s", (int)size, at);
            for (size_t k = 0; k < count; k++) {
                if (strcmp(told[k], words) == 0)
                    fail_msg("reason %.*s shares the sentence `%s`", (int)size, at, words);
            }
            told[count++] = words;
            at += size;
            at += *at == ' ';
        } while (*at != '\0');
    }
    assert_int_equal(count, 34);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_has_its_own_sentence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
