/* A YAML 1.2 text as a tree, every node with its place.
 *
 * For documents that people write (campaigns, policy, configuration): read whole, checked for what
 * would surprise (duplicate keys, recursion, a second document), scalars resolved by the core schema
 * (yaml.org/spec/1.2.2, 10.3.2: `yes` and `on` are text, `0o17` and `0xF` integers). Anchors and
 * aliases work; merge keys (`<<`) are no part of YAML 1.2. Uses libyaml's event parser.
 */
#ifndef DECLIC_CODEC_YAML_DOC_H
#define DECLIC_CODEC_YAML_DOC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define YAML_MAX_DEPTH 64
/* Nodes of a document, an alias counted as all that it stands for. */
#define YAML_MAX_NODES 100000

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_STRING, YAML_LIST, YAML_MAP };
enum yaml_style { YAML_PLAIN, YAML_SINGLE_QUOTED, YAML_DOUBLE_QUOTED, YAML_LITERAL, YAML_FOLDED };

struct yaml_node;
struct yaml_member {
    struct span key; /* the text of the key, whatever it resolves to */
    const struct yaml_node *key_node;
    const struct yaml_node *value;
};

struct yaml_node {
    enum yaml_kind kind;
    enum yaml_style style; /* of a scalar */
    int line, column;      /* where it starts, from 1, columns in code points */
    size_t start, end;     /* bytes of the source it takes, quotes included */
    struct span text;      /* of every scalar: its content, quotes and folding undone */
    size_t count;          /* LIST, MAP */
    union {
        bool boolean;
        int64_t integer;
        double real; /* an integer beyond int64 is a FLOAT */
        const struct yaml_node *const *items;
        const struct yaml_member *members; /* in file order; keys differ */
    };
};

/* Parses `source` (UTF-8, a byte order mark is passed over) into `arena`; texts are copies. An empty
 * document is a NULL node. Errors, with place in *diag: ERR_SYNTAX, ERR_LIMIT (depth, nodes). */
WARN_UNUSED enum err yaml_parse(struct span source, struct arena *arena, const struct yaml_node **root,
                                struct diag *diag);

/* The member of a MAP, or NULL. */
const struct yaml_member *yaml_find(const struct yaml_node *map, struct span key);

/* Where, in `source` (the one that was parsed), the character stands that is at line, column (from 1) of
 * the scalar's content. Past the content's end: the place after its last character. */
struct yaml_place {
    int line, column;
};
struct yaml_place yaml_content_place(struct span source, const struct yaml_node *scalar, int line,
                                     int column);

#endif
