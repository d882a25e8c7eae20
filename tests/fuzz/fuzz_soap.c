/* SOAP messages: the outcome is the same however the bytes were cut, and what
 * was read can be written, read and written again without a difference. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "soap/reader.h"
#include "soap/writer.h"

/* The choices: the way to read, the operation whose response is expected,
 * where to cut in two bytes. */
#define MODES 3
#define CHARSETS 5
#define BYTE_BY_BYTE 0x80u

struct way {
    enum soap_reader_mode mode;
    enum soap_charset charset;
    const struct soap_type *expected;
    bool is_byte_by_byte;
};

static struct soap_reader reader;
static struct arena arena;

static void read_pieces(const struct way *way, struct text text,
                        uint32_t piece_bytes)
{
    uint32_t at = 0;

    arena_reset(&arena);
    soap_reader_start(&reader, &arena, way->mode, way->charset, way->expected);
    do {
        uint32_t left = text.size_bytes - at;
        uint32_t size = piece_bytes < left ? piece_bytes : left;
        if (at > 0 && !way->is_byte_by_byte)
            size = left;
        uint8_t *copy = fuzz_copy(text.data + at, size);
        bool last = at + size == text.size_bytes;
        enum soap_reader_result result =
            soap_reader_feed(&reader, (const char *)copy, size, last);
        free(copy);
        CHECK(result == reader.result);
        CHECK(!last || result != SOAP_READER_MORE);
        at += size;
    } while (at < text.size_bytes);
}

static bool is_fault(void)
{
    return reader.result == SOAP_READER_REFUSED || reader.is_peer_fault;
}

static void write_outcome(struct text_builder *out)
{
    text_builder_reset(out);
    if (is_fault())
        soap_write_fault(out, reader.version, &reader.fault);
    else if (reader.type != NULL)
        soap_write(out, reader.version, reader.type, reader.message);
    CHECK(!out->failed);
}

/* Reads what was written. */
static void read_again(const struct way *way, const struct text_builder *text)
{
    struct way again = *way;

    again.charset = SOAP_CHARSET_UTF_8;
    again.is_byte_by_byte = false;
    if (is_fault() && again.mode == SOAP_READ_REQUEST)
        again.mode = SOAP_READ_ANY;
    read_pieces(&again, text_built(text), text->size_bytes);
}

static void check_again(const struct way *way, struct text_builder *first)
{
    struct text_builder second = {0};
    const struct soap_type *type = reader.type;
    enum soap_version version = reader.version;
    bool was_fault = is_fault();

    /* SOAP_READ_ANY says nothing about what is no Fault. */
    if (first->size_bytes == 0)
        return;
    read_again(way, first);
    CHECK(reader.result == SOAP_READER_DONE);
    CHECK(reader.version == version);
    CHECK(is_fault() == was_fault);
    CHECK(was_fault || reader.type == type);
    write_outcome(&second);
    if (was_fault) {
        /* A typed detail is not read again; the rest has to stay from now. */
        read_again(way, &second);
        write_outcome(first);
    }
    CHECK(text_equal(text_built(first), text_built(&second)));
    text_builder_free(&second);
}

/* The reader's header allows one difference: which of two reasons is told. */
static void compare(struct text_builder *whole, bool was_refused,
                    const struct text_builder *cut)
{
    static const char syntax[] = "not well-formed XML";

    if (text_equal(text_built(whole), text_built(cut)))
        return;
    CHECK(was_refused && reader.result == SOAP_READER_REFUSED);
    CHECK((strstr(whole->data, syntax) == NULL) !=
          (strstr(cut->data, syntax) == NULL));
    text_builder_reset(whole); /* what is in the reader now */
    text_add(whole, text_built(cut));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    uint8_t choice = bytes_get_u8(&input);
    uint8_t operation = bytes_get_u8(&input) % SOAP_OP_COUNT;
    uint16_t position = bytes_get_u16(&input);
    struct text text = fuzz_rest(&input);
    struct text_builder whole = {0};
    struct text_builder cut = {0};
    struct way way = {
        .mode = (enum soap_reader_mode)(choice % MODES),
        .charset = (enum soap_charset)((choice & 0x7f) / MODES % CHARSETS),
    };

    if (reader.parser == NULL) {
        CHECK(soap_reader_open(&reader) == 0);
        arena_init(&arena, LIMIT_HTTP_ARENA_BYTES);
    }
    if (way.mode == SOAP_READ_RESPONSE)
        way.expected = soap_operations[operation].response;
    read_pieces(&way, text, text.size_bytes);
    write_outcome(&whole);
    bool was_refused = reader.result == SOAP_READER_REFUSED;

    way.is_byte_by_byte = (choice & BYTE_BY_BYTE) != 0;
    read_pieces(&way, text,
                way.is_byte_by_byte ? 1 : 1 + position % (text.size_bytes + 1));
    write_outcome(&cut);
    compare(&whole, was_refused, &cut);

    check_again(&way, &whole);
    text_builder_free(&whole);
    text_builder_free(&cut);
    return 0;
}

/* ---- seeds ---- */

#define ENV11 "http://schemas.xmlsoap.org/soap/envelope/"
#define ENV12 "http://www.w3.org/2003/05/soap-envelope"
#define NS_JOB "urn:Aspera:XML:JobNET:2006/01:Types"
#define NS_ISC "urn:Aspera:XML:IScpTransferNET:2006/04:Types"

/* An empty message of every element, as the writer has it. */
static void seed_elements(void)
{
    static const uint64_t empty[512];
    struct text_builder seed = {0};

    for (uint8_t i = 0; i < SOAP_OP_COUNT; i++) {
        const struct soap_operation_row *row = &soap_operations[i];
        const uint8_t request[] = {SOAP_READ_REQUEST, 0, i, 9};
        const uint8_t response[] = {SOAP_READ_RESPONSE, i, i, 9};

        CHECK(row->request->size_bytes <= sizeof empty);
        CHECK(row->response->size_bytes <= sizeof empty);
        text_builder_reset(&seed);
        text_add(&seed, text_from((const char *)request, sizeof request));
        soap_write(&seed, SOAP_1_1, row->request, empty);
        fuzz_seed(seed.data, seed.size_bytes);
        text_builder_reset(&seed);
        text_add(&seed, text_from((const char *)response, sizeof response));
        soap_write(&seed, SOAP_1_2, row->response, empty);
        fuzz_seed(seed.data, seed.size_bytes);
    }
    text_builder_free(&seed);
}

static void seed_faults(void)
{
    struct text_builder seed = {0};

    for (int detail = 0; detail < SOAP_DETAIL_COUNT; detail++) {
        static const uint8_t any[] = {SOAP_READ_ANY, 0, 0, 9};
        struct soap_fault fault = {.text = text_of("<why> & \"how\"")};

        if (detail != SOAP_DETAIL_NONE)
            fault = soap_fault_typed((enum soap_detail)detail, text_of("7f3a"));
        text_builder_reset(&seed);
        text_add(&seed, text_from((const char *)any, sizeof any));
        soap_write_fault(&seed, detail % 2 == 0 ? SOAP_1_1 : SOAP_1_2, &fault);
        fuzz_seed(seed.data, seed.size_bytes);
    }
    text_builder_free(&seed);
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "<?xml version='1.0'?><s:Envelope xmlns:s='" ENV11 "'><s:Header>"
        "<h s:mustUnderstand='0'/></s:Header><s:Body><j:SubmitRequest "
        "xmlns:j='" NS_JOB "'><Type>IScpTransferNET</Type><Definition>"
        "&lt;Order&gt;&#13;</Definition></j:SubmitRequest></s:Body>"
        "</s:Envelope>",
        "<s:Envelope xmlns:s='" ENV12
        "'><s:Body><j:SubmitRequest xmlns:j='" NS_JOB
        "'><Type>a</Type><definition><Order a='b'><x/>t</Order>"
        "</definition></j:SubmitRequest></s:Body></s:Envelope>",
        "<s:Envelope xmlns:s='" ENV11 "'><s:Header><h s:mustUnderstand='1'/>"
        "</s:Header><s:Body/></s:Envelope>",
        "<s:Envelope xmlns:s='urn:other'><s:Body/></s:Envelope>",
        "<s:Envelope xmlns:s='" ENV11
        "'><s:Body><i:SubscribeRequest xmlns:i='" NS_ISC
        "'><JobID><![CDATA[ x ]]></JobID><!-- c --><JobObserver>"
        "<i:Address>http://o/</i:Address></JobObserver><Duration> +5 "
        "</Duration></i:SubscribeRequest></s:Body></s:Envelope>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><a/><?pi x?>",
    };
    static const uint8_t request[] = {SOAP_READ_REQUEST, 0, 0, 77};
    static const uint8_t utf_16[] = {SOAP_READ_REQUEST + MODES * 3, 0, 0, 7};

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string(request, sizeof request, seeds[i]);
    static const char wide[] = "<\0a\0>\0x\0<\0/\0a\0>\0";
    struct text_builder seed = {0};
    text_add(&seed, text_from((const char *)utf_16, sizeof utf_16));
    text_add(&seed, text_from(wide, sizeof wide - 1));
    fuzz_seed(seed.data, seed.size_bytes);
    text_builder_free(&seed);
    seed_elements();
    seed_faults();
}
