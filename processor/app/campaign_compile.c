#include "app/campaign_compile.h"

#include "codec/campaign_yaml.h"
#include "codec/json.h"
#include "codec/policy_yaml.h"

static bool contains(struct span text, const char *word)
{
    return text.size > 0 && memmem(text.data, text.size, word, strlen(word)) != NULL;
}

bool definition_may_render(struct span text)
{
    return contains(text, "render") || contains(text, "include");
}

struct span snippets_write(const struct liquid_snippet *snippets, size_t count, struct arena *arena)
{
    struct buf buf = {0};
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(&buf, i == 0 ? '{' : ',');
        json_write_string(&buf, snippets[i].name);
        buf_append_byte(&buf, ':');
        json_write_string(&buf, snippets[i].text);
    }
    if (count > 0)
        buf_append_byte(&buf, '}');
    struct span json = arena_copy(arena, buf_span(&buf));
    buf_free(&buf);
    return json;
}

enum err snippets_read(struct span json, struct arena *arena, const struct liquid_snippet **snippets,
                       size_t *count)
{
    struct value map;
    *snippets = NULL;
    *count = 0;
    if (json.size == 0)
        return ERR_OK;
    if (json_parse(json, NULL, arena, &map, NULL) != ERR_OK || map.kind != VALUE_MAP)
        return ERR_INVALID;
    struct liquid_snippet *list = ARENA_ARRAY(arena, struct liquid_snippet, map.size);
    for (uint32_t i = 0; i < map.size; i++) {
        if (map.members[i].value.kind != VALUE_STRING)
            return ERR_INVALID;
        list[i] = (struct liquid_snippet){value_span(map.members[i].key), value_span(map.members[i].value)};
    }
    *snippets = list;
    *count = map.size;
    return ERR_OK;
}

enum err campaign_definition_compile(const struct campaign_definition *definition, struct span id,
                                     uint32_t version, struct arena *arena, struct campaign **campaign,
                                     struct diag_list *diags)
{
    struct campaign_options options = {0};
    struct span file = arena_printf(arena, "%.*s@%u", SPAN_PRINTF(id), version);
    if (snippets_read(definition->snippets, arena, &options.snippets, &options.snippet_count) != ERR_OK) {
        diag_list_add(diags, file, 0, 0, "its snippets cannot be read");
        return ERR_INVALID;
    }
    enum err error = campaign_read(definition->text, file, &options, arena, campaign, diags);
    if (error == ERR_OK)
        (*campaign)->version = version;
    return error;
}

enum err policy_definition_compile(const struct campaign_definition *definition, uint32_t version,
                                   struct arena *arena, struct policy **policy, struct diag_list *diags)
{
    struct span file = arena_printf(arena, "policy@%u", version);
    enum err error = policy_read(definition->text, file, NULL, arena, policy, diags);
    if (error == ERR_OK)
        (*policy)->version = version;
    return error;
}
