#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "soap/scalar.h"
#include "soap/writer.h"

Test(scalar, reads_whole_numbers_to_their_ends_and_no_further)
{
    static const struct {
        enum soap_kind kind;
        const char *text;
        bool good;
    } cases[] = {
        {SOAP_KIND_I32, "2147483647", true},
        {SOAP_KIND_I32, "2147483648", false},
        {SOAP_KIND_I32, "-2147483648", true},
        {SOAP_KIND_I32, "-2147483649", false},
        {SOAP_KIND_I64, "9223372036854775807", true},
        {SOAP_KIND_I64, "9223372036854775808", false},
        {SOAP_KIND_I64, "-9223372036854775808", true},
        {SOAP_KIND_I64, "-9223372036854775809", false},
        {SOAP_KIND_U8, "255", true},
        {SOAP_KIND_U8, "256", false},
        {SOAP_KIND_U16, "65535", true},
        {SOAP_KIND_U16, "65536", false},
        {SOAP_KIND_U32, "4294967295", true},
        {SOAP_KIND_U32, "4294967296", false},
        {SOAP_KIND_U64, "18446744073709551615", true},
        {SOAP_KIND_U64, "18446744073709551616", false},
        {SOAP_KIND_U64, "-0", true},
        {SOAP_KIND_U32, " +5\n", true},
        {SOAP_KIND_U32, "-1", false},
        {SOAP_KIND_U32, "+", false},
        {SOAP_KIND_U32, "", false},
        {SOAP_KIND_U32, "+-1", false},
        {SOAP_KIND_U32, "1 2", false},
        {SOAP_KIND_U32, "1e9", false},
        {SOAP_KIND_U32, "0x1", false},
        {SOAP_KIND_U32, "1.0", false},
        {SOAP_KIND_COUNT, "1", true},
        {SOAP_KIND_COUNT, "0", false},
        {SOAP_KIND_COUNT, "-1", false},
        {SOAP_KIND_BOOL, " true", true},
        {SOAP_KIND_BOOL, "0", true},
        {SOAP_KIND_BOOL, "True", false},
        {SOAP_KIND_DATE, "2026-11-24T03:39:12Z", true},
        {SOAP_KIND_DATE, "0000-01-01T00:00:00Z", false},
        {SOAP_KIND_DATE, "2026-11-24T23:59:60Z", false},
        {SOAP_KIND_DATE, "2026-11-24T24:00:00+14:00", true},
        {SOAP_KIND_DATE, "2026-11-24T24:00:00+14:01", false},
        {SOAP_KIND_FLOAT, "-1.5e3", true},
        {SOAP_KIND_FLOAT, "INF", true},
        {SOAP_KIND_FLOAT, "NaN", true},
        {SOAP_KIND_FLOAT, "inf", false},
        {SOAP_KIND_FLOAT, "0x1p3", false},
        {SOAP_KIND_FLOAT, "1.5f", false},
        {SOAP_KIND_FLOAT, "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        union {
            uint64_t number;
            double real;
        } place = {0};
        cr_expect_eq(
            scalar_parse(cases[i].kind, text_of(cases[i].text), &place),
            cases[i].good, "%d: %s", cases[i].kind, cases[i].text);
        cr_expect_gt(strlen(scalar_expected(cases[i].kind)), 0);
    }
}

Test(scalar, writes_real_numbers_as_xml_schema_has_them)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.98, "0.98"},
        {0, "0"},
        {-1e30, "-1e+30"},
        {1.0 / 3, "0.3333333"},
    };
    struct text_builder out = {0};
    double special[] = {INFINITY, -INFINITY, (double)NAN};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_builder_reset(&out);
        scalar_write(&out, SOAP_KIND_FLOAT, &cases[i].value);
        cr_expect_str_eq(out.data, cases[i].text);
    }
    text_builder_reset(&out);
    for (size_t i = 0; i < 3; i++)
        scalar_write(&out, SOAP_KIND_FLOAT, &special[i]);
    cr_expect_str_eq(out.data, "INF-INFNaN");
    text_builder_free(&out);
}

Test(scalar, writes_any_bytes_so_that_xml_can_hold_them)
{
    static const struct {
        const char *raw;
        const char *written;
    } cases[] = {
        {"plain \t\n text", "plain \t\n text"},
        {"<&>\"'", "&lt;&amp;&gt;&quot;&apos;"},
        {"a\rb", "a&#13;b"},
        {"\x01\x1f\x7f", "%01%1F\x7f"},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
         "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xff\xfe", "%FF%FE"},
        {"\xc0\xaf", "%C0%AF"},               /* overlong */
        {"\xe0\x9f\xbf", "%E0%9F%BF"},        /* overlong */
        {"\xf0\x8f\xbf\xbf", "%F0%8F%BF%BF"}, /* overlong */
        {"\xed\xa0\x80", "%ED%A0%80"},        /* surrogate */
        {"\xed\x9f\xbf", "\xed\x9f\xbf"},     /* the one before them */
        {"\xef\xbf\xbe", "%EF%BF%BE"},        /* U+FFFE */
        {"\xef\xbf\xbf", "%EF%BF%BF"},        /* U+FFFF */
        {"\xef\xbf\xbd", "\xef\xbf\xbd"},     /* U+FFFD */
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xf4\x90\x80\x80", "%F4%90%80%80"}, /* beyond U+10FFFF */
        {"\x80", "%80"},
        {"a\xe2\x82", "a%E2%82"}, /* cut off */
        {"\xe2\x82"
         "a",
         "%E2%82a"},
    };
    struct text_builder out = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_builder_reset(&out);
        soap_write_escaped(&out, text_of(cases[i].raw));
        cr_expect_str_eq(out.data, cases[i].written);
    }
    text_builder_reset(&out);
    soap_write_escaped(&out, text_from("a\0b", 3));
    cr_expect_str_eq(out.data, "a%00b");
    text_builder_reset(&out);
    soap_write_escaped(&out, TEXT_ABSENT);
    cr_expect_eq(out.size_bytes, 0);
    text_builder_free(&out);
}
