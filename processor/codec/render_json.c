#include "codec/render_json.h"

#include "base/civil.h"
#include "codec/eval_json.h"
#include "codec/json.h"
#include "core/liquid/liquid.h"

/* One line, taken apart. */
struct request {
    struct span template;
    struct value vars;
    struct liquid_options options;
};

static enum err read_snippets(struct value templates, struct arena *arena, struct liquid_options *options,
                              struct diag *diag)
{
    if (templates.kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "\"templates\" takes an object of texts by name");
    struct liquid_snippet *snippets = ARENA_ARRAY(arena, struct liquid_snippet, templates.size);
    for (uint32_t i = 0; i < templates.size; i++) {
        const struct value_member *member = &templates.members[i];
        if (member->value.kind != VALUE_STRING)
            return diag_set(diag, ERR_TYPE, 0, 0, "\"templates\" takes an object of texts by name");
        snippets[i] = (struct liquid_snippet){value_span(member->key), value_span(member->value)};
    }
    options->snippets = snippets;
    options->snippet_count = templates.size;
    return ERR_OK;
}

static enum err read_request(struct span line, struct arena *arena, struct request *request,
                             struct diag *diag)
{
    struct value json;
    *request = (struct request){.vars = value_map(NULL, 0)};
    enum err error = json_parse(line, NULL, arena, &json, diag);
    if (error != ERR_OK)
        return error;
    if (json.kind != VALUE_MAP)
        return diag_set(diag, ERR_TYPE, 0, 0, "a line is an object with \"template\"");
    const struct value *template = value_member_find(json, SPAN_LITERAL("template"));
    const struct value *vars = value_member_find(json, SPAN_LITERAL("vars"));
    const struct value *html = value_member_find(json, SPAN_LITERAL("html"));
    const struct value *templates = value_member_find(json, SPAN_LITERAL("templates"));
    if (template == NULL || template->kind != VALUE_STRING)
        return diag_set(diag, ERR_TYPE, 0, 0, "\"template\" is missing or no text");
    request->template = value_span(*template);
    if (html != NULL && html->kind != VALUE_BOOL && html->kind != VALUE_NULL)
        return diag_set(diag, ERR_TYPE, 0, 0, "\"html\" is true or false");
    request->options.html = html != NULL && html->kind == VALUE_BOOL && html->boolean;
    if (vars != NULL && vars->kind != VALUE_NULL) {
        if (vars->kind != VALUE_MAP)
            return diag_set(diag, ERR_TYPE, 0, 0, "\"vars\" takes an object");
        error = eval_json_decode(*vars, arena, &request->vars, diag);
    }
    if (error == ERR_OK && templates != NULL && templates->kind != VALUE_NULL)
        error = read_snippets(*templates, arena, &request->options, diag);
    return error;
}

static struct span profile_text(struct value vars, struct span name)
{
    const struct value *profile = value_member_find(vars, SPAN_LITERAL("profile"));
    const struct value *member =
        profile != NULL && profile->kind == VALUE_MAP ? value_member_find(*profile, name) : NULL;
    return member != NULL && member->kind == VALUE_STRING ? value_span(*member) : span_make("", 0);
}

static int64_t now_of(struct value vars, int64_t now_ms)
{
    const struct value *now = value_member_find(vars, SPAN_LITERAL("now"));
    int64_t seconds;
    uint32_t nanos;
    if (now != NULL && now->kind == VALUE_TIMESTAMP)
        return value_to_ms(*now);
    if (now != NULL && now->kind == VALUE_STRING &&
        civil_parse_rfc3339(value_span(*now), &seconds, &nanos) == ERR_OK)
        return seconds * 1000 + nanos / 1000000;
    return now_ms;
}

static enum err render(const struct request *request, const struct locale_port *locale, int64_t now_ms,
                       struct arena *arena, struct span *output, struct diag *diag)
{
    const struct liquid_template *template;
    enum err error = liquid_parse(&request->options, request->template, arena, &template, diag);
    if (error != ERR_OK)
        return error;
    struct liquid_context context = {
        .variables = request->vars,
        .locale_port = locale,
        .locale = profile_text(request->vars, SPAN_LITERAL("locale")),
        .zone = locale->zone_find(locale->self, profile_text(request->vars, SPAN_LITERAL("time_zone"))),
        .now_ms = now_of(request->vars, now_ms),
    };
    return liquid_render(template, &context, arena, output, diag);
}

static struct span error_text(enum err error, const struct diag *diag, struct arena *arena)
{
    const char *sentence = diag->text[0] != '\0' ? diag->text : err_sentence(error);
    if (error == ERR_ABORTED)
        return diag->text[0] != '\0' ? arena_printf(arena, "aborted: %s", diag->text)
                                     : SPAN_LITERAL("aborted");
    if (diag->line == 0)
        return span_from_text(sentence);
    return arena_printf(arena, "%d:%d: %s", diag->line, diag->column, sentence);
}

void render_json_line(struct span line, const struct locale_port *locale, int64_t now_ms,
                      struct arena *arena, struct buf *out)
{
    struct request request;
    struct span output = {0};
    struct diag diag = {0};
    enum err error = read_request(line, arena, &request, &diag);
    if (error == ERR_OK)
        error = render(&request, locale, now_ms, arena, &output, &diag);
    buf_append_text(out, error == ERR_OK ? "{\"output\":" : "{\"error\":");
    json_write_string(out, error == ERR_OK ? output : error_text(error, &diag, arena));
    buf_append_text(out, "}\n");
}
