/* Dates, addresses, ids and numbers: what is read and written again is the
 * same. */
#include <string.h>

#include "base/address.h"
#include "base/datetime.h"
#include "base/uuid.h"
#include "crypto/base64.h"
#include "crypto/identity.h"
#include "fuzz.h"

static void take_datetime(struct text text)
{
    char written[DATETIME_TEXT_BYTES + 1];
    int64_t time_us;
    int64_t again_us;

    if (!datetime_parse(text, &time_us))
        return;
    datetime_format(time_us, written);
    CHECK(strlen(written) == DATETIME_TEXT_BYTES);
    CHECK(datetime_parse(text_of(written), &again_us));
    CHECK(again_us == time_us);
}

static void take_address(struct text text)
{
    char written[ADDRESS_TEXT_BYTES];
    struct address address;
    struct address again;

    if (address_parse(text, &address)) {
        address_format(&address, written);
        CHECK(address_parse(text_of(written), &again));
        CHECK(address_equal(&address, &again));
        struct address_sockaddr native =
            address_to_sockaddr(&address, address_family(&address));
        CHECK(address_from_sockaddr(&native.any, native.size_bytes, &again));
        CHECK(address_equal(&address, &again));
    }
    if (address_parse_ip(text, 33001, &address)) {
        address_format_ip(&address, written);
        CHECK(address_parse_ip(text_of(written), 33001, &again));
        CHECK(address_equal(&address, &again));
    }
}

static void take_fingerprint(struct text text)
{
    char written[FINGERPRINT_TEXT_BYTES + 1];
    struct fingerprint fingerprint;
    struct fingerprint again;

    if (!fingerprint_parse(text, &fingerprint))
        return;
    fingerprint_format(fingerprint, written);
    CHECK(fingerprint_parse(text_of(written), &again));
    CHECK(fingerprint_equal(fingerprint, again));
}

static void take_uuid(struct text text)
{
    char written[UUID_TEXT_BYTES + 1];
    struct uuid uuid;
    struct uuid again;

    if (!uuid_parse(text, &uuid))
        return;
    uuid_format(uuid, written);
    CHECK(uuid_parse(text_of(written), &again));
    CHECK(uuid_equal(uuid, again));
}

/* Each run of bytes has one text, with or without its padding. */
static void take_base64(struct text text)
{
    uint8_t bytes[256];
    char written[BASE64_TEXT_BYTES(sizeof bytes) + 1];
    uint32_t size;

    if (!base64_decode(text, bytes, sizeof bytes, &size))
        return;
    CHECK(size <= sizeof bytes);
    bool padded = text.size_bytes % 4 == 0;
    CHECK(base64_encode(bytes, size, padded, written) == text.size_bytes);
    CHECK(text_is(text, written));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct bytes_reader input = bytes_read_from(data, size_bytes);
    struct text text = fuzz_rest(&input);
    char string[64];
    uint64_t number;

    take_datetime(text);
    take_address(text);
    take_fingerprint(text);
    take_uuid(text);
    take_base64(text);
    if (text_to_u64(text, 1000, &number))
        CHECK(number <= 1000);
    if (text_to_string(text, string, sizeof string))
        CHECK(text_is(text, string));
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[] = {
        "2026-11-24T03:39:12.123456Z",
        "0001-01-01T00:00:00-14:00",
        "9999-12-31T24:00:00+14:00",
        "2024-02-29T23:59:59.9999999999",
        "1.2.3.4:33001",
        "[fe80::1%2]:33001",
        "[::ffff:10.0.0.1]:0",
        "2001:db8::8:800:200c:417a",
        "::",
        "SHA256:MMj875/2TH/HD1DHGWAd6XVA88hN1pr+uxLaaRYbqIQ",
        "123e4567-e89b-42d3-a456-426614174000",
        "AAEC/w==",
        "1000",
    };

    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        fuzz_seed_string("", 0, seeds[i]);
}
