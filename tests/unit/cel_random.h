/* Random CEL expressions from a seed: mostly well-typed, since nonsense is refused at its first operator.
 */
#ifndef DECLIC_TESTS_UNIT_CEL_RANDOM_H
#define DECLIC_TESTS_UNIT_CEL_RANDOM_H

#include "base/arena.h"

#define CEL_RANDOM_VARIABLES                                                                       \
    "{\"i\":5,\"d\":2.5,\"s\":\"héllo\",\"t\":true,\"l\":[1,2,\"x\"],\"m\":{\"a\":1,\"b\":null}," \
    "\"ts\":{\"$timestamp\":\"2009-02-13T23:31:30.5Z\"},\"span\":{\"$duration\":\"90.5s\"}}"

struct cel_random {
    uint64_t state;
    struct arena *arena;
};

static inline uint32_t cel_random_below(struct cel_random *random, uint32_t limit)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random->state >> 33) % limit;
}

/* Kinds: i int, d double, s string, b bool, l list, m map, t timestamp, u duration. */
static inline struct span cel_random_of(struct cel_random *random, char kind, int depth)
{
    /* `@k` is an expression of kind k, `@?` one of any kind. */
    static const struct {
        char kind;
        const char *leaves[6];
        const char *shapes[10];
    } grammar[] = {
        {'i',
         {"0", "1", "-7", "i", "9223372036854775807", "0x1F"},
         {"@i + @i", "@i - @i", "@i * (@i)", "(@i) / (@i)", "(@i) % (@i)", "-(@i)", "size(@l)", "int(@d)",
          "(@t).getHours(\"+01:30\")", "int(@s)"}},
        {'d',
         {"0.0", "1.5", "-0.25", "d", "1e300", "1e-5"},
         {"@d + @d", "@d - @d", "(@d) * (@d)", "(@d) / (@d)", "double(@i)", "-(@d)", "double(@s)",
          "(@b) ? @d : @d", "{\"k\": @d}.k", "[@d][0]"}},
        {'s',
         {"\"\"", "\"a\\n\\\"b\\\"\"", "s", "\"12\"", "r'\\d'", "\"é😀\""},
         {"@s + @s", "string(@i)", "string(@d)", "string(@b)", "(@b) ? @s : @s", "string(@t)", "string(@u)",
          "[@s, @s][0]", "{@s: @s}[@s]", "string(bytes(@s))"}},
        {'b',
         {"true", "false", "t", "has(m.a)", "has(m.zz)", "missing"},
         {"(@b) && (@b)", "(@b) || (@b)", "!(@b)", "(@?) == (@?)", "(@i) < (@d)", "(@s).contains(@s)",
          "(@l).exists(x, x == (@?))", "(@?) in (@l)", "(@l).all(x, @b)", "(@s).matches(\"[a-c]+\")"}},
        {'l',
         {"[]", "[1, 2.0, 3u]", "l", "[\"a\"]", "[[]]", "[null]"},
         {"[@?, @?]", "(@l) + (@l)", "(@l).map(x, [x, @i])", "(@l).filter(x, @b)", "(@m).map(k, k)",
          "(@l).map(x, @b, x)", "[@l][0]", "(@b) ? @l : @l", "[@s]", "[@i, @d]"}},
        {'m',
         {"{}", "{\"a\": 1}", "m", "{1: 2, true: 3}", "{\"a\": {\"b\": 1}}", "{2u: 1}"},
         {"{@s: @?}", "{@i: @?, @s: @?}", "(@b) ? @m : @m", "{\"a\": @m}.a", "[@m][0]", "{@b: @l}",
          "{@s: @m}", "dyn(@m)", "{\"x\": @i, \"y\": @d}", "{\"z\": @m}[\"z\"]"}},
        {'t',
         {"ts", "timestamp(0)", "timestamp(\"2024-02-29T12:00:00Z\")", "ts", "timestamp(1)", "ts"},
         {"(@t) + (@u)", "(@t) - (@u)", "(@u) + (@t)", "timestamp(@i)", "timestamp(string(@t))",
          "(@b) ? @t : @t", "[@t][0]", "timestamp(@s)", "dyn(@t)", "(@t) + (@u)"}},
        {'u',
         {"span", "duration(\"1h\")", "duration(\"-1.5s\")", "span", "duration(\"0\")", "span"},
         {"(@u) + (@u)", "(@u) - (@u)", "(@t) - (@t)", "duration(@s)", "(@b) ? @u : @u", "[@u][0]",
          "duration(string(@u))", "dyn(@u)", "(@u) - (@u)", "(@t) - (@t)"}},
    };
    enum { KINDS = sizeof grammar / sizeof *grammar };
    uint32_t at = cel_random_below(random, KINDS);
    for (uint32_t i = 0; i < KINDS && kind != '?'; i++)
        if (grammar[i].kind == kind)
            at = i;
    if (depth == 0 || cel_random_below(random, 8) == 0)
        return span_from_text(grammar[at].leaves[cel_random_below(random, 6)]);
    struct span result = {"", 0};
    for (const char *shape = grammar[at].shapes[cel_random_below(random, 10)]; *shape != '\0'; shape++) {
        struct span part = *shape == '@' ? cel_random_of(random, *++shape, depth - 1) : span_make(shape, 1);
        result = arena_printf(random->arena, "%.*s%.*s", SPAN_PRINTF(result), SPAN_PRINTF(part));
    }
    return result;
}

static inline struct span cel_random_expression(uint64_t seed, struct arena *arena)
{
    struct cel_random random = {.state = seed * 0x9E3779B97F4A7C15u, .arena = arena};
    return cel_random_of(&random, '?', 1 + (int)cel_random_below(&random, 4));
}

#endif
