/* Flows, their two ends, and the turn of events. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim_parts.h"

#define BLOCK_BYTES (1u << 20)
/* What a busy host does for others is a third of what it does for us. */
#define AWAKE_FACTOR 6

#define TRAIN_BYTES                       \
    (FASP_TRAINS * FASP_TRAIN_DATAGRAMS * \
     (FASP_TRAIN_DATAGRAM_BYTES_MAX + FASP_WIRE_BYTES))

enum { SENDER, RECEIVER }; /* hosts of a flow */

static uint32_t datagram_bytes(const struct sim_flow *flow)
{
    return flow->options.datagram_bytes > 0 ? flow->options.datagram_bytes
                                            : FASP_DATAGRAM_BYTES_IPV4;
}

static uint64_t trip_ns(const struct sim_flow *flow)
{
    return flow->sim->path.there_ns + flow->sim->path.back_ns +
           flow->options.far_ns;
}

/* ---- clocks and hosts ---- */

static int64_t wall_us(const struct sim *sim)
{
    return sim->wall_us + (int64_t)(sim->now_ns / 1000);
}

/* The sender's clock, which may run fast or slow. */
static uint64_t sender_ns(const struct sim_flow *flow)
{
    int64_t now = (int64_t)flow->sim->now_ns;

    return (uint64_t)(now + now / 1000000 * flow->options.clock_ppm);
}

static uint64_t sender_due(const struct sim_flow *flow)
{
    uint64_t due = fasp_sender_due(flow->sender);

    if (due == UINT64_MAX || flow->options.clock_ppm == 0)
        return due;
    double real = (double)due / (1 + flow->options.clock_ppm * 1e-6);
    return (uint64_t)real + 1000;
}

/* When the host can run next, at `time_ns` or later. */
static uint64_t awake_at(const struct sim_flow *flow, int host,
                         uint64_t time_ns)
{
    uint64_t asleep_ns = flow->hosts[host].asleep_ns;

    return time_ns < asleep_ns ? asleep_ns : time_ns;
}

static bool is_awake(struct sim_flow *flow, int which)
{
    struct sim_host *host = &flow->hosts[which];
    struct sim *sim = flow->sim;
    uint64_t busy_ns = sim->path.busy_ns;

    if (sim->now_ns < host->asleep_ns)
        return false;
    if (busy_ns == 0 || sim->now_ns < host->next_ns)
        return true;
    uint64_t sleep_ns = 1 + random_below(&sim->random, busy_ns);
    bool first = host->next_ns == 0;
    host->next_ns = sim->now_ns + sleep_ns +
                    random_below(&sim->random, AWAKE_FACTOR * busy_ns);
    if (first)
        return true;
    host->asleep_ns = sim->now_ns + sleep_ns;
    return false;
}

void sim_stop_receiver(struct sim_flow *flow, uint64_t until_ns)
{
    flow->hosts[RECEIVER].asleep_ns = until_ns;
}

/* ---- packets ---- */

static void send_there(struct sim_flow *flow, const uint8_t *data,
                       uint32_t size_bytes)
{
    struct sim *sim = flow->sim;
    struct fasp_packet packet;
    uint64_t arrival_ns;

    if (sim->vlink.capacity_bps > 0)
        vlink_sent(&sim->vlink, size_bytes + FASP_WIRE_BYTES, sim->now_ns);
    CHECK(fasp_packet_read(data, size_bytes, &packet));
    const char *kind = packet.type == FASP_PACKET_PROBE ? "tx probe" : "tx";
    if (!sim_link_pass(sim, flow, size_bytes + FASP_WIRE_BYTES, packet.number,
                       kind, &arrival_ns))
        return;

    uint32_t carried = flow->options.content ? size_bytes : packet.header_bytes;
    struct sim_blob *blob = sim_blob_take(sim, carried);
    blob->size_bytes = size_bytes;
    memcpy(blob->data, data, carried);
    sim_push(sim, (struct sim_event){.time_ns = arrival_ns,
                                     .flow = flow,
                                     .blob = blob,
                                     .kind = SIM_THERE});
}

static void send_back(struct sim_flow *flow, const uint8_t *data,
                      uint32_t size_bytes)
{
    struct sim *sim = flow->sim;

    if (random_below(&sim->random, 1000000) < sim->path.loss_back_ppm)
        return;
    struct sim_blob *blob = sim_blob_take(sim, size_bytes);
    blob->size_bytes = size_bytes;
    memcpy(blob->data, data, size_bytes);
    sim_push(sim,
             (struct sim_event){.time_ns = sim->now_ns + sim->path.back_ns +
                                           flow->options.far_ns / 2,
                                .flow = flow,
                                .blob = blob,
                                .kind = SIM_BACK});
}

/* ---- the two ends ---- */

static void give_data(struct sim_flow *flow)
{
    bool endless =
        flow->options.data_bytes == 0 && flow->options.catalogue_bytes == 0;

    flow->has_data = true;
    flow->started_ns = flow->disk_ns = flow->sim->now_ns;
    fasp_sender_limit(flow->sender, FASP_SPACE_CATALOGUE,
                      flow->options.catalogue_bytes, true);
    fasp_sender_limit(flow->sender, FASP_SPACE_DATA,
                      endless ? FASP_NUMBER_MAX : flow->options.data_bytes,
                      true);
}

static void start_flow(struct sim_flow *flow)
{
    struct sim *sim = flow->sim;
    struct fasp_cipher cipher = {flow, sim_seal, sim_open};
    struct fasp_sender_options sending = {
        .connection = 1,
        .datagram_bytes_max = flow->options.datagram_bytes_max,
        .datagram_bytes = datagram_bytes(flow),
        .cipher = cipher,
        .source = {flow, sim_source_data},
        .rates = flow->options.rates,
        .rtt_ns = trip_ns(flow),
        .train_bytes = flow->options.trains ? TRAIN_BYTES : 0,
    };
    struct fasp_receiver_options receiving = {
        .connection = 2,
        .datagram_bytes = FASP_DATAGRAM_BYTES_IPV4,
        .cipher = cipher,
        .sink = {flow, sim_sink_place, sim_sink_arrived},
        .rtt_ns = trip_ns(flow),
    };

    if (flow->options.kind != SIM_FERRY) {
        sim_rival_start(flow);
        return;
    }
    flow->keys_ns = flow->train_ns = sim->now_ns;
    if (flow->options.trains)
        flow->trains_left = FASP_TRAINS;
    flow->sender = fasp_sender_open(&sending, sender_ns(flow));
    flow->receiver = fasp_receiver_open(&receiving, sim->now_ns);
    CHECK(flow->sender != NULL && flow->receiver != NULL);
    if (!flow->options.trains)
        give_data(flow);
}

static void run_trains(struct sim_flow *flow)
{
    struct fasp_cipher cipher = {flow, sim_seal, sim_open};
    uint8_t datagram[FASP_TRAIN_DATAGRAM_BYTES_MAX];

    if (flow->trains_left == 0 || flow->train_ns > flow->sim->now_ns)
        return;
    uint32_t place = (FASP_TRAINS - flow->trains_left) * FASP_TRAIN_DATAGRAMS;
    for (uint32_t i = 0; i < FASP_TRAIN_DATAGRAMS; i++) {
        train_write(&cipher, 1, place + i, sizeof datagram,
                    (uint32_t)(sender_ns(flow) / 1000), datagram);
        send_there(flow, datagram, sizeof datagram);
    }
    flow->trains_left--;
    flow->train_ns += FASP_TRAIN_GAP_NS;
}

static void run_sender(struct sim_flow *flow)
{
    static uint8_t buffer[FASP_TRAIN_BYTES_MAX];
    struct sim *sim = flow->sim;
    struct fasp_train train;

    run_trains(flow);
    /* The answer to the order comes a round trip later. */
    if (!flow->has_data && sim->now_ns >= flow->keys_ns + trip_ns(flow))
        give_data(flow);
    if (flow->ready_ns != 0 && flow->ready_ns <= sim->now_ns) {
        flow->ready_ns = 0;
        fasp_sender_ready(flow->sender);
    }
    while (sender_due(flow) <= sim->now_ns) {
        if (sim->vlink.capacity_bps > 0)
            fasp_sender_vlink_queue(flow->sender,
                                    vlink_queue_ns(&sim->vlink, sim->now_ns));
        bool sent =
            fasp_sender_train(flow->sender, sender_ns(flow), wall_us(sim),
                              buffer, sizeof buffer, &train);
        if (flow->done_ns == 0 && flow->has_data &&
            fasp_sender_done(flow->sender))
            flow->done_ns = sim->now_ns;
        if (!sent) {
            CHECK(sender_due(flow) > sim->now_ns);
            return;
        }
        CHECK(train.count >= 1 && train.count <= FASP_TRAIN_COUNT_MAX);
        for (uint32_t at = 0; at < train.size_bytes;
             at += train.segment_bytes) {
            uint32_t left = train.size_bytes - at;
            send_there(flow, buffer + at,
                       left < train.segment_bytes ? left : train.segment_bytes);
        }
    }
}

static void run_receiver(struct sim_flow *flow)
{
    uint8_t buffer[FASP_DATAGRAM_BYTES_IPV4];
    uint32_t size_bytes;

    while (fasp_receiver_due(flow->receiver) <= flow->sim->now_ns) {
        sim_disk_turn(flow);
        if (!fasp_receiver_report(flow->receiver, flow->sim->now_ns, buffer,
                                  sizeof buffer, &size_bytes))
            return;
        send_back(flow, buffer, size_bytes);
    }
}

static void deliver_train(struct sim_flow *flow, const struct sim_blob *blob)
{
    struct fasp_cipher cipher = {flow, sim_seal, sim_open};
    uint8_t data[FASP_TRAIN_DATAGRAM_BYTES_MAX];

    memcpy(data, blob->data, FASP_DATA_HEADER_BYTES);
    memset(data + FASP_DATA_HEADER_BYTES,
           blob->data[FASP_DATA_HEADER_BYTES - 5],
           sizeof data - FASP_DATA_HEADER_BYTES);
    CHECK(train_meter_take(&flow->meter, &cipher, data, blob->size_bytes,
                           flow->sim->now_ns) == FASP_TAKEN);
    fasp_receiver_trains(flow->receiver, &flow->meter);
}

static void deliver_there(struct sim_flow *flow, const struct sim_blob *blob)
{
    struct sim *sim = flow->sim;
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    enum fasp_taken taken = fasp_receiver_datagram(
        flow->receiver, blob->data, blob->size_bytes, sim->now_ns, token);

    CHECK(taken != FASP_MALFORMED && taken != FASP_FORGED);
    flow->nonsense = flow->nonsense || taken == FASP_NONSENSE;
    flow->arrived_wire += blob->size_bytes + FASP_WIRE_BYTES;

    uint64_t data_bytes = flow->options.data_bytes;
    if (flow->whole_ns == 0 && data_bytes > 0 &&
        fasp_receiver_total(flow->receiver, FASP_SPACE_DATA) == data_bytes) {
        flow->whole_ns = sim->now_ns;
        sim_say(sim, "rx whole", data_bytes, "");
    }
}

static void deliver(struct sim *sim, struct sim_event event)
{
    struct sim_flow *flow = event.flow;
    uint8_t token[FASP_PATH_TOKEN_BYTES];

    if (event.kind == SIM_RIVAL_THERE || event.kind == SIM_RIVAL_BACK) {
        sim_rival_deliver(flow, event);
        return;
    }
    int host = event.kind == SIM_THERE ? RECEIVER : SENDER;
    if (!is_awake(flow, host)) {
        event.time_ns = flow->hosts[host].asleep_ns;
        sim_push(sim, event);
        return;
    }
    if (event.kind == SIM_THERE && event.blob->data[0] == FASP_PACKET_TRAIN) {
        deliver_train(flow, event.blob);
    } else if (event.kind == SIM_THERE) {
        deliver_there(flow, event.blob);
    } else {
        enum fasp_taken taken = fasp_sender_datagram(
            flow->sender, event.blob->data, event.blob->size_bytes,
            sender_ns(flow), wall_us(sim), token);
        CHECK(taken != FASP_MALFORMED && taken != FASP_FORGED);
        flow->nonsense = flow->nonsense || taken == FASP_NONSENSE;
    }
    sim_blob_give(sim, event.blob);
}

/* ---- turns ---- */

static uint64_t flow_due(const struct sim_flow *flow)
{
    if (flow->rival != NULL)
        return sim_rival_due(flow);
    if (flow->sender == NULL)
        return flow->options.start_ns;
    uint64_t due = sender_due(flow);
    if (flow->ready_ns != 0 && flow->ready_ns < due)
        due = flow->ready_ns;
    if (!flow->has_data && flow->keys_ns + trip_ns(flow) < due)
        due = flow->keys_ns + trip_ns(flow);
    if (flow->trains_left > 0 && flow->train_ns < due)
        due = flow->train_ns;
    due = awake_at(flow, SENDER, due);
    uint64_t report =
        awake_at(flow, RECEIVER, fasp_receiver_due(flow->receiver));
    return report < due ? report : due;
}

static uint64_t next_time(const struct sim *sim)
{
    uint64_t next = sim->event_count > 0 ? sim->events[0].time_ns : UINT64_MAX;

    for (uint32_t i = 0; i < sim->flow_count; i++) {
        uint64_t due = flow_due(&sim->flows[i]);
        if (due < next)
            next = due;
    }
    return next > sim->now_ns ? next : sim->now_ns;
}

static void sample(struct sim *sim)
{
    uint32_t room = sizeof sim->queue_us / sizeof sim->queue_us[0];

    while (sim->sample_next_ns <= sim->now_ns) {
        uint64_t left = sim->link_free_ns > sim->sample_next_ns
                            ? sim->link_free_ns - sim->sample_next_ns
                            : 0;
        if (sim->sample_count < room)
            sim->queue_us[sim->sample_count++] = (uint32_t)(left / 1000);
        sim->sample_next_ns += SIM_MS;
    }
}

static void turn(struct sim_flow *flow)
{
    if (flow->rival != NULL) {
        sim_rival_turn(flow);
        return;
    }
    if (flow->sender == NULL && flow->options.start_ns <= flow->sim->now_ns)
        start_flow(flow);
    if (flow->sender == NULL)
        return;
    if (is_awake(flow, SENDER))
        run_sender(flow);
    if (is_awake(flow, RECEIVER))
        run_receiver(flow);
}

static bool all_done(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->flow_count; i++)
        if (sim->flows[i].done_ns == 0)
            return false;
    return true;
}

static void run(struct sim *sim, uint64_t end_ns, bool to_end)
{
    for (;;) {
        uint64_t next = next_time(sim);
        if (next >= end_ns)
            break;
        sim->now_ns = next;
        sample(sim);
        while (sim->event_count > 0 && sim->events[0].time_ns <= sim->now_ns)
            deliver(sim, sim_pop(sim));
        for (uint32_t i = 0; i < sim->flow_count; i++)
            turn(&sim->flows[i]);
        if (to_end && all_done(sim))
            return;
    }
    sim->now_ns = end_ns;
}

void sim_run_until(struct sim *sim, uint64_t end_ns)
{
    run(sim, end_ns, false);
}

bool sim_run_to_end(struct sim *sim, uint64_t end_ns)
{
    run(sim, end_ns, true);
    return all_done(sim);
}

/* ---- making and asking ---- */

struct sim *sim_new(uint64_t seed, struct sim_path path)
{
    struct sim *sim = calloc(1, sizeof *sim);

    CHECK(sim != NULL);
    sim->path = path;
    sim->now_ns = SIM_S; /* a clock that does not begin at 0 */
    sim->wall_us = 1764000003 * INT64_C(1000000);
    random_seed(&sim->random, seed);
    sim_sample_reset(sim);
    return sim;
}

static void free_event(struct sim *sim, struct sim_event event)
{
    if (event.kind == SIM_THERE || event.kind == SIM_BACK)
        sim_blob_give(sim, event.blob);
}

void sim_free(struct sim *sim)
{
    while (sim->event_count > 0)
        free_event(sim, sim_pop(sim));
    for (int i = 0; i < 2; i++) {
        while (sim->blobs[i] != NULL) {
            struct sim_blob *blob = sim->blobs[i];
            sim->blobs[i] = blob->next;
            free(blob);
        }
    }
    for (uint32_t i = 0; i < sim->flow_count; i++) {
        struct sim_flow *flow = &sim->flows[i];
        fasp_sender_close(flow->sender);
        fasp_receiver_close(flow->receiver);
        sim_rival_free(flow);
        for (int j = 0; j < FASP_SPACE_COUNT; j++) {
            free(flow->source[j]);
            free(flow->sink[j]);
        }
    }
    free(sim->events);
    free(sim->trace);
    free(sim);
}

struct sim_flow *sim_add(struct sim *sim, struct sim_flow_options options)
{
    CHECK(sim->flow_count < SIM_FLOWS_MAX);
    struct sim_flow *flow = &sim->flows[sim->flow_count++];

    if (options.block_bytes == 0)
        options.block_bytes = BLOCK_BYTES;
    *flow = (struct sim_flow){.sim = sim, .options = options};
    flow->options.start_ns += sim->now_ns;
    for (int i = 0; options.content && i < FASP_SPACE_COUNT; i++) {
        uint64_t bytes = sim_space_bytes(flow, (enum fasp_space)i);
        flow->source[i] = malloc(bytes + 1);
        flow->sink[i] = calloc(1, bytes + 1);
        CHECK(flow->source[i] != NULL && flow->sink[i] != NULL);
        flow->sink_bytes[i] = bytes;
        for (uint64_t j = 0; j < bytes; j++)
            flow->source[i][j] = sim_byte((enum fasp_space)i, j);
    }
    return flow;
}

struct fasp_sender_statistics sim_sent(const struct sim_flow *flow)
{
    struct fasp_sender_statistics statistics;

    fasp_sender_statistics(flow->sender, sender_ns(flow), &statistics);
    return statistics;
}

struct fasp_receiver_statistics sim_received(const struct sim_flow *flow)
{
    struct fasp_receiver_statistics statistics;

    fasp_receiver_statistics(flow->receiver, &statistics);
    return statistics;
}

void sim_sample_reset(struct sim *sim)
{
    sim->sample_count = 0;
    sim->sample_next_ns = sim->now_ns;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

double sim_queue_ms(struct sim *sim, uint32_t percent)
{
    if (sim->sample_count == 0)
        return 0;
    qsort(sim->queue_us, sim->sample_count, sizeof sim->queue_us[0], compare);
    uint64_t place = (uint64_t)(sim->sample_count - 1) * percent / 100;
    return sim->queue_us[place] / 1000.0;
}
