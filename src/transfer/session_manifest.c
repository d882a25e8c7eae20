/* The manifest of a session whose order asks for one. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "transfer/node_internal.h"
#include "transfer/session.h"

static void manifest_failed(struct manifest_owner *owner, int error)
{
    char text[80];

    snprintf(text, sizeof text, "the manifest: %s", strerror(-error));
    session_fail(OWNER_OF(owner, struct transfer_session, manifest_owner),
                 fasp_error_of_errno(-error, FASP_ERROR_DISK_WRITE), text);
}

static void manifest_done(struct manifest_owner *owner)
{
    struct transfer_session *session =
        OWNER_OF(owner, struct transfer_session, manifest_owner);

    if (session_is_ending(session))
        session_kick(session); /* it waits for this */
}

void session_open_manifest(struct transfer_session *session)
{
    const struct transfer_params *params = &session->params;
    struct session_work *work = &session->prepare_work;

    int ret = manifest_open(
        &session->manifest, session->docroot, params->manifest_folder,
        params->manifest_suffix, params->session_id, params->job_id,
        params->operation == TRANSFER_PUSH);
    if (ret != 0) {
        work->error = fasp_error_of_errno(-ret, FASP_ERROR_DISK_WRITE);
        snprintf(work->text, sizeof work->text, "manifest in %.*s: %s",
                 (int)params->manifest_folder.size_bytes,
                 params->manifest_folder.data, strerror(-ret));
        return;
    }
    session->manifest_owner =
        (struct manifest_owner){manifest_failed, manifest_done};
    manifest_start(&session->manifest, session->node->loop,
                   &session->manifest_owner);
}

void session_close_manifest(struct transfer_session *session)
{
    static const char *const words[] = {
        [TRANSFER_COMPLETED] = "completed",
        [TRANSFER_CANCELLED] = "cancelled",
        [TRANSFER_FAILED] = "error",
    };
    char id[UUID_TEXT_BYTES + 1];

    int ret = manifest_close(&session->manifest, words[session->outcome],
                             (uint32_t)session->error);
    uuid_format(session->params.session_id, id);
    if (ret != 0)
        LOG(transfer_manifest_failed, id, strerror(-ret));
}
