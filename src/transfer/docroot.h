/* Files beneath one folder, and never anywhere else.
 *
 * Knows: openat2, the docroot's descriptor, paths below it.
 * Must not know: sessions, users, what files are for.
 *
 * Every name may come from a peer.  The kernel resolves it beneath the
 * docroot's descriptor (RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS), so neither
 * "..", nor a symbolic link, nor a race with one leads out: -EXDEV.  A file is
 * created, renamed and removed by its last component in its folder's
 * descriptor, and that component is never followed.  The docroot "/" is the
 * whole file system: there, absolute links are followed as a shell would.
 *
 * Paths in here are strings below the docroot as docroot_path() makes them:
 * no slash at either end, no empty component, no "." and no ".."; "" is the
 * docroot itself.
 *
 * Descriptors of the folders used last are kept, so that 10,000 files in a
 * folder resolve its path once.  Everything blocks: call it from worker jobs,
 * from one at a time.
 */
#ifndef TRANSFER_DOCROOT_H
#define TRANSFER_DOCROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/text.h"

/* Enough for a walk that goes down one branch and writes along another. */
#define DOCROOT_FOLDERS 16

struct docroot_folder {
    char *path; /* owned; NULL = free */
    int fd;
    uint64_t used_at;
};

struct docroot {
    int fd;        /* O_PATH of the folder itself; -1 = closed */
    bool is_whole; /* the docroot is "/" */
    uint64_t uses;
    /* Of folders that are made: this mode whatever is asked for, or these bits
     * beside it; both in spite of the umask.  0 = as asked for. */
    mode_t folder_mode;
    mode_t folder_grant;
    struct docroot_folder folders[DOCROOT_FOLDERS];
};

/* Opens the folder `path`, an absolute path.  Returns 0, or -errno. */
MUST_USE int docroot_open(struct docroot *docroot, struct text path);
void docroot_close(struct docroot *docroot);

/* Writes `given` in the form above.  "/a" and "a" are the same; `..` goes up
 * by name.  Returns 0, -EXDEV when it goes up beyond the docroot,
 * -ENAMETOOLONG for a component or a path longer than Linux takes, -EINVAL
 * for a NUL. */
MUST_USE int docroot_path(struct text given, char path[LIMIT_PATH_BYTES]);

/* The last component of `path`. */
const char *docroot_name(const char *path);

/* Joins `folder` and `name`.  Returns 0, or -ENAMETOOLONG. */
MUST_USE int docroot_join(char path[LIMIT_PATH_BYTES], const char *folder,
                          const char *name);

/* Opens a regular file for reading; links on the way are followed within the
 * docroot.  Never waits for a FIFO.  Returns a descriptor with `*info` filled,
 * -EISDIR for a folder, -ENXIO for any other special file, or -errno. */
MUST_USE int docroot_open_file(struct docroot *docroot, const char *path,
                               struct stat *info);
/* Opens a folder for getdents64; the caller closes it. */
MUST_USE int docroot_open_folder(struct docroot *docroot, const char *path);

/* Creates the file, which must not exist, for writing and reading back; the
 * umask holds.
 * Returns a descriptor or -errno. */
MUST_USE int docroot_create_file(struct docroot *docroot, const char *path,
                                 mode_t mode);
/* Opens a file of our own for reading and writing: a regular one of this user
 * that has no other name; `create` also makes it.  A link is not followed.
 * -EEXIST when something else is there. */
MUST_USE int docroot_open_own(struct docroot *docroot, const char *path,
                              bool create, mode_t mode);
/* Opens a file again that was created here; a link is not followed. */
MUST_USE int docroot_reopen_file(struct docroot *docroot, const char *path);

/* What is at `path`; a link is followed within the docroot. */
MUST_USE int docroot_stat(struct docroot *docroot, const char *path,
                          struct stat *info);
/* The same for the link itself. */
MUST_USE int docroot_stat_link(struct docroot *docroot, const char *path,
                               struct stat *info);

/* Reads a link's target; returns its size, with a NUL behind it, or -errno. */
MUST_USE int docroot_read_link(struct docroot *docroot, const char *path,
                               char target[LIMIT_PATH_BYTES]);
/* Creates a link, or a second name of a file; nothing is there yet. */
MUST_USE int docroot_make_link(struct docroot *docroot, const char *target,
                               const char *path);
MUST_USE int docroot_link(struct docroot *docroot, const char *from,
                          const char *to);

/* Creates one folder, the umask holds; 0 also when a folder is there already,
 * and `*created` says which.  -ENOTDIR when something else is. */
MUST_USE int docroot_make_folder(struct docroot *docroot, const char *path,
                                 mode_t mode, bool *created);
/* The same for each missing folder on the way. */
MUST_USE int docroot_make_folders(struct docroot *docroot, const char *path);

/* Renames over whatever file or link is at `to`. */
MUST_USE int docroot_rename(struct docroot *docroot, const char *from,
                            const char *to);
int docroot_unlink(struct docroot *docroot, const char *path);
/* Makes the entries of the folder that holds `path` durable. */
MUST_USE int docroot_sync_parent(struct docroot *docroot, const char *path);
/* Makes all of the file system durable that the docroot's folder is on. */
MUST_USE int docroot_sync_all(struct docroot *docroot, const char *folder);
/* -1 leaves one alone. */
MUST_USE int docroot_set_owner(struct docroot *docroot, const char *path,
                               uint32_t uid, uint32_t gid);
/* Takes the mode bits away from a folder that `mode` lacks, and sets its times:
 * `times` is NULL or {access, modification}. */
int docroot_set_folder(struct docroot *docroot, const char *path, mode_t mode,
                       const struct timespec *times);

#endif
