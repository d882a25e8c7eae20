/* A whole service in a temporary folder, and a client that talks to it over
 * loopback, on one loop. */
#ifndef TESTS_CENTRAL_HARNESS_H
#define TESTS_CENTRAL_HARNESS_H

#include "central/context.h"

struct harness {
    char folder[64]; /* holds "state" and "docroot" */
    char state_dir[96];
    char docroot[96];
    char remote[96]; /* docroot of the user ann */
    struct loop *loop;
    struct central *central;
    struct http_client client;
};

/* What a request came to; the body is kept until the next request. */
struct reply {
    uint16_t status;
    const char *media_type;
    const char *body;
};

#define HARNESS_ALL_TOPICS (STORE_TOPIC_BIT(STORE_TOPIC_SESSION_STATISTICS) - 1)

extern struct harness harness;

/* Makes the folders, and three files below docroot/source: 5, 70000 and 0
 * bytes. */
void harness_make_folder(void);
void harness_remove_folder(void);
/* Opens a service in the folder, and stops it again. */
void harness_open(uint32_t sessions_running_max);
void harness_close(void);
/* The same as if the process had been killed: nothing more is written. */
void harness_run_until(bool (*reached)(void *user), void *user);

struct reply harness_request(enum http_method method, const char *path,
                             const char *content_type, const char *body);
/* Posts `content`, the Body's child, in a SOAP 1.1 envelope. */
struct reply harness_call(const char *content);

/* An order that pushes "source" to "/in" at this port of 127.0.0.1, as the
 * user ann with her password. */
const char *harness_order(uint16_t port);
/* The same with `count` retries, the first after `base_s`. */
const char *harness_order_retry(uint16_t port, uint32_t count,
                                uint32_t base_s);
/* A port that was free a moment ago: nobody listens there. */
uint16_t harness_free_port(void);
/* Listens, accepts and says nothing: a session with it keeps connecting. */
int harness_silent_peer(uint16_t *port);
/* Makes the user ann, whose docroot is "remote". */
void harness_add_user(void);
/* Submits and returns the id of the job. */
const char *harness_submit(const char *order);

/* Stores a job and its session behind the service's back, as if the process
 * had been killed in these states. */
void harness_store(const struct store_job *job,
                   const struct store_session *session);

/* The text between <name> or <ns1:name> and its end tag, the n-th from 0;
 * NULL if there is none.  Valid until the next call. */
const char *harness_element(const char *body, const char *name, uint32_t n);

/* The topics of all events so far, "job.connecting session.start ...". */
const char *harness_topics(void);
/* Waits until there are `count` events. */
void harness_wait_events(uint32_t count);

#endif
