/* Real senders and receivers, a network that is none, and one clock.
 *
 * Time moves only from event to event, so a minute of transfer runs in
 * seconds, and a seed gives the same run every time.
 *
 * All flows share one narrow link: a first-in first-out queue that drops what
 * does not fit.  Random loss, jitter and delay lie behind it.  Reports go back
 * on a way without a queue.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "fasp/receiver.h"
#include "fasp/sender.h"

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)
#define SIM_FLOWS_MAX 64

#define MBIT UINT64_C(1000000)

struct sim_path {
    uint64_t rate_bps; /* 0 = no narrow link */
    uint64_t there_ns; /* one way, without the queue */
    uint64_t back_ns;
    uint64_t queue_bytes;
    uint32_t loss_ppm;
    uint32_t loss_back_ppm;
    uint32_t loss_run;  /* datagrams lost in a row; 0 = 1 */
    uint64_t jitter_ns; /* 0 to this much more, new every 5 ms */
    uint32_t late_ppm;  /* these come late: */
    uint64_t late_ns;
    const uint32_t *lose; /* numbers of the datagrams to lose; 0 ends it */
};

struct sim_flow_options {
    struct fasp_rates rates;
    uint64_t start_ns;
    uint64_t data_bytes;      /* of space 1; 0 = endless */
    uint64_t catalogue_bytes; /* of space 0 */
    bool content;             /* bytes are carried and compared */
    uint32_t block_bytes;     /* of the source and the sink; 0 = 1 MiB */
    uint32_t missing_ppm;     /* data() has not what is asked for, 1 ms */
};

struct sim;

struct sim_flow {
    struct sim *sim;
    struct sim_flow_options options;
    struct fasp_sender *sender; /* NULL before it starts */
    struct fasp_receiver *receiver;
    uint64_t started_ns;
    uint64_t done_ns;  /* the sender knows that all came; 0 = not yet */
    uint64_t whole_ns; /* the receiver has all; 0 = not yet */
    bool no_room;      /* the sink has none */
    bool nonsense;     /* one end says the other broke the protocol */
    uint64_t ready_ns; /* when missing data is there; 0 = none missing */
    uint8_t *source[FASP_SPACE_COUNT];
    uint8_t *sink[FASP_SPACE_COUNT];
    uint64_t sink_bytes[FASP_SPACE_COUNT];
    uint64_t arrived_twice; /* bytes; must stay 0 */
};

struct sim {
    uint64_t now_ns;
    int64_t wall_us; /* at time 0 */
    struct sim_path path;
    struct random random;
    struct sim_flow flows[SIM_FLOWS_MAX];
    uint32_t flow_count;

    /* The narrow link. */
    uint64_t link_free_ns;
    uint64_t dropped; /* datagrams that did not fit into the queue */
    uint64_t passed;
    uint32_t lose_left; /* of a run */
    uint64_t jitter_now_ns;
    uint64_t jitter_until_ns;

    struct sim_event *events; /* a heap */
    uint32_t event_count;
    uint32_t event_room;
    uint64_t order;
    struct sim_blob *blobs; /* free ones */

    /* The queue, every millisecond, since sim_sample_reset(). */
    uint64_t sample_next_ns;
    uint32_t queue_us[200000];
    uint32_t sample_count;

    char *trace; /* NULL = none; else what happened, line by line */
    uint32_t trace_bytes;
};

struct sim *sim_new(uint64_t seed, struct sim_path path);
void sim_free(struct sim *sim);
struct sim_flow *sim_add(struct sim *sim, struct sim_flow_options options);
void sim_trace(struct sim *sim);

void sim_run_until(struct sim *sim, uint64_t end_ns);
/* Runs until every sender knows that all its data came.  Returns false when
 * that is not so at `end_ns`. */
bool sim_run_to_end(struct sim *sim, uint64_t end_ns);

/* Whether every byte that was sent is where it belongs, once. */
bool sim_flow_is_right(const struct sim_flow *flow);

struct fasp_sender_statistics sim_sent(const struct sim_flow *flow);
struct fasp_receiver_statistics sim_received(const struct sim_flow *flow);

void sim_sample_reset(struct sim *sim);
/* The queue in ms that `percent` of the samples do not exceed. */
double sim_queue_ms(struct sim *sim, uint32_t percent);

/* The byte of a space that stands at `place`. */
uint8_t sim_byte(enum fasp_space space, uint64_t place);

#endif
