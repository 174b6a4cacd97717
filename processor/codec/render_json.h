/* `declic render`: a line of JSON in, a line of JSON out.
 *
 *     {"template": "Hi {{ profile.name }}", "vars": {"profile": {"name": "Ada"}}}   ->   {"output":"Hi
 * Ada"}
 *     {"template": "{% if %}"}                                                      ->   {"error":"1:4: …"}
 *
 * Members beside `template`: `vars` (what the template may name, as `declic eval` reads them), `html`
 * (true: outputs are escaped), `templates` (an object of snippets, by name). The locale of the filters is
 * vars.profile.locale, else "en", their time zone vars.profile.time_zone, else UTC. A reason given to
 * `{% abort %}` is an error too: "aborted: reason".
 */
#ifndef DECLIC_CODEC_RENDER_JSON_H
#define DECLIC_CODEC_RENDER_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "ports/locale.h"

/* Answers one line (without its line end, and whatever it holds) with exactly one line, newline included.
 * `now_ms` is what 'now' means to the filter `date`, unless vars.now says otherwise (RFC 3339). `arena` is
 * scratch. */
void render_json_line(struct span line, const struct locale_port *locale, int64_t now_ms,
                      struct arena *arena, struct buf *out);

#endif
