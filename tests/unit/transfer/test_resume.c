#include "transfer/resume.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

/* Three blocks and a bit. */
#define SIZE (3 * RESUME_BLOCK_BYTES + 5)
#define BLOCKS 4u

static char partial_path[FOLDER_PATH_BYTES + 16];
static char side_path[FOLDER_PATH_BYTES + 16];
static uint8_t *data;
static int partial_fd;
static struct resume resume;
static struct resume_identity identity;

static void set_up(void)
{
    folder_open();
    snprintf(partial_path, sizeof partial_path, "%s/partial", folder);
    snprintf(side_path, sizeof side_path, "%s/side", folder);
    data = malloc(SIZE);
    for (uint32_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    identity = resume_identity_of(text_of("a/b"), SIZE, 7, 0644);
    partial_fd = open(partial_path, O_RDWR | O_CREAT, 0600);
    cr_assert_geq(partial_fd, 0);
    int fd = open(side_path, O_RDWR | O_CREAT, 0600);
    cr_assert_eq(resume_create(&resume, fd, partial_fd, identity, SIZE), 0);
}

static void tear_down(void)
{
    resume_close(&resume);
    close(partial_fd);
    free(data);
    folder_close();
}

TestSuite(resume, .init = set_up, .fini = tear_down);

static void give(uint64_t from, uint64_t to)
{
    cr_assert_eq(pwrite(partial_fd, data + from, to - from, (off_t)from),
                 (ssize_t)(to - from));
    cr_assert_eq(resume_wrote(&resume, partial_fd, from, data + from,
                              (uint32_t)(to - from)),
                 0);
}

static int load(void)
{
    resume_close(&resume);
    return resume_load(&resume, open(side_path, O_RDWR), partial_fd, identity,
                       SIZE);
}

/* The blocks that are done, as "1101"; each has the checksum of its bytes. */
static const char *done(void)
{
    static char text[BLOCKS + 1];

    for (uint32_t i = 0; i < BLOCKS; i++) {
        const struct resume_block *block = &resume.blocks[i];
        text[i] = block->is_done ? '1' : '0';
        if (block->is_done)
            cr_expect_eq(block->crc,
                         hash_crc32c(0, data + i * RESUME_BLOCK_BYTES,
                                     resume_block_size(&resume, i)));
    }
    return text;
}

Test(resume, whole_blocks_come_back_in_whatever_order_they_were_written)
{
    give(SIZE - 3, SIZE);
    give(SIZE - 5, SIZE - 3); /* the last block, backwards */
    give(0, 10);
    give(10, RESUME_BLOCK_BYTES + 1); /* over a border */
    give(2 * RESUME_BLOCK_BYTES, 3 * RESUME_BLOCK_BYTES - 1);
    cr_expect_str_eq(done(), "1001");
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1001");
    cr_expect_eq(resume_done_bytes(&resume), RESUME_BLOCK_BYTES + 5);
    give(2 * RESUME_BLOCK_BYTES, 3 * RESUME_BLOCK_BYTES);
    give(RESUME_BLOCK_BYTES, 2 * RESUME_BLOCK_BYTES);
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1111");
}

Test(resume, runs_are_of_one_kind_and_cut_at_the_end)
{
    bool is_done;

    give(RESUME_BLOCK_BYTES, 3 * RESUME_BLOCK_BYTES);
    cr_expect_eq(resume_run(&resume, 5, SIZE, &is_done), RESUME_BLOCK_BYTES);
    cr_expect_not(is_done);
    cr_expect_eq(resume_run(&resume, RESUME_BLOCK_BYTES + 5, SIZE, &is_done),
                 3 * RESUME_BLOCK_BYTES);
    cr_expect(is_done);
    cr_expect_eq(resume_run(&resume, RESUME_BLOCK_BYTES, RESUME_BLOCK_BYTES + 9,
                            &is_done),
                 RESUME_BLOCK_BYTES + 9);
    cr_expect_eq(resume_run(&resume, SIZE - 1, SIZE, &is_done), SIZE);
    cr_expect_not(is_done);
}

Test(resume, cut_at_any_byte_it_has_the_blocks_before_the_cut)
{
    static const char *const expected[] = {"0000", "1000", "1100", "1110"};

    for (uint32_t i = 0; i < 3; i++)
        give(i * RESUME_BLOCK_BYTES, (i + 1) * RESUME_BLOCK_BYTES);
    uint32_t whole_bytes = RESUME_HEADER_BYTES + 3 * RESUME_RECORD_BYTES;
    for (uint32_t cut = whole_bytes + 1; cut-- > 0;) {
        cr_assert_eq(truncate(side_path, cut), 0);
        if (cut < RESUME_HEADER_BYTES) {
            cr_assert_eq(load(), -ENOENT, "cut at %u", cut);
            continue;
        }
        cr_assert_eq(load(), 0, "cut at %u", cut);
        cr_assert_str_eq(done(), expected[(cut - RESUME_HEADER_BYTES) /
                                          RESUME_RECORD_BYTES]);
    }
}

Test(resume, a_changed_byte_makes_it_useless)
{
    uint8_t byte;

    for (uint32_t i = 0; i < 3; i++)
        give(i * RESUME_BLOCK_BYTES, (i + 1) * RESUME_BLOCK_BYTES);
    int fd = open(side_path, O_RDWR);
    for (off_t at = 0;
         at < (off_t)(RESUME_HEADER_BYTES + 3 * RESUME_RECORD_BYTES); at++) {
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        cr_expect_eq(load(), -ENOENT, "byte %d", (int)at);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    cr_expect_eq(load(), 0);
}

Test(resume, another_source_or_another_partial_file_has_nothing_to_do_with_it)
{
    const struct resume_identity right = identity;
    struct stat info;
    const struct resume_identity others[] = {
        resume_identity_of(text_of("a/c"), SIZE, 7, 0644),
        resume_identity_of(text_of("a/b"), SIZE, 8, 0644),
        resume_identity_of(text_of("a/b"), SIZE, 7, 0600),
        resume_identity_of(text_of("a/b"), SIZE + 1, 7, 0644),
    };

    give(0, RESUME_BLOCK_BYTES);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        identity = others[i];
        cr_expect_eq(load(), -ENOENT, "%zu", i);
    }
    identity = right;
    cr_assert_eq(load(), 0);

    /* The same bytes under the same name, but not the file we wrote. */
    folder_shell("cp partial copy && mv copy partial");
    close(partial_fd);
    partial_fd = open(partial_path, O_RDWR);
    cr_assert_eq(fstat(partial_fd, &info), 0);
    cr_expect_eq(load(), -ENOENT);
}

Test(resume, a_partial_file_that_became_shorter_is_of_no_use)
{
    give(0, 2 * RESUME_BLOCK_BYTES);
    cr_assert_eq(ftruncate(partial_fd, 2 * RESUME_BLOCK_BYTES - 1), 0);
    cr_expect_eq(load(), -ENOENT);
}

/* As if the machine had been started again: the header of another boot. */
static void change_boot(void)
{
    uint8_t header[RESUME_HEADER_BYTES];
    int fd = open(side_path, O_RDWR);

    cr_assert_eq(pread(fd, header, sizeof header, 0), (ssize_t)sizeof header);
    header[RESUME_HEADER_BYTES - HASH_SHA256_BYTES - 1] ^= 1;
    hash_once(HASH_SHA256, header, RESUME_HEADER_BYTES - HASH_SHA256_BYTES,
              header + RESUME_HEADER_BYTES - HASH_SHA256_BYTES);
    cr_assert_eq(pwrite(fd, header, sizeof header, 0), (ssize_t)sizeof header);
    close(fd);
}

Test(resume, after_a_crash_of_the_machine_only_what_was_synced_counts)
{
    give(0, RESUME_BLOCK_BYTES);
    cr_assert_eq(resume_sync(&resume, partial_fd), 0);
    give(RESUME_BLOCK_BYTES, 2 * RESUME_BLOCK_BYTES);
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1100", "a kill loses nothing");
    change_boot();
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1000");
    /* What is written from now on is of this boot. */
    give(SIZE - 5, SIZE);
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1001");
}

Test(resume, a_crash_of_the_machine_may_leave_rubbish_at_the_end)
{
    static const uint8_t rubbish[3 * RESUME_RECORD_BYTES];

    give(0, RESUME_BLOCK_BYTES);
    cr_assert_eq(resume_sync(&resume, partial_fd), 0);
    int fd = open(side_path, O_WRONLY | O_APPEND);
    cr_assert_eq(write(fd, rubbish, sizeof rubbish), (ssize_t)sizeof rubbish);
    close(fd);
    cr_expect_eq(load(), -ENOENT, "no kill leaves that");
    change_boot();
    cr_assert_eq(load(), 0);
    cr_expect_str_eq(done(), "1000");
}

Test(resume, blocks_grow_so_that_their_number_stays)
{
    const uint64_t most = RESUME_BLOCK_BYTES * RESUME_BLOCKS_MAX;

    cr_expect_eq(resume_memory_bytes(most),
                 RESUME_BLOCKS_MAX * sizeof(struct resume_block));
    cr_expect_leq(resume_memory_bytes(most + 1),
                  (RESUME_BLOCKS_MAX / 2 + 1) * sizeof(struct resume_block));
    cr_expect_leq(resume_memory_bytes((UINT64_C(1) << 48) - 1),
                  RESUME_BLOCKS_MAX * sizeof(struct resume_block));
}
