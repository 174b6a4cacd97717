/* What a YAML scalar is, and where in the file its characters stand. Part of yaml_doc. */
#ifndef DECLIC_CODEC_YAML_SCALAR_H
#define DECLIC_CODEC_YAML_SCALAR_H

#include "codec/yaml_doc.h"

/* Sets kind and value of a scalar from its text, its style and its tag (NULL: none), by the core schema.
 * ERR_INVALID when the tag is unknown or the text is none of that tag. */
WARN_UNUSED enum err yaml_scalar_resolve(struct yaml_node *node, const char *tag);

/* Bytes of the byte order mark that `source` begins with: 0 or 3. */
size_t yaml_mark_bytes(struct span source);

#endif
