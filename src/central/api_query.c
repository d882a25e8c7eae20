/* FASPSessionNET-200911: the eight queries, which differ in what they show of
 * the rows that they find. */
#include "central/api.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/check.h"
#include "central/context.h"
#include "central/describe.h"
#include "central/filter.h"
#include "central/query.h"
#include "store/pattern.h"

enum level {
    LEVEL_KEYS,
    LEVEL_STATISTICS,
    LEVEL_INFO,
};

struct shape {
    enum token_kind kind;
    enum level level;
};

static struct shape shape_of(enum soap_operation operation)
{
    /* Every other operation has a handler of its own. */
    static const struct {
        enum soap_operation operation;
        struct shape shape;
    } shapes[] = {
        {SOAP_OP_GET_SESSIONS, {TOKEN_OF_SESSIONS, LEVEL_KEYS}},
        {SOAP_OP_GET_SESSION_INFO, {TOKEN_OF_SESSIONS, LEVEL_INFO}},
        {SOAP_OP_GET_SESSION_STATISTICS, {TOKEN_OF_SESSIONS, LEVEL_STATISTICS}},
        {SOAP_OP_GET_FILE_TRANSFERS, {TOKEN_OF_FILES, LEVEL_KEYS}},
        {SOAP_OP_GET_FILE_TRANSFER_INFO, {TOKEN_OF_FILES, LEVEL_INFO}},
        {SOAP_OP_GET_FILE_TRANSFER_STATISTICS,
         {TOKEN_OF_FILES, LEVEL_STATISTICS}},
        {SOAP_OP_GET_INFO, {TOKEN_OF_BOTH, LEVEL_INFO}},
        {SOAP_OP_GET_STATISTICS, {TOKEN_OF_BOTH, LEVEL_STATISTICS}},
    };

    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (shapes[i].operation == operation)
            return shapes[i].shape;
    NEVER("an operation that is no query came here");
}

/* ---- rows as they are shown ---- */

/* NULL when memory is used up. */
static void *describe_sessions(const struct query *query, enum level level)
{
    static const size_t sizes[] = {
        [LEVEL_KEYS] = sizeof(struct f09_session_key),
        [LEVEL_STATISTICS] = sizeof(struct f09_session_statistics),
        [LEVEL_INFO] = sizeof(struct f09_session_info),
    };
    unsigned char *shown =
        arena_take(query->arena, (query->session_count + 1) * sizes[level]);

    if (shown == NULL)
        return NULL;
    for (uint32_t i = 0; i < query->session_count; i++) {
        const struct store_session *row = &query->sessions[i];
        void *place = shown + i * sizes[level];
        switch (level) {
        case LEVEL_KEYS:
            describe_session_key(row, query->arena, place);
            break;
        case LEVEL_STATISTICS:
            describe_session_statistics(row, query->arena, place);
            break;
        case LEVEL_INFO:
            describe_session_info(row, query->arena, place);
            break;
        }
    }
    return shown;
}

static void *describe_files(const struct query *query, enum level level)
{
    static const size_t sizes[] = {
        [LEVEL_KEYS] = sizeof(struct f09_file_transfer_key),
        [LEVEL_STATISTICS] = sizeof(struct f09_file_transfer_statistics),
        [LEVEL_INFO] = sizeof(struct f09_file_transfer_info),
    };
    unsigned char *shown =
        arena_take(query->arena, (query->file_count + 1) * sizes[level]);

    if (shown == NULL)
        return NULL;
    for (uint32_t i = 0; i < query->file_count; i++) {
        const struct store_file *row = &query->files[i];
        void *place = shown + i * sizes[level];
        switch (level) {
        case LEVEL_KEYS:
            describe_file_key(row, query->arena, place);
            break;
        case LEVEL_STATISTICS:
            describe_file_statistics(row, query->arena, place);
            break;
        case LEVEL_INFO:
            describe_file_info(row, query->arena, place);
            break;
        }
    }
    return shown;
}

/* ---- answers ---- */

struct answer {
    struct f09_query_result result;
    void *sessions;
    uint32_t session_count;
    void *files;
    uint32_t file_count;
};

static void answer_sessions(struct api_call *call, enum level level,
                            const struct answer *answer)
{
    struct f09_get_sessions_response keys = {
        {answer->result, answer->sessions, answer->session_count}};
    struct f09_get_session_statistics_response statistics = {
        {answer->result, answer->sessions, answer->session_count}};
    struct f09_get_session_info_response info = {
        {answer->result, answer->sessions, answer->session_count}};

    switch (level) {
    case LEVEL_KEYS:
        api_answer(call, &keys);
        break;
    case LEVEL_STATISTICS:
        api_answer(call, &statistics);
        break;
    case LEVEL_INFO:
        api_answer(call, &info);
        break;
    }
}

static void answer_files(struct api_call *call, enum level level,
                         const struct answer *answer)
{
    struct f09_get_file_transfers_response keys = {
        {answer->result, answer->files, answer->file_count}};
    struct f09_get_file_transfer_statistics_response statistics = {
        {answer->result, answer->files, answer->file_count}};
    struct f09_get_file_transfer_info_response info = {
        {answer->result, answer->files, answer->file_count}};

    switch (level) {
    case LEVEL_KEYS:
        api_answer(call, &keys);
        break;
    case LEVEL_STATISTICS:
        api_answer(call, &statistics);
        break;
    case LEVEL_INFO:
        api_answer(call, &info);
        break;
    }
}

static void answer_both(struct api_call *call, enum level level,
                        const struct answer *answer)
{
    struct f09_get_statistics_response statistics = {
        {answer->result, answer->sessions, answer->session_count, answer->files,
         answer->file_count}};
    struct f09_get_info_response info = {{answer->result, answer->sessions,
                                          answer->session_count, answer->files,
                                          answer->file_count}};

    if (level == LEVEL_INFO)
        api_answer(call, &info);
    else
        api_answer(call, &statistics);
}

static void answer_page(struct api_call *call, const struct query *query)
{
    struct shape shape = shape_of(call->operation);
    char token[TOKEN_TEXT_BYTES];
    struct answer answer = {
        .sessions = describe_sessions(query, shape.level),
        .session_count = query->session_count,
        .files = describe_files(query, shape.level),
        .file_count = query->file_count,
    };

    if (answer.sessions == NULL || answer.files == NULL) {
        api_fault_server(call);
        return;
    }
    token_format(&query->token, token);
    answer.result = (struct f09_query_result){
        .result_count = query->session_count + query->file_count,
        .remaining_result_count = query->remaining < UINT32_MAX
                                      ? (uint32_t)query->remaining
                                      : UINT32_MAX,
        .iteration_token = text_of(token),
    };
    switch (shape.kind) {
    case TOKEN_OF_SESSIONS:
        answer_sessions(call, shape.level, &answer);
        break;
    case TOKEN_OF_FILES:
        answer_files(call, shape.level, &answer);
        break;
    case TOKEN_OF_BOTH:
        answer_both(call, shape.level, &answer);
        break;
    }
}

static void query_done(struct query *query, enum query_result result)
{
    struct api_call *call = query->user;

    switch (result) {
    case QUERY_GOOD:
        answer_page(call, query);
        break;
    case QUERY_TOO_COSTLY:
        api_fault_client(call, "CookieFilter or FilenameFilter: expected a "
                               "regular expression that takes less time over "
                               "all that is stored, or a filter beside it");
        break;
    case QUERY_TOO_MANY:
        api_fault_client(call, "SessionFilter: expected fewer values");
        break;
    case QUERY_FILTER_CHANGED:
        api_fault_typed(call, SOAP_DETAIL_FILTER_CHANGED, TEXT_ABSENT);
        break;
    case QUERY_FAILED:
        api_fault_server(call);
        break;
    }
}

/* ---- requests ---- */

/* All eight requests hold one filter and nothing else. */
static const struct f09_session_filter *
filter_of(struct api_call *call, struct query *query, bool *read)
{
    if (query->kind == TOKEN_OF_SESSIONS) {
        const struct f09_session_filter *asked = call->request;
        *read =
            filter_read_sessions(asked, call->arena, &query->filter.session);
        return asked;
    }
    const struct f09_file_transfer_filter *asked = call->request;
    *read = filter_read_files(asked, call->arena, &query->filter);
    return &asked->session;
}

/* Whether a pattern is one; else the call is answered.  Those of the filter
 * are absent when they were empty. */
static bool check_pattern(struct api_call *call, const char *name,
                          struct text text)
{
    struct pattern_error error;

    if (text_is_absent(text))
        return true;
    struct pattern *pattern = pattern_compile(text, &error);
    if (pattern == NULL)
        api_fault_client(call,
                         "%s: expected a regular expression, but at its byte "
                         "%u %s",
                         name, error.at_bytes + 1, error.why);
    pattern_free(pattern);
    return pattern != NULL;
}

static bool is_word(struct text text, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_is(text, names[i]))
            return true;
    return false;
}

/* Whether all words are among `names`; else the call is answered. */
static bool check_words(struct api_call *call, const char *name,
                        struct store_texts words, const char *const *names,
                        uint32_t count)
{
    char expected[256]; /* the longest set takes 74 */
    size_t used = 0;
    uint32_t known = 0;

    while (known < words.count && is_word(words.values[known], names, count))
        known++;
    if (known == words.count)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        const char *before = i == 0 ? "" : i + 1 < count ? ", " : " or ";
        int written = snprintf(expected + used, sizeof expected - used, "%s%s",
                               before, names[i]);
        CHECK(written > 0 && (size_t)written < sizeof expected - used);
        used += (size_t)written;
    }
    api_fault_client(call, "%s: expected %s", name, expected);
    return false;
}

static bool check_filter(struct api_call *call,
                         const struct store_file_filter *filter)
{
    const struct store_session_filter *session = &filter->session;
    struct store_texts direction = {&session->direction, 1};

    if (text_is_absent(session->direction))
        direction.count = 0;
    return check_words(call, "SessionStatus", session->states,
                       store_session_state_names, STORE_SESSION_STATE_COUNT) &&
           check_words(call, "Direction", direction, store_direction_names,
                       STORE_DIRECTION_COUNT) &&
           check_words(call, "TransferStatus", filter->states,
                       store_file_state_names, STORE_FILE_STATE_COUNT) &&
           check_pattern(call, "CookieFilter", session->cookie_pattern) &&
           check_pattern(call, "FilenameFilter", filter->name_pattern);
}

void api_query(struct api_call *call)
{
    struct query *query = arena_take_zeroed(call->arena, 1, sizeof *query);
    bool read = false;

    if (query == NULL) {
        api_fault_server(call);
        return;
    }
    query->kind = shape_of(call->operation).kind;
    const struct f09_session_filter *asked = filter_of(call, query, &read);
    if (!read) {
        api_fault_server(call);
        return;
    }
    if (!check_filter(call, &query->filter))
        return;
    query->central = call->central;
    query->arena = call->arena;
    query->user = call;
    query->done = query_done;
    query->token_given = asked->iteration_token;
    query->limit = STORE_PAGE_ROWS_MAX;
    if (asked->has_max_results && asked->max_results < query->limit)
        query->limit = (uint32_t)asked->max_results;
    query_start(query);
}
