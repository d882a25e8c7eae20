/* EventNET-202611, GetEvents. */
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/limits.h"
#include "central/api.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/subscriptions_private.h"

#define RESULTS_DEFAULT 100u
#define SECOND_NS UINT64_C(1000000000)

struct event_poll {
    struct api_call *call;
    struct event_poll *next;
    struct event_poll *previous;
    struct store_event_filter filter; /* its texts are in the call's arena */
    struct uuid *jobs; /* the ids of the filter */
    struct uuid *sessions;
    uint32_t limit;
    uint64_t deadline_ns;
    bool querying;
    bool again; /* something came while the store was asked */
    struct loop_timer timer;
};

static struct event_polls *polls_of(const struct event_poll *poll)
{
    return &poll->call->central->polls;
}

/* ---- the filter ---- */

static bool read_topic(struct text word, uint32_t *topics)
{
    static const struct {
        const char *prefix;
        enum store_kind kind;
    } kinds[] = {{"job.", STORE_KIND_JOB}, {"session.", STORE_KIND_SESSION}};
    bool found = false;

    for (uint32_t i = 0; i < 2; i++) {
        bool has_prefix = text_starts_with(word, kinds[i].prefix);
        uint32_t skip = has_prefix ? (uint32_t)strlen(kinds[i].prefix) : 0;
        enum store_topic topic = subscription_topic(
            kinds[i].kind,
            text_from(word.data + skip, word.size_bytes - skip));
        if (topic == STORE_TOPIC_COUNT ||
            topic == STORE_TOPIC_SESSION_STATISTICS)
            continue;
        *topics |= STORE_TOPIC_BIT(topic);
        found = true;
    }
    return found;
}

/* Returns false after it has answered with a fault. */
static bool read_topics(struct api_call *call, const struct text *words,
                        uint32_t count, uint32_t *topics)
{
    const uint32_t all = subscription_topics_default(STORE_KIND_JOB) |
                         subscription_topics_default(STORE_KIND_SESSION);

    *topics = count == 0 ? all : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (text_is(words[i], "*")) {
            *topics = all;
        } else if (!read_topic(words[i], topics)) {
            api_fault_client(
                call,
                "Topic: expected Connecting, Start, Stop, Status or Error, "
                "with job. or session. before it or not (Statistics are not "
                "kept), found '%.*s'",
                (int)(words[i].size_bytes < 64 ? words[i].size_bytes : 64),
                words[i].data);
            return false;
        }
    }
    return true;
}

/* Ids as they are stored; what is none fits no event.  NULL without memory. */
static struct uuid *read_ids(struct arena *arena, struct text *ids,
                             uint32_t count, struct store_texts *texts)
{
    struct uuid *uuids =
        arena_take_zeroed(arena, (size_t)count + 1, sizeof *uuids);

    for (uint32_t i = 0; uuids != NULL && i < count; i++)
        if (uuid_parse(ids[i], &uuids[i]))
            ids[i] = describe_uuid(arena, uuids[i]);
    *texts = (struct store_texts){ids, count};
    return uuids;
}

static bool is_among(const struct uuid *uuids, uint32_t count,
                     struct uuid uuid)
{
    if (count == 0)
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (!uuid_is_zero(uuid) && uuid_equal(uuids[i], uuid))
            return true;
    return false;
}

static bool fits(const struct event_poll *poll,
                 const struct store_event *event)
{
    const struct store_event_filter *filter = &poll->filter;

    return (filter->topics & STORE_TOPIC_BIT(event->topic)) != 0 &&
           is_among(poll->jobs, filter->job_uuids.count, event->job_uuid) &&
           is_among(poll->sessions, filter->session_uuids.count,
                    event->session_uuid);
}

/* ---- the answer ---- */

/* The Job or Session of then, out of the notification as it was written.  What
 * memory has no room for is left out, never the event. */
static void describe_body(struct event_poll *poll,
                          const struct store_event *row, struct evt_event *event)
{
    struct soap_reader *reader = &polls_of(poll)->reader;

    soap_reader_start(reader, poll->call->arena, SOAP_READ_REQUEST,
                      SOAP_CHARSET_ABSENT, NULL);
    soap_reader_feed(reader, row->body.data, row->body.size_bytes, true);
    if (reader->result != SOAP_READER_DONE)
        return;
    if (reader->operation == SOAP_OP_NOTIFY_JOB) {
        struct isc_notify_request *notify = reader->message;
        event->job = &notify->job;
    } else if (reader->operation == SOAP_OP_NOTIFY_SESSION) {
        struct f06_notify_request *notify = reader->message;
        event->session = &notify->session;
    }
}

static void describe_event(struct event_poll *poll,
                           const struct store_event *row,
                           struct evt_event *event)
{
    struct arena *arena = poll->call->arena;

    *event = (struct evt_event){
        .event_id = describe_uuid(arena, row->uuid),
        .sequence = row->sequence,
        .time = row->time_us,
        .topic = text_of(subscription_topic_word(row->topic)),
    };
    if (!uuid_is_zero(row->job_uuid))
        event->job_id = describe_uuid(arena, row->job_uuid);
    if (!uuid_is_zero(row->session_uuid))
        event->session_id = describe_uuid(arena, row->session_uuid);
    describe_body(poll, row, event);
}

static void unlink_poll(struct event_poll *poll)
{
    struct event_polls *polls = polls_of(poll);

    loop_timer_stop(poll->call->central->loop, &poll->timer);
    if (poll->previous != NULL)
        poll->previous->next = poll->next;
    else
        polls->first = poll->next;
    if (poll->next != NULL)
        poll->next->previous = poll->previous;
    polls->count--;
}

/* How many of the rows may be seen: the reader may know of an event a moment
 * before the loop does, and nobody is told of it before queries show its
 * effect. */
static uint32_t visible_count(const struct store_rows *rows, uint64_t newest)
{
    uint32_t count = rows->count;

    while (count > 0 && rows->events[count - 1].sequence > newest)
        count--;
    return count;
}

static void answer(struct event_poll *poll, const struct store_rows *rows,
                   uint32_t count)
{
    struct api_call *call = poll->call;
    uint64_t newest = call->central->subscriptions->newest;
    bool is_page = count == poll->limit || count < rows->count ||
                   rows->texts.taken_bytes >= poll->filter.bytes_max;
    struct evt_get_events_response response = {
        .event_count = count,
        .first_sequence = rows->first_sequence,
        .next_sequence = rows->sequence < newest ? rows->sequence : newest,
    };

    response.event =
        arena_take_zeroed(call->arena, (size_t)count + 1, sizeof *response.event);
    unlink_poll(poll);
    if (response.event == NULL) {
        api_fault_server(call);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        describe_event(poll, &rows->events[i], &response.event[i]);
    if (count > 0 && is_page)
        response.next_sequence = rows->events[count - 1].sequence;
    if (response.next_sequence < poll->filter.after_sequence)
        response.next_sequence = poll->filter.after_sequence;
    api_answer(call, &response);
}

/* ---- asking and waiting ---- */

static void ask(struct event_poll *poll);

static void timer_fired(struct loop_timer *timer)
{
    ask(OWNER_OF(timer, struct event_poll, timer));
}

static void events_read(void *user, struct store_rows *rows)
{
    struct event_poll *poll = user;
    struct central *central = poll->call->central;
    uint64_t now_ns = loop_now_ns(central->loop);

    poll->querying = false;
    if (rows->result != 0) {
        struct api_call *call = poll->call;
        unlink_poll(poll);
        store_rows_free(rows);
        api_fault_server(call);
        return;
    }
    uint32_t count = visible_count(rows, central->subscriptions->newest);
    if (count > 0 || now_ns >= poll->deadline_ns || central->polls.stopping)
        answer(poll, rows, count);
    else if (poll->again)
        ask(poll);
    else
        loop_timer_start(central->loop, &poll->timer, poll->deadline_ns,
                         timer_fired);
    store_rows_free(rows);
}

static void ask(struct event_poll *poll)
{
    struct central *central = poll->call->central;

    loop_timer_stop(central->loop, &poll->timer);
    poll->querying = true;
    poll->again = false;
    store_query_events(central->store, &poll->filter, poll->limit, poll,
                       events_read);
}

void event_polls_told(struct event_polls *polls,
                      const struct store_event *event)
{
    for (struct event_poll *each = polls->first; each; each = each->next) {
        if (event->sequence <= each->filter.after_sequence ||
            !fits(each, event))
            continue;
        if (each->querying)
            each->again = true;
        else
            ask(each);
    }
}

void event_polls_open(struct event_polls *polls, struct central *central)
{
    *polls = (struct event_polls){.central = central};
    CHECK(soap_reader_open(&polls->reader) == 0);
}

void event_polls_stop(struct event_polls *polls)
{
    polls->stopping = true;
    for (struct event_poll *each = polls->first; each; each = each->next)
        if (!each->querying)
            ask(each);
}

void event_polls_close(struct event_polls *polls)
{
    CHECK(polls->first == NULL);
    soap_reader_close(&polls->reader);
}

static void start(struct event_poll *poll, uint32_t wait_s)
{
    struct event_polls *polls = polls_of(poll);
    struct loop *loop = poll->call->central->loop;

    if (wait_s > LIMIT_EVENT_WAIT_S)
        wait_s = LIMIT_EVENT_WAIT_S;
    poll->deadline_ns = loop_now_ns(loop) + wait_s * SECOND_NS;
    poll->next = polls->first;
    if (polls->first != NULL)
        polls->first->previous = poll;
    polls->first = poll;
    polls->count++;
    ask(poll);
}

void api_get_events(struct api_call *call)
{
    const struct evt_get_events_request *request = call->request;
    struct event_polls *polls = &call->central->polls;
    struct event_poll *poll =
        arena_take_zeroed(call->arena, 1, sizeof *poll);
    uint32_t limit =
        request->has_max_results ? request->max_results : RESULTS_DEFAULT;

    if (poll == NULL) {
        api_fault_server(call);
        return;
    }
    if (limit < 1) {
        api_fault_client(call, "MaxResults: expected 1 or more, found 0");
        return;
    }
    if (polls->count >= LIMIT_EVENT_POLLS) {
        api_fault_client(call, "%u clients wait for events, as many as may",
                         LIMIT_EVENT_POLLS);
        return;
    }
    if (request->job_id_count + request->session_id_count >
        LIMIT_STORE_FILTER_VALUES) {
        api_fault_client(call, "JobID, SessionID: more than %u values",
                         LIMIT_STORE_FILTER_VALUES);
        return;
    }
    if (!read_topics(call, request->topic, request->topic_count,
                     &poll->filter.topics))
        return;
    poll->call = call;
    poll->limit = limit < STORE_PAGE_ROWS_MAX ? limit : STORE_PAGE_ROWS_MAX;
    poll->filter.bytes_max = LIMIT_EVENT_PAGE_BYTES;
    poll->filter.after_sequence = request->has_after_sequence
                                      ? request->after_sequence
                                      : call->central->subscriptions->newest;
    poll->jobs = read_ids(call->arena, request->job_id, request->job_id_count,
                          &poll->filter.job_uuids);
    poll->sessions =
        read_ids(call->arena, request->session_id, request->session_id_count,
                 &poll->filter.session_uuids);
    if (poll->jobs == NULL || poll->sessions == NULL)
        api_fault_server(call);
    else
        start(poll, request->has_wait_seconds ? request->wait_seconds : 0);
}
