#include "crypto/tls.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/limits.h"

#define OUTPUT_BYTES_MAX (256u << 10)
#define PLAIN_BYTES_MAX (64u << 10)

/* One end: its session, and what it has read. */
struct end {
    struct tls_session *session;
    uint8_t plain[PLAIN_BYTES_MAX];
    uint32_t plain_bytes;
};

static struct identity identity;
static struct tls_context *server_context;
static struct tls_context *client_context;
static struct end client;
static struct end server;

static void set_up(void)
{
    identity_make(&identity);
    server_context = tls_context_open_server(&identity);
    client_context = tls_context_open_client();
    cr_assert_not_null(server_context);
    cr_assert_not_null(client_context);
    server.session = tls_session_open(server_context, OUTPUT_BYTES_MAX);
    client.session = tls_session_open(client_context, OUTPUT_BYTES_MAX);
    cr_assert_not_null(server.session);
    cr_assert_not_null(client.session);
}

static void tear_down(void)
{
    tls_session_close(client.session);
    tls_session_close(server.session);
    tls_context_close(client_context);
    tls_context_close(server_context);
}

TestSuite(tls, .init = set_up, .fini = tear_down);

static enum tls_state state_of(const struct end *end)
{
    return tls_session_state(end->session);
}

static void give(struct end *end, const uint8_t *data, uint32_t size)
{
    enum tls_state before;
    uint32_t count;

    tls_feed(end->session, data, size);
    do {
        before = state_of(end);
        while ((count = tls_read(end->session, end->plain + end->plain_bytes,
                                 PLAIN_BYTES_MAX - end->plain_bytes)) > 0)
            end->plain_bytes += count;
    } while (before == TLS_HANDSHAKING && state_of(end) == TLS_OPEN);
    cr_assert_not(tls_has_input(end->session));
}

/* Carries what one end has to send to the other, in pieces of `piece_bytes`.
 * Returns how much that was. */
static uint32_t carry(struct end *from, struct end *to, uint32_t piece_bytes)
{
    static uint8_t piece[OUTPUT_BYTES_MAX];
    uint32_t carried_bytes = 0;
    uint32_t count;

    while ((count = tls_take_output(from->session, piece, piece_bytes)) > 0) {
        give(to, piece, count);
        carried_bytes += count;
    }
    return carried_bytes;
}

static void carry_all(uint32_t piece_bytes)
{
    while (carry(&client, &server, piece_bytes) +
               carry(&server, &client, piece_bytes) >
           0)
        ;
}

static void assert_echo(void)
{
    tls_write(client.session, "ping", 4);
    tls_write(server.session, "pong!", 5);
    carry_all(OUTPUT_BYTES_MAX);
    cr_assert_eq(server.plain_bytes, 4);
    cr_assert_eq(memcmp(server.plain, "ping", 4), 0);
    cr_assert_eq(client.plain_bytes, 5);
    cr_assert_eq(memcmp(client.plain, "pong!", 5), 0);
}

Test(tls, agrees_whatever_the_pieces)
{
    static const uint32_t pieces[] = {OUTPUT_BYTES_MAX, 1, 2, 7, 100};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        carry_all(pieces[i]);
        cr_assert_eq(state_of(&client), TLS_OPEN);
        cr_assert_eq(state_of(&server), TLS_OPEN);
        cr_assert(fingerprint_equal(tls_peer_fingerprint(client.session),
                                    identity.fingerprint));
        assert_echo();

        tls_session_close(client.session);
        tls_session_close(server.session);
        client = (struct end){
            .session = tls_session_open(client_context, OUTPUT_BYTES_MAX)};
        server = (struct end){
            .session = tls_session_open(server_context, OUTPUT_BYTES_MAX)};
    }
}

/* One round trip: hello; hello to finished; finished and the first words. */
Test(tls, the_clients_first_words_leave_with_its_finished)
{
    cr_assert_gt(carry(&client, &server, OUTPUT_BYTES_MAX), 0);
    cr_assert_gt(carry(&server, &client, OUTPUT_BYTES_MAX), 0);
    cr_assert_eq(state_of(&client), TLS_OPEN);
    cr_assert_eq(state_of(&server), TLS_HANDSHAKING);

    static uint8_t flight[4096];
    tls_write(client.session, "hello", 5);
    uint32_t size = tls_take_output(client.session, flight, sizeof flight);
    cr_assert_eq(tls_output_bytes(client.session), 0);
    give(&server, flight, size);
    cr_assert_eq(state_of(&server), TLS_OPEN);
    cr_assert_eq(server.plain_bytes, 5);
    cr_assert_eq(memcmp(server.plain, "hello", 5), 0);
}

Test(tls, exporters_agree_and_depend_on_label_and_context)
{
    uint8_t one[32], other[32];

    carry_all(OUTPUT_BYTES_MAX);
    tls_export(client.session, "EXPORTER-ferry-test", "ctx", 3, one, 32);
    tls_export(server.session, "EXPORTER-ferry-test", "ctx", 3, other, 32);
    cr_assert_eq(memcmp(one, other, 32), 0);
    tls_export(server.session, "EXPORTER-ferry-tesu", "ctx", 3, other, 32);
    cr_assert_neq(memcmp(one, other, 32), 0);
    tls_export(server.session, "EXPORTER-ferry-test", "ctu", 3, other, 32);
    cr_assert_neq(memcmp(one, other, 32), 0);
    tls_export(server.session, "EXPORTER-ferry-test", NULL, 0, other, 32);
    cr_assert_neq(memcmp(one, other, 32), 0);
}

Test(tls, carries_more_than_a_record)
{
    static uint8_t data[50000];

    for (uint32_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    carry_all(OUTPUT_BYTES_MAX);
    tls_write(client.session, data, sizeof data);
    carry(&client, &server, 999);
    cr_assert_eq(server.plain_bytes, sizeof data);
    cr_assert_eq(memcmp(server.plain, data, sizeof data), 0);
}

Test(tls, says_when_the_peer_has_ended)
{
    carry_all(OUTPUT_BYTES_MAX);
    tls_write(client.session, "bye", 3);
    tls_write_end(client.session);
    tls_write_end(client.session);
    carry(&client, &server, 1);
    cr_assert_eq(server.plain_bytes, 3);
    cr_assert_eq(state_of(&server), TLS_CLOSED);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_NONE);
    tls_write_end(server.session);
    carry(&server, &client, OUTPUT_BYTES_MAX);
    cr_assert_eq(state_of(&client), TLS_CLOSED);
}

Test(tls, writing_after_the_end_is_a_bug, .signal = SIGABRT)
{
    carry_all(OUTPUT_BYTES_MAX);
    tls_write_end(client.session);
    tls_write(client.session, "x", 1);
}

Test(tls, feeding_before_all_is_read_is_a_bug, .signal = SIGABRT)
{
    tls_feed(server.session, "ab", 2);
    tls_feed(server.session, "c", 1);
}

/* The server's certificate is another node's, but not the key: whoever has
 * copied a certificate cannot pass for its owner. */
Test(tls, a_certificate_without_its_key_is_refused)
{
    struct identity thief, mixed;

    identity_make(&thief);
    mixed = identity;
    memcpy(mixed.key, thief.key, sizeof mixed.key);
    mixed.key_bytes = thief.key_bytes;
    struct tls_context *context = tls_context_open_server(&mixed);
    if (context == NULL)
        return; /* refused even earlier */
    tls_session_close(server.session);
    server.session = tls_session_open(context, OUTPUT_BYTES_MAX);
    carry_all(OUTPUT_BYTES_MAX);
    cr_assert_eq(state_of(&client), TLS_FAILED);
    cr_assert_neq(state_of(&server), TLS_OPEN);
    cr_assert_eq(tls_session_error(client.session), TLS_ERROR_CERTIFICATE);
    tls_session_close(server.session);
    server.session = tls_session_open(server_context, OUTPUT_BYTES_MAX);
    tls_context_close(context);
}

/* Changes the n-th byte of a flight; the handshake must not succeed. */
static void assert_changed_flight_fails(bool of_server, uint32_t place)
{
    static uint8_t flight[8192];
    struct end *from = of_server ? &server : &client;
    struct end *to = of_server ? &client : &server;

    tls_session_close(client.session);
    tls_session_close(server.session);
    client.session = tls_session_open(client_context, OUTPUT_BYTES_MAX);
    server.session = tls_session_open(server_context, OUTPUT_BYTES_MAX);
    client.plain_bytes = server.plain_bytes = 0;
    if (of_server)
        carry(&client, &server, OUTPUT_BYTES_MAX);
    uint32_t size = tls_take_output(from->session, flight, sizeof flight);
    if (place >= size)
        return;
    flight[place] ^= 0x10;
    give(to, flight, size);
    carry_all(OUTPUT_BYTES_MAX);
    cr_assert(state_of(&client) != TLS_OPEN || state_of(&server) != TLS_OPEN,
              "byte %u of the %s's flight", place,
              of_server ? "server" : "client");
}

Test(tls, a_byte_changed_on_the_way_is_noticed)
{
    for (uint32_t place = 5; place < 1200; place += 3) {
        assert_changed_flight_fails(false, place);
        assert_changed_flight_fails(true, place);
    }
}

Test(tls, a_record_changed_on_the_way_fails_the_session)
{
    uint8_t record[64];

    carry_all(OUTPUT_BYTES_MAX);
    tls_write(client.session, "hello", 5);
    uint32_t size = tls_take_output(client.session, record, sizeof record);
    record[size - 1] ^= 1;
    give(&server, record, size);
    cr_assert_eq(state_of(&server), TLS_FAILED);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_PROTOCOL);
    cr_assert_eq(server.plain_bytes, 0);
    /* The alert goes out, and the client understands it. */
    cr_assert_gt(carry(&server, &client, OUTPUT_BYTES_MAX), 0);
    cr_assert_eq(state_of(&client), TLS_FAILED);
    cr_assert_eq(tls_session_error(client.session), TLS_ERROR_ALERT);
}

/* A flight, good up to a cut at each 16th byte, then garbage. */
Test(tls, garbage_at_any_place_fails_cleanly)
{
    for (int of_server = 0; of_server < 2; of_server++) {
        uint32_t size = 1;
        for (uint32_t cut = 0; cut < size; cut += 16) {
            static uint8_t flight[8192];
            struct tls_session *shy =
                tls_session_open(client_context, OUTPUT_BYTES_MAX);
            struct tls_session *host =
                tls_session_open(server_context, OUTPUT_BYTES_MAX);
            struct end victim = {.session = of_server ? shy : host};

            size = tls_take_output(shy, flight, sizeof flight);
            if (of_server) {
                struct end other = {.session = host};
                give(&other, flight, size);
                size = tls_take_output(host, flight, sizeof flight);
            }
            memset(flight + cut, 0xa5, sizeof flight - cut);
            give(&victim, flight, sizeof flight);
            cr_assert_eq(state_of(&victim), TLS_FAILED, "cut at %u", cut);
            cr_assert_neq(tls_session_error(victim.session), TLS_ERROR_NONE);
            cr_assert_eq(victim.plain_bytes, 0);
            tls_session_close(shy);
            tls_session_close(host);
        }
    }
}

Test(tls, a_peer_of_another_protocol_is_called_so)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char banner[] = "SSH-2.0-OpenSSH_9.2p1\r\n";

    give(&server, (const uint8_t *)request, sizeof request - 1);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_NOT_TLS);
    give(&client, (const uint8_t *)banner, sizeof banner - 1);
    cr_assert_eq(tls_session_error(client.session), TLS_ERROR_NOT_TLS);
}

/* A ClientHello without supported_versions: TLS 1.2 at most. */
static const uint8_t hello_1_2[] =
    {
        22, 3,  1,    0,    47, /* record: handshake, 47 bytes */
        1,  0,  0,    43,       /* ClientHello, 43 bytes */
        3,  3,                  /* TLS 1.2 */
        1,  2,  3,    4,    5,    6,    7,  8,  9,  10, 11,
        12, 13, 14,   15,   16,   17,   18, 19, 20, 21, 22,
        23, 24, 25,   26,   27,   28,   29, 30, 31, 32, /* random */
        0,                                              /* no session id */
        0,  4,  0xc0, 0x2b, 0xc0, 0x2c, /* ECDHE-ECDSA with AES-GCM */
        1,  0,                          /* no compression */
};

Test(tls, a_client_of_tls_1_2_is_refused)
{
    uint8_t answer[64];

    give(&server, hello_1_2, sizeof hello_1_2);
    cr_assert_eq(state_of(&server), TLS_FAILED);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_VERSION);
    /* An alert, protocol_version (RFC 8446 section 6.2). */
    cr_assert_eq(tls_take_output(server.session, answer, sizeof answer), 7);
    cr_assert_eq(answer[0], 21);
    cr_assert_eq(answer[6], 70);
}

Test(tls, a_handshake_may_not_go_on_for_ever)
{
    /* Records of one byte each of a ClientHello that says it is 64 KiB. */
    static const uint8_t start[] = {22, 3, 1, 0, 4, 1, 0, 0xff, 0xff};
    uint8_t piece[] = {22, 3, 1, 0, 1, 0};
    uint32_t fed_bytes = sizeof start;

    give(&server, start, sizeof start);
    while (state_of(&server) == TLS_HANDSHAKING) {
        cr_assert_leq(fed_bytes, LIMIT_TLS_HANDSHAKE_BYTES);
        give(&server, piece, sizeof piece);
        fed_bytes += sizeof piece;
    }
    cr_assert_eq(state_of(&server), TLS_FAILED);
}

Test(tls, output_that_nobody_takes_fails_the_session_at_the_limit)
{
    static uint8_t data[PLAIN_BYTES_MAX];

    carry_all(OUTPUT_BYTES_MAX);
    for (uint32_t i = 0; i < OUTPUT_BYTES_MAX / sizeof data - 1; i++)
        tls_write(server.session, data, sizeof data);
    cr_assert_eq(state_of(&server), TLS_OPEN);
    tls_write(server.session, data, sizeof data);
    cr_assert_eq(state_of(&server), TLS_FAILED);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_LIMIT);
    cr_assert_leq(tls_output_bytes(server.session), OUTPUT_BYTES_MAX);
}

Test(tls, a_failed_session_ignores_what_is_fed)
{
    give(&server, (const uint8_t *)"garbage!", 8);
    cr_assert_eq(state_of(&server), TLS_FAILED);
    give(&server, hello_1_2, sizeof hello_1_2);
    tls_write_end(server.session);
    cr_assert_eq(tls_session_error(server.session), TLS_ERROR_NOT_TLS);
}

Test(tls, an_identity_that_is_none_makes_no_context)
{
    struct identity none = {0};
    cr_assert_null(tls_context_open_server(&none));
}
