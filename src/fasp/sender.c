#include "fasp/sender.h"

#include <stdlib.h>
#include <string.h>

#include "fasp/sender_parts.h"

#define MS UINT64_C(1000000)
#define RTT_UNKNOWN_NS (100 * MS)
#define DECIDED_COUNT_MAX 4096u

struct fasp_sender *fasp_sender_open(const struct fasp_sender_options *options,
                                     uint64_t now_ns)
{
    CHECK(options->datagram_bytes >= FASP_DATAGRAM_BYTES_MIN);
    CHECK(options->datagram_bytes <= FASP_DATAGRAM_BYTES_MAX);
    CHECK(options->datagram_bytes_max <= FASP_DATAGRAM_BYTES_MAX);
    uint32_t most = options->datagram_bytes_max > options->datagram_bytes
                        ? options->datagram_bytes_max
                        : options->datagram_bytes;

    if (!fasp_rates_supported(&options->rates))
        return NULL;
    struct fasp_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        return NULL;
    sender->options = *options;
    sender->rtt_ns = options->rtt_ns > 0 ? options->rtt_ns : RTT_UNKNOWN_NS;
    rate_init(&sender->rate, &options->rates,
              options->datagram_bytes + FASP_WIRE_BYTES, sender->rtt_ns,
              options->clock_unsynchronised, now_ns);
    mtu_init(&sender->mtu, FASP_DATAGRAM_BYTES_MIN, options->datagram_bytes,
             most);
    pacer_init(&sender->pacer, FASP_RATE_BPS_MIN, now_ns);
    for (int i = 0; i < FASP_SPACE_COUNT; i++)
        pieces_init(&sender->spaces[i]);
    flights_init(&sender->flights);
    window_init(&sender->reports, sender->report_words,
                SENDER_REPORT_WINDOW_BITS, 1);
    ranges_init(&sender->decided, DECIDED_COUNT_MAX);
    sender->free_bytes = UINT64_MAX;
    sender->due_ns = now_ns;
    sender->sent_ns = now_ns;
    sender->report_ns = now_ns;
    sender->progress_ns = now_ns;
    if (options->train_bytes > 0)
        rate_trains(&sender->rate, options->train_bytes, options->train_rate,
                    now_ns);
    return sender;
}

void fasp_sender_close(struct fasp_sender *sender)
{
    if (sender == NULL)
        return;
    for (int i = 0; i < FASP_SPACE_COUNT; i++)
        pieces_free(&sender->spaces[i]);
    flights_free(&sender->flights);
    ranges_free(&sender->decided);
    free(sender);
}

void fasp_sender_limit(struct fasp_sender *sender, enum fasp_space space,
                       uint64_t end, bool final)
{
    struct pieces *pieces = &sender->spaces[space];

    CHECK(end >= pieces->end);
    CHECK(end <= FASP_NUMBER_MAX);
    CHECK(!pieces->final || (end == pieces->end && final));
    if (pieces_ready(pieces) == 0 && end > pieces->end)
        rate_unlimited(&sender->rate);
    pieces->end = end;
    pieces->final = final;
    sender->due_ns = 0;
}

bool fasp_sender_skip(struct fasp_sender *sender, enum fasp_space space,
                      uint64_t from, uint64_t to)
{
    sender->due_ns = 0;
    return from == to || pieces_skip(&sender->spaces[space], from, to);
}

void fasp_sender_ready(struct fasp_sender *sender)
{
    for (int i = 0; i < FASP_SPACE_COUNT; i++) {
        sender->waiting[i] = false;
        sender->waiting_repeat[i] = false;
    }
    sender->due_ns = 0;
}

uint64_t fasp_sender_due(const struct fasp_sender *sender)
{
    return sender->due_ns;
}

uint64_t fasp_sender_delivered(const struct fasp_sender *sender,
                               enum fasp_space space)
{
    return pieces_delivered_end(&sender->spaces[space]);
}

static bool space_done(const struct pieces *pieces)
{
    return pieces->final && pieces_delivered_end(pieces) >= pieces->end;
}

bool fasp_sender_done(const struct fasp_sender *sender)
{
    return space_done(&sender->spaces[FASP_SPACE_CATALOGUE]) &&
           space_done(&sender->spaces[FASP_SPACE_DATA]);
}

bool fasp_sender_set_rates(struct fasp_sender *sender,
                           const struct fasp_rates *rates, uint64_t now_ns)
{
    if (!fasp_rates_supported(rates))
        return false;
    rate_set(&sender->rate, rates, now_ns);
    sender->due_ns = now_ns;
    return true;
}

void fasp_sender_pause(struct fasp_sender *sender, bool paused, uint64_t now_ns)
{
    rate_pause(&sender->rate, paused, now_ns);
    sender->due_ns = now_ns;
}

void fasp_sender_vlink_queue(struct fasp_sender *sender, uint64_t queue_ns)
{
    sender->vlink_ns = queue_ns;
    rate_vlink_queue(&sender->rate, queue_ns > sender->vlink_far_ns
                                        ? queue_ns
                                        : sender->vlink_far_ns);
}

uint64_t sender_report_interval_ns(const struct fasp_sender *sender)
{
    uint64_t quarter = sender->rtt_ns / 4;

    return quarter < 5 * MS ? 5 * MS : quarter > 50 * MS ? 50 * MS : quarter;
}

uint64_t sender_inflight_reported(const struct fasp_sender *sender)
{
    uint64_t gone = sender->came_bytes + sender->lost_bytes;
    uint64_t listed = sender->statistics.lost_packets;

    /* Lost by the newest count, though the list has not come yet. */
    if (sender->last.lost > listed)
        gone += (sender->last.lost - listed) * sender_wire_bytes(sender);
    return sender->sent_bytes > gone ? sender->sent_bytes - gone : 0;
}

uint64_t sender_trust_ns(const struct fasp_sender *sender)
{
    uint64_t span = 3 * sender_report_interval_ns(sender);

    return span > sender->rtt_ns ? span : sender->rtt_ns;
}

uint64_t sender_inflight(const struct fasp_sender *sender, uint64_t now_ns)
{
    uint64_t since_ns = now_ns - sender->report_ns;
    uint64_t trust_ns = sender_trust_ns(sender);
    uint64_t reported = sender_inflight_reported(sender);

    /* Delivery goes on while no report comes: a lost one must not stop us. */
    if (since_ns > trust_ns)
        since_ns = trust_ns;
    uint64_t came = (uint64_t)(sender->rate.arriving * 1e-9 * (double)since_ns);
    return reported > came ? reported - came : 0;
}

bool fasp_sender_path(struct fasp_sender *sender, enum fasp_packet_type type,
                      const uint8_t *token, uint8_t *out, uint64_t now_ns)
{
    const struct fasp_cipher *cipher = &sender->options.cipher;
    struct flights *flights = &sender->flights;
    struct fasp_packet packet = {
        .type = type,
        .connection = sender->options.connection,
        .number = flights->next,
    };

    CHECK(type == FASP_PACKET_PATH_CHALLENGE ||
          type == FASP_PACKET_PATH_RESPONSE);
    if (!flights_have_room(flights))
        return false;
    fasp_packet_write(&packet, out);
    cipher->seal(cipher->context, packet.number, out, FASP_HEADER_BYTES, token,
                 FASP_PATH_TOKEN_BYTES, out + FASP_HEADER_BYTES);
    uint16_t wire_bytes = FASP_PATH_DATAGRAM_BYTES + FASP_WIRE_BYTES;
    flights_add(flights, (struct flight){.wire_bytes = wire_bytes,
                                         .space = FLIGHT_EMPTY});
    sender_count(sender, wire_bytes);
    sender->sent_ns = now_ns;
    return true;
}

void sender_count(struct fasp_sender *sender, uint32_t wire_bytes)
{
    sender->sent_bytes += wire_bytes;
    sender->sent_bytes_ever += wire_bytes;
    sender->statistics.sent_packets++;
}

static uint32_t to_ppm(double share)
{
    return share <= 0 ? 0 : share >= 1 ? 1000000 : (uint32_t)(share * 1e6);
}

void fasp_sender_statistics(const struct fasp_sender *sender, uint64_t now_ns,
                            struct fasp_sender_statistics *statistics)
{
    const struct rate *rate = &sender->rate;
    const struct rate_window *window = &rate->now_window;

    *statistics = sender->statistics;
    for (int i = 0; i < FASP_SPACE_COUNT; i++)
        statistics->delivered_bytes += sender->spaces[i].delivered_bytes;
    statistics->rtt_ns = sender->rtt_known ? sender->rtt_ns : 0;
    statistics->rtt_ns_min = (uint64_t)(rate->trip_s * 1e9);
    statistics->queue_ns = (uint64_t)(rate->queue_s * 1e9);
    statistics->rate_bps = rate->rate_bps;
    statistics->delivered_bps = (uint64_t)(rate->delivered * 8);
    statistics->budget_bytes = rate->budget_bytes;
    statistics->inflight_bytes = sender_inflight(sender, now_ns);
    statistics->loss_ppm =
        to_ppm(window->judged > 0 ? window->lost / window->judged : 0);
    statistics->path_loss_ppm = to_ppm(rate->path_loss);
    statistics->train_bps = (uint64_t)(rate->train_rate * 8);
    statistics->last_progress_ns = sender->progress_ns;
    statistics->datagram_bytes = sender->mtu.good;
    statistics->breaker_tripped = rate->breaker_tripped;
}
