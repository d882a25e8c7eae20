/* One subscription: an observer, what it wants to hear, and how far it is.
 *
 * Knows: its own cursor, one notification at a time.
 * Must not know: other subscriptions; subscriptions.c keeps the list.
 *
 *            event of interest              nothing left
 *   IDLE ----------------------> READING ------------------> IDLE
 *    ^                            |    ^
 *    |               event found  |    |  answered with success
 *    |                            v    |
 *    |  statistics               SENDING ----> WAITING (back-off)
 *    +-------------------------->         <----
 *
 *   from any: CLOSING, until nothing is in flight, then CLOSED
 *
 * READING looks into the recent events first, and asks the store only when it
 * has fallen behind them.  While WAITING nothing is held in memory: what waits
 * is on disk, behind the cursor.
 *
 * IDLE means that nothing up to the newest event is of interest: the cursor
 * itself moves when somebody looks (subscription_settle()), so that an event
 * costs nothing for those whom it does not concern.
 */
#ifndef CENTRAL_SUBSCRIPTION_H
#define CENTRAL_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/text.h"
#include "base/uuid.h"
#include "central/callback_policy.h"
#include "central/recent.h"
#include "central/subscription_index.h"
#include "io/loop.h"
#include "net/http_client.h"
#include "store/query.h"
#include "store/store.h"

/* Events read from the store at once, by a subscriber that catches up. */
#define SUBSCRIPTION_READ_EVENTS 16u

/* The wait after a failure: this, doubled with each one up to the most, and
 * drawn between half of it and all of it (contract, section 6). */
#define DELIVERY_WAIT_NS_MIN UINT64_C(1000000000)
#define DELIVERY_WAIT_NS_MAX UINT64_C(300000000000)
/* A SubscriptionNotify is tried again for this long. */
#define DELIVERY_END_NOTICE_US INT64_C(3600000000)

/* Sessions whose Statistics wait for one subscriber; more are left out until
 * the next second. */
#define SUBSCRIPTION_STATISTICS_MAX 64u

#define SUBSCRIPTION_ERROR_BYTES 144u

enum subscription_state {
    SUBSCRIPTION_IDLE,
    SUBSCRIPTION_READING,
    SUBSCRIPTION_SENDING,
    SUBSCRIPTION_WAITING,
    SUBSCRIPTION_CLOSING,
    SUBSCRIPTION_CLOSED,
};

/* Why a subscription ends: the Reason of a SubscriptionNotify.  Stored, plus
 * one, in the row of one that is over: numbers stay. */
enum subscription_end {
    SUBSCRIPTION_EXPIRED,
    SUBSCRIPTION_UNSUBSCRIBED,
    SUBSCRIPTION_DELIVERY_FAILED,
    SUBSCRIPTION_STOPPED, /* the server stops; the subscription lives on */
};

struct statistics_item {
    struct uuid session_id;
    char *body; /* owned */
    uint32_t body_bytes;
};

struct subscription {
    struct subscriptions *owner;
    struct subscription *next; /* in the owner's list */
    struct subscription *previous;
    struct subscription_link links[STORE_TOPIC_COUNT]; /* of the index */
    bool indexed;
    uint8_t state; /* enum subscription_state */

    struct uuid id;
    struct event_interest interest;
    char *observer_url; /* owned strings; never NULL but for what says so */
    char *observer_action;
    char *ender_url; /* NULL = no SubscriptionObserver */
    char *ender_action;
    char *owner_name; /* NULL = made on the loopback listener */
    char *caller;
    char *secret; /* NULL = notifications are not signed */
    char *secret_before;
    int64_t secret_before_until_us;
    int64_t created_us;
    int64_t expires_us;
    /* As the newest change on its way to the disk leaves it: the next change
     * goes on from there. */
    struct {
        uint32_t topics;
        int64_t expires_us;
        bool ends;
        uint32_t count; /* changes on their way */
    } latest;
    uint64_t cursor;
    uint64_t stored_cursor; /* as the store has it, or was told it */
    bool cursor_dirty;      /* not handed to the store yet */
    struct subscription *dirty_next;

    enum subscription_end end; /* why it is CLOSING */
    struct loop_timer expiry;
    struct loop_timer wait; /* WAITING */
    uint32_t failed_attempts; /* in a row */
    /* Of the newest failure, behind what was dropped since the start. */
    char last_error[SUBSCRIPTION_ERROR_BYTES];
    uint64_t dropped_first;
    uint64_t dropped_last; /* 0 = nothing was */
    int64_t last_error_us;
    uint64_t delivered_sequence; /* newest acknowledged since the start */
    uint64_t delivered_count;    /* of events, since the start */

    bool reading;       /* the store owes an answer */
    bool reading_stale; /* which is of no use any more */
    bool read_waiting;  /* for its turn to ask */
    struct subscription_link read_link;
    struct store_rows *rows; /* what it gave, up to `rows_used`; or NULL */
    uint32_t rows_used;

    struct http_call call;
    uint64_t sending_sequence; /* of the event that `call` carries; 0 = none */
    bool sending_stale;        /* its success does not move the cursor */
    uint32_t sending_bytes;    /* as counted in the owner's sum */
    struct text_builder body;  /* of `call` */
    struct text_builder fields; /* of `call`: the signature */

    struct statistics_item *statistics; /* owned array, or NULL */
    uint32_t statistics_count;
};

/* The words of a set of topics, as the contract spells them, in its order.
 * Writes at most STORE_TOPIC_COUNT texts (of static strings). */
uint32_t subscription_topic_names(uint32_t topics,
                                  struct text names[STORE_TOPIC_COUNT]);
/* The topic of a word for subscriptions of `kind`; STORE_TOPIC_COUNT if there
 * is none. */
enum store_topic subscription_topic(enum store_kind kind, struct text word);

/* The word of a topic: "Connecting". */
const char *subscription_topic_word(enum store_topic topic);
/* What no topic at all, or "*", means: all but Statistics. */
uint32_t subscription_topics_default(enum store_kind kind);

/* Goes on from where it is: call it after anything that may have ended a
 * state.  The subscription may be gone afterwards. */
void subscription_run(struct subscription *subscription);

/* Leaves IDLE if there are events above the cursor. */
void subscription_wake(struct subscription *subscription);

/* Moves the cursor of an IDLE one over what did not interest it. */
void subscription_settle(struct subscription *subscription);

/* Wants other topics from now on.  What was read for the old ones is read
 * again: it left out events of the new ones. */
void subscription_set_topics(struct subscription *subscription,
                             uint32_t topics);

/* A change is on its way: `latest` has it. */
void subscription_change_started(struct subscription *subscription);
/* It was stored and is there, or could not be stored. */
void subscription_change_ended(struct subscription *subscription);

/* Sends again all that follows `after_sequence`, which is not above the cursor,
 * and at once: a back-off that runs ends. */
void subscription_replay(struct subscription *subscription,
                         uint64_t after_sequence);

/* Begins to close it; safe in any state, any number of times. */
void subscription_close(struct subscription *subscription,
                        enum subscription_end end);

/* The wait before attempt `failed_count` + 1, at least 1 attempt having
 * failed; `retry_after_s` is what the observer asked for, or 0. */
uint64_t delivery_wait_ns(uint32_t failed_count, uint32_t retry_after_s,
                          struct random *random);

/* Writes `body`, a notification for nobody yet, for the subscription `id`. */
void delivery_address_body(struct text_builder *out, struct text body,
                           struct uuid id);

#endif
