/* A journal topic of a test's own on the broker named by DECLIC_TEST_KAFKA, and the ports on it.
 */
#ifndef DECLIC_TESTS_KAFKA_SITE_H
#define DECLIC_TESTS_KAFKA_SITE_H

#include "kafka/kafka_admin.h"
#include "kafka/kafka_journal.h"
#include "kafka/kafka_outbox.h"

struct kafka_site {
    struct kafka_property property;
    struct kafka_properties properties;
    struct log log;
    char prefix[48]; /* unique; of every topic, group and id */
    char journal[64], outbound[64], group[64];
};

/* False (with a word on standard error) without DECLIC_TEST_KAFKA. */
bool kafka_site_open(struct kafka_site *site);
/* New names, and the topics: a journal of `partitions`, an outbound topic of one. */
void kafka_site_topics(struct kafka_site *site, int32_t partitions);

/* Deletes the journal's topic and makes it again, empty, under the same name. */
void kafka_site_journal_anew(const struct kafka_site *site, int32_t partitions);

struct kafka_journal *kafka_site_journal(const struct kafka_site *site);
struct kafka_outbox *kafka_site_outbox(const struct kafka_site *site, int worker, bool transactional);

/* Writes `count` records "0", "1", … to a journal partition and waits until they are acknowledged. */
void kafka_site_fill(const struct kafka_site *site, int32_t partition, int count);
/* How many committed (or all) records a partition of a topic has. */
int kafka_site_count(const struct kafka_site *site, const char *topic, int32_t partition, bool committed);
/* The group's committed offset of a journal partition; negative when there is none. */
int64_t kafka_site_committed(const struct kafka_site *site, int32_t partition);

#endif
