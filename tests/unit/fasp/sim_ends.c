#include "sim_parts.h"

#include <string.h>

#include "base/check.h"

/* ---- the cipher that does nothing ---- */

/* The context is the flow: without content, bytes need not be moved. */
void sim_seal(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
              uint8_t *out)
{
    const struct sim_flow *flow = context;

    (void)number;
    if (plain_bytes > 0 &&
        (flow->options.content || aad_bytes == FASP_HEADER_BYTES))
        memcpy(out, plain, plain_bytes);
    /* A tag that knows the header is enough to tell a mix-up. */
    memset(out + plain_bytes, aad[aad_bytes - 5], FASP_TAG_BYTES);
}

bool sim_open(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *sealed, uint32_t sealed_bytes,
              uint8_t *out)
{
    const struct sim_flow *flow = context;
    uint32_t plain_bytes = sealed_bytes - FASP_TAG_BYTES;

    (void)number;
    if (flow->options.content || aad_bytes == FASP_HEADER_BYTES) {
        memcpy(out, sealed, plain_bytes);
        return sealed[plain_bytes] == aad[aad_bytes - 5];
    }
    return true;
}

/* ---- source and sink ---- */

uint8_t sim_byte(enum fasp_space space, uint64_t place)
{
    uint64_t mixed = (place / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

    mixed ^= mixed >> 29;
    return (uint8_t)((mixed >> place % 8 * 8) + (uint64_t)space);
}

static uint32_t until_block_end(const struct sim_flow *flow, uint64_t place,
                                uint32_t bytes)
{
    uint64_t left =
        flow->options.block_bytes - place % flow->options.block_bytes;

    return left < bytes ? (uint32_t)left : bytes;
}

/* Bytes that a slow source has read by now. */
static uint64_t source_read(const struct sim_flow *flow)
{
    uint64_t span_ns = flow->sim->now_ns - flow->started_ns;

    return (uint64_t)((double)span_ns * (double)flow->options.source_bps / 8e9);
}

const uint8_t *sim_source_data(void *user, enum fasp_space space,
                               uint64_t place, uint32_t want_bytes,
                               uint32_t *have_bytes)
{
    static const uint8_t nothing[FASP_DATAGRAM_BYTES_MAX];
    struct sim_flow *flow = user;

    if (flow->options.missing_ppm > 0 &&
        random_below(&flow->sim->random, 1000000) < flow->options.missing_ppm) {
        if (flow->ready_ns == 0)
            flow->ready_ns = flow->sim->now_ns + SIM_MS;
        return NULL;
    }
    *have_bytes = until_block_end(flow, place, want_bytes);
    if (flow->options.source_bps > 0 && space == FASP_SPACE_DATA &&
        place + *have_bytes > source_read(flow)) {
        if (flow->ready_ns == 0)
            flow->ready_ns = flow->sim->now_ns + SIM_MS;
        return NULL;
    }
    return flow->options.content ? flow->source[space] + place : nothing;
}

static uint64_t disk_bytes_max(const struct sim_flow *flow)
{
    return flow->options.disk_bytes > 0 ? flow->options.disk_bytes : 64u << 20;
}

void sim_disk_turn(struct sim_flow *flow)
{
    struct sim *sim = flow->sim;
    double rate = (double)flow->options.disk_bps / 8e9; /* bytes a ns */

    if (flow->options.disk_bps == 0)
        return;
    flow->disk_waiting -= rate * (double)(sim->now_ns - flow->disk_ns);
    flow->disk_ns = sim->now_ns;
    if (flow->disk_waiting < 0)
        flow->disk_waiting = 0;
    double left = (double)disk_bytes_max(flow) - flow->disk_waiting;
    fasp_receiver_room(flow->receiver, left > 0 ? (uint64_t)left : 0,
                       (uint64_t)(flow->disk_waiting / rate), sim->now_ns);
}

uint8_t *sim_sink_place(void *user, enum fasp_space space, uint64_t place,
                        uint32_t size_bytes, uint32_t *have_bytes, bool proven)
{
    static uint8_t nowhere[FASP_DATAGRAM_BYTES_MAX];
    struct sim_flow *flow = user;

    if (flow->no_room ||
        (flow->options.disk_bps > 0 &&
         flow->disk_waiting + size_bytes > (double)disk_bytes_max(flow)))
        return NULL;
    /* The first datagram of a block finds no memory until it is proven. */
    if (!proven && place % flow->options.block_bytes == 0)
        return NULL;
    *have_bytes = until_block_end(flow, place, size_bytes);
    if (!flow->options.content)
        return nowhere;
    CHECK(place + size_bytes <= flow->sink_bytes[space]);
    return flow->sink[space] + place;
}

void sim_sink_arrived(void *user, enum fasp_space space, uint64_t place,
                      uint32_t size_bytes)
{
    struct sim_flow *flow = user;

    flow->disk_waiting += size_bytes;
    if (!flow->options.content)
        return;
    /* Turned over, so that a byte that arrives twice is wrong at the end. */
    for (uint32_t i = 0; i < size_bytes; i++)
        flow->sink[space][place + i] ^= 0xff;
}

uint64_t sim_space_bytes(const struct sim_flow *flow, enum fasp_space space)
{
    return space == FASP_SPACE_CATALOGUE ? flow->options.catalogue_bytes
                                         : flow->options.data_bytes;
}

bool sim_flow_is_right(const struct sim_flow *flow)
{
    for (int i = 0; i < FASP_SPACE_COUNT; i++) {
        enum fasp_space space = (enum fasp_space)i;
        uint64_t bytes = sim_space_bytes(flow, space);

        if (fasp_receiver_contiguous(flow->receiver, space) != bytes ||
            fasp_receiver_total(flow->receiver, space) != bytes)
            return false;
        for (uint64_t place = 0; place < bytes; place++) {
            uint8_t wanted = sim_byte(space, place) ^ 0xff;
            if (flow->sink[i][place] != wanted)
                return false;
        }
    }
    return true;
}
