/* What the files of the simulator share. */
#ifndef TESTS_SIM_PARTS_H
#define TESTS_SIM_PARTS_H

#include "sim.h"

#define SIM_BLOB_SMALL 64u
#define SIM_BLOB_LARGE FASP_DATAGRAM_BYTES_MAX

/* One datagram on its way. */
struct sim_blob {
    struct sim_blob *next;
    uint32_t size_bytes;
    uint32_t is_large;
    uint8_t data[];
};

enum sim_event_kind {
    SIM_THERE,
    SIM_BACK,
    SIM_RIVAL_THERE,
    SIM_RIVAL_BACK,
};

struct sim_event {
    uint64_t time_ns;
    uint64_t order; /* of events at one time */
    struct sim_flow *flow;
    union {
        struct sim_blob *blob;
        uint64_t number; /* of a rival's packet */
    };
    enum sim_event_kind kind;
};

/* sim_events.c */
void sim_push(struct sim *sim, struct sim_event event);
struct sim_event sim_pop(struct sim *sim);
struct sim_blob *sim_blob_take(struct sim *sim, uint32_t bytes);
void sim_blob_give(struct sim *sim, struct sim_blob *blob);
void sim_say(struct sim *sim, const char *what, uint64_t number,
             const char *more);

/* sim_link.c: whether a packet goes through, and when it arrives */
bool sim_link_pass(struct sim *sim, struct sim_flow *flow, uint64_t wire_bytes,
                   uint64_t number, const char *kind, uint64_t *arrival_ns);

/* sim_ends.c */
void sim_seal(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
              uint8_t *out);
bool sim_open(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *sealed, uint32_t sealed_bytes,
              uint8_t *out);
const uint8_t *sim_source_data(void *user, enum fasp_space space,
                               uint64_t place, uint32_t want_bytes,
                               uint32_t *have_bytes);
uint8_t *sim_sink_place(void *user, enum fasp_space space, uint64_t place,
                        uint32_t size_bytes, uint32_t *have_bytes, bool proven);
void sim_sink_arrived(void *user, enum fasp_space space, uint64_t place,
                      uint32_t size_bytes);
/* Bytes that the flow will send in `space`. */
uint64_t sim_space_bytes(const struct sim_flow *flow, enum fasp_space space);
/* Tells the receiver of the disk. */
void sim_disk_turn(struct sim_flow *flow);

/* sim_rivals.c */
void sim_rival_start(struct sim_flow *flow);
void sim_rival_free(struct sim_flow *flow);
uint64_t sim_rival_due(const struct sim_flow *flow);
void sim_rival_turn(struct sim_flow *flow);
void sim_rival_deliver(struct sim_flow *flow, struct sim_event event);

#endif
