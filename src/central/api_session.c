/* FASPSessionNET-200601: the sessions that run, their rates, their end. */
#include "central/api.h"

#include "base/arena.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/job_steps.h"
#include "store/query.h"

#define DOES_NOT_RUN "SessionID: expected a session that runs; this one "

void api_list_sessions(struct api_call *call)
{
    const struct sessions *sessions = &call->central->sessions;
    struct f06_list_sessions_response response = {0};
    struct session *session;

    response.session_id = arena_take(
        call->arena, (sessions->count + 1) * sizeof *response.session_id);
    if (response.session_id == NULL) {
        api_fault_server(call);
        return;
    }
    for (session = sessions->newest; session != NULL; session = session->older)
        if (session->shown != NULL &&
            session_state_is_active(session->shown->row.state))
            response.session_id[response.session_id_count++] =
                describe_uuid(call->arena, session->uuid);
    api_answer(call, &response);
}

/* The session of an id if it is in memory, else NULL. */
static struct session *find(const struct api_call *call, struct text session_id)
{
    struct session *session = NULL;
    struct uuid uuid;

    if (uuid_parse(session_id, &uuid))
        session = sessions_find(&call->central->sessions, uuid);
    return session != NULL && session->shown != NULL ? session : NULL;
}

static void not_found(struct api_call *call, struct text session_id)
{
    api_fault_typed(call, SOAP_DETAIL_SESSION_NOT_FOUND, session_id);
}

/* What is known of a session that the store alone has: it is over.  Calls
 * `found` with its row in `rows`, or answers that there is none. */
struct stored {
    struct api_call *call;
    struct text session_id;
    void (*found)(struct api_call *call, struct store_rows *rows);
};

static void stored_found(void *user, struct store_rows *rows)
{
    struct stored *stored = user;

    if (rows->result == 0 && rows->count > 0) {
        stored->found(stored->call, rows);
        return;
    }
    if (rows->result < 0)
        api_fault_server(stored->call);
    else
        not_found(stored->call, stored->session_id);
    store_rows_free(rows);
}

static void find_stored(struct api_call *call, struct text session_id,
                        void (*found)(struct api_call *call,
                                      struct store_rows *rows))
{
    struct stored *stored = arena_take(call->arena, sizeof *stored);
    char id[UUID_TEXT_BYTES + 1];
    struct text text = text_from(id, UUID_TEXT_BYTES);
    struct store_session_filter filter = {.session_uuids = {&text, 1}};
    struct uuid uuid;

    if (!uuid_parse(session_id, &uuid)) {
        not_found(call, session_id);
        return;
    }
    if (stored == NULL) {
        api_fault_server(call);
        return;
    }
    uuid_format(uuid, id);
    *stored = (struct stored){call, session_id, found};
    store_query_sessions(call->central->store, &filter, STORE_BY_AGE,
                         (struct store_position){0}, 1, stored, stored_found);
}

/* ---- QuerySession ---- */

static void answer_session(struct api_call *call,
                           const struct store_session *row,
                           const struct transfer_file *file)
{
    struct f06_query_session_response response = {0};

    describe_session(row, file, call->arena, &response.session);
    api_answer(call, &response);
}

/* A session that is over, while its last file is looked for. */
struct history {
    struct api_call *call;
    const struct store_session *row;
    struct session_row *held; /* what `row` lies in: a row of memory, */
    struct store_rows *rows;  /* or one of the store; the other is NULL */
};

static void let_go(const struct history *history)
{
    session_row_drop(history->held);
    if (history->rows != NULL)
        store_rows_free(history->rows);
}

static void last_file_found(void *user, struct store_rows *rows)
{
    const struct history history = *(struct history *)user; /* the call's */
    struct transfer_file file = {.path = TEXT_ABSENT};

    if (rows->result == 0 && rows->count > 0) {
        const struct store_file *row = &rows->files[0];
        file = (struct transfer_file){
            .path = row->path,
            .state = row->state == STORE_FILE_ERROR ? TRANSFER_FILE_FAILED
                                                    : TRANSFER_FILE_COMPLETED,
            .error = (enum fasp_error)row->error_code,
            .error_text = row->error_text,
            .size_bytes = row->size_bytes,
            .start_offset = row->start_offset_bytes,
            .bytes_written = row->written_bytes,
            .bytes_contiguous = row->contiguous_bytes,
            .bytes_lost = row->lost_bytes,
            .elapsed_us = row->elapsed_us,
        };
    }
    if (rows->result < 0)
        api_fault_server(history.call);
    else
        answer_session(history.call, history.row, &file);
    store_rows_free(rows);
    let_go(&history);
}

/* Which file moved last is remembered as long as the server runs; of the
 * sessions before, it is taken to be the last one of the catalogue. */
static void ask_for_last_file(struct history *history)
{
    struct store *store = history->call->central->store;
    char id[UUID_TEXT_BYTES + 1] = {0}; /* gcc 12 fears otherwise */
    uuid_format(history->row->uuid, id);
    struct text text = text_from(id, UUID_TEXT_BYTES);
    /* The counters may be a second older than the files: orphaned. */
    uint64_t file_count = history->row->file_count;
    uint64_t local_id = file_count > 0 ? file_count - 1 : 0;
    struct store_file_filter filter = {
        .session.session_uuids = {&text, 1},
        .local_ids = &local_id,
        .local_id_count = 1,
    };

    store_query_files(store, &filter, STORE_BY_AGE, (struct store_position){0},
                      1, history, last_file_found);
}

static void answer_history(const struct history *history)
{
    static const struct transfer_file none;
    struct api_call *call = history->call;
    struct history *kept;

    if (history->row->end_us == 0) { /* it waits for its turn */
        answer_session(call, history->row, &none);
        let_go(history);
        return;
    }
    kept = arena_take(call->arena, sizeof *kept);
    if (kept == NULL) {
        api_fault_server(call);
        let_go(history);
        return;
    }
    *kept = *history;
    ask_for_last_file(kept);
}

static void stored_session_found(struct api_call *call, struct store_rows *rows)
{
    struct history history = {
        .call = call, .row = &rows->sessions[0], .rows = rows};

    answer_history(&history);
}

void api_query_session(struct api_call *call)
{
    const struct f06_query_session_request *request = call->request;
    struct session *session = find(call, request->session_id);
    struct transfer_stats stats;
    struct store_session view;

    if (session == NULL) {
        find_stored(call, request->session_id, stored_session_found);
        return;
    }
    if (session->transfer != NULL) {
        transfer_stats(session->transfer, &stats);
        session_keep_file(session, &stats);
    } else if (text_is_absent(session->file.path)) {
        struct session_row *held = session_row_hold(session->shown);
        struct history history = {
            .call = call, .row = &held->row, .held = held};
        answer_history(&history);
        return;
    }
    session_view(session, call->arena, &view);
    answer_session(call, &view, &session->file);
}

/* ---- rates ---- */

static void stored_does_not_run(struct api_call *call, struct store_rows *rows)
{
    store_rows_free(rows);
    api_fault_client(call, DOES_NOT_RUN "has ended");
}

/* The rates of a session that runs; NULL if it answers with a fault. */
static struct session *find_running(struct api_call *call,
                                    struct text session_id,
                                    struct transfer_rates *rates)
{
    struct session *session = find(call, session_id);
    struct transfer_stats stats;

    if (session == NULL) {
        find_stored(call, session_id, stored_does_not_run);
        return NULL;
    }
    if (session->transfer == NULL) {
        bool waits = session->shown->row.state == STORE_SESSION_WAITING;
        api_fault_client(call, DOES_NOT_RUN "%s",
                         waits ? "waits for its turn" : "has ended");
        return NULL;
    }
    transfer_stats(session->transfer, &stats);
    *rates = stats.rates;
    return session;
}

/* False after it has answered with a fault. */
static bool read_policy(struct api_call *call, struct text word,
                        enum transfer_policy *policy)
{
    static const struct {
        const char *word;
        enum transfer_policy policy;
    } words[] = {
        {"Fixed", TRANSFER_FIXED}, {"High", TRANSFER_HIGH},
        {"Fair", TRANSFER_FAIR},   {"Low", TRANSFER_LOW},
        {"Trickle", TRANSFER_LOW}, /* its old name */
    };

    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_is_nocase(word, words[i].word)) {
            *policy = words[i].policy;
            return true;
        }
    }
    api_fault_client(call, "Policy: expected Fixed, High, Fair or Low");
    return false;
}

static uint32_t cap_of(uint32_t bandwidth_cap)
{
    return bandwidth_cap >= SESSION_NO_CAP_KBPS ? 0 : bandwidth_cap;
}

void api_set_rate_parameters(struct api_call *call)
{
    const struct f06_set_rate_parameters_request *request = call->request;
    const struct f06_rate_parameters *asked = &request->rate_parameters;
    struct transfer_rates rates;
    struct session *session = find_running(call, request->session_id, &rates);

    if (session == NULL || !read_policy(call, asked->policy, &rates.policy))
        return;
    rates.target_kbps = asked->target_rate;
    rates.minimum_kbps = asked->minimum_rate;
    rates.cap_kbps = cap_of(asked->bandwidth_cap);
    transfer_set_rates(session->transfer, &rates);
    api_answer(call, NULL);
}

void api_set_policy(struct api_call *call)
{
    const struct f06_set_policy_request *request = call->request;
    struct transfer_rates rates;
    struct session *session = find_running(call, request->session_id, &rates);

    if (session == NULL || !read_policy(call, request->policy, &rates.policy))
        return;
    transfer_set_rates(session->transfer, &rates);
    api_answer(call, NULL);
}

void api_set_target_rate(struct api_call *call)
{
    const struct f06_set_target_rate_request *request = call->request;
    struct transfer_rates rates;
    struct session *session = find_running(call, request->session_id, &rates);

    if (session == NULL)
        return;
    rates.target_kbps = request->target_rate;
    transfer_set_rates(session->transfer, &rates);
    api_answer(call, NULL);
}

void api_set_minimum_rate(struct api_call *call)
{
    const struct f06_set_minimum_rate_request *request = call->request;
    struct transfer_rates rates;
    struct session *session = find_running(call, request->session_id, &rates);

    if (session == NULL)
        return;
    rates.minimum_kbps = request->minimum_rate;
    transfer_set_rates(session->transfer, &rates);
    api_answer(call, NULL);
}

void api_set_bandwidth_cap(struct api_call *call)
{
    const struct f06_set_bandwidth_cap_request *request = call->request;
    struct transfer_rates rates;
    struct session *session = find_running(call, request->session_id, &rates);

    if (session == NULL)
        return;
    rates.cap_kbps = cap_of(request->bandwidth_cap);
    transfer_set_rates(session->transfer, &rates);
    api_answer(call, NULL);
}

/* ---- Cancel ---- */

static void cancelled(void *user)
{
    api_answer(user, NULL);
}

/* Cancel asked for its end, and it has ended. */
static void stored_is_over(struct api_call *call, struct store_rows *rows)
{
    store_rows_free(rows);
    api_answer(call, NULL);
}

void api_cancel_session(struct api_call *call)
{
    const struct f06_cancel_request *request = call->request;
    struct session *session = find(call, request->session_id);

    if (session == NULL) {
        find_stored(call, request->session_id, stored_is_over);
        return;
    }
    session_cancel(call->central, session);
    session_await_end(session, call, cancelled);
}
