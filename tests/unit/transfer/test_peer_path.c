#include "transfer/peer_path.h"

#include <criterion/criterion.h>

#define MS UINT64_C(1000000)

static struct peer_path path;
static const char *control = "192.0.2.1:33001";

static struct address at(const char *text)
{
    struct address address;

    cr_assert(address_parse(text_of(text), &address), "%s", text);
    return address;
}

static bool meet(const char *from, uint64_t number, bool answers,
                 uint64_t now_ns)
{
    struct address tcp = at(control);
    struct address source = at(from);

    return peer_path_meet(&path, &tcp, &source, number, answers, now_ns);
}

static bool is_at(const char *text)
{
    struct address address = at(text);

    return path.is_proven && address_equal(&path.peer, &address);
}

static void set_up(void)
{
    path = (struct peer_path){0};
}

TestSuite(peer_path, .init = set_up);

Test(peer_path, follows_another_port_of_the_host_at_once)
{
    cr_assert_not(meet("192.0.2.1:1000", 1, false, 0));
    cr_assert(is_at("192.0.2.1:1000"));
    cr_assert_not(meet("192.0.2.1:2000", 2, false, 0));
    cr_assert(is_at("192.0.2.1:2000"));
}

/* The translator took another port, and what had left by the old one comes
 * behind: the same number again, one below, one above. */
Test(peer_path, is_not_moved_back_by_what_was_late)
{
    static const struct {
        uint64_t number;
        const char *peer;
    } cases[] = {
        {1, "192.0.2.1:2000"},
        {99, "192.0.2.1:2000"},
        {100, "192.0.2.1:2000"},
        {101, "192.0.2.1:1000"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up();
        meet("192.0.2.1:1000", 2, false, 0);
        meet("192.0.2.1:2000", 100, false, 0);
        cr_assert_not(meet("192.0.2.1:1000", cases[i].number, false, 0));
        cr_expect(is_at(cases[i].peer), "number %u",
                  (unsigned)cases[i].number);
    }
}

Test(peer_path, challenges_another_host_and_waits_for_its_answer)
{
    meet("192.0.2.1:1000", 1, false, 0);
    cr_assert(meet("198.51.100.7:5", 2, false, 0));
    cr_assert(is_at("192.0.2.1:1000"));
    cr_assert_not(meet("198.51.100.7:5", 3, false, 200 * MS - 1));
    cr_assert(meet("198.51.100.7:5", 4, false, 200 * MS));
    /* another one has the right token, and was not asked */
    cr_assert_not(meet("198.51.100.8:5", 5, true, 200 * MS));
    cr_assert(is_at("192.0.2.1:1000"));
    /* data of the same address overtook the answer */
    meet("198.51.100.7:5", 7, false, 201 * MS);
    cr_assert_not(meet("198.51.100.7:5", 6, true, 202 * MS));
    cr_assert(is_at("198.51.100.7:5"));
}

/* What was late from the old host is not even asked. */
Test(peer_path, does_not_challenge_for_what_was_late)
{
    meet("192.0.2.1:1000", 1, false, 0);
    cr_assert_not(meet("198.51.100.7:5", 1, false, 0));
    cr_assert(meet("198.51.100.7:5", 2, false, 0));
    cr_assert_not(meet("198.51.100.7:5", 3, true, 0));
    cr_assert_not(meet("203.0.113.9:5", 2, false, 400 * MS));
    cr_assert_not(path.is_challenged);
}

/* Before any address is proven, the first that comes is asked, in any order. */
Test(peer_path, the_first_of_all_need_not_be_the_newest)
{
    cr_assert(meet("198.51.100.7:5", 9, false, 0));
    cr_assert(meet("198.51.100.7:5", 3, false, 200 * MS));
    cr_assert_not(meet("192.0.2.1:1000", 2, false, 200 * MS));
    cr_assert(is_at("192.0.2.1:1000"));
}
