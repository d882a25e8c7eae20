/* TLS sessions, of which the peer sends anything: raw bytes, or an honest
 * peer's with some of them changed.  Neither end ever crashes, and one that
 * opened reads no more than what the other wrote. */
#include <stdlib.h>
#include <string.h>

#include "crypto/tls.h"
#include "fuzz.h"

/* The choices: a byte of these, where to change what the victim is sent in two
 * bytes, and how the bytes are cut in one. */
enum {
    VICTIM_IS_CLIENT = 1,
    HONEST_PEER = 2, /* the rest of the input is laid over its bytes by xor */
    AFTER_HANDSHAKE = 4, /* raw bytes, once both are open */
};

#define OUTPUT_BYTES_MAX (64u << 10)
#define ROUNDS_MAX 8

static struct tls_context *server_context;
static struct tls_context *client_context;

struct pair {
    struct tls_session *victim;
    struct tls_session *peer;
    uint32_t sent_bytes; /* to the victim */
    uint32_t place;      /* of the change, in these */
    struct text change;
    uint8_t piece_bytes; /* 0: as they are */
};

static void feed(struct tls_session *session, const uint8_t *data,
                 uint32_t size_bytes)
{
    uint8_t plain[2048];
    enum tls_state before;
    uint32_t count;

    tls_feed(session, data, size_bytes);
    do {
        before = tls_session_state(session);
        do
            count = tls_read(session, plain, sizeof plain);
        while (count > 0);
    } while (tls_session_state(session) != before);
    CHECK((tls_session_state(session) == TLS_FAILED) ==
          (tls_session_error(session) != TLS_ERROR_NONE));
    CHECK(tls_error_text(tls_session_error(session)) != NULL);
}

static void feed_pieces(struct pair *pair, const uint8_t *data,
                        uint32_t size_bytes)
{
    uint32_t step = pair->piece_bytes > 0 ? pair->piece_bytes : size_bytes;

    for (uint32_t at = 0; at < size_bytes; at += step) {
        uint32_t left = size_bytes - at;
        uint32_t size = step < left ? step : left;
        uint8_t *copy = fuzz_copy(data + at, size);
        feed(pair->victim, copy, size);
        free(copy);
    }
}

static uint32_t take_output(struct tls_session *session, uint8_t *room)
{
    uint32_t size = 0;
    uint32_t count;

    do {
        count = tls_take_output(session, room + size, OUTPUT_BYTES_MAX - size);
        size += count;
    } while (count > 0);
    CHECK(tls_output_bytes(session) == 0 || size == OUTPUT_BYTES_MAX);
    return size;
}

/* Lays the change over what is on its way to the victim. */
static void change(struct pair *pair, uint8_t *data, uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; i++) {
        uint32_t place = pair->sent_bytes + i;
        if (place >= pair->place &&
            place - pair->place < pair->change.size_bytes)
            data[i] ^= (uint8_t)pair->change.data[place - pair->place];
    }
    pair->sent_bytes += size_bytes;
}

static void talk(struct pair *pair)
{
    static uint8_t room[OUTPUT_BYTES_MAX];

    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint32_t to_victim = take_output(pair->peer, room);
        change(pair, room, to_victim);
        feed_pieces(pair, room, to_victim);
        uint32_t to_peer = take_output(pair->victim, room);
        if (to_peer > 0)
            feed(pair->peer, room, to_peer);
        if (to_victim == 0 && to_peer == 0)
            break;
    }
}

static void open_contexts(void)
{
    static struct identity identity;

    if (server_context != NULL)
        return;
    identity_make(&identity);
    server_context = tls_context_open_server(&identity);
    client_context = tls_context_open_client();
    CHECK(server_context != NULL && client_context != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static uint8_t room[OUTPUT_BYTES_MAX];
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    uint8_t choices = bytes_get_u8(&input);
    bool is_client = (choices & VICTIM_IS_CLIENT) != 0;
    struct pair pair = {
        .place = bytes_get_u16(&input) % 4096u,
        .piece_bytes = bytes_get_u8(&input),
    };
    struct text rest = fuzz_rest(&input);

    open_contexts();
    pair.victim = tls_session_open(is_client ? client_context : server_context,
                                   OUTPUT_BYTES_MAX);
    pair.peer = tls_session_open(is_client ? server_context : client_context,
                                 OUTPUT_BYTES_MAX);
    CHECK(pair.victim != NULL && pair.peer != NULL);
    if (choices & HONEST_PEER)
        pair.change = rest;
    if (choices & (HONEST_PEER | AFTER_HANDSHAKE)) {
        talk(&pair);
        if (tls_session_state(pair.peer) == TLS_OPEN) {
            tls_write(pair.peer, "hello", 5);
            tls_write_end(pair.peer);
            talk(&pair);
        }
    }
    if ((choices & HONEST_PEER) == 0)
        feed_pieces(&pair, (const uint8_t *)rest.data, rest.size_bytes);
    if (tls_session_state(pair.victim) == TLS_OPEN)
        tls_write(pair.victim, "bye", 3);
    tls_write_end(pair.victim);
    take_output(pair.victim, room);
    tls_session_close(pair.victim);
    tls_session_close(pair.peer);
    return 0;
}

void fuzz_seeds(void)
{
    static uint8_t hello[OUTPUT_BYTES_MAX + 4] = {0, 0, 0, 100};

    open_contexts();
    struct tls_session *client =
        tls_session_open(client_context, OUTPUT_BYTES_MAX);
    uint32_t size = take_output(client, hello + 4);
    tls_session_close(client);
    fuzz_seed(hello, size + 4);
    fuzz_seed("\2\0\0\0", 4);
    fuzz_seed("\3\0\0\1", 4);
    fuzz_seed("\2\0\7\0\1\1", 6);
    fuzz_seed("\3\0\132\0\x80", 5);
    fuzz_seed("\4\0\0\0\x17\3\3\0\5abcde", 14);
    fuzz_seed("\5\0\0\0\x15\3\3\0\2\1\0", 11);
    fuzz_seed("\0\0\0\0GET / HTTP/1.1\r\n\r\n", 22);
}
