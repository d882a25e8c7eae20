/* What the order says, in the words of the protocol. */
#include <stddef.h>
#include <string.h>

#include "transfer/node_internal.h"
#include "transfer/session.h"

uint8_t session_control_overwrite(enum transfer_overwrite overwrite)
{
    switch (overwrite) {
    case TRANSFER_OVERWRITE_DIFF:
        return CONTROL_OVERWRITE_DIFF;
    case TRANSFER_OVERWRITE_ALWAYS:
        return CONTROL_OVERWRITE_ALWAYS;
    case TRANSFER_OVERWRITE_NEVER:
        return CONTROL_OVERWRITE_NEVER;
    case TRANSFER_OVERWRITE_OLDER:
        return CONTROL_OVERWRITE_OLDER;
    case TRANSFER_OVERWRITE_DIFF_AND_OLDER:
        return CONTROL_OVERWRITE_DIFF_AND_OLDER;
    }
    NEVER("a policy of overwriting is none");
}

uint8_t session_control_links(enum transfer_links links)
{
    switch (links) {
    case TRANSFER_LINKS_FOLLOW:
        return CONTROL_LINKS_FOLLOW;
    case TRANSFER_LINKS_COPY:
        return CONTROL_LINKS_COPY;
    case TRANSFER_LINKS_SKIP:
        return CONTROL_LINKS_SKIP;
    case TRANSFER_LINKS_COPY_FORCE:
        return CONTROL_LINKS_COPY_FORCE;
    }
    NEVER("a policy of links is none");
}

uint8_t session_control_checksum(enum transfer_checksum checksum)
{
    switch (checksum) {
    case TRANSFER_CHECKSUM_NONE:
        return CONTROL_CHECKSUM_NONE;
    case TRANSFER_CHECKSUM_SHA1:
        return CONTROL_CHECKSUM_SHA1;
    case TRANSFER_CHECKSUM_MD5:
        return CONTROL_CHECKSUM_MD5;
    case TRANSFER_CHECKSUM_SHA256:
        return CONTROL_CHECKSUM_SHA256;
    }
    NEVER("a checksum is none");
}

/* The bits of HELLO, and the members that they are. */
static const struct {
    enum control_file_flag flag;
    size_t offset; /* of a bool in struct transfer_params */
} flags[] = {
    {CONTROL_FILE_ACCESS_TIME,
     offsetof(struct transfer_params, preserve_access_times)},
    {CONTROL_FILE_UID, offsetof(struct transfer_params, preserve_uid)},
    {CONTROL_FILE_GID, offsetof(struct transfer_params, preserve_gid)},
    {CONTROL_FILE_SKIP_SPECIAL,
     offsetof(struct transfer_params, skip_special_files)},
    {CONTROL_FILE_REMOVE_SOURCES,
     offsetof(struct transfer_params, remove_sources)},
    {CONTROL_FILE_REMOVE_FOLDERS,
     offsetof(struct transfer_params, remove_folders)},
    {CONTROL_FILE_SOURCE_ACCESS_TIME,
     offsetof(struct transfer_params, preserve_source_access_times)},
    {CONTROL_FILE_PRECALCULATE,
     offsetof(struct transfer_params, precalculate)},
};

uint32_t session_file_flags(const struct transfer_params *params)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (*(const bool *)((const uint8_t *)params + flags[i].offset))
            bits |= flags[i].flag;
    }
    return bits;
}

bool session_files_are_good(const struct transfer_params *params)
{
    const struct text suffixes[] = {params->partial_suffix,
                                    params->save_suffix};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct text suffix = suffixes[i];
        if (suffix.size_bytes > CONTROL_SUFFIX_BYTES_MAX ||
            (suffix.size_bytes > 0 &&
             memchr(suffix.data, '/', suffix.size_bytes) != NULL))
            return false;
    }
    return true;
}

/* What HELLO says of files, but for texts, which are borrowed. */
void session_files_to_hello(const struct transfer_params *params,
                            struct control_hello *hello)
{
    hello->overwrite = session_control_overwrite(params->overwrite);
    hello->links = session_control_links(params->links);
    hello->resume = session_control_resume(params->resume);
    hello->checksum = session_control_checksum(params->checksum);
    hello->file_flags = session_file_flags(params);
    hello->partial_suffix = params->partial_suffix;
    hello->save_suffix = params->save_suffix;
    hello->source_base = params->source_base;
    hello->oldest_s =
        (uint64_t)(params->has_oldest ? params->oldest_s : INT64_MIN);
    hello->newest_s =
        (uint64_t)(params->has_newest ? params->newest_s : INT64_MAX);
}

static enum transfer_links links_of(uint8_t links)
{
    switch ((enum control_links)links) {
    case CONTROL_LINKS_FOLLOW:
        return TRANSFER_LINKS_FOLLOW;
    case CONTROL_LINKS_COPY:
        return TRANSFER_LINKS_COPY;
    case CONTROL_LINKS_SKIP:
        return TRANSFER_LINKS_SKIP;
    case CONTROL_LINKS_COPY_FORCE:
        return TRANSFER_LINKS_COPY_FORCE;
    }
    NEVER("control_decode() lets known values through only");
}

static enum transfer_checksum checksum_of(uint8_t checksum)
{
    switch ((enum control_checksum)checksum) {
    case CONTROL_CHECKSUM_NONE:
        return TRANSFER_CHECKSUM_NONE;
    case CONTROL_CHECKSUM_SHA1:
        return TRANSFER_CHECKSUM_SHA1;
    case CONTROL_CHECKSUM_MD5:
        return TRANSFER_CHECKSUM_MD5;
    case CONTROL_CHECKSUM_SHA256:
        return TRANSFER_CHECKSUM_SHA256;
    }
    NEVER("control_decode() lets known values through only");
}

/* The patterns, each of which has a NUL behind it. */
static bool take_excludes(struct transfer_session *session, struct text joined)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < joined.size_bytes; i++)
        count += joined.data[i] == '\0';
    joined = text_copy(&session->arena, joined);
    struct text *excludes =
        arena_take_zeroed(&session->arena, count + 1, sizeof *excludes);
    if (excludes == NULL || (count > 0 && text_is_absent(joined)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        excludes[i] = text_of(joined.data);
        joined.data += excludes[i].size_bytes + 1;
    }
    session->params.excludes = excludes;
    session->params.exclude_count = count;
    return true;
}

bool session_files_of_hello(struct transfer_session *session,
                            const struct control_hello *hello)
{
    struct transfer_params *params = &session->params;
    struct arena *arena = &session->arena;

    params->links = links_of(hello->links);
    params->checksum = checksum_of(hello->checksum);
    if (params->checksum == TRANSFER_CHECKSUM_NONE && !session->is_sender)
        params->checksum = session->node->config.made.checksum;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        *(bool *)((uint8_t *)params + flags[i].offset) =
            (hello->file_flags & flags[i].flag) != 0;
    params->oldest_s = (int64_t)hello->oldest_s;
    params->newest_s = (int64_t)hello->newest_s;
    params->has_oldest = params->oldest_s != INT64_MIN;
    params->has_newest = params->newest_s != INT64_MAX;
    params->partial_suffix = text_copy(arena, hello->partial_suffix);
    params->save_suffix = text_copy(arena, hello->save_suffix);
    params->source_base = text_copy(arena, hello->source_base);
    return !text_is_absent(params->partial_suffix) &&
           !text_is_absent(params->save_suffix) &&
           !text_is_absent(params->source_base) &&
           take_excludes(session, hello->excludes);
}

bool session_join_excludes(struct transfer_session *session, struct text *joined)
{
    const struct transfer_params *params = &session->params;
    uint32_t size_bytes = 0;

    for (uint32_t i = 0; i < params->exclude_count; i++)
        size_bytes += params->excludes[i].size_bytes + 1;
    char *at = arena_take(&session->arena, size_bytes + 1);
    if (at == NULL)
        return false;
    *joined = text_from(at, size_bytes);
    for (uint32_t i = 0; i < params->exclude_count; i++) {
        memcpy(at, params->excludes[i].data, params->excludes[i].size_bytes);
        at += params->excludes[i].size_bytes;
        *at++ = '\0';
    }
    return true;
}

uint8_t session_control_resume(enum transfer_resume resume)
{
    switch (resume) {
    case TRANSFER_RESUME_NONE:
        return CONTROL_RESUME_NONE;
    case TRANSFER_RESUME_ATTRIBUTES:
        return CONTROL_RESUME_ATTRIBUTES;
    case TRANSFER_RESUME_SPARSE:
        return CONTROL_RESUME_SPARSE;
    case TRANSFER_RESUME_FULL:
        return CONTROL_RESUME_FULL;
    }
    NEVER("a way to resume is none");
}
