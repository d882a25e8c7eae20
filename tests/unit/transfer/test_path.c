/* UDP addresses: those of the control connection, and others. */
#include <criterion/criterion.h>

#include "pair.h"

static void set_up(void)
{
    /* TCP goes out from 127.0.0.1, UDP from 127.0.0.2: as behind an address
     * translator that has several addresses. */
    pair_client_address = "127.0.0.2:0";
    pair_open(NULL);
}

static void tear_down(void)
{
    pair_close();
}

TestSuite(path, .init = set_up, .fini = tear_down, .timeout = 90);

Test(path, another_address_than_tcp_s_is_challenged_and_then_used)
{
    pair_fill("here/a", 3000000, 1);
    cr_assert_eq(pair_transfer(TRANSFER_PUSH, "a", "/"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "there/a");
    cr_assert_eq(pair_transfer(TRANSFER_PULL, "a", "b"), 0, "%s",
                 pair.client_end.error_text);
    pair_same("here/a", "here/b");
}
