#include "base/random.h"
#include "control_test.h"

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);

Test(control, every_message_comes_back_as_it_was)
{
    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        struct control_message message = message_of(type), back;
        uint32_t used_bytes;

        encode(&message);
        cr_assert_eq(control_decode((uint8_t *)wire.data, wire.size_bytes,
                                    &arena, &back, &used_bytes, NULL),
                     CONTROL_OK);
        cr_assert_eq(used_bytes, wire.size_bytes);
        cr_assert_eq(back.type, type);

        /* What it says again is the same, byte by byte. */
        struct text_builder again = {0};
        control_encode(&back, &again);
        cr_assert(text_equal(text_built(&again), text_built(&wire)));
        text_builder_free(&again);
    }
}

Test(control, each_field_of_a_hello_arrives_in_its_place)
{
    struct control_message message = hello(), back;
    uint32_t used_bytes;

    encode(&message);
    cr_assert_eq(control_decode((uint8_t *)wire.data, wire.size_bytes, &arena,
                                &back, &used_bytes, NULL),
                 CONTROL_OK);
    const struct control_hello *got = &back.hello;
    cr_assert_eq(got->protocol_version, CONTROL_PROTOCOL_VERSION);
    cr_assert(uuid_equal(got->session_id, session_id));
    cr_assert_eq(got->job_id.bytes[2], 7);
    cr_assert_eq(got->operation, CONTROL_PULL);
    cr_assert(text_is(got->user, "anna"));
    cr_assert_eq(got->auth.method, CONTROL_METHOD_PASSWORD);
    cr_assert(text_is(got->auth.password, "s3cret"));
    cr_assert_eq(got->auth.key.size_bytes, 0);
    cr_assert_eq(got->source_count, 2);
    cr_assert(text_is(got->sources[0], "a/b"));
    cr_assert(text_is(got->sources[1], "\xff\n \xc3\xa4"));
    cr_assert_eq(got->ordered_source_count, 2);
    cr_assert(text_is(got->destination, "in/box"));
    cr_assert_eq(got->rates.policy, CONTROL_FAIR);
    cr_assert_eq(got->rates.target_kbps, 1000000);
    cr_assert_eq(got->rates.minimum_kbps, 1000);
    cr_assert_eq(got->rates.cap_kbps, 10000000);
    cr_assert_eq(got->datagram_bytes, 1472);
    cr_assert_eq(got->cipher, CONTROL_CIPHER_AES_128);
    cr_assert_eq(got->overwrite, CONTROL_OVERWRITE_NEVER);
    cr_assert_eq(got->links, CONTROL_LINKS_SKIP);
    cr_assert_eq(got->resume, CONTROL_RESUME_FULL);
    cr_assert(got->create_path);
    cr_assert(got->preserve_times);
    cr_assert(got->awaits_go);
    cr_assert_eq(got->file_flags, CONTROL_FILE_FLAGS_ALL);
    cr_assert_eq(got->checksum, CONTROL_CHECKSUM_MD5);
    cr_assert(text_is(got->partial_suffix, ".part"));
    cr_assert(text_is(got->save_suffix, ".old"));
    cr_assert(text_is(got->source_base, "base"));
    cr_assert(text_equal(got->excludes, text_from("*.o\0a\0", 6)));
    cr_assert_eq(got->oldest_s, (uint64_t)-5);
    cr_assert_eq(got->newest_s, INT64_MAX);
    cr_assert_eq(got->connection_id, 0xdeadbeef);
    cr_assert(text_is(got->cookie, "my cookie"));
    cr_assert(text_is(got->agent, "ferry 0.1"));
}

Test(control, the_bytes_of_a_message_are_those_of_the_document)
{
    static const uint8_t expected[] = {
        0, 0,  0, 28,             /* what follows */
        0, 11, 1,                 /* RATE, version 1 */
        2,                        /* fair */
        0, 0,  0, 0,  0, 0, 1, 0, /* target */
        0, 0,  0, 0,  0, 0, 0, 2, /* minimum */
        0, 0,  0, 0,  0, 1, 0, 0, /* cap */
    };
    struct control_message message = {.type = CONTROL_RATE,
                                      .rates = {CONTROL_FAIR, 256, 2, 65536}};

    encode(&message);
    cr_assert_eq(wire.size_bytes, sizeof expected);
    cr_assert_eq(memcmp(wire.data, expected, sizeof expected), 0);
}

Test(control, a_cut_message_is_incomplete_at_every_position)
{
    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        for (uint32_t cut = 0; cut < wire.size_bytes; cut++) {
            uint32_t used_bytes = 1, needed_bytes = 0;
            cr_assert_eq(control_decode((uint8_t *)wire.data, cut, &arena,
                                        &back, &used_bytes, &needed_bytes),
                         CONTROL_MORE);
            cr_assert_eq(used_bytes, 0);
            cr_assert_eq(needed_bytes, cut < CONTROL_HEADER_BYTES
                                           ? CONTROL_HEADER_BYTES
                                           : wire.size_bytes);
        }
    }
}

Test(control, a_message_whose_size_cuts_its_fields_is_refused)
{
    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        uint32_t whole_bytes = wire.size_bytes;
        for (uint32_t cut = CONTROL_HEADER_BYTES; cut < whole_bytes; cut++) {
            arena_reset(&arena);
            wire.size_bytes = cut;
            set_size();
            cr_assert_eq(decode(&back), CONTROL_BAD_FIELD, "%s cut at %u",
                         control_type_name(type), cut);
        }
    }
}

Test(control, bytes_behind_the_fields_are_for_later_versions)
{
    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        struct control_message message = message_of(type), back;

        encode(&message);
        text_add_char(&wire, 'x');
        set_size();
        cr_assert_eq(decode(&back), CONTROL_BAD_FIELD);
        wire.data[6] = 2;
        cr_assert_eq(decode(&back), CONTROL_OK);
        wire.data[6] = 0;
        cr_assert_eq(decode(&back), CONTROL_BAD_VERSION);
    }
}

Test(control, several_messages_follow_each_other)
{
    uint32_t at = 0, used_bytes = 0;
    struct control_message back;

    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        struct control_message message = message_of(type);
        control_encode(&message, &wire);
    }
    for (enum control_type type = CONTROL_HELLO; type <= CONTROL_GO; type++) {
        cr_assert_eq(control_decode((uint8_t *)wire.data + at,
                                    wire.size_bytes - at, &arena, &back,
                                    &used_bytes, NULL),
                     CONTROL_OK);
        cr_assert_eq(back.type, type);
        at += used_bytes;
    }
    cr_assert_eq(at, wire.size_bytes);
}

Test(control, unknown_types_are_skipped_or_refused_by_their_number)
{
    static const struct {
        uint16_t type;
        enum control_result expected;
    } cases[] = {
        {0, CONTROL_BAD_TYPE},      {15, CONTROL_BAD_TYPE},
        {0x7fff, CONTROL_BAD_TYPE}, {0x8000, CONTROL_SKIPPED},
        {0x8001, CONTROL_SKIPPED},  {0xffff, CONTROL_SKIPPED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[] = {0,
                           0,
                           0,
                           5,
                           (uint8_t)(cases[i].type >> 8),
                           (uint8_t)cases[i].type,
                           1,
                           'h',
                           'i'};
        struct control_message back;
        uint32_t used_bytes;

        cr_assert_eq(decode_bytes(bytes, sizeof bytes, &back),
                     cases[i].expected);
        /* The header alone tells, or tells how much to skip. */
        cr_assert_eq(control_decode(bytes, 7, &arena, &back, &used_bytes, NULL),
                     cases[i].expected == CONTROL_SKIPPED ? CONTROL_MORE
                                                          : CONTROL_BAD_TYPE);
    }
}

Test(control, the_size_of_a_message_has_limits)
{
    static const struct {
        uint32_t inner_bytes;
        enum control_result expected;
    } cases[] = {
        {0, CONTROL_BAD_SIZE},
        {2, CONTROL_BAD_SIZE},
        {4, CONTROL_MORE},
        {LIMIT_CONTROL_MESSAGE_BYTES - 4, CONTROL_MORE},
        {LIMIT_CONTROL_MESSAGE_BYTES - 3, CONTROL_BAD_SIZE},
        {UINT32_MAX, CONTROL_BAD_SIZE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t inner = cases[i].inner_bytes;
        uint8_t bytes[] = {(uint8_t)(inner >> 24),
                           (uint8_t)(inner >> 16),
                           (uint8_t)(inner >> 8),
                           (uint8_t)inner,
                           0x80,
                           0,
                           1};
        struct control_message back;

        cr_assert_eq(decode_bytes(bytes, sizeof bytes, &back),
                     cases[i].expected);
        if (cases[i].expected == CONTROL_BAD_SIZE)
            cr_assert_eq(decode_bytes(bytes, 4, &back), CONTROL_BAD_SIZE);
    }
}

/* ---- random input ---- */

Test(control, random_bytes_never_harm)
{
    struct random random;
    struct control_message back;
    uint32_t ok_count = 0;

    random_seed(&random, 20261124);
    for (uint32_t run = 0; run < 100000; run++) {
        enum control_type type =
            (enum control_type)(CONTROL_HELLO + random_below(&random, 11));
        struct control_message message = message_of(type);

        arena_reset(&arena);
        encode(&message);
        /* A good message with some bytes changed, its header less often. */
        uint64_t changes = random_below(&random, 4);
        for (uint64_t i = 0; i < changes; i++) {
            uint64_t first = random_below(&random, 8) == 0 ? 0 : 7;
            uint64_t at =
                first + random_below(&random, wire.size_bytes - first);
            wire.data[at] = (char)random_u64(&random);
        }
        uint8_t *copy = malloc(wire.size_bytes);
        uint32_t used_bytes, needed_bytes;
        memcpy(copy, wire.data, wire.size_bytes);
        if (control_decode(copy, wire.size_bytes, &arena, &back, &used_bytes,
                           &needed_bytes) == CONTROL_OK) {
            /* What was taken can be said again. */
            struct text_builder again = {0};
            control_encode(&back, &again);
            cr_assert_not(again.failed);
            text_builder_free(&again);
            ok_count++;
        }
        free(copy);
    }
    cr_assert_gt(ok_count, 25000);
    cr_assert_lt(ok_count, 100000);
}
