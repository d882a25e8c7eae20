/* `ferry watch --pull`: for who cannot be called back. */
#include <stdio.h>

#include "cli/watch.h"

/* Below the client's time-out of a call. */
#define WAIT_S 20u
#define AGAIN_NS UINT64_C(1000000000)

static void print_event(const struct watch_pull *pull,
                        const struct evt_event *event)
{
    if (pull->json)
        watch_print_json(&soap_type_evt_event, event);
    else if (event->job != NULL)
        watch_print_job(event->time, event->topic, event->sequence,
                        event->job);
    else if (event->session != NULL)
        watch_print_session(event->time, event->topic, event->sequence,
                            event->session);
}

static void nothing_fired(struct loop_timer *timer)
{
    (void)timer;
}

/* The server may be starting anew. */
static void pause_a_second(const struct watch_pull *pull)
{
    struct loop *loop = pull->client->loop;
    struct loop_timer timer = {0};

    loop_timer_start(loop, &timer, loop_now_ns(loop) + AGAIN_NS,
                     nothing_fired);
    while (loop_timer_running(&timer) && !*pull->ending)
        loop_run_once(loop);
    loop_timer_stop(loop, &timer);
}

/* Says what the server does not keep any more, once. */
static void tell_gap(uint64_t after, uint64_t first)
{
    if (first > after + 1)
        say("events %llu to %llu are not kept any more",
            (unsigned long long)after + 1, (unsigned long long)first - 1);
}

int watch_pull_run(const struct watch_pull *pull)
{
    struct text topics[OPTION_LIST_MAX];
    struct evt_get_events_request request = {
        .topic = topics,
        .topic_count = pull->topics->count,
    };
    bool is_first = true;

    for (uint32_t i = 0; i < pull->topics->count; i++)
        topics[i] = text_of(pull->topics->values[i]);
    if (pull->after != NULL) {
        request.has_after_sequence = text_to_u64(
            text_of(pull->after), INT64_MAX, &request.after_sequence);
        if (!request.has_after_sequence) {
            say("--after %s: expected the Sequence of an event", pull->after);
            return EXIT_USAGE;
        }
    }
    while (!*pull->ending) {
        const struct evt_get_events_response *response =
            soap_client_call(pull->client, SOAP_OP_GET_EVENTS, &request);
        if (response == NULL && is_first && !*pull->ending)
            return EXIT_FAILED; /* the reason was printed */
        if (response == NULL) {
            pull->client->quiet = true;
            pause_a_second(pull);
            continue;
        }
        if (is_first)
            fprintf(stderr, "watching by polling, from event %llu\n",
                    (unsigned long long)response->next_sequence);
        if (request.has_after_sequence)
            tell_gap(request.after_sequence, response->first_sequence);
        for (uint32_t i = 0; i < response->event_count; i++)
            print_event(pull, &response->event[i]);
        is_first = false;
        request.has_after_sequence = true;
        request.after_sequence = response->next_sequence;
        request.has_wait_seconds = true;
        request.wait_seconds = WAIT_S;
    }
    return EXIT_DONE;
}
