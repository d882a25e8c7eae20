/* FASPSessionNET-200601: the sessions that run, their rates, their end. */
#include "central/api.h"

#include "base/arena.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/job_steps.h"

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

/* NULL after it has answered with a fault. */
static struct session *find(struct api_call *call, struct text session_id)
{
    struct session *session = NULL;
    struct uuid uuid;

    if (uuid_parse(session_id, &uuid))
        session = sessions_find(&call->central->sessions, uuid);
    if (session != NULL && session->shown != NULL)
        return session;
    api_fault_typed(call, SOAP_DETAIL_SESSION_NOT_FOUND, session_id);
    return NULL;
}

void api_query_session(struct api_call *call)
{
    const struct f06_query_session_request *request = call->request;
    struct f06_query_session_response response = {0};
    struct describe_file file = {.path = TEXT_ABSENT};
    struct session *session = find(call, request->session_id);
    struct transfer_stats stats;
    struct store_session view;

    if (session == NULL)
        return;
    if (session->transfer != NULL) {
        transfer_stats(session->transfer, &stats);
        session_keep_file(session, &stats);
    }
    if (session->file.path != NULL)
        file = (struct describe_file){
            text_from(session->file.path, session->file.path_bytes),
            session->file.size_bytes, session->file.written_bytes};
    session_view(session, call->arena, &view);
    describe_session(&view, &file, call->arena, &response.session);
    api_answer(call, &response);
}

/* ---- rates ---- */

/* The rates of a session that runs; NULL after it has answered with a fault. */
static struct session *find_running(struct api_call *call,
                                    struct text session_id,
                                    struct transfer_rates *rates)
{
    struct session *session = find(call, session_id);
    struct transfer_stats stats;

    if (session == NULL)
        return NULL;
    if (session->transfer == NULL) {
        api_fault_client(call,
                         "SessionID: expected a session that runs; this "
                         "one %s",
                         session->shown->row.state == STORE_SESSION_WAITING
                             ? "waits for its turn"
                             : "has ended");
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

void api_cancel_session(struct api_call *call)
{
    const struct f06_cancel_request *request = call->request;
    struct session *session = find(call, request->session_id);

    if (session == NULL)
        return;
    session_cancel(call->central, session);
    session_await_end(session, call, cancelled);
}
