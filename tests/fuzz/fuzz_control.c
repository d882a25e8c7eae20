/* Control messages: one after another as a connection brings them; each that
 * is read is written, read and written again without a difference. */
#include <stdlib.h>
#include <string.h>

#include "fasp/control.h"
#include "fuzz.h"

#define ARENA_BYTES (4u << 20)

static struct arena arena;

static enum control_result decode(struct text bytes,
                                  struct control_message *message,
                                  uint32_t *used, uint32_t *needed)
{
    *used = 0;
    *needed = 0;
    enum control_result result =
        control_decode((const uint8_t *)bytes.data, bytes.size_bytes, &arena,
                       message, used, needed);

    CHECK(control_result_text(result) != NULL);
    if (result == CONTROL_OK || result == CONTROL_SKIPPED)
        CHECK(*used >= CONTROL_HEADER_BYTES && *used <= bytes.size_bytes);
    else
        CHECK(*used == 0);
    if (result == CONTROL_MORE)
        CHECK(*needed > bytes.size_bytes);
    return result;
}

static void check_again(const struct control_message *message,
                        struct text bytes)
{
    struct text_builder first = {0};
    struct text_builder second = {0};
    struct control_message again;
    uint32_t used;
    uint32_t needed;

    control_encode(message, &first);
    CHECK(!first.failed);
    /* A message of this version has one form. */
    if (bytes.data[6] == CONTROL_VERSION)
        CHECK(text_equal(text_built(&first), bytes));
    CHECK(decode(text_built(&first), &again, &used, &needed) == CONTROL_OK);
    CHECK(used == first.size_bytes && again.type == message->type);
    control_encode(&again, &second);
    CHECK(text_equal(text_built(&first), text_built(&second)));
    if (message->type == CONTROL_HELLO)
        CHECK(control_hello_fits(&message->hello));
    if (message->type == CONTROL_AUTH)
        CHECK(control_auth_fits(&message->auth));
    text_builder_free(&first);
    text_builder_free(&second);
}

/* The beginning of a good message is never refused, and never whole. */
static void check_beginning(struct text bytes, uint32_t size_bytes)
{
    struct control_message message;
    uint8_t *copy = fuzz_copy(bytes.data, size_bytes);
    uint32_t used;
    uint32_t needed;

    CHECK(decode(text_from((const char *)copy, size_bytes), &message, &used,
                 &needed) == CONTROL_MORE);
    CHECK(needed <= bytes.size_bytes);
    free(copy);
}

/* The choices: where to cut each message, in two bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    uint16_t position = bytes_get_u16(&input);
    struct text rest = fuzz_rest(&input);
    struct control_message message;
    uint32_t used;
    uint32_t needed;

    if (arena.taken_bytes_max == 0)
        arena_init(&arena, ARENA_BYTES);
    while (rest.size_bytes > 0) {
        arena_reset(&arena);
        enum control_result result = decode(rest, &message, &used, &needed);
        if (result != CONTROL_OK && result != CONTROL_SKIPPED)
            break;
        struct text bytes = text_from(rest.data, used);
        if (result == CONTROL_OK) {
            CHECK(control_type_name(message.type) != NULL);
            check_again(&message, bytes);
        }
        check_beginning(bytes, position % used);
        rest = text_from(rest.data + used, rest.size_bytes - used);
    }
    return 0;
}

/* ---- seeds: one of each type ---- */

static const struct uuid session = {{1, 2, 3}};
static const struct control_rates rates = {CONTROL_FAIR, 100000, 0, 1000000};
static const struct text sources[] = {{"a/b", 3}, {"c", 1}};
static const struct control_file_result results[] = {
    {0, 10, CONTROL_FILE_DONE, 0}, {10, 1, CONTROL_FILE_FAILED, 5}};
static const struct control_range ranges[] = {{0, 1}, {5, 1000000}};

static void seed(struct control_message message)
{
    struct text_builder out = {0};

    text_add(&out, text_from("\0\5", 2));
    control_encode(&message, &out);
    /* Twice, since messages follow each other. */
    control_encode(&message, &out);
    fuzz_seed(out.data, out.size_bytes);
    text_builder_free(&out);
}

static void seed_auth(void)
{
    const struct control_auth attempts[] = {
        {CONTROL_METHOD_PASSWORD, .password = text_of("s3cret")},
        {CONTROL_METHOD_PUBLIC_KEY, .key = text_of("key"),
         .signature = text_of("signature")},
        {CONTROL_METHOD_TOKEN, .token = text_of("token")},
    };

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        seed((struct control_message){CONTROL_AUTH, .auth = attempts[i]});
}

void fuzz_seeds(void)
{
    struct control_hello hello = {
        .protocol_version = CONTROL_PROTOCOL_VERSION,
        .session_id = session,
        .operation = CONTROL_PULL,
        .user = text_of("anna"),
        .auth = {CONTROL_METHOD_PASSWORD, .password = text_of("s3cret")},
        .sources = sources,
        .source_count = 2,
        .ordered_source_count = 2,
        .destination = text_of("in"),
        .rates = rates,
        .datagram_bytes = 1472,
        .cipher = CONTROL_CIPHER_AES_128,
        .connection_id = 77,
        .cookie = text_of("cookie"),
        .agent = text_of("ferry"),
    };

    seed((struct control_message){CONTROL_HELLO, .hello = hello});
    seed_auth();
    seed((struct control_message){
        CONTROL_ACCEPT,
        .accept = {session, 33001, 7, rates, 0, CONTROL_CIPHER_AES_256, true,
                   true}});
    for (int i = 0; i < 2; i++)
        seed(
            (struct control_message){i == 0 ? CONTROL_REFUSE : CONTROL_ABORT,
                                     .failure = {19, text_of("no such user")}});
    seed((struct control_message){CONTROL_FILE_RESULTS,
                                  .file_results = {results, 2}});
    seed((struct control_message){CONTROL_SKIP, .skip = {ranges, 2}});
    for (int type = CONTROL_PROGRESS; type <= CONTROL_DONE_ACK; type++)
        seed((struct control_message){(enum control_type)type,
                                      .totals = {1, 2, 3, UINT64_MAX}});
    seed((struct control_message){CONTROL_RATE, .rates = rates});
    const struct control_check_item check = {
        7, 0, 5, CONTROL_CHECKSUM_MD5, text_of("0123456789abcdef")};
    const struct control_checked_item checked = {7, 1, true};
    seed((struct control_message){CONTROL_CHECK, .check = {&check, 1}});
    seed((struct control_message){CONTROL_CHECKED, .checked = {&checked, 1}});
    seed((struct control_message){CONTROL_GO, .go = {7}});
}
