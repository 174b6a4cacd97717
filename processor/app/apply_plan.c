#include "app/apply_plan.h"

const char *change_action_name(enum change_action action)
{
    static const char *const names[] = {
        [CHANGE_NONE] = "unchanged", [CHANGE_CREATE] = "create", [CHANGE_UPDATE] = "update",
        [CHANGE_REVIVE] = "revive",  [CHANGE_PAUSE] = "pause",   [CHANGE_RESUME] = "resume",
        [CHANGE_ARCHIVE] = "archive"};
    return names[action];
}

static bool definition_equal(const struct campaign_definition *a, const struct campaign_definition *b)
{
    return a != NULL && span_equal(a->text, b->text) && span_equal(a->snippets, b->snippets);
}

struct change change_define(const struct campaign_log *log, struct span id,
                            const struct campaign_definition *definition, struct span pending,
                            int64_t at_ms, struct arena *arena)
{
    const struct campaign_item *now = campaign_log_find(log, id);
    struct change change = {.action = CHANGE_CREATE};
    change.item = (struct campaign_item){.id = id, .status = CAMPAIGN_ACTIVE};
    if (now != NULL) {
        change.item = *now;
        change.from_version = now->version;
        if (now->version != 0)
            change.action = now->status == CAMPAIGN_ARCHIVED ? CHANGE_REVIVE : CHANGE_UPDATE;
        if (change.action == CHANGE_UPDATE &&
            definition_equal(campaign_item_definition(now, now->version), definition)) {
            change.action = CHANGE_NONE;
            return change;
        }
    }
    struct campaign_version *version = ARENA_NEW(arena, struct campaign_version);
    *version = (struct campaign_version){campaign_item_last_version(&change.item) + 1, *definition};
    change.item.version = version->version;
    change.item.versions = version;
    change.item.version_count = 1;
    if (change.item.status == CAMPAIGN_ARCHIVED)
        change.item.status = CAMPAIGN_ACTIVE;
    change.item.control = id.size == 0 ? CONTROL_POLICY : CONTROL_CAMPAIGN;
    change.item.sequence++;
    change.item.option = change.action == CHANGE_UPDATE ? pending : (struct span){0};
    change.item.applied = false;
    change.item.at_ms = at_ms;
    return change;
}

enum err change_control(const struct campaign_log *log, struct span id, enum control_kind kind,
                        struct span option, int64_t at_ms, struct change *change, struct diag *diag)
{
    const struct campaign_item *now = id.size == 0 ? NULL : campaign_log_find(log, id);
    enum campaign_status status = kind == CONTROL_PAUSE    ? CAMPAIGN_PAUSED
                                  : kind == CONTROL_RESUME ? CAMPAIGN_ACTIVE
                                                           : CAMPAIGN_ARCHIVED;
    if (now == NULL || now->version == 0)
        return diag_set(diag, ERR_NOT_FOUND, 0, 0, "there is no campaign \"%.*s\"", SPAN_PRINTF(id));
    *change = (struct change){.action = CHANGE_NONE, .from_version = now->version, .item = *now};
    if (now->status == status)
        return ERR_OK;
    if (now->status == CAMPAIGN_ARCHIVED)
        return diag_set(diag, ERR_INVALID, 0, 0,
                        "\"%.*s\" is archived; apply its definition again to bring it back",
                        SPAN_PRINTF(id));
    change->action = kind == CONTROL_PAUSE    ? CHANGE_PAUSE
                     : kind == CONTROL_RESUME ? CHANGE_RESUME
                                              : CHANGE_ARCHIVE;
    change->item.versions = NULL;
    change->item.version_count = 0;
    change->item.status = status;
    change->item.control = kind;
    change->item.sequence++;
    change->item.option = option;
    change->item.applied = false;
    change->item.at_ms = at_ms;
    return ERR_OK;
}

static bool one_of(struct span option, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(option, names[i]))
            return true;
    return false;
}

bool change_pending_is_known(struct span option)
{
    static const char *const names[] = {"migrate", "finish", "cancel"};
    return one_of(option, names, sizeof(names) / sizeof(*names));
}

bool change_treatment_is_known(struct span option)
{
    static const char *const names[] = {"hold", "shift", "expire", "drain"};
    return one_of(option, names, sizeof(names) / sizeof(*names));
}

size_t change_unfinished_count(const struct campaign_log *log)
{
    size_t count = log->policy.version != 0 && !log->policy.applied;
    for (size_t i = 0; i < log->count; i++)
        count += log->items[i].version != 0 && !log->items[i].applied;
    return count;
}
