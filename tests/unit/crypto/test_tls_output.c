#include "crypto/tls_output.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/random.h"

Test(tls_output, gives_back_what_was_put_in_whatever_the_pieces)
{
    struct tls_output output = {.size_bytes_max = 100000};
    struct random random;
    static uint8_t piece[40000];
    uint8_t next_in = 0;
    uint8_t next_out = 0;

    random_seed(&random, 7);
    for (int turn = 0; turn < 3000; turn++) {
        uint32_t size =
            (uint32_t)random_below(&random, turn % 10 ? 400 : 30000);
        for (uint32_t i = 0; i < size; i++)
            piece[i] = (uint8_t)(next_in + i);
        uint32_t before = output.size_bytes;
        enum tls_output_result result = tls_output_add(&output, piece, size);
        if (size > 100000 - before) {
            cr_assert_eq(result, TLS_OUTPUT_FULL);
            cr_assert_eq(output.size_bytes, before);
        } else {
            cr_assert_eq(result, TLS_OUTPUT_ADDED);
            next_in = (uint8_t)(next_in + size);
        }
        uint32_t room =
            (uint32_t)random_below(&random, turn % 10 ? 300 : 40000);
        uint32_t taken = tls_output_take(&output, piece, room);
        for (uint32_t i = 0; i < taken; i++)
            cr_assert_eq(piece[i], next_out++);
    }
    tls_output_free(&output);
}

Test(tls_output, takes_its_limit_and_not_one_byte_more)
{
    struct tls_output output = {.size_bytes_max = 5};
    uint8_t room[8];

    cr_assert_eq(tls_output_take(&output, room, sizeof room), 0);
    cr_assert_eq(tls_output_add(&output, "abc", 3), TLS_OUTPUT_ADDED);
    cr_assert_eq(tls_output_add(&output, "def", 3), TLS_OUTPUT_FULL);
    cr_assert_eq(tls_output_add(&output, "de", 2), TLS_OUTPUT_ADDED);
    cr_assert_eq(tls_output_take(&output, room, sizeof room), 5);
    cr_assert_eq(memcmp(room, "abcde", 5), 0);
    cr_assert_eq(output.size_bytes, 0);
    tls_output_free(&output);
}

Test(tls_output, gives_large_room_back_when_all_was_taken)
{
    static uint8_t data[50000];
    struct tls_output output = {.size_bytes_max = sizeof data};

    cr_assert_eq(tls_output_add(&output, data, sizeof data), TLS_OUTPUT_ADDED);
    cr_assert_eq(tls_output_take(&output, data, sizeof data), sizeof data);
    cr_assert_null(output.data);
    cr_assert_eq(output.room_bytes, 0);
}
