#include "central/reports.h"

#include "central/context.h"
#include "central/job_steps.h"
#include "central/users.h"

/* A session without user data is the other end of one of our own jobs, or one
 * that was refused: it is recorded once or not at all. */
static struct session *session_of(struct transfer_session *transfer)
{
    return transfer_user_data(transfer);
}

static void login(void *owner, struct transfer_login *login, struct text user)
{
    struct central *central = owner;

    users_login(central, login, user);
}

static void opened(void *owner, struct transfer_session *transfer)
{
    session_opened(owner, transfer);
}

static void changed(void *owner, struct transfer_session *transfer,
                    enum transfer_change change)
{
    struct session *session = session_of(transfer);

    if (session == NULL)
        return;
    switch (change) {
    case TRANSFER_CHANGE_LET_IN:
        if (session->job != NULL)
            job_let_in(owner, session->job);
        break;
    case TRANSFER_CHANGE_RATES:
    case TRANSFER_CHANGE_PAUSED:
    case TRANSFER_CHANGE_RESUMED:
        session_changed(owner, session);
        break;
    }
}

static void file(void *owner, struct transfer_session *transfer,
                 const struct transfer_file *file)
{
    struct central *central = owner;
    struct session *session = session_of(transfer);

    if (session != NULL)
        files_report(&central->files, session->uuid, file);
}

static void ended(void *owner, struct transfer_session *transfer)
{
    struct session *session = session_of(transfer);

    if (session != NULL)
        session_ended(owner, session);
}

const struct transfer_node_events reports_events = {
    .login = login,
    .opened = opened,
    .changed = changed,
    .file = file,
    .ended = ended,
};
