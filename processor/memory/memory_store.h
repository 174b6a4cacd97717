/* The view in memory: the store of simulation, dry runs and tests of the engine.
 *
 * Does what ports/store.h says, without services. Several ports may be taken of one store (workers that
 * take partitions over from each other); all on one thread.
 */
#ifndef DECLIC_MEMORY_MEMORY_STORE_H
#define DECLIC_MEMORY_MEMORY_STORE_H

#include "ports/store.h"

struct memory_store;

struct memory_store *memory_store_new(void);
void memory_store_free(struct memory_store *store);
struct store_port memory_store_port(struct memory_store *store);

/* A copy of the whole, and going back to it: a view that was rewound by a failover. */
struct memory_store *memory_store_copy(const struct memory_store *store);
void memory_store_rewind(struct memory_store *store, const struct memory_store *to);

#endif
