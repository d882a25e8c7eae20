#include "transfer/known_hosts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT 33001
#define OTHER "SHA256:MMj875/2TH/HD1DHGWAd6XVA88hN1pr+uxLaaRYbqIQ"

static char path[] = "/tmp/ferry-known-hosts-XXXXXX";
static const struct fingerprint mine = {{1, 2, 3}};

static void set_up(void)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
}

static void tear_down(void)
{
    unlink(path);
}

TestSuite(known_hosts, .init = set_up, .fini = tear_down);

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_geq(fputs(content, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static int find(const char *host, struct fingerprint *found)
{
    return known_hosts_find(path, text_of(host), PORT, found);
}

static int add(const char *host, struct fingerprint fingerprint)
{
    return known_hosts_add(path, text_of(host), PORT, fingerprint);
}

Test(known_hosts, what_was_added_is_found)
{
    struct fingerprint found;

    cr_expect_eq(find("h", &found), 0);
    cr_expect_eq(add("h", mine), 0);
    cr_expect_eq(find("h", &found), 1);
    cr_expect(fingerprint_equal(found, mine));
    cr_expect_eq(find("g", &found), 0);
    cr_expect_eq(known_hosts_find(path, text_of("h"), PORT + 1, &found), 0);
}

Test(known_hosts, a_node_is_not_added_with_another_key)
{
    const struct fingerprint changed = {{9}};
    struct fingerprint found;

    cr_expect_eq(add("h", mine), 0);
    cr_expect_eq(add("h", mine), 0);
    cr_expect_eq(add("h", changed), -EEXIST);
    cr_expect_eq(find("h", &found), 1);
    cr_expect(fingerprint_equal(found, mine));
}

Test(known_hosts, the_first_line_about_a_node_holds)
{
    struct fingerprint found;
    struct fingerprint other;

    write_file("# [h]:33001 remark\n\n[h]:33001  " OTHER "\n");
    cr_assert(fingerprint_parse(text_of(OTHER), &other));
    cr_expect_eq(add("h", mine), -EEXIST);
    cr_expect_eq(find("h", &found), 1);
    cr_expect(fingerprint_equal(found, other));
}

/* Found by the fuzz target: the two lines became one, so that the first node
 * could not be read and the second was new at every visit. */
Test(known_hosts, a_last_line_without_an_end_stays_a_line)
{
    struct fingerprint found;

    write_file("[g]:33001 " OTHER);
    cr_expect_eq(add("h", mine), 0);
    cr_expect_eq(find("h", &found), 1);
    cr_expect(fingerprint_equal(found, mine));
    cr_expect_eq(find("g", &found), 1);
    cr_expect_eq(add("g", mine), -EEXIST);
}

Test(known_hosts, a_line_that_cannot_be_read_is_no_new_node)
{
    struct fingerprint found;

    write_file("[h]:33001 nonsense\n");
    cr_expect_eq(find("h", &found), -EBADMSG);
    cr_expect_eq(add("h", mine), -EBADMSG);
}

Test(known_hosts, no_file_knows_nobody)
{
    struct fingerprint found;

    unlink(path);
    cr_expect_eq(find("h", &found), 0);
    cr_expect_eq(add("h", mine), 0);
    cr_expect_eq(find("h", &found), 1);
}
