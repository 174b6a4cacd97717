"""The fault tests count transactions in the broker's files; here it is shown that they count right."""

import uuid

from confluent_kafka import Producer

from harness import wait
from harness.segments import TopicLog
from harness.topics import Topics


def test_open_aborted_and_committed_transactions_are_told_apart(services):
    topics = Topics(services.kafka)
    name = f"segments-{uuid.uuid4().hex[:8]}"
    topics.create(name, 1)
    log = TopicLog(services.broker_data, name)
    producer = Producer({"bootstrap.servers": services.kafka, "transactional.id": name, "linger.ms": 0})
    producer.init_transactions(60)
    for number in range(3):
        producer.begin_transaction()
        producer.produce(name, str(number))
        producer.flush(60)
        wait.until("it is open", lambda: log.scan().open)
        if number == 1:
            producer.abort_transaction(60)
        else:
            producer.commit_transaction(60)
        wait.until("it is closed", lambda: not log.scan().open)
    assert (log.committed, sum(log.aborted.values())) == (2, 1)
    assert sorted(record.value for record in topics.reader(name).wait(2)) == [b"0", b"2"]
    assert len(topics.reader(name, committed=False).wait(3)) == 3
