#include <criterion/criterion.h>

#include "base/arena.h"
#include "central/filter.h"

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena, 1u << 20);
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(filter, .init = set_up, .fini = tear_down);

static struct store_session_filter
read_filter(const struct f09_session_filter *asked)
{
    struct store_session_filter filter;

    cr_assert(filter_read_sessions(asked, &arena, &filter));
    return filter;
}

static bool finds(const struct f09_session_filter *asked,
                  const struct store_session *row)
{
    struct store_session_filter filter = read_filter(asked);

    return filter_matches(&filter, row, true);
}

static const struct store_session row = {
    .uuid = {{1, 2, 3}},
    .state = STORE_SESSION_RUNNING,
    .direction = STORE_OUTGOING,
    .start_us = 5000000,
    .cookie = {"crumb", 5},
    .server_address = {"10.0.0.1", 8},
};

Test(filter, an_empty_one_finds_everything)
{
    cr_assert(finds(&(struct f09_session_filter){0}, &row));
}

Test(filter, values_of_a_field_are_alternatives_and_fields_combine)
{
    struct text cookies[] = {text_of("other"), text_of("crumb")};
    struct text addresses[] = {text_of("10.0.0.2")};
    struct f09_session_filter asked = {.cookie = cookies, .cookie_count = 2};

    cr_assert(finds(&asked, &row));
    asked.server_address = addresses;
    asked.server_address_count = 1;
    cr_assert_not(finds(&asked, &row));
}

Test(filter, an_absent_value_is_not_an_empty_one)
{
    struct text empty[] = {text_of("")};
    struct f09_session_filter asked = {.user = empty, .user_count = 1};
    struct store_session with_user = row;

    cr_assert_not(finds(&asked, &row));
    with_user.user_name = text_of("");
    cr_assert(finds(&asked, &with_user));
}

Test(filter, bounds_are_inclusive_and_a_time_to_come_is_outside)
{
    struct f09_session_filter asked = {
        .min_session_start_date = 5000000,
        .has_min_session_start_date = true,
        .max_session_start_date = 5000000,
        .has_max_session_start_date = true,
    };

    cr_assert(finds(&asked, &row));
    asked.min_session_start_date++;
    cr_assert_not(finds(&asked, &row));
    asked = (struct f09_session_filter){
        .max_session_end_date = INT64_MAX,
        .has_max_session_end_date = true,
    };
    cr_assert_not(finds(&asked, &row), "it has not ended");
    asked = (struct f09_session_filter){
        .max_session_start_date = -1,
        .has_max_session_start_date = true,
    };
    cr_assert_not(finds(&asked, &row), "nothing is from before 1970");
}

Test(filter, last_session_only_leaves_older_ones_out)
{
    struct f09_session_filter asked = {
        .last_session_only = true,
        .has_last_session_only = true,
    };
    struct store_session_filter filter = read_filter(&asked);

    cr_assert(filter_matches(&filter, &row, true));
    cr_assert_not(filter_matches(&filter, &row, false));
}

Test(filter, different_filters_have_different_hashes)
{
    struct text ab[] = {text_of("a"), text_of("b")};
    struct text joined[] = {text_of("ab")};
    struct f09_session_filter filters[] = {
        {.cookie = NULL},
        {.cookie = ab, .cookie_count = 2},
        {.cookie = joined, .cookie_count = 1},
        {.user = ab, .user_count = 2},
        {.session_status = ab, .session_status_count = 2},
        {.direction = text_of("incoming")},
        {.min_session_start_date = 7, .has_min_session_start_date = true},
        {.max_session_start_date = 7, .has_max_session_start_date = true},
        {.last_session_only = true, .has_last_session_only = true},
    };
    uint64_t hashes[9];

    for (uint32_t i = 0; i < 9; i++) {
        struct store_file_filter filter = {.session = read_filter(&filters[i])};
        hashes[i] = filter_hash(&filter);
        cr_assert_eq(hashes[i], filter_hash(&filter));
        for (uint32_t j = 0; j < i; j++)
            cr_assert_neq(hashes[i], hashes[j], "%u and %u", i, j);
    }
}

Test(filter, ids_and_words_are_read_in_lower_case)
{
    struct text words[] = {text_of("RUNNING")};
    struct text ids[] = {text_of("01020300-0000-0000-0000-000000000000")};
    struct f09_session_filter asked = {
        .session_status = words,
        .session_status_count = 1,
        .session_uuid = ids,
        .session_uuid_count = 1,
        .direction = text_of("OUTGOING"),
    };

    cr_assert(finds(&asked, &row));
}
