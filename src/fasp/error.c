#include "fasp/error.h"

#include <errno.h>
#include <stddef.h>

struct error_row {
    const char *name; /* NULL = the number is not used */
    bool retryable;
    const char *text;
};

#define FAILS false
#define RETRY true

static const struct error_row rows[FASP_ERROR_MAX + 1] = {
    [FASP_ERROR_NONE] = {"none", FAILS, "There was no error."},
    [FASP_ERROR_PROTOCOL] =
        {"protocol", FAILS,
         "The other node broke the transfer protocol: check that both nodes "
         "run versions that fit together."},
    [FASP_ERROR_ENGINE] =
        {"engine", FAILS,
         "The transfer engine of this node failed: its log says where."},
    [FASP_ERROR_AMBIGUOUS_TARGET] =
        {"ambiguous_target", FAILS,
         "The destination does not say where several sources go: name a "
         "folder at the receiving node."},
    [FASP_ERROR_NO_SUCH_FILE] =
        {"no_such_file", FAILS,
         "A source does not exist at the sending node, or a folder of the "
         "destination does not exist at the receiving node: check the path."},
    [FASP_ERROR_PERMISSION] =
        {"permission", FAILS,
         "The system of the node that has the file refused access: give the "
         "transfer's user the right to read the source or to write the "
         "destination."},
    [FASP_ERROR_TARGET_NO_FOLDER] =
        {"target_no_folder", FAILS,
         "The destination at the receiving node is a file where a folder is "
         "needed: name a folder."},
    [FASP_ERROR_IS_FOLDER] =
        {"is_folder", FAILS,
         "A folder stands at the receiving node where a file would be "
         "written, or was named where a file is needed: name another path."},
    [FASP_ERROR_USAGE] =
        {"usage", FAILS,
         "The transfer was asked for with values that do not fit together: "
         "correct the order."},
    [FASP_ERROR_INTERNAL] =
        {"internal", FAILS,
         "This node has a fault of its own: report it with the log."},
    [FASP_ERROR_CONTROL] =
        {"control", RETRY,
         "The control connection to the server node could not be made or "
         "broke: check its host name, that its TCP port is open, and that it "
         "runs."},
    [FASP_ERROR_CONTROL_TIMEOUT] =
        {"control_timeout", RETRY,
         "The server node did not answer on its control port in time: check "
         "its address and that firewalls let its TCP port through."},
    [FASP_ERROR_DATA] =
        {"data", RETRY,
         "The data connection failed: check that UDP passes between the "
         "nodes."},
    [FASP_ERROR_DATA_TIMEOUT] =
        {"data_timeout", RETRY,
         "The control connection works, but no datagram arrived: open the "
         "server node's UDP port (33001 unless it is set otherwise) on "
         "firewalls between the nodes."},
    [FASP_ERROR_LOST] =
        {"lost", RETRY,
         "The connection to the other node was lost: the network between the "
         "nodes, or that node, went away."},
    [FASP_ERROR_RECEIVER_CANNOT_SEND] =
        {"receiver_cannot_send", RETRY,
         "The receiving node cannot send its reports back: let UDP pass in "
         "both directions."},
    [FASP_ERROR_RECEIVER_GETS_NOTHING] =
        {"receiver_gets_nothing", RETRY,
         "The receiving node gets no data: let UDP from the sending node "
         "pass."},
    [FASP_ERROR_AUTHENTICATION] =
        {"authentication", FAILS,
         "The server node did not accept the user or its password or key: "
         "check them, and that the user exists there."},
    [FASP_ERROR_NOTHING] =
        {"nothing", FAILS,
         "The sending node found nothing to transfer: check the sources and "
         "the filters."},
    [FASP_ERROR_SPECIAL_FILE] =
        {"special_file", FAILS,
         "A source at the sending node is a device, a socket or a pipe: only "
         "files, folders and links can be transferred."},
    [FASP_ERROR_FILE_TABLE_FULL] =
        {"file_table_full", FAILS,
         "The system of this node has no free file table entry: raise "
         "fs.file-max."},
    [FASP_ERROR_TOO_MANY_OPEN_FILES] =
        {"too_many_open_files", RETRY,
         "This node has too many files open: raise its limit of open files "
         "(LimitNOFILE)."},
    [FASP_ERROR_FILE_TOO_BIG] =
        {"file_too_big", FAILS,
         "A file is larger than the receiving node's file system allows: use "
         "another file system there."},
    [FASP_ERROR_NO_SPACE] =
        {"no_space", FAILS,
         "The receiving node has no space left: make room there, or raise the "
         "user's quota."},
    [FASP_ERROR_READ_ONLY] =
        {"read_only", FAILS,
         "The receiving node's file system is mounted read-only: mount it "
         "for writing or name another destination."},
    [FASP_ERROR_SOME_FILES] =
        {"some_files", FAILS,
         "Some files could not be transferred: the list of files says which, "
         "at which node, and why."},
    [FASP_ERROR_CANCELLED] = {"cancelled", FAILS,
                              "The transfer was cancelled by a user."},
    [FASP_ERROR_SOCKET] =
        {"socket", FAILS,
         "This node could not use a socket: its log has the system's reason."},
    [FASP_ERROR_MEMORY] =
        {"memory", RETRY,
         "This node has too little memory for another transfer: let fewer run "
         "at once."},
    [FASP_ERROR_THREAD] =
        {"thread", RETRY,
         "This node could not start a thread: raise its limit of processes."},
    [FASP_ERROR_NOT_AUTHORISED] =
        {"not_authorised", FAILS,
         "The server node does not allow this user to do that, or does not "
         "take tokens: ask its administrator, or use a password or a key."},
    [FASP_ERROR_DISK_READ] =
        {"disk_read", RETRY,
         "The sending node could not read a file: check its disk and its "
         "system log."},
    [FASP_ERROR_DISK_WRITE] =
        {"disk_write", RETRY,
         "The receiving node could not write a file: check its disk and its "
         "system log."},
    [FASP_ERROR_AUTHORISATION] =
        {"authorisation", RETRY,
         "The server node could not find out whether this is allowed: its log "
         "says why."},
    [FASP_ERROR_PEER_ENDED] =
        {"peer_ended", RETRY,
         "The other node ended the transfer: its log says why."},
    [FASP_ERROR_STALLED] =
        {"stalled", RETRY,
         "Nothing moved for too long: check the network, and the disk of the "
         "receiving node."},
    [FASP_ERROR_OUTSIDE_DOCROOT] =
        {"outside_docroot", FAILS,
         "A path leads out of the user's folder (docroot): name one inside "
         "it."},
    [FASP_ERROR_EXISTS] =
        {"exists", FAILS,
         "A file exists at the receiving node already, and the order forbids "
         "to overwrite it."},
    [FASP_ERROR_STAT] =
        {"stat", FAILS,
         "The attributes of a file could not be read at the node that has it: "
         "check its rights and its file system."},
    [FASP_ERROR_UDP_START] =
        {"udp_start", RETRY,
         "This node could not start the UDP side of the transfer: check that "
         "its UDP port is free."},
    [FASP_ERROR_BANDWIDTH] =
        {"bandwidth", RETRY,
         "The bandwidth of the path could not be measured: set the target "
         "rate by hand."},
    [FASP_ERROR_VLINK] =
        {"vlink", FAILS,
         "The virtual link of this node is not usable: check its "
         "configuration."},
    [FASP_ERROR_FILE_ENCRYPTION] =
        {"file_encryption", FAILS,
         "A file could not be encrypted or decrypted at rest: check how the "
         "order asks for that."},
    [FASP_ERROR_PASSPHRASE] =
        {"passphrase", FAILS,
         "A passphrase was wrong or missing: correct the order."},
    [FASP_ERROR_CONFIGURATION] =
        {"configuration", FAILS,
         "The configuration of this node does not allow the transfer: its log "
         "names the setting."},
    [FASP_ERROR_HOST_KEY] =
        {"host_key", FAILS,
         "The server node's key is not the expected one: somebody may be in "
         "between.  If the key was changed on purpose, correct the order's "
         "fingerprint or the known hosts."},
    [FASP_ERROR_PATH_TOO_LONG] =
        {"path_too_long", FAILS,
         "A path is longer than the receiving node can have it: shorten it."},
    [FASP_ERROR_ILLEGAL_CHARACTERS] =
        {"illegal_characters", FAILS,
         "A path has characters or components that are not allowed at the "
         "receiving node: rename the file."},
    [FASP_ERROR_REMOTE_STORAGE] =
        {"remote_storage", FAILS,
         "The storage behind the other node failed: check it there."},
    [FASP_ERROR_LINK_LOOP] =
        {"link_loop", FAILS,
         "Symbolic links of a path lead in a circle at the node that has it: "
         "mend them."},
    [FASP_ERROR_RENAME_PARTIAL] =
        {"rename_partial", FAILS,
         "The receiving node could not give a finished file its name: it is "
         "there under its temporary name."},
};

static const struct error_row unknown = {
    "unknown", FAILS,
    "The other node reported an error that this version does not know: its "
    "log says more."};

static const struct error_row *row_of(uint32_t number)
{
    return fasp_error_is_known(number) ? &rows[number] : &unknown;
}

bool fasp_error_is_known(uint32_t number)
{
    return number <= FASP_ERROR_MAX && rows[number].name != NULL;
}

const char *fasp_error_name(uint32_t number)
{
    return row_of(number)->name;
}

const char *fasp_error_text(uint32_t number)
{
    return row_of(number)->text;
}

bool fasp_error_is_retryable(uint32_t number)
{
    return row_of(number)->retryable;
}

static const struct errno_row {
    int error;
    enum fasp_error number;
} errno_rows[] = {
    {ENOENT, FASP_ERROR_NO_SUCH_FILE},
    {EACCES, FASP_ERROR_PERMISSION},
    {EPERM, FASP_ERROR_PERMISSION},
    {ENOTDIR, FASP_ERROR_TARGET_NO_FOLDER},
    {EISDIR, FASP_ERROR_IS_FOLDER},
    {ENXIO, FASP_ERROR_SPECIAL_FILE},
    {ENODEV, FASP_ERROR_SPECIAL_FILE},
    {ENFILE, FASP_ERROR_FILE_TABLE_FULL},
    {EMFILE, FASP_ERROR_TOO_MANY_OPEN_FILES},
    {EFBIG, FASP_ERROR_FILE_TOO_BIG},
    {EOVERFLOW, FASP_ERROR_FILE_TOO_BIG},
    {ENOSPC, FASP_ERROR_NO_SPACE},
    {EDQUOT, FASP_ERROR_NO_SPACE},
    {EROFS, FASP_ERROR_READ_ONLY},
    {ENOMEM, FASP_ERROR_MEMORY},
    {EXDEV, FASP_ERROR_OUTSIDE_DOCROOT}, /* openat2 with RESOLVE_BENEATH */
    {EEXIST, FASP_ERROR_EXISTS},
    {ENAMETOOLONG, FASP_ERROR_PATH_TOO_LONG},
    {EILSEQ, FASP_ERROR_ILLEGAL_CHARACTERS},
    {EINVAL, FASP_ERROR_ILLEGAL_CHARACTERS},
    {ELOOP, FASP_ERROR_LINK_LOOP},
};

enum fasp_error fasp_error_of_errno(int error, enum fasp_error otherwise)
{
    for (size_t i = 0; i < sizeof errno_rows / sizeof errno_rows[0]; i++) {
        if (errno_rows[i].error == error)
            return errno_rows[i].number;
    }
    return otherwise;
}
