/* What the order says, in the words of the protocol. */
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
