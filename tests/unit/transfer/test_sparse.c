#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transfer/sparse.h"

#define SIZE (4 * SPARSE_BYTES)

static int fd;
static uint8_t *data, *back;

static void set_up(void)
{
    fd = memfd_create("sparse", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    data = calloc(1, SIZE);
    back = malloc(SIZE);
}

static void tear_down(void)
{
    close(fd);
    free(data);
    free(back);
}

TestSuite(sparse, .init = set_up, .fini = tear_down);

static struct stat info(void)
{
    struct stat stat;

    cr_assert_eq(fstat(fd, &stat), 0);
    return stat;
}

/* What is there, read with holes looked for and without. */
static void expect_there(uint32_t size_bytes, uint64_t offset)
{
    for (int has_holes = 0; has_holes <= 1; has_holes++) {
        memset(back, 0xee, SIZE);
        cr_assert_eq(sparse_read(fd, has_holes != 0, back, size_bytes, offset),
                     0);
        cr_assert_eq(memcmp(back, data, size_bytes), 0);
    }
}

Test(sparse, zeros_become_a_hole_of_their_size)
{
    cr_assert_eq(sparse_write(fd, data, SIZE, 0), 0);
    struct stat stat = info();
    cr_assert_eq(stat.st_size, SIZE);
    cr_assert_eq(stat.st_blocks, 0);
    cr_assert(sparse_is(&stat));
    expect_there(SIZE, 0);
}

Test(sparse, data_around_and_in_holes_is_written)
{
    static const uint32_t places[] = {
        0,        1,  SPARSE_BYTES - 1, SPARSE_BYTES, SPARSE_BYTES + 8,
        SIZE - 8, SIZE - 1,
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        cr_assert_eq(ftruncate(fd, 0), 0);
        memset(data, 0, SIZE);
        data[places[i]] = 1;
        cr_assert_eq(sparse_write(fd, data, SIZE, 0), 0);
        cr_assert_eq(info().st_size, SIZE);
        cr_assert_lt(info().st_blocks, SIZE / 512);
        expect_there(SIZE, 0);
        /* not where blocks begin, and not as long as one */
        cr_assert_eq(sparse_write(fd, data, SIZE - 100, 5 * SIZE + 77), 0);
        cr_assert_eq(info().st_size, 6 * SIZE + 77 - 100);
        expect_there(SIZE - 100, 5 * SIZE + 77);
    }
}

Test(sparse, zeros_replace_data_that_is_there)
{
    memset(data, 0xab, SIZE);
    cr_assert_eq(sparse_write(fd, data, SIZE, 0), 0);
    cr_assert_eq(info().st_blocks, SIZE / 512);
    memset(data, 0, SIZE);
    cr_assert_eq(sparse_write(fd, data, SIZE, 0), 0);
    expect_there(SIZE, 0);
}

Test(sparse, a_hole_does_not_cut_the_file)
{
    data[0] = 1;
    cr_assert_eq(sparse_write(fd, data, 1, SIZE), 0);
    data[0] = 0;
    cr_assert_eq(sparse_write(fd, data, SPARSE_BYTES, 0), 0);
    cr_assert_eq(info().st_size, SIZE + 1);
}

Test(sparse, the_end_of_the_file_is_an_error)
{
    cr_assert_eq(sparse_read(fd, false, back, 1, 0), -EIO);
    cr_assert_eq(ftruncate(fd, 10), 0);
    cr_assert_eq(sparse_read(fd, false, back, 11, 0), -EIO);
    cr_assert_eq(sparse_read(fd, false, back, 1, 10), -EIO);
    cr_assert_eq(sparse_read(fd, true, back, 10, 0), 0);
}
