/* Control records as they are folded: versions, the policy, the life of a campaign, an erasure.
 *
 * They take effect at one place of the partition's journal: from there on the partition's state names other
 * versions or another status. What they mean for the users who are there is done by cursors.
 */
#include "app/engine_internal.h"

static void fold_definition(struct engine *engine, struct partition *partition,
                            const struct control *control)
{
    struct span id = control->kind == CONTROL_POLICY ? (struct span){NULL, 0} : control->id;
    struct campaign_definition definition = {control->definition, control->snippets};
    if (definitions_add(engine->definitions, id, control->version, &definition) != ERR_OK)
        return; /* said there; the former version goes on */
    if (control->kind == CONTROL_POLICY) {
        if (control->version > partition->state.policy_version)
            partition->state.policy_version = control->version;
    } else {
        struct live_campaign *live = partition_state_put_campaign(&partition->state, control->id);
        if (control->version > live->version) {
            slices_open_version(partition, control, live->version == 0);
            live->version = control->version;
            /* A paused campaign stays paused; one that was archived lives again. */
            if (live->status == CAMPAIGN_ARCHIVED)
                live->status = CAMPAIGN_ACTIVE;
            partition_forget_campaigns(partition);
            if (partition_need_campaigns(engine, partition))
                slices_open_dates(partition, control);
        }
    }
    partition_forget_campaigns(partition);
}

static enum pause_treatment pause_treatment(struct span option)
{
    if (span_equal_text(option, "shift"))
        return PAUSE_SHIFT;
    if (span_equal_text(option, "expire"))
        return PAUSE_EXPIRE;
    if (span_equal_text(option, "drain"))
        return PAUSE_DRAIN;
    return PAUSE_HOLD;
}

static void fold_life(struct partition *partition, const struct control *control)
{
    struct live_campaign *live = partition_state_campaign(&partition->state, control->id);
    if (live == NULL || control->sequence <= live->sequence)
        return;
    const struct live_campaign before = *live;
    live->sequence = control->sequence;
    if (control->kind == CONTROL_PAUSE) {
        live->status = CAMPAIGN_PAUSED;
        live->paused_at_ms = control->at_ms;
        live->treatment = pause_treatment(control->option);
    } else {
        live->status = control->kind == CONTROL_RESUME ? CAMPAIGN_ACTIVE : CAMPAIGN_ARCHIVED;
    }
    slices_open_life(partition, control, &before);
    partition_forget_campaigns(partition);
    /* Users that were held are looked at again. */
    horizon_clear(&partition->horizon);
}

void partition_renew_campaigns(struct engine *engine, struct partition *partition, struct fold *fold)
{
    /* Every text was added or read before: this cannot fail to find one. */
    if (partition_need_campaigns(engine, partition)) {
        fold->campaigns = partition->campaigns;
        fold->policy = partition->policy;
    }
}

void partition_control(struct engine *engine, struct partition *partition, struct fold *fold,
                       struct user_state *user, const struct control *control)
{
    switch (control->kind) {
    case CONTROL_CAMPAIGN:
    case CONTROL_POLICY:
        fold_definition(engine, partition, control);
        break;
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
    case CONTROL_ARCHIVE:
        fold_life(partition, control);
        break;
    case CONTROL_ERASE:
        fold_erase(fold, user, control->at_ms);
        break;
    }
    partition_renew_campaigns(engine, partition, fold);
}
