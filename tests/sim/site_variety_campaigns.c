/* The campaigns of site_variety.c, each for a part of the fold or of a decision that the others leave out.
 */
#include "sim/site.h"

#define LATE "late: {tolerance: 1d, then: skip}\n"
#define PUSH "channel: push, message: {title: \"n{{ event.n }}\"}}\n"

static const struct site_variety_text texts[] = {
    {"v-date", 1,
     "campaign: v-date\ntype: event\n" LATE "trigger: {date: profile.ends}\nsteps:\n"
     "  - {id: day, send: {after: 50s}, channel: push, message: {title: \"{{ profile.age }}\"}}\n"
     "  - {id: eve, send: {before: 30m, date: profile.ends}, channel: push, message: {title: \"soon\"}}\n"},
    {"v-date", 2,
     "campaign: v-date\ntype: event\n" LATE "trigger: {date: profile.ends}\nsteps:\n"
     "  - {id: day, send: {after: 70s}, channel: push, message: {title: \"{{ profile.age }}\"}}\n"},
    {"v-yearly", 1,
     "campaign: v-yearly\ntype: event\n" LATE "trigger: {yearly: profile.born}\nsteps:\n"
     "  - {id: day, send: {after: 45s}, channel: push, message: {title: \"hello\"}}\n"},
    {"v-checks", 1,
     "campaign: v-checks\ntype: event\n" LATE "trigger: {event: tick}\nholdout: 20\n"
     "audience: profile.age >= 18\nentry: {when_pending: parallel}\nsteps:\n"
     "  - {id: if, send: {after: 3s}, if: trigger.n > 50, " PUSH
     "  - {id: sms, send: {after: 5s}, channel: sms, message: {text: \"{{ event.n }}\"}}\n"
     "  - {id: render, send: {after: 7s}, channel: push, message: {title: "
     "\"{% if event.n > 80 %}{% abort 'big' %}{% endif %}{{ event.n | divided_by: event.z }}\"}}\n"
     "  - {id: date, send: {after: 1s, date: event.when}, " PUSH},
    {"v-times", 1,
     "campaign: v-times\ntype: event\n" LATE
     "trigger: {event: tick, times: {at_least: 3, within: 40s, same: event.c}}\n"
     "audience: count(\"tick\", \"20s\", it.n > 20) >= 1 && count(\"tock\", \"1h\") < 30\n"
     "entry: {when_pending: keep, cooldown: 10s, at_most: {count: 2, within: 60s}}\nsteps:\n"
     "  - {id: only, send: {after: 4s}, " PUSH},
    {"v-update", 1,
     "campaign: v-update\ntype: event\n" LATE "trigger: {event: tock}\n"
     "entry: {key: event.c, when_pending: update}\nsteps:\n  - {id: only, send: {after: 10s}, " PUSH},
    {"v-always", 1,
     "campaign: v-always\ntype: event\nlabels: [rare]\npriority: 90\nlate: {tolerance: 1s, then: skip}\n"
     "quiet: {from: \"00:00\", to: \"00:01\", then: skip}\ntrigger: {event: tock}\n"
     "entry: {when_pending: restart_always}\nsteps:\n"
     "  - {id: early, send: {after: 2s}, " PUSH "  - {id: later, send: {after: 8s}, " PUSH},
    {"v-tour", 1,
     "campaign: v-tour\ntype: event\n" LATE
     "trigger: {event: tock}\nentry: {when_pending: parallel}\nsteps:\n"
     "  - {id: x, send: {after: 8s}, " PUSH "  - {id: y, send: {after: 20s}, " PUSH},
    {"v-tour", 2,
     "campaign: v-tour\ntype: event\n" LATE
     "trigger: {event: tock}\nentry: {when_pending: parallel}\nsteps:\n"
     "  - {id: y, send: {after: 20s}, " PUSH "  - {id: z, send: {after: 25s}, " PUSH},
    {"v-held", 1,
     "campaign: v-held\ntype: event\n" LATE "trigger: {event: tick}\nentry: {when_pending: keep}\nsteps:\n"
     "  - {id: only, send: {after: 15s}, " PUSH},
    {"v-service", 1,
     "campaign: v-service\ntype: transactional\ntrigger: {event: tock, where: last(\"tick\") != null}\n"
     "entry: {when_pending: parallel}\nsteps:\n  - {id: only, send: {after: 5s}, " PUSH},
};

const struct site_variety_text *site_variety_texts(size_t *count)
{
    *count = sizeof texts / sizeof *texts;
    return texts;
}
