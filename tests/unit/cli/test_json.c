#include "cli/json.h"

#include <criterion/criterion.h>
#include <string.h>

Test(json, writes_a_struct_with_its_base_its_lists_and_its_gaps)
{
    struct text topics[] = {text_of("Start"), text_of("Stop")};
    struct isc_subscription_resource resource = {
        .id = text_of("7"),
        .observer = {.address = text_of("http://a/\"b\""),
                     .action = TEXT_ABSENT},
        .topics = {.topic = topics, .topic_count = 2},
        .time_remaining = 60,
    };
    struct f09_session_key key = {.uuid = text_of("u")};
    struct text_builder out = {0};

    json_write(&out, &soap_type_isc_subscription_resource, &resource);
    cr_assert_str_eq(out.data,
                     "{\"ID\":\"7\",\"Observer\":{\"Address\":\"http://a/"
                     "\\\"b\\\"\",\"Action\":\"\"},\"Topics\":{\"Topic\":["
                     "\"Start\",\"Stop\"]},\"TimeRemaining\":60}");
    text_builder_reset(&out);
    json_write(&out, &soap_type_f09_session_key, &key);
    cr_assert_str_eq(out.data, "{\"UUID\":\"u\"}");
    text_builder_free(&out);
}

Test(json, the_fields_of_a_base_stand_beside_its_own)
{
    struct f09_session_info info = {
        .statistics = {.key = {.uuid = text_of("u"), .job_id = text_of("j")},
                       .status = text_of("error"),
                       .error_code = -1,
                       .bytes_written = UINT64_MAX},
        .start_date = 0,
    };
    struct text_builder out = {0};

    json_write(&out, &soap_type_f09_session_info, &info);
    cr_assert(text_starts_with(
        text_built(&out),
        "{\"UUID\":\"u\",\"JobId\":\"j\",\"Status\":\"error\",\"ErrorCode\":-1,"
        "\"ExpectedFileCount\":0,"));
    cr_assert_not_null(
        strstr(out.data, ",\"BytesWritten\":18446744073709551615,"));
    cr_assert_not_null(strstr(
        out.data, ",\"StartDate\":\"1970-01-01T00:00:00.000000Z\",\"Dir"));
    cr_assert_null(strstr(out.data, ",,"));
    text_builder_free(&out);
}

Test(json, control_characters_are_escaped)
{
    struct text_builder out = {0};

    json_write_string(&out, text_of("a\n\x01\\\"\xc3\xa4"));
    cr_assert_str_eq(out.data, "\"a\\u000a\\u0001\\\\\\\"\xc3\xa4\"");
    text_builder_free(&out);
}
