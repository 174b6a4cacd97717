/* A directory of campaigns: each *.yaml or *.yml file in it is one, policy.yaml excepted.
 *
 *     campaigns/
 *       abandoned-cart.yaml
 *       welcome.yaml
 *       policy.yaml          (only where no other policy is named)
 *       snippets/footer.liquid     {% render 'footer' %}
 *
 * Hidden files and other sub-directories are passed over.
 */
#ifndef DECLIC_CODEC_CAMPAIGN_DIR_H
#define DECLIC_CODEC_CAMPAIGN_DIR_H

#include "codec/campaign_yaml.h"
#include "core/campaign_set.h"

struct campaign_file {
    struct span path; /* DIR/name, as printed in messages */
    struct span text;
    struct campaign *campaign; /* NULL when the file has errors */
};

struct campaign_dir {
    struct campaign_file *files; /* in order of file name, as bytes */
    size_t count;
    const struct policy
        *policy; /* never NULL unless the policy has errors; policy_empty() where there is none */
    struct policy *own_policy; /* the same, to be closed; NULL for the empty one */
    struct span policy_path;   /* empty where there is none */
    const struct liquid_snippet *snippets;
    size_t snippet_count;
};

/* Reads the policy, the snippets and every campaign, all into `arena`. `policy_path` empty:
 * DIR/policy.yaml where that exists, else the empty policy. Two files with one campaign id are an error.
 * `profile_attributes` as in campaign_options.
 * Errors: ERR_IO with one item in `diags` when the directory or a file cannot be read; ERR_INVALID when
 * some file is wrong (its items are in `diags`, the others' campaigns are there). Whatever came out,
 * campaign_dir_close gives it back. */
WARN_UNUSED enum err campaign_dir_read(const char *path, struct span policy_path,
                                       const struct name_set *profile_attributes, struct arena *arena,
                                       struct campaign_dir *dir, struct diag_list *diags);
void campaign_dir_close(struct campaign_dir *dir);

/* The campaigns of a directory that was read without error as the first version of each, active. Lives in
 * `arena` and as long as the directory. */
const struct campaign_set *campaign_dir_set(struct campaign_dir *dir, struct arena *arena);

#endif
