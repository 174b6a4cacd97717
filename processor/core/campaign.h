/* A campaign as it runs: one version of one YAML file, read, checked and compiled.
 *
 * Built once (codec/campaign_yaml) into an arena of its own, never changed afterwards, shared by
 * reading threads. Durations are ms, times ms since the epoch, minutes count from local midnight.
 */
#ifndef DECLIC_CORE_CAMPAIGN_H
#define DECLIC_CORE_CAMPAIGN_H

#include "core/value.h"

struct cel_program;
struct liquid_template;

/* The slots of the expression language's variables (cel_options.variables in this order). */
enum variable {
    VARIABLE_EVENT,   /* attributes of the event being looked at; in a decision, the trigger's */
    VARIABLE_TRIGGER, /* attributes of the journey's trigger event */
    VARIABLE_PROFILE,
    VARIABLE_USER,   /* {id} */
    VARIABLE_META,   /* {id, name, time} of the event being looked at */
    VARIABLE_NOW,    /* timestamp */
    VARIABLE_FOLLOW, /* attributes of the event by which the user follows a thing */
    VARIABLE_IT,     /* the counted event's attributes, within count()'s predicate only */
    VARIABLE_COUNT
};
extern const struct span variable_names[VARIABLE_COUNT];

/* A set of attribute names, sorted by bytes, each once; `all` when something reads them dynamically. */
struct name_set {
    const struct span *names;
    size_t count;
    bool all;
};
bool name_set_has(const struct name_set *set, struct span name);
/* The union; the array lives in `arena`, the names stay where they are. */
struct name_set name_set_union(const struct name_set *a, const struct name_set *b, struct arena *arena);

struct expression {
    const struct cel_program *program; /* NULL: not given */
    struct span text;
    int line, column;
};

/* An IANA name, or an expression that yields one; neither: not given. */
struct zone_spec {
    struct span name;
    struct expression expression;
};

enum campaign_type {
    CAMPAIGN_FUNCTIONAL,
    CAMPAIGN_EVENT,
    CAMPAIGN_BEHAVIOURAL,
    CAMPAIGN_SERVICE,
    CAMPAIGN_TRANSACTIONAL
};
enum when_pending {
    PENDING_RESTART,
    PENDING_RESTART_ALWAYS,
    PENDING_KEEP,
    PENDING_UPDATE,
    PENDING_PARALLEL
};
/* Persisted with user states: a new one goes to the end. */
enum trigger_kind { TRIGGER_EVENT, TRIGGER_THING, TRIGGER_YEARLY, TRIGGER_DATE };

/* Of a profile, not an event. */
static inline bool trigger_is_date(enum trigger_kind kind)
{
    return kind == TRIGGER_YEARLY || kind == TRIGGER_DATE;
}

struct trigger {
    enum trigger_kind kind;
    struct span event; /* EVENT, THING: the event's name */
    struct expression where;
    uint32_t times_at_least; /* 0: no `times` */
    int64_t times_within_ms;
    struct expression times_same;
    struct expression thing; /* THING */
    struct span followers;   /* THING: name in the policy's follows */
    struct expression date;  /* YEARLY, DATE */
};

struct match_pair {
    struct expression cancel_side;  /* on the cancel event */
    struct expression journey_side; /* on the journey; `trigger` */
};

struct cancel_rule {
    struct span event;
    struct expression where;
    bool where_names_trigger; /* evaluated for each journey */
    const struct match_pair *matches;
    size_t match_count;
};

enum late_then { LATE_SKIP, LATE_SEND };
struct late_rule {
    bool given;
    int64_t tolerance_ms;
    enum late_then then;
};

enum blocked_then { THEN_POSTPONE, THEN_SKIP };
struct quiet_rule {
    bool given;
    bool has_range;
    int from_minute, to_minute; /* over midnight when from > to */
    uint8_t days;               /* bit 0 = Monday … bit 6 = Sunday */
    struct zone_spec zone;
    enum blocked_then then;
};

struct labels {
    bool given;
    const struct span *names;
    size_t count;
};

enum send_form { SEND_OFFSET, SEND_DAYS };
/* When a step is due; schedule.h has the meaning. */
struct send_rule {
    enum send_form form;
    int64_t offset_ms;      /* OFFSET: `after` positive, `before` negative */
    struct expression date; /* not given: the trigger's time */
    int32_t days;           /* DAYS */
    int at_minute;
    struct zone_spec zone;
    uint8_t on_days; /* bit 0 = Monday … ; 0: any */
};

/* One field of a message: a template, or a YAML value whose strings are templates. */
enum message_kind { MESSAGE_TEMPLATE, MESSAGE_CONSTANT, MESSAGE_LIST, MESSAGE_MAP };
struct message_member;
struct message_value {
    enum message_kind kind;
    const struct liquid_template *text;   /* TEMPLATE */
    struct value constant;                /* CONSTANT: null, bool, number */
    const struct message_member *members; /* LIST (names empty), MAP */
    size_t count;
};
struct message_member {
    struct span name;
    struct message_value value;
};
/* Fields in file order. */
struct message {
    const struct message_member *fields;
    size_t count;
};
struct message_locale {
    struct span locale;
    struct message message;
};
struct message_set {
    struct message message;
    const struct message_locale *locales;
    size_t locale_count;
};
struct variant {
    struct span id;
    uint32_t weight_bp; /* hundredths of a percent; all of a step's sum to 10,000 */
    struct message_set messages;
};

/* The channels that a step may name, ended by NULL; each has an outbound topic. */
enum { CHANNEL_COUNT = 6 };
extern const char *const channel_names[CHANNEL_COUNT + 1];

struct step {
    struct span id;
    struct send_rule send;
    struct expression condition; /* `if` */
    struct span channel;
    struct late_rule late;   /* the step's own, or not given */
    struct quiet_rule quiet; /* likewise */
    struct labels labels;    /* likewise */
    struct message_set messages;
    const struct variant *variants; /* in file order; 0: none */
    size_t variant_count;
};

struct entry_rule {
    struct expression key;
    enum when_pending when_pending;
    int64_t cooldown_ms;    /* 0: none */
    uint32_t at_most_count; /* 0: none */
    int64_t at_most_within_ms;
};

struct campaign {
    struct span id;
    uint32_t version;
    struct span definition; /* the YAML text, owned by the campaign's arena */
    enum campaign_type type;
    struct labels labels;
    int priority;
    bool has_starts, has_ends;
    int64_t starts_ms, ends_ms;
    const struct trigger *triggers;
    size_t trigger_count;
    struct expression audience;
    bool recheck;
    struct entry_rule entry;
    const struct cancel_rule *cancels;
    size_t cancel_count;
    const struct step *steps;
    size_t step_count;
    uint32_t holdout_bp; /* hundredths of a percent */
    struct late_rule late;
    struct quiet_rule quiet;
    /* Attributes of the trigger that anything of the campaign evaluated after entry reads (conditions,
     * audience on recheck, matches, cancels that name `trigger`, messages). What the policy reads is in
     * policy.kept_trigger: an entry keeps the union. */
    struct name_set kept_trigger;
    struct name_set kept_follow;
    /* Every program of the campaign, for its counters, and to be closed. */
    struct cel_program *const *programs;
    size_t program_count;
};

struct cap_rule {
    struct labels labels;   /* none given: all */
    struct labels channels; /* none given: all */
    uint32_t at_most;
    int64_t within_ms; /* rolling; 0: calendar */
    enum cap_per { CAP_DAY, CAP_WEEK, CAP_MONTH } per;
    enum blocked_then then;
};

struct channel_rule {
    struct span channel;
    struct expression expression;
};

struct follow_side {
    struct span event;
    struct expression thing;
    struct expression where;
};
struct follow_rule {
    struct span name;
    struct follow_side on, off; /* off.event empty: none */
    int64_t expires_ms;         /* 0: never */
};

struct policy {
    uint32_t version;
    struct span definition;
    struct span time_zone; /* empty: UTC */
    struct span locale;    /* empty: en */
    const struct channel_rule *addresses;
    size_t address_count;
    const struct channel_rule *consents;
    size_t consent_count;
    struct quiet_rule quiet;
    struct late_rule late;
    struct labels labels;
    const struct cap_rule *caps;
    size_t cap_count;
    const struct follow_rule *follows;
    size_t follow_count;
    struct name_set kept_trigger; /* attributes of the trigger that addresses, consents or zones read */
    struct cel_program *const *programs;
    size_t program_count;
};

/* The rule of the policy with this name, or NULL. */
const struct follow_rule *policy_follow_find(const struct policy *policy, struct span name);
const struct channel_rule *channel_rule_find(const struct channel_rule *rules, size_t count,
                                             struct span channel);

/* Give back what is not in the arena (compiled patterns). NULL is allowed. */
void campaign_close(struct campaign *campaign);
void policy_close(struct policy *policy);

#endif
