/* What trains tell of a path, and what nobody can make them tell. */
#include <criterion/criterion.h>
#include <string.h>

#include "fasp/train.h"
#include "hand_cipher.h"

#define US UINT64_C(1000)
#define SIZE FASP_DATAGRAM_BYTES_IPV4

static const struct fasp_cipher hand_cipher = {NULL, hand_seal, hand_open};

static struct train_meter meter;

static enum fasp_taken come(uint32_t place, uint64_t now_ns)
{
    uint8_t data[SIZE];

    train_write(&hand_cipher, 7, place, SIZE, (uint32_t)(now_ns / US) - 3000,
                data);
    return train_meter_take(&meter, &hand_cipher, data, SIZE, now_ns);
}

/* `count` datagrams of a train, `gap_us` apart. */
static void train(uint32_t which, uint32_t first, uint32_t count,
                  uint64_t gap_us)
{
    uint64_t begin_ns = (which + 1) * UINT64_C(1000000000);

    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(come(which * FASP_TRAIN_DATAGRAMS + first + i,
                          begin_ns + i * gap_us * US),
                     FASP_TAKEN);
}

Test(train, the_one_in_the_middle_counts_of_which_enough_came)
{
    cr_assert_eq(train_meter_rate(&meter), 0);
    train(0, 0, 4, 12); /* too few */
    cr_assert_eq(train_meter_rate(&meter), 0);
    train(1, 10, 5, 12); /* 1,500 bytes each 12 us */
    cr_assert_eq(train_meter_rate(&meter), 125000000);
    train(2, 0, 32, 120); /* of two, the slower one */
    cr_assert_eq(train_meter_rate(&meter), 12500000);
    for (uint32_t i = 4; i < 32; i++)
        come(i, 1000000000 + i * 12 * US);
    cr_assert_eq(train_meter_rate(&meter), 125000000);
}

Test(train, loss_makes_it_smaller_only)
{
    train(0, 0, 32, 12);
    uint64_t whole = train_meter_rate(&meter);

    memset(&meter, 0, sizeof meter);
    for (uint32_t i = 0; i < 32; i += 3)
        come(i, 1000 * US + i * 12 * US);
    cr_assert_lt(train_meter_rate(&meter), whole);
}

Test(train, what_comes_at_once_is_no_division_by_zero)
{
    train(0, 0, 32, 0);
    cr_assert_eq(train_meter_rate(&meter), 31 * UINT64_C(1500) * 200000);
}

Test(train, each_datagram_counts_once)
{
    train(0, 0, 8, 12);
    uint64_t before = train_meter_rate(&meter);
    for (uint32_t i = 0; i < 8; i++)
        cr_assert_eq(come(i, UINT64_C(2000000000)), FASP_DUPLICATE);
    cr_assert_eq(train_meter_rate(&meter), before);
}

Test(train, a_forger_changes_nothing)
{
    struct train_meter before = meter;
    uint8_t data[SIZE];

    train_write(&hand_cipher, 7, 3, SIZE, 0, data);
    for (uint32_t at = 0; at < SIZE; at += 7) {
        data[at] ^= 1;
        cr_assert_neq(
            train_meter_take(&meter, &hand_cipher, data, SIZE, 1000 * US),
            FASP_TAKEN, "byte %u", at);
        data[at] ^= 1;
    }
    cr_assert_eq(memcmp(&meter, &before, sizeof meter), 0);
    cr_assert_eq(train_meter_take(&meter, &hand_cipher, data, SIZE, 1000 * US),
                 FASP_TAKEN);
}

/* Of any length and any place: nothing outside of the meter is touched. */
Test(train, places_and_sizes_beyond_the_last_are_refused)
{
    struct fasp_packet packet = {.type = FASP_PACKET_TRAIN};
    uint8_t data[SIZE + 1] = {0};

    for (uint64_t place = 0; place <= FASP_NUMBER_MAX; place = 2 * place + 1) {
        for (uint32_t number = 0; number < 3; number++) {
            packet.place = place;
            packet.number = place + number;
            fasp_packet_write(&packet, data);
            bool good = place < FASP_KNOCK_PLACE + FASP_KNOCKS && number == 1;
            cr_expect_eq(
                train_meter_take(&meter, &hand_cipher, data, SIZE, 1000),
                good ? FASP_FORGED : FASP_MALFORMED);
        }
    }
    packet.place = 0;
    packet.number = 1;
    fasp_packet_write(&packet, data);
    cr_expect_eq(train_meter_take(&meter, &hand_cipher, data, SIZE + 1, 1000),
                 FASP_MALFORMED);
    cr_expect_eq(train_meter_take(&meter, &hand_cipher, data, 41, 1000),
                 FASP_MALFORMED);
}

Test(train, a_knock_shows_the_way_and_says_nothing_of_the_rate)
{
    uint8_t data[FASP_KNOCK_BYTES];

    for (uint32_t i = 0; i < FASP_KNOCKS; i++) {
        train_write(&hand_cipher, 7, FASP_KNOCK_PLACE + i, sizeof data, 0,
                    data);
        cr_assert_eq(train_meter_take(&meter, &hand_cipher, data, sizeof data,
                                      5000 * US),
                     FASP_TAKEN);
    }
    cr_assert_eq(train_meter_rate(&meter), 0);
    cr_assert(meter.has_delay);
    cr_assert_eq(meter.owd_min_us, 5000);
}
