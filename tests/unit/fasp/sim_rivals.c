/* Models of other senders: TCP with Cubic, and with BBR (version 1).
 *
 * Each packet is acknowledged by itself, so that a loss is known as soon as
 * three later packets are; what they carry does not matter, so that a repeat is
 * a packet like any other.
 */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim_parts.h"

#define PACKET_BYTES 1500
#define PACKETS_MAX (1u << 18) /* on their way */
#define FIRST_WINDOW 10
#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define RTO_S_MIN 0.2
#define FILTER_ROUNDS 10
#define GAIN_HIGH 2.885

struct packet {
    uint64_t sent_ns;
    uint64_t delivered; /* packets, when it was sent */
    uint64_t delivered_ns;
    bool acked;
};

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_PROBE,
    BBR_PROBE_RTT,
};

struct sim_rival {
    struct packet *packets; /* a ring by number */
    uint64_t next;
    uint64_t oldest;  /* neither acknowledged nor lost */
    uint64_t highest; /* acknowledged, and one more */
    uint64_t flying;
    uint64_t delivered;
    uint64_t delivered_ns;
    double rtt_s_min;
    double rtt_s;
    double window; /* packets */
    uint64_t news_ns;

    /* Cubic. */
    double threshold;
    double most; /* where it lost last */
    double epoch_s;
    double reno;
    uint64_t recover; /* losses below are of one event */

    /* BBR. */
    enum bbr_state state;
    double rates[FILTER_ROUNDS]; /* packets a second, of each round */
    uint64_t round;
    uint64_t round_end;
    double full_rate;
    uint32_t full_rounds;
    uint32_t phase;
    double phase_s;
    double rtt_stamp_s;
    double probe_end_s;
    double due_s; /* of the pacer */
};

static double now_s(const struct sim_flow *flow)
{
    return (double)flow->sim->now_ns * 1e-9;
}

static struct packet *packet_at(struct sim_rival *rival, uint64_t number)
{
    return &rival->packets[number % PACKETS_MAX];
}

static bool is_bbr(const struct sim_flow *flow)
{
    return flow->options.kind == SIM_BBR;
}

void sim_rival_start(struct sim_flow *flow)
{
    struct sim_rival *rival = calloc(1, sizeof *rival);

    CHECK(rival != NULL);
    rival->packets = calloc(PACKETS_MAX, sizeof *rival->packets);
    CHECK(rival->packets != NULL);
    rival->window = FIRST_WINDOW;
    rival->threshold = INFINITY;
    rival->rtt_s_min = INFINITY;
    rival->news_ns = flow->sim->now_ns;
    rival->delivered_ns = flow->sim->now_ns;
    rival->due_s = now_s(flow);
    rival->rtt_stamp_s = now_s(flow);
    flow->started_ns = flow->sim->now_ns;
    flow->rival = rival;
}

void sim_rival_free(struct sim_flow *flow)
{
    if (flow->rival == NULL)
        return;
    free(flow->rival->packets);
    free(flow->rival);
}

/* ---- Cubic ---- */

static void cubic_loss(struct sim_flow *flow, uint64_t number)
{
    struct sim_rival *rival = flow->rival;

    if (number < rival->recover)
        return;
    rival->recover = rival->next;
    rival->most = rival->window < rival->most
                      ? rival->window * (1 + CUBIC_BETA) / 2
                      : rival->window;
    rival->window *= CUBIC_BETA;
    if (rival->window < 2)
        rival->window = 2;
    rival->threshold = rival->window;
    rival->epoch_s = now_s(flow);
    rival->reno = rival->window;
}

static void cubic_ack(struct sim_flow *flow)
{
    struct sim_rival *rival = flow->rival;

    if (rival->window < rival->threshold) {
        rival->window += 1;
        /* HyStart: a delay ends it. */
        double limit = rival->rtt_s_min / 8;
        limit = limit < 0.004 ? 0.004 : limit > 0.016 ? 0.016 : limit;
        if (rival->window >= 16 && rival->rtt_s > rival->rtt_s_min + limit) {
            rival->threshold = rival->window;
            rival->most = rival->window;
            rival->epoch_s = now_s(flow);
            rival->reno = rival->window;
        }
        return;
    }
    double k = cbrt(rival->most * (1 - CUBIC_BETA) / CUBIC_C);
    double t = now_s(flow) - rival->epoch_s + rival->rtt_s_min;
    double wanted = CUBIC_C * (t - k) * (t - k) * (t - k) + rival->most;
    rival->reno += 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA) / rival->window;
    if (wanted < rival->reno)
        wanted = rival->reno;
    if (wanted > 1.5 * rival->window)
        wanted = 1.5 * rival->window;
    if (wanted > rival->window)
        rival->window += (wanted - rival->window) / rival->window;
}

/* ---- BBR ---- */

static double bbr_rate(const struct sim_rival *rival)
{
    double best = 0;

    for (int i = 0; i < FILTER_ROUNDS; i++)
        if (rival->rates[i] > best)
            best = rival->rates[i];
    return best;
}

static double bbr_gain(const struct sim_rival *rival)
{
    static const double gains[] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};

    switch (rival->state) {
    case BBR_STARTUP:
        return GAIN_HIGH;
    case BBR_DRAIN:
        return 1 / GAIN_HIGH;
    case BBR_PROBE:
        return gains[rival->phase];
    case BBR_PROBE_RTT:
        return 1;
    }
    return 1;
}

static void bbr_round(struct sim_rival *rival)
{
    rival->round++;
    rival->round_end = rival->next;
    if (rival->state == BBR_STARTUP) {
        double rate = bbr_rate(rival);
        if (rate > 1.25 * rival->full_rate) {
            rival->full_rate = rate;
            rival->full_rounds = 0;
        } else if (++rival->full_rounds >= 3) {
            rival->state = BBR_DRAIN;
        }
    }
    rival->rates[rival->round % FILTER_ROUNDS] = 0;
}

static void bbr_probe_rtt(struct sim_rival *rival, double now)
{
    if (rival->state != BBR_PROBE_RTT && now > rival->rtt_stamp_s + 10) {
        rival->state = BBR_PROBE_RTT;
        rival->probe_end_s = now + 0.2 + rival->rtt_s_min;
        rival->rtt_s_min = rival->rtt_s;
    }
    if (rival->state == BBR_PROBE_RTT && now > rival->probe_end_s) {
        rival->rtt_stamp_s = now;
        rival->state = BBR_PROBE;
        rival->phase = 2;
        rival->phase_s = now;
    }
}

static void bbr_ack(struct sim_flow *flow, const struct packet *packet,
                    uint64_t number)
{
    struct sim_rival *rival = flow->rival;
    double now = now_s(flow);
    double span_s = (double)(flow->sim->now_ns - packet->delivered_ns) * 1e-9;
    double *rate = &rival->rates[rival->round % FILTER_ROUNDS];

    if (span_s > 0) {
        double seen = (double)(rival->delivered - packet->delivered) / span_s;
        if (seen > *rate)
            *rate = seen;
    }
    if (number >= rival->round_end)
        bbr_round(rival);
    double pipe = bbr_rate(rival) * rival->rtt_s_min;
    if (rival->state == BBR_DRAIN && (double)rival->flying <= pipe) {
        rival->state = BBR_PROBE;
        rival->phase = 2;
        rival->phase_s = now;
    }
    if (rival->state == BBR_PROBE && now - rival->phase_s > rival->rtt_s_min) {
        rival->phase = (rival->phase + 1) % 8;
        rival->phase_s = now;
    }
    bbr_probe_rtt(rival, now);
    rival->window = (rival->state == BBR_STARTUP ? GAIN_HIGH : 2) * pipe;
    if (rival->window < FIRST_WINDOW)
        rival->window = FIRST_WINDOW;
    if (rival->state == BBR_PROBE_RTT)
        rival->window = 4;
}

/* ---- packets ---- */

static void pass_oldest(struct sim_flow *flow)
{
    struct sim_rival *rival = flow->rival;

    while (rival->oldest < rival->next &&
           (packet_at(rival, rival->oldest)->acked ||
            rival->oldest + 3 < rival->highest)) {
        if (!packet_at(rival, rival->oldest)->acked) {
            rival->flying--;
            if (!is_bbr(flow))
                cubic_loss(flow, rival->oldest);
        }
        rival->oldest++;
    }
}

static void take_ack(struct sim_flow *flow, uint64_t number)
{
    struct sim_rival *rival = flow->rival;
    struct packet *packet = packet_at(rival, number);

    if (number < rival->oldest || packet->acked)
        return; /* it was taken for lost */
    packet->acked = true;
    rival->flying--;
    rival->delivered++;
    rival->delivered_ns = rival->news_ns = flow->sim->now_ns;
    rival->rtt_s = (double)(flow->sim->now_ns - packet->sent_ns) * 1e-9;
    if (rival->rtt_s <= rival->rtt_s_min) {
        rival->rtt_s_min = rival->rtt_s;
        rival->rtt_stamp_s = now_s(flow);
    }
    if (number >= rival->highest)
        rival->highest = number + 1;
    if (is_bbr(flow))
        bbr_ack(flow, packet, number);
    else
        cubic_ack(flow);
    pass_oldest(flow);
}

void sim_rival_deliver(struct sim_flow *flow, struct sim_event event)
{
    struct sim *sim = flow->sim;

    if (event.kind == SIM_RIVAL_BACK) {
        take_ack(flow, event.number);
        return;
    }
    flow->arrived_wire += PACKET_BYTES;
    event.kind = SIM_RIVAL_BACK;
    event.time_ns = sim->now_ns + sim->path.back_ns + flow->options.far_ns / 2;
    sim_push(sim, event);
}

static double pace_s(const struct sim_flow *flow)
{
    double rate = bbr_rate(flow->rival);

    return is_bbr(flow) && rate > 0 ? 1 / (rate * bbr_gain(flow->rival)) : 0;
}

static void send_one(struct sim_flow *flow)
{
    struct sim_rival *rival = flow->rival;
    struct sim *sim = flow->sim;
    uint64_t arrival_ns;

    if (rival->flying == 0)
        rival->delivered_ns = sim->now_ns;
    *packet_at(rival, rival->next) = (struct packet){
        .sent_ns = sim->now_ns,
        .delivered = rival->delivered,
        .delivered_ns = rival->delivered_ns,
    };
    rival->flying++;
    if (sim_link_pass(sim, flow, PACKET_BYTES, rival->next, "tx", &arrival_ns))
        sim_push(sim, (struct sim_event){.time_ns = arrival_ns,
                                         .flow = flow,
                                         .number = rival->next,
                                         .kind = SIM_RIVAL_THERE});
    rival->next++;
    double due_s = rival->due_s < now_s(flow) ? now_s(flow) : rival->due_s;
    rival->due_s = due_s + pace_s(flow);
}

static double timeout_s(const struct sim_rival *rival)
{
    double wait_s = 2 * rival->rtt_s + 0.05;

    return wait_s < RTO_S_MIN ? RTO_S_MIN : wait_s;
}

static bool may_send(const struct sim_rival *rival)
{
    return (double)rival->flying < rival->window &&
           rival->next - rival->oldest < PACKETS_MAX;
}

uint64_t sim_rival_due(const struct sim_flow *flow)
{
    const struct sim_rival *rival = flow->rival;

    if (may_send(rival))
        return (uint64_t)(rival->due_s * 1e9) + 1;
    return rival->news_ns + (uint64_t)(timeout_s(rival) * 1e9) + 1;
}

void sim_rival_turn(struct sim_flow *flow)
{
    struct sim_rival *rival = flow->rival;
    uint64_t now_ns = flow->sim->now_ns;

    if (now_ns - rival->news_ns > (uint64_t)(timeout_s(rival) * 1e9)) {
        /* All on its way is lost. */
        rival->news_ns = now_ns;
        rival->oldest = rival->highest = rival->next;
        rival->flying = 0;
        if (!is_bbr(flow)) {
            rival->threshold = rival->window / 2;
            rival->window = 2;
            rival->recover = rival->next;
        }
    }
    while (may_send(rival) && (uint64_t)(rival->due_s * 1e9) < now_ns + 1)
        send_one(flow);
}
