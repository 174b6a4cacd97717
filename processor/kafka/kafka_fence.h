/* Ends other producers' open transactions by their transactional ids, on a thread of its own.
 *
 * init_transactions with an id makes the coordinator abort what that id has open and fences whoever uses
 * it. It only saves the wait for the transaction time-out, so it is tried for a bounded time.
 */
#ifndef DECLIC_KAFKA_KAFKA_FENCE_H
#define DECLIC_KAFKA_KAFKA_FENCE_H

#include "kafka/kafka_client.h"

struct kafka_fence;

/* `properties` live as long as the fence. The thread starts with the first id. */
struct kafka_fence *kafka_fence_open(const struct kafka_properties *properties, const struct log *log);
void kafka_fence_close(struct kafka_fence *fence);
/* `ids` are separated by blanks; an id that waits already is not taken twice. */
void kafka_fence_add(struct kafka_fence *fence, struct span ids);
/* True while some id is still to be done. */
bool kafka_fence_busy(struct kafka_fence *fence);

#endif
