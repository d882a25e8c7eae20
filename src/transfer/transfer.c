/* The calls of node.h that are about one session. */
#include <string.h>

#include "transfer/node_internal.h"
#include "transfer/session.h"

/* Copies one text.  Absent stays absent. */
static void copy(struct transfer_session *session, struct text *text,
                 bool *whole)
{
    struct text given = *text;

    *text = text_copy(&session->arena, given);
    *whole = *whole && text_is_absent(*text) == text_is_absent(given);
}

static bool copy_params(struct transfer_session *session,
                        const struct transfer_params *params)
{
    struct transfer_params *ours = &session->params;
    bool whole = true;

    *ours = *params;
    copy(session, &ours->host, &whole);
    copy(session, &ours->user, &whole);
    copy(session, &ours->password, &whole);
    copy(session, &ours->key_path, &whole);
    copy(session, &ours->key_passphrase, &whole);
    copy(session, &ours->token, &whole);
    copy(session, &ours->fingerprint, &whole);
    copy(session, &ours->known_hosts_path, &whole);
    copy(session, &ours->local_docroot, &whole);
    copy(session, &ours->destination, &whole);
    copy(session, &ours->cookie, &whole);
    copy(session, &ours->partial_suffix, &whole);
    copy(session, &ours->save_suffix, &whole);
    copy(session, &ours->source_base, &whole);
    copy(session, &ours->manifest_folder, &whole);
    copy(session, &ours->manifest_suffix, &whole);

    struct text *sources = arena_take_zeroed(
        &session->arena, params->source_count + 1, sizeof *sources);
    ours->sources = sources;
    for (uint32_t i = 0; sources != NULL && i < params->source_count; i++) {
        sources[i] = params->sources[i];
        copy(session, &sources[i], &whole);
    }
    struct text *excludes = arena_take_zeroed(
        &session->arena, params->exclude_count + 1, sizeof *excludes);
    ours->excludes = excludes;
    for (uint32_t i = 0; excludes != NULL && i < params->exclude_count; i++) {
        excludes[i] = params->excludes[i];
        copy(session, &excludes[i], &whole);
    }
    return whole && sources != NULL && excludes != NULL;
}

static void choose_methods(struct transfer_params *params)
{
    if (params->method_count != 0)
        return;
    if (!text_is_absent(params->password))
        params->methods[params->method_count++] = TRANSFER_METHOD_PASSWORD;
    if (!text_is_absent(params->key_path))
        params->methods[params->method_count++] = TRANSFER_METHOD_PUBLIC_KEY;
}

struct transfer_session *transfer_start(struct transfer_node *node,
                                        const struct transfer_params *params,
                                        void *user_data)
{
    struct transfer_session *session = session_new(node, true);

    CHECK(session != NULL);
    session->is_shown = true;
    session->user_data = user_data;
    session->is_sender = params->operation == TRANSFER_PUSH;
    if (!copy_params(session, params)) {
        session_fail(session, FASP_ERROR_MEMORY, NULL);
        return session;
    }
    struct transfer_params *ours = &session->params;
    transfer_rules_apply(node_rules(node, session->is_sender), &ours->rates);
    struct fasp_rates rates = session_fasp_rates(&ours->rates);
    if (ours->checksum == TRANSFER_CHECKSUM_NONE)
        ours->checksum = node->config.made.checksum;
    choose_methods(ours);
    session->docroot = ours->local_docroot;
    session->ordered_source_count = ours->source_count;
    if (ours->cipher == TRANSFER_CIPHER_NONE && !node->config.allow_plain)
        ours->cipher = TRANSFER_CIPHER_AES_128;
    if (node->is_stopping)
        session_fail(session, FASP_ERROR_LOST, "this node stops");
    else if (!fasp_rates_supported(&rates))
        session_fail(session, FASP_ERROR_USAGE,
                     "the rate policy is not built, or a rate is out of range");
    else if (!session_files_are_good(ours))
        session_fail(session, FASP_ERROR_USAGE,
                     "a suffix of file names is too long or has a slash");
    else if (ours->source_count == 0)
        session_fail(session, FASP_ERROR_NOTHING, "no source was named");
    session_kick(session);
    return session;
}

void *transfer_user_data(const struct transfer_session *session)
{
    return session->user_data;
}

void transfer_set_user_data(struct transfer_session *session, void *user_data)
{
    session->user_data = user_data;
}

void transfer_cancel(struct transfer_session *session)
{
    session_fail(session, FASP_ERROR_CANCELLED, NULL);
}

void transfer_set_rates(struct transfer_session *session,
                        const struct transfer_rates *rates)
{
    if (session_is_ending(session))
        return;
    session_take_rates(session, rates);
    session->rates_changed |= session->state == SESSION_ASKING;
    if (session->state >= SESSION_RUNNING)
        session_say_rates(session);
}
