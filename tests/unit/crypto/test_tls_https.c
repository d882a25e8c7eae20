#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "crypto/tls.h"
#include "https_pems.h"

#define OUTPUT_BYTES_MAX (64u << 10)

TestSuite(tls_https);

/* ---- what a server may be given ---- */

Test(tls_https, a_certificate_comes_with_its_own_key_or_not_at_all)
{
    static const struct {
        const char *what;
        const char *certificates;
        const char *key;
        bool is_good;
    } rows[] = {
        {"both", CERTIFICATE_A, KEY_A, true},
        {"one file for both", KEY_A CERTIFICATE_A, KEY_A CERTIFICATE_A, true},
        {"a chain", CERTIFICATE_A CERTIFICATE_B, KEY_A, true},
        {"text around", "a\n" CERTIFICATE_A "b\n", "c\n" KEY_A "d\n", true},
        {"the key of another", CERTIFICATE_A, KEY_B, false},
        {"the wrong one first", CERTIFICATE_B CERTIFICATE_A, KEY_A, false},
        {"no certificate", "", KEY_A, false},
        {"no key", CERTIFICATE_A, "", false},
        {"a key as certificate", KEY_A, KEY_A, false},
        {"a certificate as key", CERTIFICATE_A, CERTIFICATE_A, false},
        {"no PEM", "certificate", "key", false},
        {"half a certificate",
         "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
         KEY_A, false},
        {"no end", "-----BEGIN CERTIFICATE-----\nMIIB\n", KEY_A, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_context *context = tls_context_open_https(
            text_of(rows[i].certificates), text_of(rows[i].key));
        cr_expect_eq(context != NULL, rows[i].is_good, "%s", rows[i].what);
        tls_context_close(context);
    }
}

/* Each cut anywhere: nothing but the whole is taken, and nothing is read
 * behind the end. */
Test(tls_https, a_file_that_was_cut_is_refused)
{
    static const char certificate[] = CERTIFICATE_A;
    static const char key[] = KEY_A;

    for (uint32_t size = 0; size + 26 < sizeof certificate; size += 7)
        cr_expect_null(tls_context_open_https(text_from(certificate, size),
                                              text_of(key)),
                       "certificate of %u bytes", size);
    for (uint32_t size = 0; size + 25 < sizeof key; size += 7)
        cr_expect_null(tls_context_open_https(text_of(certificate),
                                              text_from(key, size)),
                       "key of %u bytes", size);
}

/* ---- two ends ---- */

static struct tls_session *client;
static struct tls_session *server;
static char heard[2][64]; /* by the client, by the server */

static void give(struct tls_session *to, const uint8_t *data, uint32_t size)
{
    char *room = heard[to == server];
    enum tls_state before;
    uint32_t count;

    tls_feed(to, data, size);
    do {
        before = tls_session_state(to);
        while ((count = tls_read(to, room + strlen(room),
                                 (uint32_t)(sizeof heard[0] - 1 -
                                            strlen(room)))) > 0)
            ;
    } while (before == TLS_HANDSHAKING && tls_session_state(to) == TLS_OPEN);
}

static uint32_t carry(struct tls_session *from, struct tls_session *to,
                      uint32_t piece_bytes)
{
    static uint8_t piece[OUTPUT_BYTES_MAX];
    uint32_t carried = 0;
    uint32_t count;

    while ((count = tls_take_output(from, piece, piece_bytes)) > 0) {
        give(to, piece, count);
        carried += count;
    }
    return carried;
}

/* Lets a client meet a server of `certificate`. */
static void meet(struct tls_context *context, const char *host,
                 const char *certificate, uint32_t piece_bytes)
{
    struct tls_context *https =
        tls_context_open_https(text_of(certificate), text_of(KEY_A));

    cr_assert_not_null(https);
    memset(heard, 0, sizeof heard);
    server = tls_session_open(https, OUTPUT_BYTES_MAX);
    client = host != NULL
                 ? tls_session_open_https(context, host, OUTPUT_BYTES_MAX)
                 : tls_session_open(context, OUTPUT_BYTES_MAX);
    cr_assert(server != NULL && client != NULL);
    while (carry(client, server, piece_bytes) +
               carry(server, client, piece_bytes) >
           0)
        ;
    tls_context_close(https); /* sessions live on */
}

static void part(void)
{
    tls_session_close(client);
    tls_session_close(server);
}

static void expect_talk(const char *what)
{
    cr_assert_eq(tls_session_state(client), TLS_OPEN, "%s: %s", what,
                 tls_error_text(tls_session_error(client)));
    cr_assert_eq(tls_session_state(server), TLS_OPEN, "%s", what);
    tls_write(client, "ping", 4);
    tls_write(server, "pong!", 5);
    carry(client, server, 1);
    carry(server, client, OUTPUT_BYTES_MAX);
    cr_expect_str_eq(heard[1], "ping", "%s", what);
    cr_expect_str_eq(heard[0], "pong!", "%s", what);
}

Test(tls_https, a_client_looks_at_signer_name_and_time)
{
    static const struct {
        const char *what;
        const char *authorities; /* NULL: unchecked */
        const char *host;
        const char *certificate;
        enum tls_error error;
    } rows[] = {
        {"its own", CERTIFICATE_A, "localhost", CERTIFICATE_A, TLS_ERROR_NONE},
        {"another of its names", CERTIFICATE_A, "ferry.example", CERTIFICATE_A,
         TLS_ERROR_NONE},
        {"its address", CERTIFICATE_A, "127.0.0.1", CERTIFICATE_A,
         TLS_ERROR_NONE},
        {"among others", CERTIFICATE_B "x" CERTIFICATE_A, "localhost",
         CERTIFICATE_A, TLS_ERROR_NONE},
        {"another name", CERTIFICATE_A, "other.example", CERTIFICATE_A,
         TLS_ERROR_NAME},
        {"the end of a name", CERTIFICATE_A, "a.ferry.example", CERTIFICATE_A,
         TLS_ERROR_NAME},
        {"another address", CERTIFICATE_A, "127.0.0.2", CERTIFICATE_A,
         TLS_ERROR_NAME},
        {"another signer", CERTIFICATE_B, "localhost",
         CERTIFICATE_A, TLS_ERROR_AUTHORITY},
        {"too old", CERTIFICATE_A, "localhost", CERTIFICATE_OLD,
         TLS_ERROR_EXPIRED},
        {"unchecked", NULL, "localhost", CERTIFICATE_A, TLS_ERROR_NONE},
        {"unchecked, another name", NULL, "other.example", CERTIFICATE_A,
         TLS_ERROR_NONE},
        {"unchecked, too old", NULL, "localhost", CERTIFICATE_OLD,
         TLS_ERROR_NONE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *all = rows[i].authorities;
        struct tls_context *context = tls_context_open_https_client(
            all != NULL ? text_of(all) : TEXT_ABSENT);
        cr_assert_not_null(context, "%s", rows[i].what);
        meet(context, rows[i].host, rows[i].certificate, OUTPUT_BYTES_MAX);
        if (rows[i].error == TLS_ERROR_NONE) {
            expect_talk(rows[i].what);
        } else {
            cr_expect_eq(tls_session_state(client), TLS_FAILED, "%s",
                         rows[i].what);
            cr_expect_eq(tls_session_error(client), rows[i].error, "%s: %s",
                         rows[i].what,
                         tls_error_text(tls_session_error(client)));
            cr_expect_neq(tls_session_state(server), TLS_OPEN, "%s",
                          rows[i].what);
        }
        part();
        tls_context_close(context);
    }
}

#define LABEL_63                                                    \
    "abcdefghijklmnopqrstuvwxyz-bcdefghijklmnopqrstuvwxyz-bcdefghijk"

/* The library leaves them to us: the handshake has ended then. */
Test(tls_https, a_name_without_a_dot_is_looked_at_before_anything_is_said)
{
    static const struct {
        const char *what;
        bool is_checked;
        const char *host;
        enum tls_error error;
    } rows[] = {
        {"a name without a dot", true, "observer", TLS_ERROR_NONE},
        {"the same in capitals", true, "OBSERVER", TLS_ERROR_NONE},
        {"its name with a dot", true, "observer2.example", TLS_ERROR_NONE},
        {"the beginning of a name", true, "observe", TLS_ERROR_NAME},
        {"more than a name", true, "observer2", TLS_ERROR_NAME},
        {"a star is no name", true, "other", TLS_ERROR_NAME},
        {"localhost is none of them", true, "localhost", TLS_ERROR_NAME},
        {"an email is no name", true, "mail", TLS_ERROR_NAME},
        {"the common name is none", true, "common", TLS_ERROR_NAME},
        {"no name at all", true, "a b", TLS_ERROR_NAME},
        {"a label of 63 bytes", true, LABEL_63, TLS_ERROR_NAME},
        {"a label of 64 bytes", true, LABEL_63 "a", TLS_ERROR_NAME},
        {"unchecked", false, "mail", TLS_ERROR_NONE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_context *context = tls_context_open_https_client(
            rows[i].is_checked ? text_of(CERTIFICATE_LABEL) : TEXT_ABSENT);
        cr_assert_not_null(context, "%s", rows[i].what);
        meet(context, rows[i].host, CERTIFICATE_LABEL, OUTPUT_BYTES_MAX);
        if (rows[i].error == TLS_ERROR_NONE)
            expect_talk(rows[i].what);
        else
            cr_expect_eq(tls_session_state(client), TLS_FAILED, "%s",
                         rows[i].what);
        cr_expect_eq(tls_session_error(client), rows[i].error, "%s: %s",
                     rows[i].what, tls_error_text(tls_session_error(client)));
        part();
        tls_context_close(context);
    }
}

Test(tls_https, pieces_of_any_size_make_the_same_handshake)
{
    struct tls_context *context =
        tls_context_open_https_client(text_of(CERTIFICATE_A));

    for (uint32_t piece = 1; piece < 4000; piece = piece * 3 + 1) {
        meet(context, "localhost", CERTIFICATE_A, piece);
        expect_talk("cut");
        part();
    }
    tls_context_close(context);
}

Test(tls_https, a_bundle_without_a_certificate_makes_no_client)
{
    static const char *const bundles[] = {
        "", "nothing", KEY_A, "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"};

    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
        cr_expect_null(tls_context_open_https_client(text_of(bundles[i])),
                       "%zu", i);
}

/* A node that calls such a server finds TLS 1.3, and its key. */
Test(tls_https, a_nodes_client_agrees_with_it)
{
    struct tls_context *context = tls_context_open_client();
    struct fingerprint first;

    meet(context, NULL, CERTIFICATE_A, OUTPUT_BYTES_MAX);
    expect_talk("a node");
    first = tls_peer_fingerprint(client);
    part();
    meet(context, NULL, CERTIFICATE_OLD, OUTPUT_BYTES_MAX);
    struct fingerprint again = tls_peer_fingerprint(client);
    cr_expect_eq(memcmp(&first, &again, sizeof first), 0, "of the same key");
    part();
    tls_context_close(context);
}
