/* A store in a folder of its own, and a loop that is turned by hand. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "store/query.h"
#include "store/store.h"

struct fixture {
    char folder[64];
    char path[96];
    struct loop *loop;
    struct store *store;
};

/* Makes the folder and opens a loop and a store. */
void fixture_open(struct fixture *fixture);
/* Closes the store, and opens it again on the same file. */
void fixture_reopen(struct fixture *fixture);
/* Closes everything and removes the folder. */
void fixture_close(struct fixture *fixture);

/* The parts of the above. */
void fixture_make_folder(struct fixture *fixture);
void fixture_open_store(struct fixture *fixture);
void fixture_close_store(struct fixture *fixture);
void fixture_remove_folder(struct fixture *fixture);

/* Turns the loop until `*flag` is true. */
void fixture_wait(struct fixture *fixture, const bool *flag);

/* Commits and waits; returns the result. */
int fixture_commit(struct fixture *fixture, struct store_batch *batch);
int fixture_purge(struct fixture *fixture, const struct store_purge *purge);

/* Ask and wait; the caller frees the rows. */
struct store_rows *fixture_sessions(struct fixture *fixture,
                                    const struct store_session_filter *filter,
                                    enum store_order order,
                                    struct store_position from,
                                    uint32_t limit);
struct store_rows *fixture_files(struct fixture *fixture,
                                 const struct store_file_filter *filter,
                                 enum store_order order,
                                 struct store_position from, uint32_t limit);
struct store_rows *fixture_events(struct fixture *fixture,
                                  const struct store_event_filter *filter,
                                  uint32_t limit);
struct store_rows *fixture_job(struct fixture *fixture, struct uuid uuid);
struct store_rows *fixture_user(struct fixture *fixture, const char *name);

/* Lists of texts in a filter: LIST(T("a"), T("b")). */
#define LIST(...)                                                            \
    {                                                                        \
        (const struct text[]){__VA_ARGS__},                                  \
            sizeof((const struct text[]){__VA_ARGS__}) / sizeof(struct text) \
    }
#define T(string) {string, sizeof string - 1}

/* An id that is easy to tell: all bytes zero but the last four. */
struct uuid id_of(uint32_t number);
/* The number that id_of() was given. */
uint32_t number_of(struct uuid uuid);

/* Short rows with what must be there. */
struct store_job job_of(uint32_t number);
struct store_session session_of(uint32_t number, uint32_t job_number);
struct store_file file_of(uint32_t session_number, uint64_t local_id);
struct store_event event_of(uint64_t sequence);

#endif
