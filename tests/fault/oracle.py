"""What must come out of a stream of events, worked out from the campaigns' meaning alone.

Shares nothing with the code under test. It knows what a trigger, a restart, a cancel (also one that
comes first) and a duplicate mean for campaigns of the plain form below, and judges each send:

    MUST    exactly one message
    NEVER   no message: it was cancelled, replaced or never entered, long enough before it was due
    EITHER  the cancel came so near to the due instant, or after it, that either may win; but not both

Whether an event came long enough before a due instant is for the caller to say: `in_time(event, due)`.
"""

import collections
import dataclasses
import uuid

NAMESPACE = uuid.UUID("6f1c7b52-5d0e-5c7e-9a53-0f6a4d3c2b11")
MUST, NEVER, EITHER = "must", "never", "either"


@dataclasses.dataclass(frozen=True)
class Campaign:
    id: str
    trigger: str  # the event's name
    key: str  # the attribute that is the entry's key
    steps: tuple  # of (step id, delay in ms)
    cancel: str = ""  # the event's name; the same attribute must be equal


@dataclasses.dataclass
class Event:
    id: str
    user: str
    name: str
    time_ms: int
    attributes: dict
    put_ms: int = 0  # when it was handed to the producer
    acked_ms: int = 0  # when the source topic had it
    arrived_ms: int = 0  # when the journal had it


@dataclasses.dataclass
class Journey:
    trigger: Event
    sends: dict  # send id -> due
    verdicts: dict


def send_id(campaign, user, key, trigger_id, step):
    return str(uuid.uuid5(NAMESPACE, "\x1f".join((campaign, user, key, trigger_id, step))))


def judge(campaigns, events, in_time):
    """events in the order in which they lie in the log, for each user. Returns send id -> (verdict, due, what)."""
    histories = collections.defaultdict(list)
    seen = set()
    for event in events:
        if (event.user, event.id) in seen:
            continue  # the same event again has no effect
        seen.add((event.user, event.id))
        for campaign in campaigns:
            if event.name in (campaign.trigger, campaign.cancel) and campaign.key in event.attributes:
                histories[campaign, event.user, event.attributes[campaign.key]].append(event)
    verdicts = {}
    for (campaign, user, key), history in histories.items():
        for journey in journeys_of(campaign, user, key, history, in_time):
            for id, verdict in journey.verdicts.items():
                verdicts[id] = (verdict, journey.sends[id], f"{campaign.id} {user} {key}")
    return verdicts


def journeys_of(campaign, user, key, history, in_time):
    entered, cancels = [], []
    for event in history:
        if event.name == campaign.cancel:
            cancels.append(event)
            for journey in entered:
                if journey.trigger.time_ms <= event.time_ms:
                    end(journey, event, in_time)
            continue
        sends = {send_id(campaign.id, user, key, event.id, step): event.time_ms + delay for step, delay in campaign.steps}
        if any(event.time_ms <= cancel.time_ms for cancel in cancels):
            entered.append(Journey(event, sends, dict.fromkeys(sends, NEVER)))
            continue
        for journey in entered:  # a newer trigger replaces what is still pending
            assert journey.trigger.time_ms <= event.time_ms, "the streams here send no older trigger later"
            end(journey, event, in_time)
        entered.append(Journey(event, sends, dict.fromkeys(sends, MUST)))
    return entered


def end(journey, event, in_time):
    for id, due in journey.sends.items():
        if journey.verdicts[id] == MUST:
            journey.verdicts[id] = NEVER if in_time(event, due) else EITHER
