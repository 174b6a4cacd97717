"""A stream of events for the fault tests, the same for the same seed but for the instant at which it begins.

It consists of stories, each with a user and a key of its own choosing, that overlap at random: a
visit with two quick messages, a cart that waits, is ordered, was ordered before it was filled, is
changed, is sent twice, or is ordered in the very second in which its message falls due.
"""

import random

import oracle

PATIENCE_MS = 30000

CAMPAIGNS = (
    oracle.Campaign("quick", "visited", "visit", (("at-once", 0), ("soon", 4000))),
    oracle.Campaign("patient", "cart_updated", "cart", (("reminder", PATIENCE_MS),), "order_placed"),
)

FILES = {
    "quick": """
campaign: quick
type: event
trigger: {event: visited}
entry: {key: event.visit}
steps:
  - {id: at-once, channel: push, message: {title: "visit {{ event.visit }}"}}
  - {id: soon, send: {after: 4s}, channel: push, message: {title: "visit {{ event.visit }}"}}
""",
    "patient": """
campaign: patient
type: event
trigger: {event: cart_updated, where: event.total > 0}
entry: {key: event.cart, when_pending: restart}
cancel:
  - {event: order_placed, match: {event.cart: trigger.cart}}
steps:
  - {id: reminder, send: {after: 30s}, channel: email, message: {subject: "cart {{ event.cart }} of {{ event.total }}"}}
""",
}

# story -> its share, and its events as (name, when it occurs, when it is sent), in seconds
STORIES = {
    "visit": (30, lambda r: [("visited", 0, 0)]),
    "noise": (8, lambda r: [("page_viewed", 0, 0)]),
    "waits": (15, lambda r: [("cart_updated", 0, 0)]),
    "ordered": (28, lambda r: [("cart_updated", 0, 0)] + [("order_placed", t, t) for t in [r.uniform(0.2, 4)]]),
    "ordered before": (5, lambda r: [("order_placed", 0.3, 0.3), ("cart_updated", 0, 0.4)]),
    "changed": (6, lambda r: [("cart_updated", 0, 0)] + [("cart_updated", t, t) for t in [r.uniform(0.2, 3)]]),
    "sent twice": (5, lambda r: [("cart_updated", 0, 0), ("again", 0, r.uniform(0.1, 2))]),
    "ordered as it falls due": (3, lambda r: [("cart_updated", 0, 0)] + [("order_placed", t, t) for t in [r.uniform(29, 31)]]),
}


def generate(seed, count, seconds, users=5000):
    """Returns [(offset at which to send it in ms, offset at which it occurs, event without times)], in order of sending."""
    chance = random.Random(seed)
    names = list(STORIES)
    shares = [STORIES[name][0] for name in names]
    made = []
    number = 0
    while len(made) < count:
        story = chance.choices(names, shares)[0]
        user = f"user-{chance.randrange(users)}"
        began = chance.uniform(0, seconds)
        attributes = {"cart": f"c{number}", "visit": f"v{number}", "total": chance.randrange(1, 500)}
        before = None
        for step, (name, occurs, sent) in enumerate(STORIES[story][1](chance)):
            if name == "again":
                id, name = before
            else:
                id = f"e{number}.{step}"
            before = id, name
            made.append((int((began + sent) * 1000), int((began + occurs) * 1000),
                         oracle.Event(id, user, name, 0, attributes)))
        number += 1
    made.sort(key=lambda entry: (entry[0], entry[2].id))
    return made
