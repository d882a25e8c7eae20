#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/address.h"

static struct address parsed(const char *string)
{
    struct address address;
    cr_assert(address_parse(text_of(string), &address), "%s", string);
    return address;
}

Test(address, what_it_reads_it_writes_the_same)
{
    static const char *const cases[] = {
        "1.2.3.4:33001",
        "0.0.0.0:0",
        "255.255.255.255:65535",
        "[::1]:33001",
        "[::]:0",
        "[2001:db8::7]:443",
        "[fe80::1%2]:1",
        "[fe80::1%4294967295]:65535",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = parsed(cases[i]);
        char text[ADDRESS_TEXT_BYTES];
        address_format(&address, text);
        cr_assert_str_eq(text, cases[i]);
    }
}

Test(address, the_longest_address_fits_its_buffer)
{
    struct address address = {.scope = UINT32_MAX, .port = UINT16_MAX};
    memset(address.ip, 0xfd, sizeof address.ip);
    char text[ADDRESS_TEXT_BYTES];
    address_format(&address, text);
    cr_assert_str_eq(
        text, "[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd%4294967295]:65535");
}

Test(address, what_is_no_address_is_refused_and_touches_nothing)
{
    static const char *const cases[] = {
        "",
        ":",
        ":1",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3:4",
        "1.2.3.4:-1",
        "1.2.3.4:1x",
        "::1:33001",
        "[::1]",
        "[::1]:",
        "[::1:1",
        "[]:1",
        "[1.2.3.4]:1",
        "[::1]x:1",
        "host:1",
        "1.2.3.4:65536",
        "1.2.3.4.5:1",
        "[fe80::1%]:1",
        "[fe80::1%eth0]:1",
        "[fe80::1%4294967296]:1",
        "256.1.1.1:1",
        " 1.2.3.4:1",
        "1.2.3.4 :1",
        "[00001111:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = {.port = 7};
        cr_assert_not(address_parse(text_of(cases[i]), &address), "%s",
                      cases[i]);
        cr_assert_eq(address.port, 7);
    }
    struct address address;
    cr_assert_not(address_parse(TEXT_ABSENT, &address));
    cr_assert_not(address_parse_ip(TEXT_ABSENT, 1, &address));
    cr_assert_not(address_parse(text_from("1.2.3.4\0:1", 10), &address));
}

Test(address, an_address_without_a_port_is_read_with_the_port_given)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4:5"},
        {"::1", "[::1]:5"},
        {"[::1]", "[::1]:5"},
        {"fe80::1%3", "[fe80::1%3]:5"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES];
        cr_assert(address_parse_ip(text_of(cases[i].text), 5, &address));
        address_format(&address, text);
        cr_assert_str_eq(text, cases[i].expected);
    }
}

Test(address, a_mapped_ipv4_address_equals_the_ipv4_address)
{
    struct address plain = parsed("10.1.2.3:80");
    struct address mapped = parsed("[::ffff:10.1.2.3]:80");

    cr_assert(address_equal(&plain, &mapped));
    cr_assert(address_is_ipv4(&mapped));
    char text[ADDRESS_TEXT_BYTES];
    address_format(&mapped, text);
    cr_assert_str_eq(text, "10.1.2.3:80");
}

Test(address, each_part_counts_for_equality)
{
    struct address address = parsed("[fe80::1%2]:80");
    struct address other_ip = parsed("[fe80::2%2]:80");
    struct address other_scope = parsed("[fe80::1%3]:80");
    struct address other_port = parsed("[fe80::1%2]:81");

    cr_assert_not(address_equal(&address, &other_ip));
    cr_assert_not(address_equal(&address, &other_scope));
    cr_assert_not(address_equal(&address, &other_port));
    cr_assert_not(address_equal_ip(&address, &other_ip));
    cr_assert_not(address_equal_ip(&address, &other_scope));
    cr_assert(address_equal_ip(&address, &other_port));
}

Test(address, loopback_and_any_are_told_apart_from_the_rest)
{
    static const struct {
        const char *text;
        bool loopback;
        bool any;
        int family;
    } cases[] = {
        {"127.0.0.1:1", true, false, AF_INET},
        {"127.255.0.9:1", true, false, AF_INET},
        {"128.0.0.1:1", false, false, AF_INET},
        {"0.0.0.0:1", false, true, AF_INET},
        {"0.0.0.1:1", false, false, AF_INET},
        {"[::1]:1", true, false, AF_INET6},
        {"[::]:1", false, true, AF_INET6},
        {"[::2]:1", false, false, AF_INET6},
        {"[::ffff:127.0.0.1]:1", true, false, AF_INET},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = parsed(cases[i].text);
        cr_assert_eq(address_is_loopback(&address), cases[i].loopback);
        cr_assert_eq(address_is_any(&address), cases[i].any);
        cr_assert_eq(address_family(&address), cases[i].family);
    }
}

Test(address, it_goes_through_the_kernels_form_unchanged)
{
    static const struct {
        const char *text;
        int family;
    } cases[] = {
        {"1.2.3.4:33001", AF_INET},
        {"1.2.3.4:33001", AF_INET6},
        {"[fe80::1%2]:33001", AF_INET6},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = parsed(cases[i].text), back;
        struct address_sockaddr kernel =
            address_to_sockaddr(&address, cases[i].family);
        cr_assert_eq(kernel.any.sa_family, cases[i].family);
        cr_assert(address_from_sockaddr(&kernel.any, kernel.size_bytes, &back));
        cr_assert(address_equal(&address, &back));
        cr_assert_not(
            address_from_sockaddr(&kernel.any, kernel.size_bytes - 1, &back));
        cr_assert_not(address_from_sockaddr(&kernel.any, 0, &back));
    }
}

Test(address, another_family_is_no_address)
{
    struct sockaddr sockaddr = {.sa_family = AF_UNIX};
    struct address address;
    cr_assert_not(address_from_sockaddr(&sockaddr, sizeof sockaddr, &address));
}

Test(address, an_ipv6_address_for_an_ipv4_socket_is_a_bug, .signal = SIGABRT)
{
    struct address address = parsed("[::1]:1");
    address_to_sockaddr(&address, AF_INET);
}
