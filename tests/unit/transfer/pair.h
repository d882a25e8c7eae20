/* Two nodes in one process, on one real loop, with folders of their own below a
 * temporary one: `pair.here` and `pair.there`.  A session goes from a client
 * end at `here` to the server at `there`; user "ada", password "secret". */
#ifndef TESTS_TRANSFER_PAIR_H
#define TESTS_TRANSFER_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "crypto/identity.h"
#include "crypto/password.h"
#include "crypto/ssh_key.h"
#include "io/loop.h"
#include "transfer/node.h"

#define PAIR_PATH_BYTES 256

/* How one end of a session ended, and what was told of it. */
struct pair_end {
    struct transfer_session *session; /* NULL before and after */
    bool has_ended;
    struct transfer_stats stats; /* at the end; texts are gone, but: */
    char error_text[TRANSFER_ERROR_TEXT_BYTES];
    uint32_t files_told; /* ends of files */
    uint32_t files_failed;
    uint32_t files_skipped;
    enum fasp_error file_error; /* of the last that failed */
    uint32_t let_in;
    uint32_t changes;
};

struct pair {
    struct loop *loop;
    struct identity identity;
    struct transfer_node *client;
    struct transfer_node *server;
    struct transfer_user user;
    char password_hash[PASSWORD_HASH_TEXT_BYTES_MAX + 1];
    char root[PAIR_PATH_BYTES];
    char here[PAIR_PATH_BYTES];  /* docroot of the client */
    char there[PAIR_PATH_BYTES]; /* docroot of the user */
    char fingerprint[FINGERPRINT_TEXT_BYTES + 1];
    struct pair_end client_end;
    struct pair_end server_end;
    uint32_t logins;
    bool client_stopped;
    bool server_stopped;
};

extern struct pair pair;
/* Where the client's UDP port is; to be set before pair_open(). */
extern const char *pair_client_address;

/* Opens all of it; time-outs of `config` are used when it is not NULL. */
void pair_open(const struct transfer_node_config *config);
/* Stops both nodes and removes the folders. */
void pair_close(void);

/* What a push of `source` to `destination` needs. */
struct transfer_params pair_params(enum transfer_operation operation,
                                   const struct text *source,
                                   const char *destination);
void pair_start(const struct transfer_params *params);
/* Runs the loop until both ends of the session are over. */
void pair_run(void);
/* Runs it until `done` says so; fails the test after 60 s. */
void pair_run_until(bool (*done)(void));
/* All three: runs the session and returns how the client's end ended. */
enum fasp_error pair_transfer(enum transfer_operation operation,
                              const char *source, const char *destination);

/* Files below pair.root: `path` is relative to it. */
void pair_write(const char *path, const void *data, uint64_t size_bytes);
/* A file of `size_bytes` that differ. */
void pair_fill(const char *path, uint64_t size_bytes, uint64_t seed);
void pair_folder(const char *path);
bool pair_exists(const char *path);
/* Fails the test where the two files or trees differ. */
void pair_same(const char *a, const char *b);
/* How many names there are in the folder, hidden ones included. */
uint32_t pair_count(const char *path);

#endif
