"""The campaigns that test_sends.py runs, each for some of its tests, and what a send id must be."""

import uuid

NAMESPACE = uuid.UUID("6f1c7b52-5d0e-5c7e-9a53-0f6a4d3c2b11")


def send_id(campaign, user, key, trigger_id, step):
    return str(uuid.uuid5(NAMESPACE, "\x1f".join((campaign, user, key, trigger_id, step))))


CAMPAIGNS = {
    "cart": """
campaign: cart
type: event
trigger:
  event: cart_updated
  where: event.total >= 30.0
entry: {key: event.cart_id, when_pending: restart}
cancel:
  - {event: order_placed, where: event.total > 0.0, match: {event.cart: trigger.cart_id}}
steps:
  - id: first
    send: {after: 3s}
    channel: push
    message:
      title: "{{ profile.first_name | default: 'Hello' }}, your cart is waiting"
      body: "{% if event.items == 1 %}One article{% else %}{{ event.items }} articles{% endif %}"
""",
    "series": """
campaign: series
type: event
trigger: {event: signed_up}
cancel:
  - {event: left}
steps:
  - id: welcome
    channel: email
    message: {subject: "Welcome"}
  - id: tips
    send: {after: 8s}
    channel: email
    message: {subject: "Tips"}
  - id: offer
    send: {after: 9s}
    channel: push
    message: {title: "An offer"}
""",
    "promotion": """
campaign: promotion
type: functional
trigger: {event: promotion_saved}
steps:
  - id: before
    send: {before: 2s, date: event.ends}
    channel: push
    late: {tolerance: 30s, then: skip}
    message: {title: "Ends soon"}
  - id: after
    send: {after: 1s, date: event.ends}
    channel: push
    late: {tolerance: 30s, then: skip}
    message: {title: "Has ended"}
""",
    "kept": """
campaign: kept
type: event
trigger: {event: kept_trigger}
entry: {key: event.thing, when_pending: keep}
steps:
  - {id: only, send: {after: 3s}, channel: push, message: {title: "{{ event.n }}"}}
""",
    "parallel": """
campaign: parallel
type: event
trigger: {event: parallel_trigger}
entry: {key: event.thing, when_pending: parallel}
steps:
  - {id: only, send: {after: 2s}, channel: push, message: {title: "{{ event.n }}"}}
""",
    "texted": """
campaign: texted
type: event
trigger: {event: text_wanted}
steps:
  - {id: text, channel: sms, message: {text: "A text"}}
""",
    "confirmed": """
campaign: confirmed
type: transactional
trigger: {event: order_confirmed}
entry: {key: event.order_id}
steps:
  - id: confirmation
    channel: email
    message: {subject: "Order {{ event.order_id }}"}
""",
}

POLICY = """
addresses:
  sms: profile.push_token
"""
