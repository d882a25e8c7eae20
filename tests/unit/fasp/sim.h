/* Real senders and receivers, a network that is none, and one clock.
 *
 * Time moves only from event to event, so a minute of transfer runs in
 * seconds, and a seed gives the same run every time.
 *
 * All flows share one narrow link: a first-in first-out queue that drops what
 * does not fit.  Random loss, jitter and delay lie behind it.  Reports go back
 * on a way without a queue.  Flows of TCP (sim_rivals.c) are models; ours are
 * the machines themselves.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "fasp/receiver.h"
#include "fasp/sender.h"
#include "fasp/train.h"
#include "fasp/vlink.h"

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
    uint32_t mtu_bytes;   /* larger datagrams vanish; 0 = none do */
    uint64_t police_bps;  /* drops what exceeds it, without a queue; 0 = none */
    uint64_t police_bytes; /* but for these, at once */
    /* Both ends share their cores with others: now and then they do not run
     * for 0 to this long, and find what came meanwhile all at once. */
    uint64_t busy_ns;
};

enum sim_kind {
    SIM_FERRY,
    SIM_CUBIC,
    SIM_BBR,
};

struct sim_flow_options {
    enum sim_kind kind;
    struct fasp_rates rates;
    uint64_t start_ns;
    uint64_t far_ns;          /* round trip, beyond that of the path */
    uint64_t data_bytes;      /* of space 1; 0 = endless */
    uint64_t catalogue_bytes; /* of space 0 */
    bool trains;              /* a round trip ahead of the data */
    bool content;             /* bytes are carried and compared */
    uint32_t block_bytes;     /* of the source and the sink; 0 = 1 MiB */
    uint32_t missing_ppm;     /* data() has not what is asked for, 1 ms */
    int32_t clock_ppm;        /* the sender's clock is so much faster */
    uint64_t source_bps;      /* data() gives no more; 0 = all */
    uint64_t disk_bps;        /* the sink takes no more; 0 = all */
    uint64_t disk_bytes;      /* that may wait for it; 0 = 64 MiB */
    uint32_t datagram_bytes;  /* 0 = of IPv4 */
    uint32_t datagram_bytes_max; /* that are searched for; 0 = no search */
};

struct sim;

/* An end that does not run up to a time, and then for some. */
struct sim_host {
    uint64_t asleep_ns; /* until then */
    uint64_t next_ns;   /* when it falls asleep again */
};

struct sim_rival;

struct sim_flow {
    struct sim *sim;
    struct sim_flow_options options;
    struct fasp_sender *sender; /* NULL before it starts */
    struct fasp_receiver *receiver;
    struct sim_rival *rival;  /* in place of both */
    struct sim_host hosts[2]; /* the sender's, the receiver's */
    uint64_t keys_ns;         /* when trains may go */
    uint64_t started_ns;      /* when data may */
    bool has_data;
    uint32_t trains_left;
    uint64_t train_ns; /* when the next is due */
    struct train_meter meter;
    uint64_t done_ns;      /* the sender knows that all came; 0 = not yet */
    uint64_t whole_ns;     /* the receiver has all; 0 = not yet */
    bool no_room;          /* the sink has none */
    bool nonsense;         /* one end says the other broke the protocol */
    uint64_t ready_ns;     /* when missing data is there; 0 = none missing */
    uint64_t arrived_wire; /* bytes on the wire that came, of any kind */
    uint64_t dropped;      /* of its datagrams */
    double disk_waiting;   /* bytes */
    uint64_t disk_ns;      /* when that was so */
    uint8_t *source[FASP_SPACE_COUNT];
    uint8_t *sink[FASP_SPACE_COUNT];
    uint64_t sink_bytes[FASP_SPACE_COUNT];
};

struct sim {
    uint64_t now_ns;
    int64_t wall_us; /* at time 0 */
    struct sim_path path;
    struct random random;
    struct sim_flow flows[SIM_FLOWS_MAX];
    uint32_t flow_count;

    struct vlink vlink; /* that all flows share; capacity 0 = none */

    /* The narrow link. */
    uint64_t link_free_ns;
    uint64_t dropped; /* datagrams that did not fit into the queue */
    uint64_t passed;
    uint32_t lose_left; /* of a run */
    uint64_t jitter_now_ns;
    uint64_t jitter_until_ns;
    double police_left; /* bytes */
    uint64_t police_ns;

    struct sim_event *events; /* a heap */
    uint32_t event_count;
    uint32_t event_room;
    uint64_t order;
    struct sim_blob *blobs[2]; /* free ones: small, large */

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
static inline void sim_run_for(struct sim *sim, uint64_t span_ns)
{
    sim_run_until(sim, sim->now_ns + span_ns);
}
/* Runs until every sender knows that all its data came.  Returns false when
 * that is not so at `end_ns`. */
bool sim_run_to_end(struct sim *sim, uint64_t end_ns);

/* The receiving end does not run until `until_ns`. */
void sim_stop_receiver(struct sim_flow *flow, uint64_t until_ns);

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
