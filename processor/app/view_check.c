#include "app/view_check.h"

#include "app/user_map.h"
#include "base/buf.h"
#include "codec/user_state_bin.h"
#include "core/decide.h"

#define PAGE_USERS 500
#define PAGE_DUES 2000
#define PAGE_FOLLOWS 2000

struct check {
    const struct store_port *view;
    const struct view_reference *reference;
    int32_t partition;
    struct view_report *report;
    struct diag *diag;
    int64_t head;       /* where the reference stands */
    struct arena page;  /* reset with each */
    struct arena names; /* of users seen or told */
    struct user_map seen, told, told_follows;
};

static void tell(struct check *check, struct span user, struct span what)
{
    const struct view_difference difference = {check->partition, user, what};
    check->report->difference(check->report->self, &difference);
}

static enum err store_failed(struct check *check, enum err error)
{
    return diag_set(check->diag, error, 0, 0, "Redis: %s", err_sentence(error));
}

/* The reference goes to the head that the view was read at. */
static enum err follow(struct check *check, int64_t head)
{
    if (head < check->head)
        return diag_set(check->diag, ERR_ABORTED, 0, 0,
                        "the view of partition %d was rewound meanwhile; run the command again",
                        (int)check->partition);
    if (head == check->head)
        return ERR_OK;
    check->head = head;
    return check->reference->fold_to(check->reference->self, head, check->diag);
}

/* False when it is in the map already. */
static bool remember(struct check *check, struct user_map *map, struct span user)
{
    uint64_t hash = user_hash(user);
    if (user_map_find(map, hash, user) != NULL)
        return false;
    struct user_node *node = ARENA_NEW(&check->names, struct user_node);
    *node = (struct user_node){hash, arena_copy(&check->names, user)};
    user_map_add(map, node);
    return true;
}

/* ---- one user's state ----------------------------------------------------------------------------- */

/* Compares one part of two states by its encoding. */
#define COMPARE(name, member)                                  \
    do {                                                       \
        struct user_state one_, other_;                        \
        user_state_init(&one_, one->user);                     \
        user_state_init(&other_, one->user);                   \
        one_.member = one->member;                             \
        other_.member = other->member;                         \
        add_if_different(check, what, (name), &one_, &other_); \
    } while (0)

static void add_name(struct buf *what, const char *name)
{
    if (what->size > 0)
        buf_append(what, SPAN_LITERAL(", "));
    buf_append(what, span_from_text(name));
}

static void add_if_different(struct check *check, struct buf *what, const char *name,
                             const struct user_state *one, const struct user_state *other)
{
    struct buf a = {0}, b = {0};
    (void)check;
    user_state_encode(one, &a);
    user_state_encode(other, &b);
    if (!span_equal(buf_span(&a), buf_span(&b)))
        add_name(what, name);
    buf_free(&a);
    buf_free(&b);
}

static void compare_parts(struct check *check, struct buf *what, const struct user_state *one,
                          const struct user_state *other)
{
    struct user_state a = {.user = one->user, .folded_offset = -1};
    struct user_state b = a;
    a.has_profile = one->has_profile;
    a.profile = one->profile;
    b.has_profile = other->has_profile;
    b.profile = other->profile;
    add_if_different(check, what, "profile", &a, &b);
    COMPARE("journeys", journeys);
    COMPARE("cancels", cancels);
    COMPARE("counters", counters);
    COMPARE("times", times);
    COMPARE("entries", entries);
    COMPARE("sent", sent);
    COMPARE("ids", seen);
    COMPARE("follows", follows);
    COMPARE("dates", dates);
    COMPARE("wakes", wakes);
    COMPARE("history", history);
    if (one->folded_offset != other->folded_offset || one->sweep != other->sweep)
        add_name(what, "place");
}

static void compare_states(struct check *check, struct span user, struct span ours, struct span theirs)
{
    struct user_state one, other;
    struct buf what = {0};
    check->report->users++;
    if (span_equal(ours, theirs))
        return;
    if (ours.size == 0)
        add_name(&what, "missing");
    else if (theirs.size == 0)
        add_name(&what, "not in the journal");
    else if (user_state_decode(ours, user, &check->page, &one) != ERR_OK ||
             user_state_decode(theirs, user, &check->page, &other) != ERR_OK)
        add_name(&what, "unreadable");
    else
        compare_parts(check, &what, &one, &other);
    if (what.size == 0)
        add_name(&what, "encoding");
    tell(check, user, buf_span(&what));
    buf_free(&what);
}

/* ---- all users ------------------------------------------------------------------------------------ */

/* The reference's states of these users, at the head where it stands. */
static enum err reference_states(struct check *check, const struct span *users, size_t count,
                                 struct span **states)
{
    const struct store_port *store = check->reference->store;
    struct store_read read = {.partition = check->partition, .users = users, .count = count};
    enum err error = store->fire_read(store->self, &read, 1, &check->page);
    *states = read.states;
    return error;
}

static enum err check_page(struct check *check, const struct store_user *users, size_t count)
{
    struct span *names = ARENA_ARRAY(&check->page, struct span, count), *states;
    size_t fresh = 0;
    const struct store_user **listed = ARENA_ARRAY(&check->page, const struct store_user *, count);
    for (size_t i = 0; i < count; i++) {
        if (!remember(check, &check->seen, users[i].user))
            continue;
        listed[fresh] = &users[i];
        names[fresh++] = users[i].user;
    }
    enum err error = reference_states(check, names, fresh, &states);
    for (size_t i = 0; error == ERR_OK && i < fresh; i++)
        compare_states(check, names[i], listed[i]->state, states[i]);
    return error;
}

/* Whoever is in the view. */
static enum err check_view(struct check *check)
{
    const struct store_port *view = check->view;
    struct store_scan scan = {0};
    while (!scan.over) {
        struct store_user *users;
        size_t count;
        int64_t head;
        arena_reset(&check->page);
        enum err error = view->users_scan(view->self, check->partition, &scan, PAGE_USERS, &check->page,
                                          &users, &count, &head);
        if (error == ERR_CONFLICT) {
            scan = (struct store_scan){0};
            continue;
        }
        if (error != ERR_OK)
            return store_failed(check, error);
        error = follow(check, head);
        if (error == ERR_OK)
            error = check_page(check, users, count);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

/* Whoever is in the reference and was not met in the view. */
static enum err list_unseen(struct check *check, struct arena *arena, struct span **users, size_t *count)
{
    const struct store_port *store = check->reference->store;
    struct store_scan scan = {0};
    size_t capacity = 0;
    *users = NULL;
    *count = 0;
    while (!scan.over) {
        struct store_user *page;
        size_t size;
        int64_t head;
        arena_reset(&check->page);
        enum err error = store->users_scan(store->self, check->partition, &scan, PAGE_USERS, &check->page,
                                           &page, &size, &head);
        if (error != ERR_OK)
            return error;
        for (size_t i = 0; i < size; i++)
            if (user_map_find(&check->seen, user_hash(page[i].user), page[i].user) == NULL)
                *ARENA_PUSH(arena, users, count, &capacity) = arena_copy(arena, page[i].user);
    }
    return ERR_OK;
}

static enum err check_unseen(struct check *check)
{
    struct arena arena;
    struct span *users;
    size_t count;
    arena_init(&arena, 0);
    enum err error = list_unseen(check, &arena, &users, &count);
    for (size_t at = 0; error == ERR_OK && at < count; at += PAGE_USERS) {
        size_t size = count - at < PAGE_USERS ? count - at : PAGE_USERS;
        struct store_read read = {.partition = check->partition, .users = users + at, .count = size};
        struct span *states;
        arena_reset(&check->page);
        error = check->view->fire_read(check->view->self, &read, 1, &check->page);
        error = error != ERR_OK ? store_failed(check, error) : follow(check, read.head);
        if (error == ERR_OK)
            error = reference_states(check, users + at, size, &states);
        for (size_t i = 0; error == ERR_OK && i < size; i++)
            compare_states(check, users[at + i], read.states[i], states[i]);
    }
    arena_destroy(&arena);
    return error;
}

/* ---- what is due when ----------------------------------------------------------------------------- */

struct dues {
    struct store_due *items;
    size_t count;
};

static int order_of_dues(const struct store_due *a, const struct store_due *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    return span_compare(a->user, b->user);
}

static void tell_due(struct check *check, struct span user)
{
    if (remember(check, &check->told, user))
        tell(check, user, SPAN_LITERAL("calendar"));
}

/* Both lists are in order; what lies beyond `last` (NULL: nothing does) is compared with the next page. */
static void compare_dues(struct check *check, const struct dues *ours, const struct dues *theirs,
                         const struct store_due *last)
{
    size_t a = 0, b = 0;
    while (a < ours->count || b < theirs->count) {
        int order = a == ours->count     ? 1
                    : b == theirs->count ? -1
                                         : order_of_dues(&ours->items[a], &theirs->items[b]);
        const struct store_due *first = order <= 0 ? &ours->items[a] : &theirs->items[b];
        if (last != NULL && order_of_dues(first, last) > 0)
            return;
        if (order != 0)
            tell_due(check, first->user);
        a += order <= 0;
        b += order >= 0;
    }
}

static const struct store_due *last_of(const struct dues *dues, size_t limit)
{
    return dues->count == limit ? &dues->items[limit - 1] : NULL;
}

static enum err check_calendar(struct check *check)
{
    const struct store_port *view = check->view, *store = check->reference->store;
    int64_t from_ms = INT64_MIN;
    size_t limit = PAGE_DUES;
    for (;;) {
        struct dues ours, theirs;
        int64_t head;
        arena_reset(&check->page);
        enum err error = view->due_read(view->self, check->partition, from_ms, INT64_MAX, limit,
                                        &check->page, &ours.items, &ours.count, &head);
        error = error != ERR_OK ? store_failed(check, error) : follow(check, head);
        if (error == ERR_OK)
            error = store->due_read(store->self, check->partition, from_ms, INT64_MAX, limit, &check->page,
                                    &theirs.items, &theirs.count, &head);
        if (error != ERR_OK)
            return error;
        const struct store_due *last = last_of(&ours, limit), *other = last_of(&theirs, limit);
        if (last == NULL || (other != NULL && order_of_dues(other, last) < 0))
            last = other;
        compare_dues(check, &ours, &theirs, last);
        if (last == NULL)
            return ERR_OK;
        /* Users of one instant are read again together with the next. */
        limit = last->due_ms == from_ms ? limit * 2 : PAGE_DUES;
        from_ms = last->due_ms;
    }
}

/* ---- who follows what ----------------------------------------------------------------------------- */

struct follows {
    struct store_follow *items;
    size_t count;
};

static int order_of_follows(const struct store_follow *a, const struct store_follow *b)
{
    if (a->thing != b->thing)
        return a->thing < b->thing ? -1 : 1;
    return span_compare(a->user, b->user);
}

/* Both lists are in order; what lies beyond `last` (NULL: nothing does) is compared with the next page. */
static void compare_follows(struct check *check, const struct follows *ours, const struct follows *theirs,
                            const struct store_follow *last)
{
    size_t a = 0, b = 0;
    while (a < ours->count || b < theirs->count) {
        int order = a == ours->count     ? 1
                    : b == theirs->count ? -1
                                         : order_of_follows(&ours->items[a], &theirs->items[b]);
        const struct store_follow *first = order <= 0 ? &ours->items[a] : &theirs->items[b];
        if (last != NULL && order_of_follows(first, last) > 0)
            return;
        if (order != 0 && remember(check, &check->told_follows, first->user))
            tell(check, first->user, SPAN_LITERAL("followers"));
        a += order <= 0;
        b += order >= 0;
    }
}

static const struct store_follow *last_follow(const struct follows *follows)
{
    return follows->count == PAGE_FOLLOWS ? &follows->items[PAGE_FOLLOWS - 1] : NULL;
}

static enum err read_follows(struct check *check, const struct store_follow *after, struct follows *ours,
                             struct follows *theirs)
{
    const struct store_port *view = check->view, *store = check->reference->store;
    int64_t head;
    arena_reset(&check->page);
    enum err error = view->follows_read(view->self, check->partition, after, PAGE_FOLLOWS, &check->page,
                                        &ours->items, &ours->count, &head);
    error = error != ERR_OK ? store_failed(check, error) : follow(check, head);
    if (error == ERR_OK)
        error = store->follows_read(store->self, check->partition, after, PAGE_FOLLOWS, &check->page,
                                    &theirs->items, &theirs->count, &head);
    return error;
}

static enum err check_follows(struct check *check)
{
    struct store_follow after = {0};
    struct buf user = {0}; /* of `after` */
    enum err error;
    for (bool first = true;; first = false) {
        struct follows ours, theirs;
        error = read_follows(check, first ? NULL : &after, &ours, &theirs);
        if (error != ERR_OK)
            break;
        const struct store_follow *last = last_follow(&ours), *other = last_follow(&theirs);
        if (last == NULL || (other != NULL && order_of_follows(other, last) < 0))
            last = other;
        compare_follows(check, &ours, &theirs, last);
        if (last == NULL)
            break;
        buf_clear(&user);
        buf_append(&user, last->user);
        after = (struct store_follow){.thing = last->thing, .user = buf_span(&user)};
    }
    buf_free(&user);
    return error;
}

/* ---- the partition -------------------------------------------------------------------------------- */

static enum err check_partition(struct check *check)
{
    struct store_partition ours, theirs;
    const struct store_port *view = check->view, *store = check->reference->store;
    enum err error = view->partition_read(view->self, check->partition, &check->page, &ours);
    if (error != ERR_OK)
        return store_failed(check, error);
    if (ours.head == STORE_NO_HEAD)
        return diag_set(check->diag, ERR_NOT_FOUND, 0, 0, "partition %d has no view in Redis",
                        (int)check->partition);
    error = follow(check, ours.head);
    if (error == ERR_OK)
        error = store->partition_read(store->self, check->partition, &check->page, &theirs);
    if (error == ERR_OK && (ours.head != theirs.head || !span_equal(ours.part, theirs.part)))
        tell(check, span_make(NULL, 0), SPAN_LITERAL("the partition's own state"));
    return error;
}

enum err view_check(const struct store_port *view, const struct view_reference *reference,
                    int32_t partition, struct view_report *report, struct diag *diag)
{
    struct check check = {.view = view,
                          .reference = reference,
                          .partition = partition,
                          .report = report,
                          .diag = diag,
                          .head = STORE_NO_HEAD};
    arena_init(&check.page, 0);
    arena_init(&check.names, 0);
    enum err error = check_partition(&check);
    if (error == ERR_OK)
        error = check_view(&check);
    if (error == ERR_OK)
        error = check_unseen(&check);
    if (error == ERR_OK)
        error = check_calendar(&check);
    if (error == ERR_OK)
        error = check_follows(&check);
    user_map_free(&check.seen);
    user_map_free(&check.told);
    user_map_free(&check.told_follows);
    arena_destroy(&check.page);
    arena_destroy(&check.names);
    return error;
}
