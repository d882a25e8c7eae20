#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/datetime.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/state.h"

Test(datetime, reads_what_xml_schema_allows)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL = refused */
    } cases[] = {
        {"2026-11-24T03:39:12.123456Z", "2026-11-24T03:39:12.123456Z"},
        {" 2026-11-24T03:39:12 ", "2026-11-24T03:39:12.000000Z"},
        {"2026-11-24T03:39:12.1234567+01:30", "2026-11-24T02:09:12.123456Z"},
        {"2024-02-29T24:00:00Z", "2024-03-01T00:00:00.000000Z"},
        {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
        {"0001-01-01T14:00:00+14:00", "0001-01-01T00:00:00.000000Z"},
        {"0001-01-01T13:59:59.999+14:00", NULL},
        {"9999-12-31T09:59:59.9-14:00", "9999-12-31T23:59:59.900000Z"},
        {"9999-12-31T10:00:00-14:00", NULL},
        {"9999-12-31T24:00:00", NULL},
        {"0000-01-01T00:00:00Z", NULL},
        {"10000-01-01T00:00:00Z", NULL},
        {"2026-02-29T00:00:00Z", NULL},
        {"2026-11-24T24:00:01Z", NULL},
        {"2026-11-24T03:39:60Z", NULL},
        {"2026-11-24T03:39:12.Z", NULL},
        {"2026-11-24T03:39:12+14:01", NULL},
        {"2026-11-24 03:39:12Z", NULL},
        {"2026-11-24T03:39:12Zx", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[DATETIME_TEXT_BYTES + 1];
        int64_t time_us;
        bool good = datetime_parse(text_of(cases[i].text), &time_us);
        cr_expect_eq(good, cases[i].utc != NULL, "%s", cases[i].text);
        if (!good || cases[i].utc == NULL)
            continue;
        datetime_format(time_us, text);
        cr_expect_str_eq(text, cases[i].utc);
    }
}

Test(heap, gives_times_back_in_order_whatever_is_taken_out)
{
    struct heap heap = {0};
    struct heap_node nodes[500] = {0};
    struct random random;
    uint64_t last = 0;

    random_seed(&random, 1);
    for (int i = 0; i < 500; i++)
        heap_put(&heap, &nodes[i], random_below(&random, 1000));
    for (int i = 0; i < 500; i += 3)
        heap_take(&heap, &nodes[i]);
    for (struct heap_node *node; (node = heap_first(&heap)) != NULL;) {
        cr_assert_geq(node->due_ns, last);
        last = node->due_ns;
        heap_take(&heap, node);
    }
    for (int i = 0; i < 500; i++)
        cr_assert_not(heap_holds(&nodes[i]));
    heap_free(&heap);
}

Test(map, finds_what_was_put_and_not_what_was_removed)
{
    enum { COUNT = 3000 };
    static struct uuid keys[COUNT];
    struct map map = {0};

    for (int i = 0; i < COUNT; i++) {
        keys[i] = uuid_new();
        /* Crowd the homes, so that probes and removals meet. */
        keys[i].bytes[12] = (uint8_t)(keys[i].bytes[12] & 7);
        keys[i].bytes[13] = 0;
        map_put(&map, keys[i], &keys[i]);
    }
    for (int i = 0; i < COUNT; i += 2)
        cr_assert_eq(map_remove(&map, keys[i]), &keys[i]);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(map_get(&map, keys[i]), i % 2 ? &keys[i] : NULL);
    map_free(&map);
}

Test(uuid, reads_what_it_writes_in_either_case_and_nothing_else)
{
    char text[UUID_TEXT_BYTES + 1];
    struct uuid id = uuid_new();
    struct uuid read;

    uuid_format(id, text);
    cr_assert(uuid_parse(text_of(text), &read));
    cr_assert(uuid_equal(id, read));
    for (char *at = text; *at; at++)
        if (*at >= 'a' && *at <= 'f')
            *at = (char)(*at - 32);
    cr_assert(uuid_parse(text_of(text), &read));
    text[8] = '0';
    cr_assert_not(uuid_parse(text_of(text), &read));
    cr_assert_not(uuid_parse(text_of("0"), &read));
}

Test(bytes, a_read_beyond_the_end_sticks_and_gives_zero)
{
    static const uint8_t data[] = {1, 2, 3};
    struct bytes_reader reader = bytes_read_from(data, sizeof data);

    cr_assert_eq(bytes_get_u16(&reader), 0x0102);
    cr_assert_eq(bytes_get_u16(&reader), 0);
    cr_assert(reader.failed);
    cr_assert_eq(bytes_get_u8(&reader), 0, "sticky: even what would fit");
}

Test(bytes, numbers_come_back_as_they_were_put)
{
    uint8_t data[64];
    struct bytes_writer writer = bytes_write_to(data, sizeof data);

    bytes_put_u48(&writer, 0xa1b2c3d4e5f6);
    bytes_put_u64(&writer, UINT64_MAX - 1);
    bytes_put_text(&writer, text_of("name"));
    cr_assert_not(writer.failed);
    struct bytes_reader reader = bytes_read_from(data, bytes_written(&writer));
    cr_assert_eq(bytes_get_u48(&reader), 0xa1b2c3d4e5f6);
    cr_assert_eq(bytes_get_u64(&reader), UINT64_MAX - 1);
    cr_assert(text_is(bytes_get_text(&reader), "name"));
    cr_assert_eq(bytes_left(&reader), 0);
}

static char logged[LOG_LINE_BYTES_MAX];

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    snprintf(logged, sizeof logged, "%s", line);
}

Test(log, a_line_cannot_be_forged_by_a_value)
{
    log_set_sink(keep_line);
    LOG(server_failed, "a\nb\x1b");
    log_set_sink(NULL);
    cr_assert_not_null(strstr(logged, "error server.failed reason=\"a\\x0ab\\x1b\""));
}

Test(log, no_two_events_share_a_name)
{
    static const char *const names[] = {
#define EVENT(module, name, level, format, meaning) #module "." #name,
#include "base/log_events.def"
#undef EVENT
    };
    size_t count = sizeof names / sizeof names[0];

    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            cr_expect_str_neq(names[i], names[j]);
}

Test(state, a_move_that_is_not_in_the_table_is_a_bug, .signal = SIGABRT)
{
    static const struct state_rule rules[] = {{"a", NEXT(1)}, {"b", 0}};
    uint8_t state = 0;

    state_move(&state, 1, rules);
    state_move(&state, 0, rules);
}
