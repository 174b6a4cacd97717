"""An event about a thing that very many users follow: its slices do not stop the rest, and memory stays bounded.

    FOLLOWERS=1000000 tests/e2e/run tests/e2e/test_fan_out_size.py -s      prints the figures
"""

import os
import pathlib
import time

from harness import wait
from harness.site import now_ms

FOLLOWERS = int(os.environ.get("FOLLOWERS", "20000"))
PATIENCE = 60 + FOLLOWERS / 1000
POLICY = """
follows:
  favourites: {on: {event: added, thing: event.product}}
"""
CAMPAIGNS = {"drop": """
campaign: drop
type: event
trigger: {event: price_dropped, thing: event.product, where: event.price < follow.price, followers: favourites}
steps:
  - {id: tell, send: {after: 1d}, channel: push, message: {title: "{{ event.price }}, not {{ follow.price }}"}}
""", "code": """
campaign: code
type: transactional
trigger: {event: login}
entry: {when_pending: parallel}
steps: [{id: now, channel: sms, message: {text: "Code {{ event.n }}"}}]
"""}


def peak_bytes(run):
    status = pathlib.Path(f"/proc/{run.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def scheduled(run):
    return sum(value for name, value in run.metrics().items()
               if name.startswith('declic_outcomes_total{campaign="drop"') and 'outcome="scheduled"' in name)


def code_ms(site, outbound, number):
    """How long a message takes that goes at once, for a user of either partition in turn."""
    sent, before = now_ms(), len(outbound.records)
    site.event(f"person-{number}", "login", {"n": number})
    site.flush()
    wait.until("the code comes", lambda: outbound.poll(0.005) or len(outbound.records) > before, PATIENCE, every=0)
    return now_ms() - sent


def test_others_go_on_while_a_thing_enters_its_followers(site):
    made = site(campaigns=CAMPAIGNS, policy=POLICY, journal_partitions=2).prepare()
    outbound = made.reader("out.sms")
    for number in range(FOLLOWERS):
        made.event(f"u{number}", "added", {"product": 7, "price": 10})
    made.flush()
    run = made.start()
    wait.until("they follow", lambda: run.metrics().get("declic_fold_entries_total", 0) >= FOLLOWERS, PATIENCE * 2, describe=run.log_tail)
    alone = sorted(code_ms(made, outbound, number) for number in range(20))
    filled = peak_bytes(run)

    beside, drops = [], 0
    while len(beside) < 2:  # a test that had no processor for a moment misses all of it
        drops += 1
        assert drops < 5, "it was over at once: more followers are needed"
        made.topics.put(made.events, None, {"id": f"d{drops}", "name": "price_dropped", "time": now_ms(),
                                            "attributes": {"product": 7, "price": 9 - drops}})
        made.flush()
        began, beside = time.time(), []
        while scheduled(run) < FOLLOWERS * drops:
            assert time.time() - began < PATIENCE * 2, f"{scheduled(run)} of {FOLLOWERS * drops}\n{run.log_tail()}"
            beside.append(code_ms(made, outbound, 100 * drops + len(beside)))
    took, grown = time.time() - began, peak_bytes(run) - filled
    beside.sort()
    print(f"\n{FOLLOWERS} followers entered in {took:.1f} s; a message at once took {alone[len(alone) // 2]} ms before (median of {len(alone)}), "
          f"{beside[len(beside) // 2]} ms meanwhile (median of {len(beside)}), {beside[-1]} ms at most; peak memory "
          f"{(filled + grown) / 1e6:.0f} MB, {grown / 1e6:.0f} MB more than before")
    assert beside[-1] < 1000 * took / 2 or beside[-1] < 5000, beside
    assert grown < 256e6
    assert run.stop() == 0
