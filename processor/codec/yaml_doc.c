#include "codec/yaml_doc.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/utf8.h"
#include "codec/yaml_scalar.h"

struct anchor {
    struct span name;
    struct yaml_node *node;
    size_t weight; /* nodes it stands for; 0 while it is still open */
};

struct reader {
    yaml_parser_t parser;
    struct span source;
    struct arena *arena;
    struct diag *diag;
    struct anchor *anchors;
    size_t anchor_count, anchor_capacity;
    size_t nodes;
    /* A character index of libyaml and the byte it stands at; marks only move forward. */
    size_t index, byte;
};

static enum err fail_at(struct reader *reader, enum err error, yaml_mark_t mark, const char *text)
{
    return diag_set(reader->diag, error, (int)mark.line + 1, (int)mark.column + 1, "%s", text);
}

/* The place after a character that begins with `first`. */
static void next_place(char first, int *line, int *column)
{
    *column = first == '\n' ? 1 : *column + 1;
    *line += first == '\n';
}

static size_t byte_of(struct reader *reader, yaml_mark_t mark)
{
    if (mark.index < reader->index)
        reader->index = reader->byte = 0;
    const char *end = reader->source.data + reader->source.size;
    while (reader->index < mark.index && reader->byte < reader->source.size) {
        size_t size = utf8_sequence(reader->source.data + reader->byte, end);
        reader->byte += size == 0 ? 1 : size;
        reader->index++;
    }
    return reader->byte;
}

/* Where the text has a byte; of libyaml's errors those of its first stage have no other place. */
static enum err fail_at_byte(struct span source, size_t byte, const char *problem, struct diag *diag)
{
    int line = 1, column = 1;
    const char *end = source.data + source.size;
    for (const char *at = source.data; at < source.data + byte && at < end;) {
        size_t size = utf8_sequence(at, end);
        next_place(*at, &line, &column);
        at += size == 0 ? 1 : size;
    }
    return diag_set(diag, ERR_SYNTAX, line, column, "not YAML: %s", problem);
}

static enum err next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return ERR_OK;
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        return fail_at_byte(reader->source, parser->problem_offset, problem, reader->diag);
    if (parser->context != NULL)
        return diag_set(reader->diag, ERR_SYNTAX, (int)mark.line + 1, (int)mark.column + 1,
                        "not YAML: %s (%s that starts at line %d)", problem, parser->context,
                        (int)parser->context_mark.line + 1);
    return diag_set(reader->diag, ERR_SYNTAX, (int)mark.line + 1, (int)mark.column + 1, "not YAML: %s",
                    problem);
}

static struct anchor *anchor_find(struct reader *reader, const yaml_char_t *name)
{
    struct span wanted = span_from_text((const char *)name);
    for (size_t i = reader->anchor_count; i > 0; i--) {
        if (span_equal(reader->anchors[i - 1].name, wanted))
            return &reader->anchors[i - 1];
    }
    return NULL;
}

static void anchor_add(struct reader *reader, const yaml_char_t *name, struct yaml_node *node)
{
    if (name == NULL)
        return;
    struct anchor *anchor =
        ARENA_PUSH(reader->arena, &reader->anchors, &reader->anchor_count, &reader->anchor_capacity);
    anchor->name = arena_copy(reader->arena, span_from_text((const char *)name));
    anchor->node = node;
}

static enum err count_nodes(struct reader *reader, size_t more, yaml_mark_t mark)
{
    reader->nodes += more;
    if (reader->nodes > YAML_MAX_NODES)
        return fail_at(reader, ERR_LIMIT, mark, "the document has more than 100,000 nodes");
    return ERR_OK;
}

static struct yaml_node *node_new(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_node *node = ARENA_NEW(reader->arena, struct yaml_node);
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    node->start = byte_of(reader, event->start_mark);
    node->end = byte_of(reader, event->end_mark);
    return node;
}

static enum err read_scalar(struct reader *reader, const yaml_event_t *event, struct yaml_node **result)
{
    static const enum yaml_style styles[] = {
        [YAML_ANY_SCALAR_STYLE] = YAML_PLAIN,
        [YAML_PLAIN_SCALAR_STYLE] = YAML_PLAIN,
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = YAML_SINGLE_QUOTED,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = YAML_DOUBLE_QUOTED,
        [YAML_LITERAL_SCALAR_STYLE] = YAML_LITERAL,
        [YAML_FOLDED_SCALAR_STYLE] = YAML_FOLDED,
    };
    struct yaml_node *node = node_new(reader, event);
    node->style = styles[event->data.scalar.style];
    node->text = arena_copy(reader->arena, span_make(event->data.scalar.value, event->data.scalar.length));
    *result = node;
    const char *tag = (const char *)event->data.scalar.tag;
    enum err error = yaml_scalar_resolve(node, tag);
    if (error != ERR_OK)
        return diag_set(reader->diag, ERR_SYNTAX, node->line, node->column, "the tag %s does not fit here",
                        tag);
    anchor_add(reader, event->data.scalar.anchor, node);
    return ERR_OK;
}

static enum err read_node(struct reader *reader, const yaml_event_t *event, int depth,
                          struct yaml_node **result);

/* Reads the event after the last and, unless it is `end`, the node it begins; *done tells which. */
static enum err read_next(struct reader *reader, yaml_event_type_t end, int depth, struct yaml_node **node,
                          size_t *end_byte, bool *done)
{
    yaml_event_t event;
    enum err error = next_event(reader, &event);
    if (error != ERR_OK)
        return error;
    *done = event.type == end;
    if (*done)
        *end_byte = byte_of(reader, event.end_mark);
    else
        error = read_node(reader, &event, depth, node);
    yaml_event_delete(&event);
    return error;
}

static enum err read_list(struct reader *reader, struct yaml_node *list, int depth)
{
    struct yaml_node **items = NULL;
    size_t count = 0, capacity = 0;
    for (;;) {
        struct yaml_node *item;
        bool done;
        enum err error = read_next(reader, YAML_SEQUENCE_END_EVENT, depth + 1, &item, &list->end, &done);
        if (error != ERR_OK)
            return error;
        if (done)
            break;
        *ARENA_PUSH(reader->arena, &items, &count, &capacity) = item;
    }
    list->kind = YAML_LIST;
    list->items = (const struct yaml_node *const *)items;
    list->count = count;
    return ERR_OK;
}

static enum err check_key(struct reader *reader, const struct yaml_node *key,
                          const struct yaml_member *members, size_t count)
{
    if (key->kind == YAML_MAP) /* `title: {{ x }}`, a template without quotes, is a map in a map's key */
        return diag_set(reader->diag, ERR_SYNTAX, key->line, key->column,
                        "a key must be text (a value that begins with {{ needs quotes)");
    if (key->kind == YAML_LIST)
        return diag_set(reader->diag, ERR_SYNTAX, key->line, key->column, "a key must be text");
    for (size_t i = 0; i < count; i++) {
        if (span_equal(members[i].key, key->text))
            return diag_set(reader->diag, ERR_SYNTAX, key->line, key->column,
                            "the key `%.*s` is given twice (first at line %d)", SPAN_PRINTF(key->text),
                            members[i].key_node->line);
    }
    return ERR_OK;
}

static enum err read_map(struct reader *reader, struct yaml_node *map, int depth)
{
    struct yaml_member *members = NULL;
    size_t count = 0, capacity = 0;
    for (;;) {
        struct yaml_node *key, *value;
        bool done;
        size_t unused;
        enum err error = read_next(reader, YAML_MAPPING_END_EVENT, depth + 1, &key, &map->end, &done);
        if (error != ERR_OK)
            return error;
        if (done)
            break;
        error = check_key(reader, key, members, count);
        if (error == ERR_OK)
            error = read_next(reader, YAML_NO_EVENT, depth + 1, &value, &unused, &done);
        if (error != ERR_OK)
            return error;
        *ARENA_PUSH(reader->arena, &members, &count, &capacity) =
            (struct yaml_member){.key = key->text, .key_node = key, .value = value};
    }
    map->kind = YAML_MAP;
    map->members = members;
    map->count = count;
    return ERR_OK;
}

static enum err read_alias(struct reader *reader, const yaml_event_t *event, struct yaml_node **result)
{
    struct anchor *anchor = anchor_find(reader, event->data.alias.anchor);
    if (anchor == NULL)
        return fail_at(reader, ERR_SYNTAX, event->start_mark, "the alias names no anchor before it");
    if (anchor->weight == 0)
        return fail_at(reader, ERR_SYNTAX, event->start_mark, "the alias stands within what it names");
    *result = anchor->node;
    return count_nodes(reader, anchor->weight, event->start_mark);
}

static bool tag_fits(const yaml_char_t *tag, const char *wanted)
{
    return tag == NULL || strcmp((const char *)tag, wanted) == 0;
}

static enum err read_collection(struct reader *reader, const yaml_event_t *event, int depth,
                                struct yaml_node **result)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    if (!tag_fits(tag, is_list ? YAML_SEQ_TAG : YAML_MAP_TAG))
        return fail_at(reader, ERR_SYNTAX, event->start_mark, "the tag does not fit here");
    if (depth >= YAML_MAX_DEPTH)
        return fail_at(reader, ERR_LIMIT, event->start_mark, "nested more than 64 deep");
    struct yaml_node *node = node_new(reader, event);
    *result = node;
    anchor_add(reader, is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
               node);
    return is_list ? read_list(reader, node, depth) : read_map(reader, node, depth);
}

static enum err read_node(struct reader *reader, const yaml_event_t *event, int depth,
                          struct yaml_node **result)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(reader, event, result);
    enum err error = count_nodes(reader, 1, event->start_mark);
    if (error != ERR_OK)
        return error;
    size_t anchors_before = reader->anchor_count, nodes_before = reader->nodes - 1;
    error = event->type == YAML_SCALAR_EVENT ? read_scalar(reader, event, result)
                                             : read_collection(reader, event, depth, result);
    if (error == ERR_OK && reader->anchor_count > anchors_before &&
        reader->anchors[anchors_before].node == *result)
        reader->anchors[anchors_before].weight = reader->nodes - nodes_before;
    return error;
}

/* Stream start, one document, stream end. */
static enum err read_document(struct reader *reader, const struct yaml_node **root)
{
    for (bool have_root = false;;) {
        yaml_event_t event;
        enum err error = next_event(reader, &event);
        if (error != ERR_OK)
            return error;
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && have_root) {
            error = fail_at(reader, ERR_SYNTAX, event.start_mark, "a second document: one file holds one");
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                   type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
            struct yaml_node *node;
            error = read_node(reader, &event, 0, &node);
            *root = node;
            have_root = true;
        }
        yaml_event_delete(&event);
        if (error != ERR_OK || type == YAML_STREAM_END_EVENT)
            return error;
    }
}

static enum err check_utf8(struct span source, struct diag *diag)
{
    int line = 1, column = 1;
    const char *end = source.data + source.size;
    for (const char *at = source.data; at < end;) {
        size_t size = utf8_sequence(at, end);
        if (size == 0)
            return diag_set(diag, ERR_SYNTAX, line, column, "not UTF-8 (byte 0x%02X)", (unsigned char)*at);
        next_place(*at, &line, &column);
        at += size;
    }
    return ERR_OK;
}

enum err yaml_parse(struct span source, struct arena *arena, const struct yaml_node **root,
                    struct diag *diag)
{
    static const struct yaml_node nothing = {.kind = YAML_NULL, .line = 1, .column = 1};
    *root = &nothing;
    if (source.size == 0)
        return ERR_OK; /* also a span without an address, which libyaml asserts against */
    enum err error = check_utf8(source, diag);
    if (error != ERR_OK)
        return error;
    struct reader reader = {.source = source, .arena = arena, .diag = diag};
    if (!yaml_parser_initialize(&reader.parser))
        return diag_set(diag, ERR_NO_MEMORY, 0, 0, "out of memory");
    size_t skip = yaml_mark_bytes(source);
    reader.source = span_slice(source, skip, source.size);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.source.data,
                                 reader.source.size);
    error = read_document(&reader, root);
    yaml_parser_delete(&reader.parser);
    return error;
}

const struct yaml_member *yaml_find(const struct yaml_node *map, struct span key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        if (span_equal(map->members[i].key, key))
            return &map->members[i];
    }
    return NULL;
}
