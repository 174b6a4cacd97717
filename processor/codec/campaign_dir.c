#include "codec/campaign_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "codec/policy_yaml.h"

struct reader {
    const char *path;
    const struct name_set *profile_attributes;
    struct arena *arena;
    struct campaign_dir *dir;
    struct diag_list *diags;
};

static enum err cannot_read(struct reader *reader, struct span path)
{
    diag_list_add(reader->diags, path, 0, 0, "cannot be read: %s", strerror(errno));
    return ERR_IO;
}

static int compare_names(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* The names of a directory's entries, hidden ones left out, sorted by bytes. */
static enum err list_names(const char *path, struct arena *arena, struct span **names, size_t *count)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return ERR_IO;
    size_t capacity = 0;
    *names = NULL;
    *count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.')
            *ARENA_PUSH(arena, names, count, &capacity) = arena_copy(arena, span_from_text(entry->d_name));
    }
    closedir(directory);
    if (*count > 0)
        qsort(*names, *count, sizeof **names, compare_names);
    return ERR_OK;
}

static bool ends_with(struct span text, const char *end)
{
    struct span tail = span_from_text(end);
    return text.size > tail.size && span_equal(span_slice(text, text.size - tail.size, text.size), tail);
}

static struct span join(struct reader *reader, const char *folder, struct span name)
{
    size_t size = strlen(reader->path);
    bool slash = size > 0 && reader->path[size - 1] == '/';
    return arena_printf(reader->arena, "%s%s%s%.*s", reader->path, slash ? "" : "/", folder,
                        SPAN_PRINTF(name));
}

static enum err read_snippets(struct reader *reader)
{
    struct span folder = join(reader, "snippets", SPAN_LITERAL(""));
    struct span *names;
    size_t count;
    if (list_names(folder.data, reader->arena, &names, &count) != ERR_OK)
        return errno == ENOENT || errno == ENOTDIR ? ERR_OK : cannot_read(reader, folder);
    struct liquid_snippet *snippets = ARENA_ARRAY(reader->arena, struct liquid_snippet, count);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ends_with(names[i], ".liquid"))
            continue;
        struct span path = join(reader, "snippets/", names[i]);
        snippets[used].name = span_slice(names[i], 0, names[i].size - strlen(".liquid"));
        if (file_read(path, CAMPAIGN_MAX_BYTES, reader->arena, &snippets[used].text) != ERR_OK)
            return cannot_read(reader, path);
        used++;
    }
    reader->dir->snippets = snippets;
    reader->dir->snippet_count = used;
    return ERR_OK;
}

static enum err read_policy(struct reader *reader, struct span path)
{
    bool named = path.size > 0;
    struct span text;
    struct policy *policy;
    if (!named)
        path = join(reader, "", SPAN_LITERAL("policy.yaml"));
    reader->dir->policy = policy_empty();
    if (file_read(path, CAMPAIGN_MAX_BYTES, reader->arena, &text) != ERR_OK)
        return !named && (errno == ENOENT || errno == ENOTDIR) ? ERR_OK : cannot_read(reader, path);
    reader->dir->policy_path = path;
    enum err error =
        policy_read(text, path, reader->profile_attributes, reader->arena, &policy, reader->diags);
    reader->dir->policy = reader->dir->own_policy = policy;
    return error;
}

static enum err check_ids(struct reader *reader, const struct campaign_file *file)
{
    for (const struct campaign_file *other = reader->dir->files; other < file; other++) {
        if (file->campaign == NULL || other->campaign == NULL ||
            !span_equal(other->campaign->id, file->campaign->id))
            continue;
        diag_list_add(reader->diags, file->path, 1, 1, "the campaign `%.*s` is in %.*s too",
                      SPAN_PRINTF(file->campaign->id), SPAN_PRINTF(other->path));
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err read_file(struct reader *reader, struct span name)
{
    struct campaign_file *file = &reader->dir->files[reader->dir->count];
    const struct campaign_options options = {
        .snippets = reader->dir->snippets,
        .snippet_count = reader->dir->snippet_count,
        .policy = reader->dir->policy,
        .profile_attributes = reader->profile_attributes,
    };
    file->path = join(reader, "", name);
    if (file_read(file->path, CAMPAIGN_MAX_BYTES, reader->arena, &file->text) != ERR_OK)
        return cannot_read(reader, file->path);
    reader->dir->count++;
    enum err error =
        campaign_read(file->text, file->path, &options, reader->arena, &file->campaign, reader->diags);
    return error == ERR_OK ? check_ids(reader, file) : error;
}

static enum err read_files(struct reader *reader)
{
    struct span *names, folder = span_from_text(reader->path);
    size_t count;
    if (list_names(reader->path, reader->arena, &names, &count) != ERR_OK) {
        if (errno != ENOTDIR)
            return cannot_read(reader, folder);
        diag_list_add(reader->diags, folder, 0, 0,
                      "is not a folder; name the folder that the campaigns are in");
        return ERR_IO;
    }
    reader->dir->files = ARENA_ARRAY(reader->arena, struct campaign_file, count);
    enum err worst = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        bool is_campaign = ends_with(names[i], ".yaml") || ends_with(names[i], ".yml");
        if (!is_campaign || span_equal_text(names[i], "policy.yaml"))
            continue;
        enum err error = read_file(reader, names[i]);
        if (error == ERR_IO)
            return error;
        if (error != ERR_OK)
            worst = error;
    }
    return worst;
}

enum err campaign_dir_read(const char *path, struct span policy_path,
                           const struct name_set *profile_attributes, struct arena *arena,
                           struct campaign_dir *dir, struct diag_list *diags)
{
    struct reader reader = {path, profile_attributes, arena, dir, diags};
    *dir = (struct campaign_dir){0};
    enum err error = read_policy(&reader, policy_path);
    if (error == ERR_IO)
        return error;
    enum err others = read_snippets(&reader);
    if (others == ERR_OK)
        others = read_files(&reader);
    return others == ERR_OK ? error : others;
}

void campaign_dir_close(struct campaign_dir *dir)
{
    policy_close(dir->own_policy);
    for (size_t i = 0; i < dir->count; i++)
        campaign_close(dir->files[i].campaign);
    *dir = (struct campaign_dir){0};
}

const struct campaign_set *campaign_dir_set(struct campaign_dir *dir, struct arena *arena)
{
    struct campaign_life *lives = ARENA_ARRAY(arena, struct campaign_life, dir->count);
    for (size_t i = 0; i < dir->count; i++) {
        const struct campaign **version = ARENA_NEW(arena, const struct campaign *);
        dir->files[i].campaign->version = 1;
        *version = dir->files[i].campaign;
        lives[i] = (struct campaign_life){.versions = version, .version_count = 1};
    }
    return campaign_set_build(arena, lives, dir->count, dir->policy);
}
