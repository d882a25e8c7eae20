/* The files of a session, before it runs. */
#include <stdlib.h>
#include <string.h>

#include "transfer/node_internal.h"
#include "transfer/session.h"

static enum file_writer_overwrite
writer_overwrite(enum transfer_overwrite overwrite)
{
    switch (overwrite) {
    case TRANSFER_OVERWRITE_DIFF:
        return WRITER_OVERWRITE_DIFF;
    case TRANSFER_OVERWRITE_ALWAYS:
        return WRITER_OVERWRITE_ALWAYS;
    case TRANSFER_OVERWRITE_NEVER:
        return WRITER_OVERWRITE_NEVER;
    case TRANSFER_OVERWRITE_OLDER:
        return WRITER_OVERWRITE_OLDER;
    case TRANSFER_OVERWRITE_DIFF_AND_OLDER:
        return WRITER_OVERWRITE_DIFF_AND_OLDER;
    }
    NEVER("a policy of overwriting is none");
}

/* What this node does not do with links, it passes over. */
static enum transfer_links links_sent(const struct transfer_session *session)
{
    uint8_t needed = session->params.links == TRANSFER_LINKS_FOLLOW
                         ? TRANSFER_MAY_FOLLOW
                         : TRANSFER_MAY_CREATE;

    return (session->node->config.made.forbids_links & needed) != 0
               ? TRANSFER_LINKS_SKIP
               : session->params.links;
}

bool session_make_files(struct transfer_session *session)
{
    const struct transfer_params *params = &session->params;

    if (session->is_sender) {
        struct scan_options wanted = {
            .links = links_sent(session),
            .skip_special = params->skip_special_files,
            .with_owner = params->preserve_uid || params->preserve_gid,
            .with_access_times = params->preserve_access_times,
            .has_oldest = params->has_oldest,
            .has_newest = params->has_newest,
            .oldest_s = params->oldest_s,
            .newest_s = params->newest_s,
            .source_base = params->source_base,
            .excludes = params->excludes,
            .exclude_count = params->exclude_count,
            .resume_suffix = session->node->config.resume_suffix,
        };
        session->scan = scan_open(session->docroot, params->sources,
                                  params->source_count, &wanted);
        if (params->precalculate)
            session->count = scan_open(session->docroot, params->sources,
                                       params->source_count, &wanted);
        if (params->precalculate && session->count == NULL)
            return false;
        session->source = calloc(1, sizeof *session->source);
        return session->scan != NULL && session->source != NULL;
    }

    struct file_writer_options options = {
        .docroot = session->docroot,
        .destination = params->destination,
        .source_count = session->ordered_source_count,
        .create_path = params->create_path,
        .preserve_times = params->preserve_times,
        .overwrite = writer_overwrite(params->overwrite),
        .resume = session_control_resume(params->resume),
        .links = session_control_links(params->links),
        .checksum = session_control_checksum(params->checksum),
        .file_flags = session_file_flags(params),
        .partial_suffix = params->partial_suffix.size_bytes > 0
                              ? params->partial_suffix
                              : session->node->config.partial_suffix,
        .save_suffix = params->save_suffix,
        .made = &session->node->config.made,
        .resume_suffix = session->node->config.resume_suffix,
    };
    if (session->ordered_source_count == 1 && params->source_count == 1 &&
        params->source_base.size_bytes == 0)
        options.first_source = params->sources[0];
    session->writer = file_writer_new(&options);
    return session->writer != NULL;
}

static void prepare_files(struct transfer_session *session)
{
    struct session_work *work = &session->prepare_work;

    if (!session->is_sender) {
        work->error =
            file_writer_prepare(session->writer, work->text, sizeof work->text);
        return;
    }
    work->error = scan_check(session->scan, work->text, sizeof work->text);
    if (work->error == FASP_ERROR_NONE && session->count != NULL)
        work->error = scan_check(session->count, work->text, sizeof work->text);
    if (work->error != FASP_ERROR_NONE)
        return;
    int ret =
        source_open(session->source, session->node->loop, &session->node->pool,
                    session->docroot, &session->source_owner);
    session->source->reader.no_access_time =
        session->params.preserve_source_access_times;
    if (ret != 0)
        work->error = fasp_error_of_errno(-ret, FASP_ERROR_DISK_READ);
}

void session_prepare_files(struct transfer_session *session)
{
    prepare_files(session);
    if (session->prepare_work.error == FASP_ERROR_NONE && session->is_client &&
        session->params.manifest_folder.size_bytes > 0)
        session_open_manifest(session);
}
