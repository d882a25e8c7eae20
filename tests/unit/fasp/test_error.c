#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fasp/error.h"

/* The numbers that clients know, and those that a job tries again. */
static const uint8_t known[] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  11, 12, 13, 14, 15, 16, 17, 18,
    19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33, 34, 35, 36, 37,
    39, 40, 41, 42, 43, 44, 45, 46, 48, 49, 50, 51, 55, 56, 59, 63, 64,
};
static const uint8_t retried[] = {
    12, 13, 14, 15, 16, 17, 18, 23, 32, 33, 35, 36, 37, 39, 40, 44, 45,
};

static bool holds(const uint8_t *list, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == number)
            return true;
    }
    return false;
}

Test(error, exactly_the_numbers_of_the_list_are_known)
{
    for (uint32_t number = 0; number < 300; number++)
        cr_assert_eq(fasp_error_is_known(number),
                     holds(known, sizeof known, number), "%u", number);
    cr_assert_not(fasp_error_is_known(UINT32_MAX));
}

Test(error, exactly_the_numbers_of_the_list_are_retried)
{
    for (uint32_t number = 0; number < 300; number++)
        cr_assert_eq(fasp_error_is_retryable(number),
                     holds(retried, sizeof retried, number), "%u", number);
    cr_assert_not(fasp_error_is_retryable(UINT32_MAX));
}

Test(error, each_number_has_a_name_of_its_own_and_a_sentence)
{
    for (size_t i = 0; i < sizeof known; i++) {
        const char *name = fasp_error_name(known[i]);
        const char *text = fasp_error_text(known[i]);
        cr_assert_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        cr_assert_eq(text[strlen(text) - 1], '.');
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(name, fasp_error_name(known[j]));
            cr_assert_str_neq(text, fasp_error_text(known[j]));
        }
    }
}

Test(error, an_unknown_number_has_a_text_too)
{
    cr_assert_str_eq(fasp_error_name(9), "unknown");
    cr_assert_str_eq(fasp_error_name(UINT32_MAX), "unknown");
    cr_assert_str_neq(fasp_error_text(65), "");
}

Test(error, what_the_system_refuses_has_a_number)
{
    static const struct {
        int error;
        enum fasp_error number;
    } cases[] = {
        {ENOENT, FASP_ERROR_NO_SUCH_FILE},   {EACCES, FASP_ERROR_PERMISSION},
        {ENOSPC, FASP_ERROR_NO_SPACE},       {EROFS, FASP_ERROR_READ_ONLY},
        {EXDEV, FASP_ERROR_OUTSIDE_DOCROOT}, {ELOOP, FASP_ERROR_LINK_LOOP},
        {EIO, FASP_ERROR_DISK_WRITE},        {EISDIR, FASP_ERROR_IS_FOLDER},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_eq(fasp_error_of_errno(cases[i].error, FASP_ERROR_DISK_WRITE),
                     cases[i].number);
    cr_assert_eq(fasp_error_of_errno(EIO, FASP_ERROR_DISK_READ),
                 FASP_ERROR_DISK_READ);
}
