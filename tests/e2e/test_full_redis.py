"""A Redis that fills up stops intake before its limit, and nothing is lost when it gets room."""

import redis

from harness import wait

CAMPAIGN = """
campaign: later
type: transactional
trigger: {event: begun}
steps:
  - {id: only, send: {after: 1h}, channel: push, message: {title: "Hello"}}
"""
USERS = 30000


def test_a_nearly_full_redis_stops_intake_until_there_is_room(site, own_services):
    services = own_services(redis_conf="maxmemory 6mb\nmaxmemory-policy noeviction")
    made = site(on=services, campaigns={"later": CAMPAIGN}).prepare()
    running = made.start()
    client = redis.Redis.from_url(services.redis)
    for user in range(USERS):
        made.event(f"u{user}", "begun", {"n": user})
        if user % 1000 == 0:
            made.flush()
            wait.until("it takes what was sent, or says that it waits",
                       lambda: running.metrics().get("declic_intake_records_total", 0) >= user - 2000
                       or "Redis is nearly full" in running.log, 60, describe=running.log_tail)
    made.flush()
    running.wait_log("Redis is nearly full")
    taken = running.metrics()["declic_intake_records_total"]
    assert taken < USERS
    memory = client.info("memory")
    assert memory["used_memory"] < memory["maxmemory"]
    assert running.metrics()["declic_redis_memory_limit_bytes"] == memory["maxmemory"]
    assert running.metrics()["declic_store_full_total"] == 0
    wait.until("it tells how far it is behind", lambda: running.metrics()["declic_intake_lag"] > 0, 20)
    client.config_set("maxmemory", "100mb")
    wait.until("all are pending", lambda: running.metrics().get("declic_pending_users", 0) == USERS, 120,
               describe=running.log_tail)
    wait.until("nothing is left to be taken in", lambda: running.metrics()["declic_intake_lag"] == 0, 20)
    assert running.stop() == 0
