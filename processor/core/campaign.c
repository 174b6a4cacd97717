#include "core/campaign.h"

#include "core/cel/cel.h"

const struct span variable_names[VARIABLE_COUNT] = {
    [VARIABLE_EVENT] = SPAN_LITERAL("event"),     [VARIABLE_TRIGGER] = SPAN_LITERAL("trigger"),
    [VARIABLE_PROFILE] = SPAN_LITERAL("profile"), [VARIABLE_USER] = SPAN_LITERAL("user"),
    [VARIABLE_META] = SPAN_LITERAL("meta"),       [VARIABLE_NOW] = SPAN_LITERAL("now"),
    [VARIABLE_FOLLOW] = SPAN_LITERAL("follow"),   [VARIABLE_IT] = SPAN_LITERAL("it"),
};

const char *const channel_names[CHANNEL_COUNT + 1] = {"push", "web_push", "in_app",
                                                      "sms",  "email",    "webhook"};

bool name_set_has(const struct name_set *set, struct span name)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(set->names[middle], name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct name_set name_set_union(const struct name_set *a, const struct name_set *b, struct arena *arena)
{
    struct span *names = ARENA_ARRAY(arena, struct span, a->count + b->count);
    size_t count = 0, left = 0, right = 0;
    while (left < a->count || right < b->count) {
        int order = left == a->count    ? 1
                    : right == b->count ? -1
                                        : span_compare(a->names[left], b->names[right]);
        names[count++] = order <= 0 ? a->names[left] : b->names[right];
        left += order <= 0;
        right += order >= 0;
    }
    return (struct name_set){names, count, a->all || b->all};
}

const struct follow_rule *policy_follow_find(const struct policy *policy, struct span name)
{
    for (size_t i = 0; i < policy->follow_count; i++) {
        if (span_equal(policy->follows[i].name, name))
            return &policy->follows[i];
    }
    return NULL;
}

const struct channel_rule *channel_rule_find(const struct channel_rule *rules, size_t count,
                                             struct span channel)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(rules[i].channel, channel))
            return &rules[i];
    }
    return NULL;
}

static void programs_close(struct cel_program *const *programs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cel_program_close(programs[i]);
}

void campaign_close(struct campaign *campaign)
{
    if (campaign != NULL)
        programs_close(campaign->programs, campaign->program_count);
}

void policy_close(struct policy *policy)
{
    if (policy != NULL)
        programs_close(policy->programs, policy->program_count);
}
