#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim_ends.h"

#define TRACE_BYTES (1u << 20)
#define BLOCK_BYTES (1u << 20)
#define BLOB_BYTES 1536u

/* One datagram on its way. */
struct sim_blob {
    struct sim_blob *next;
    uint32_t size_bytes;
    uint8_t data[BLOB_BYTES];
};

struct sim_event {
    uint64_t time_ns;
    uint64_t order; /* of events at one time */
    struct sim_flow *flow;
    struct sim_blob *blob;
    bool back; /* to the sender */
};

/* ---- events ---- */

static bool before(const struct sim_event *left, const struct sim_event *right)
{
    return left->time_ns != right->time_ns ? left->time_ns < right->time_ns
                                           : left->order < right->order;
}

static void push(struct sim *sim, struct sim_event event)
{
    if (sim->event_count == sim->event_room) {
        sim->event_room = sim->event_room == 0 ? 1024 : 2 * sim->event_room;
        sim->events =
            realloc(sim->events, sim->event_room * sizeof *sim->events);
        CHECK(sim->events != NULL);
    }
    event.order = sim->order++;
    uint32_t place = sim->event_count++;
    while (place > 0 && before(&event, &sim->events[(place - 1) / 2])) {
        sim->events[place] = sim->events[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    sim->events[place] = event;
}

static struct sim_event pop(struct sim *sim)
{
    struct sim_event first = sim->events[0];
    struct sim_event moved = sim->events[--sim->event_count];
    uint32_t place = 0;

    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= sim->event_count)
            break;
        if (child + 1 < sim->event_count &&
            before(&sim->events[child + 1], &sim->events[child]))
            child++;
        if (!before(&sim->events[child], &moved))
            break;
        sim->events[place] = sim->events[child];
        place = child;
    }
    sim->events[place] = moved;
    return first;
}

static struct sim_blob *blob_take(struct sim *sim)
{
    struct sim_blob *blob = sim->blobs;

    if (blob == NULL)
        blob = malloc(sizeof *blob);
    else
        sim->blobs = blob->next;
    CHECK(blob != NULL);
    return blob;
}

static void blob_give(struct sim *sim, struct sim_blob *blob)
{
    blob->next = sim->blobs;
    sim->blobs = blob;
}

static void trace(struct sim *sim, const char *what, uint64_t number,
                  const char *more)
{
    if (sim->trace == NULL)
        return;
    int size =
        snprintf(sim->trace + sim->trace_bytes, TRACE_BYTES - sim->trace_bytes,
                 "[%7.3f] %s %llu%s\n", (double)sim->now_ns * 1e-6, what,
                 (unsigned long long)number, more);
    CHECK(size > 0 && (uint32_t)size < TRACE_BYTES - sim->trace_bytes);
    sim->trace_bytes += (uint32_t)size;
}

/* ---- the path ---- */

static bool is_listed(const struct sim *sim, uint64_t number)
{
    for (const uint32_t *lose = sim->path.lose; lose && *lose != 0; lose++)
        if (*lose == number)
            return true;
    return false;
}

static bool loses(struct sim *sim, uint64_t number)
{
    uint32_t run = sim->path.loss_run > 0 ? sim->path.loss_run : 1;

    if (sim->path.lose != NULL)
        return is_listed(sim, number);
    if (sim->lose_left > 0) {
        sim->lose_left--;
        return true;
    }
    if (random_below(&sim->random, UINT64_C(1000000) * run) >=
        sim->path.loss_ppm)
        return false;
    sim->lose_left = run - 1;
    return true;
}

static uint64_t extra_delay_ns(struct sim *sim)
{
    uint64_t extra = 0;

    if (sim->path.jitter_ns > 0) {
        if (sim->now_ns >= sim->jitter_until_ns) {
            sim->jitter_now_ns =
                random_below(&sim->random, sim->path.jitter_ns + 1);
            sim->jitter_until_ns = sim->now_ns + 5 * SIM_MS;
        }
        extra += sim->jitter_now_ns;
    }
    if (sim->path.late_ppm > 0 &&
        random_below(&sim->random, 1000000) < sim->path.late_ppm)
        extra += sim->path.late_ns;
    return extra;
}

static void send_there(struct sim *sim, struct sim_flow *flow,
                       const uint8_t *data, uint32_t size_bytes)
{
    uint64_t wire_bytes = size_bytes + FASP_WIRE_BYTES;
    uint64_t rate = sim->path.rate_bps;
    uint64_t out_ns = sim->now_ns;
    struct fasp_packet packet;

    CHECK(fasp_packet_read(data, size_bytes, &packet));
    if (rate > 0) {
        uint64_t start_ns =
            sim->link_free_ns > sim->now_ns ? sim->link_free_ns : sim->now_ns;
        double queued = (double)(start_ns - sim->now_ns) * (double)rate / 8e9;
        if (queued + (double)wire_bytes > (double)sim->path.queue_bytes) {
            sim->dropped++;
            trace(sim, "tx", packet.number, " dropped");
            return;
        }
        out_ns = start_ns + wire_bytes * 8 * SIM_S / rate;
        sim->link_free_ns = out_ns;
    }
    sim->passed++;
    bool lost = loses(sim, packet.number);
    const char *kind = packet.type == FASP_PACKET_PROBE ? "tx probe" : "tx";
    trace(sim, kind, packet.number, lost ? " lost" : "");
    if (lost)
        return;

    struct sim_blob *blob = blob_take(sim);
    blob->size_bytes = size_bytes;
    memcpy(blob->data, data,
           flow->options.content ? size_bytes : packet.header_bytes);
    push(sim, (struct sim_event){
                  .time_ns = out_ns + sim->path.there_ns + extra_delay_ns(sim),
                  .flow = flow,
                  .blob = blob,
              });
}

static void send_back(struct sim *sim, struct sim_flow *flow,
                      const uint8_t *data, uint32_t size_bytes)
{
    if (random_below(&sim->random, 1000000) < sim->path.loss_back_ppm)
        return;
    struct sim_blob *blob = blob_take(sim);
    blob->size_bytes = size_bytes;
    memcpy(blob->data, data, size_bytes);
    push(sim, (struct sim_event){.time_ns = sim->now_ns + sim->path.back_ns,
                                 .flow = flow,
                                 .blob = blob,
                                 .back = true});
}

/* ---- the two ends ---- */

static int64_t wall_us(const struct sim *sim)
{
    return sim->wall_us + (int64_t)(sim->now_ns / 1000);
}

static void start_flow(struct sim_flow *flow)
{
    struct sim *sim = flow->sim;
    struct fasp_cipher cipher = {flow, sim_seal, sim_open};
    struct fasp_sender_options sending = {
        .connection = 1,
        .datagram_bytes = FASP_DATAGRAM_BYTES_IPV4,
        .cipher = cipher,
        .source = {flow, sim_source_data},
        .rates = flow->options.rates,
        .rtt_ns = sim->path.there_ns + sim->path.back_ns,
    };
    struct fasp_receiver_options receiving = {
        .connection = 2,
        .datagram_bytes = FASP_DATAGRAM_BYTES_IPV4,
        .cipher = cipher,
        .sink = {flow, sim_sink_place, sim_sink_arrived},
        .rtt_ns = sim->path.there_ns + sim->path.back_ns,
    };
    bool endless =
        flow->options.data_bytes == 0 && flow->options.catalogue_bytes == 0;

    flow->started_ns = sim->now_ns;
    flow->sender = fasp_sender_open(&sending, sim->now_ns);
    flow->receiver = fasp_receiver_open(&receiving, sim->now_ns);
    CHECK(flow->sender != NULL && flow->receiver != NULL);
    fasp_sender_limit(flow->sender, FASP_SPACE_CATALOGUE,
                      flow->options.catalogue_bytes, true);
    fasp_sender_limit(flow->sender, FASP_SPACE_DATA,
                      endless ? FASP_NUMBER_MAX : flow->options.data_bytes,
                      true);
}

static void run_sender(struct sim_flow *flow)
{
    static uint8_t buffer[FASP_TRAIN_BYTES_MAX];
    struct sim *sim = flow->sim;
    struct fasp_train train;

    if (flow->ready_ns != 0 && flow->ready_ns <= sim->now_ns) {
        flow->ready_ns = 0;
        fasp_sender_ready(flow->sender);
    }
    while (fasp_sender_due(flow->sender) <= sim->now_ns) {
        bool sent = fasp_sender_train(flow->sender, sim->now_ns, wall_us(sim),
                                      buffer, sizeof buffer, &train);
        if (flow->done_ns == 0 && fasp_sender_done(flow->sender))
            flow->done_ns = sim->now_ns;
        if (!sent) {
            CHECK(fasp_sender_due(flow->sender) > sim->now_ns);
            return;
        }
        CHECK(train.count >= 1 && train.count <= FASP_TRAIN_COUNT_MAX);
        for (uint32_t at = 0; at < train.size_bytes;
             at += train.segment_bytes) {
            uint32_t left = train.size_bytes - at;
            send_there(sim, flow, buffer + at,
                       left < train.segment_bytes ? left : train.segment_bytes);
        }
    }
}

static void run_receiver(struct sim_flow *flow)
{
    uint8_t buffer[FASP_DATAGRAM_BYTES_IPV4];
    uint32_t size_bytes;

    while (fasp_receiver_due(flow->receiver) <= flow->sim->now_ns) {
        if (!fasp_receiver_report(flow->receiver, flow->sim->now_ns, buffer,
                                  sizeof buffer, &size_bytes))
            return;
        send_back(flow->sim, flow, buffer, size_bytes);
    }
}

static void deliver(struct sim *sim, struct sim_event event)
{
    struct sim_flow *flow = event.flow;
    uint8_t token[FASP_PATH_TOKEN_BYTES];
    enum fasp_taken taken;

    if (event.back)
        taken = fasp_sender_datagram(flow->sender, event.blob->data,
                                     event.blob->size_bytes, sim->now_ns,
                                     wall_us(sim), token);
    else
        taken =
            fasp_receiver_datagram(flow->receiver, event.blob->data,
                                   event.blob->size_bytes, sim->now_ns, token);
    CHECK(taken != FASP_MALFORMED && taken != FASP_FORGED);
    if (taken == FASP_NONSENSE)
        flow->nonsense = true;
    blob_give(sim, event.blob);

    uint64_t data_bytes = flow->options.data_bytes;
    if (flow->whole_ns == 0 && data_bytes > 0 &&
        fasp_receiver_total(flow->receiver, FASP_SPACE_DATA) == data_bytes) {
        flow->whole_ns = sim->now_ns;
        trace(sim, "rx whole", data_bytes, "");
    }
}

static uint64_t next_time(const struct sim *sim)
{
    uint64_t next = sim->event_count > 0 ? sim->events[0].time_ns : UINT64_MAX;

    for (uint32_t i = 0; i < sim->flow_count; i++) {
        const struct sim_flow *flow = &sim->flows[i];
        uint64_t due = flow->options.start_ns;
        if (flow->sender != NULL) {
            due = fasp_sender_due(flow->sender);
            if (fasp_receiver_due(flow->receiver) < due)
                due = fasp_receiver_due(flow->receiver);
            if (flow->ready_ns != 0 && flow->ready_ns < due)
                due = flow->ready_ns;
        }
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
            deliver(sim, pop(sim));
        for (uint32_t i = 0; i < sim->flow_count; i++) {
            struct sim_flow *flow = &sim->flows[i];
            if (flow->sender == NULL && flow->options.start_ns <= sim->now_ns)
                start_flow(flow);
            if (flow->sender == NULL)
                continue;
            run_sender(flow);
            run_receiver(flow);
        }
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

void sim_free(struct sim *sim)
{
    while (sim->event_count > 0)
        blob_give(sim, pop(sim).blob);
    while (sim->blobs != NULL) {
        struct sim_blob *blob = sim->blobs;
        sim->blobs = blob->next;
        free(blob);
    }
    for (uint32_t i = 0; i < sim->flow_count; i++) {
        struct sim_flow *flow = &sim->flows[i];
        fasp_sender_close(flow->sender);
        fasp_receiver_close(flow->receiver);
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

void sim_trace(struct sim *sim)
{
    sim->trace = calloc(1, TRACE_BYTES);
    CHECK(sim->trace != NULL);
}

struct fasp_sender_statistics sim_sent(const struct sim_flow *flow)
{
    struct fasp_sender_statistics statistics;

    fasp_sender_statistics(flow->sender, flow->sim->now_ns, &statistics);
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
