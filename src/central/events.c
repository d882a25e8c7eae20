#include "central/events.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "central/changes.h"
#include "central/describe.h"
#include "central/jobs.h"
#include "central/sessions.h"
#include "central/subscriptions.h"
#include "soap/writer.h"

/* The wire's words, which both kinds share. */
static const char *topic_word(enum store_topic topic)
{
    switch (topic) {
    case STORE_TOPIC_JOB_CONNECTING:
        return "Connecting";
    case STORE_TOPIC_JOB_START:
    case STORE_TOPIC_SESSION_START:
        return "Start";
    case STORE_TOPIC_JOB_STATUS:
    case STORE_TOPIC_SESSION_STATUS:
        return "Status";
    case STORE_TOPIC_JOB_ERROR:
    case STORE_TOPIC_SESSION_ERROR:
        return "Error";
    case STORE_TOPIC_JOB_STOP:
    case STORE_TOPIC_SESSION_STOP:
        return "Stop";
    case STORE_TOPIC_SESSION_STATISTICS:
        return "Statistics";
    case STORE_TOPIC_COUNT:
        break;
    }
    NEVER("a topic has no word");
}

/* Moves what was written into the change, with which it lives. */
static void take_body(struct change *change, struct store_event *event,
                      struct text_builder *body)
{
    CHECK(!body->failed); /* some KiB: there is no going on without */
    event->body = text_copy(change_arena(change), text_built(body));
    CHECK(!text_is_absent(event->body));
    text_builder_free(body);
}

static void write_session_body(struct text_builder *out,
                               const struct store_event *event,
                               const struct session *session,
                               struct arena *arena)
{
    struct f06_notify_request notify = {
        .subscription_id = text_of(SUBSCRIPTION_PLACEHOLDER),
        .event_id = describe_uuid(arena, event->uuid),
        .sequence = event->sequence,
        .time = event->time_us,
        .topic = text_of(topic_word(event->topic)),
    };

    describe_session(&session->latest->row, &session->file, arena,
                     &notify.session);
    soap_write(out, SOAP_1_1, &soap_type_f06_notify_request, &notify);
}

void events_tell_session(struct change *change, enum store_topic topic,
                         const struct session *session)
{
    struct text_builder body = {0};
    struct store_event *event = change_tell(
        change, topic, session->latest->row.job_uuid, session->uuid);

    write_session_body(&body, event, session, change_arena(change));
    take_body(change, event, &body);
}

static void write_job_body(struct text_builder *out,
                           const struct store_event *event,
                           const struct job *job, struct arena *arena)
{
    struct isc_notify_request notify = {
        .subscription_id = text_of(SUBSCRIPTION_PLACEHOLDER),
        .event_id = describe_uuid(arena, event->uuid),
        .sequence = event->sequence,
        .time = event->time_us,
        .topic = text_of(topic_word(event->topic)),
    };

    job_describe(job, arena, &notify.job);
    soap_write(out, SOAP_1_1, &soap_type_isc_notify_request, &notify);
}

void events_tell_job(struct change *change, enum store_topic topic,
                     const struct job *job)
{
    struct text_builder body = {0};
    struct store_event *event =
        change_tell(change, topic, job->uuid, job->session_uuid);

    write_job_body(&body, event, job, change_arena(change));
    take_body(change, event, &body);
}

/* Room for what varies from event to event: texts of errors, addresses. */
#define EVENT_MARGIN_BYTES 8192

bool events_fit(const struct job *job)
{
    const uint32_t room = LIMIT_EVENT_BYTES - EVENT_MARGIN_BYTES;
    struct text_builder body = {.size_bytes_max = room};
    struct store_event event = {.topic = STORE_TOPIC_JOB_STOP};
    struct arena arena;

    arena_init(&arena, 65536);
    write_job_body(&body, &event, job, &arena);
    bool fits = !body.failed;
    text_builder_reset(&body);
    event.topic = STORE_TOPIC_SESSION_STOP;
    write_session_body(&body, &event, job->session, &arena);
    fits = fits && !body.failed;
    text_builder_free(&body);
    arena_free(&arena);
    return fits;
}

void events_write_statistics(struct text_builder *out,
                             const struct session *session, uint64_t sequence)
{
    struct arena arena;
    struct store_event event = {
        .sequence = sequence,
        .uuid = uuid_new(),
        .time_us = clock_wall_us(),
        .topic = STORE_TOPIC_SESSION_STATISTICS,
    };

    arena_init(&arena, 65536);
    write_session_body(out, &event, session, &arena);
    arena_free(&arena);
}
