#include "transfer/docroot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

static struct docroot docroot;

static void set_up(void)
{
    char path[FOLDER_PATH_BYTES + 8];

    folder_open();
    folder_shell("mkdir root && echo secret > secret");
    snprintf(path, sizeof path, "%s/root", folder);
    cr_assert_eq(docroot_open(&docroot, text_of(path)), 0);
}

static void tear_down(void)
{
    docroot_close(&docroot);
    folder_close();
}

TestSuite(docroot, .init = set_up, .fini = tear_down);

Test(docroot, paths_have_one_form)
{
    static const struct {
        const char *given;
        int ret;
        const char *path;
    } cases[] = {
        {"", 0, ""},
        {"/", 0, ""},
        {"a", 0, "a"},
        {"/a", 0, "a"},
        {"//a//b/", 0, "a/b"},
        {"./a/./b/.", 0, "a/b"},
        {"a/../b", 0, "b"},
        {"a/b/../../c", 0, "c"},
        {"..", -EXDEV, NULL},
        {"/..", -EXDEV, NULL},
        {"a/../../b", -EXDEV, NULL},
        {"a/..b", 0, "a/..b"},
        {"...", 0, "..."},
    };
    char path[LIMIT_PATH_BYTES];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int ret = docroot_path(text_of(cases[i].given), path);
        cr_expect_eq(ret, cases[i].ret, "%s", cases[i].given);
        if (ret == 0)
            cr_expect_str_eq(path, cases[i].path);
    }
    cr_expect_eq(docroot_path(text_from("a\0b", 3), path), -EINVAL);
}

Test(docroot, long_names_and_paths_are_refused_one_beyond_the_limit)
{
    char given[2 * LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];

    memset(given, 'x', sizeof given);
    cr_expect_eq(docroot_path(text_from(given, 255), path), 0);
    cr_expect_eq(docroot_path(text_from(given, 256), path), -ENAMETOOLONG);
    for (size_t i = 128; i < sizeof given; i += 128)
        given[i] = '/';
    cr_expect_eq(docroot_path(text_from(given, LIMIT_PATH_BYTES - 1), path), 0);
    cr_expect_eq(strlen(path), LIMIT_PATH_BYTES - 1);
    given[LIMIT_PATH_BYTES] = 'x';
    cr_expect_eq(docroot_path(text_from(given, LIMIT_PATH_BYTES + 1), path),
                 -ENAMETOOLONG);
}

Test(docroot, no_link_leads_out)
{
    struct stat info;
    bool created;

    folder_shell("cd root && ln -s ../secret a && ln -s /etc b && ln -s .. c "
                 "&& mkdir d && ln -s ../../secret d/e && ln -s d f && "
                 "echo in > d/g && ln -s d/g h && ln -s /proc/self/root i");
    cr_expect_eq(docroot_open_file(&docroot, "a", &info), -EXDEV);
    cr_expect_eq(docroot_open_file(&docroot, "b/hostname", &info), -EXDEV);
    cr_expect_eq(docroot_open_file(&docroot, "c/secret", &info), -EXDEV);
    cr_expect_eq(docroot_open_file(&docroot, "d/e", &info), -EXDEV);
    cr_expect_eq(docroot_open_folder(&docroot, "b"), -EXDEV);
    cr_expect_lt(docroot_open_folder(&docroot, "i"), 0);
    cr_expect_eq(docroot_stat(&docroot, "a", &info), -EXDEV);
    cr_expect_eq(docroot_create_file(&docroot, "c/new", 0644), -EXDEV);
    cr_expect_eq(docroot_make_folder(&docroot, "c/new", 0755, &created),
                 -EXDEV);
    cr_expect_eq(docroot_rename(&docroot, "d/g", "c/new"), -EXDEV);
    cr_expect_eq(docroot_unlink(&docroot, "c/secret"), -EXDEV);
    folder_shell("test -f secret && ! test -e new");

    /* Within it, they are followed. */
    int fd = docroot_open_file(&docroot, "f/g", &info);
    cr_expect_geq(fd, 0);
    close(fd);
    fd = docroot_open_file(&docroot, "h", &info);
    cr_expect_geq(fd, 0);
    close(fd);
}

Test(docroot, only_regular_files_are_read_and_nothing_waits)
{
    struct stat info;

    folder_shell("cd root && mkfifo fifo && mkdir d && ln -s self self");
    cr_expect_eq(docroot_open_file(&docroot, "fifo", &info), -ENXIO);
    cr_expect_eq(docroot_open_file(&docroot, "d", &info), -EISDIR);
    cr_expect_eq(docroot_open_file(&docroot, "self", &info), -ELOOP);
    cr_expect_eq(docroot_open_file(&docroot, "no", &info), -ENOENT);
}

Test(docroot, a_link_at_the_last_name_is_not_written_through)
{
    folder_shell("cd root && echo x > target && ln -s target link");
    cr_expect_eq(docroot_create_file(&docroot, "link", 0644), -EEXIST);
    cr_expect_eq(docroot_reopen_file(&docroot, "link"), -ELOOP);
}

Test(docroot, folders_are_made_on_the_way_and_kept_ones_forgotten)
{
    bool created;
    struct stat info;

    cr_expect_eq(docroot_make_folders(&docroot, "a/b/c"), 0);
    cr_expect_eq(docroot_make_folders(&docroot, "a/b/c"), 0);
    cr_expect_eq(docroot_make_folder(&docroot, "a/b", 0755, &created), 0);
    cr_expect_not(created);
    int fd = docroot_create_file(&docroot, "a/b/c/file", 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_expect_eq(docroot_stat_link(&docroot, "a/b/c/file", &info), 0);

    /* Somebody takes the folder away and makes it again. */
    folder_shell("rm -r root/a/b/c && mkdir root/a/b/c");
    fd = docroot_create_file(&docroot, "a/b/c/file", 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    folder_shell("test -f root/a/b/c/file");
    cr_expect_eq(docroot_make_folders(&docroot, "a/b/c/file/x"), -ENOTDIR);
}

Test(docroot, more_folders_than_are_kept_all_work)
{
    char path[64];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3 * DOCROOT_FOLDERS; i++) {
            snprintf(path, sizeof path, "d%d", i);
            cr_assert_eq(docroot_make_folders(&docroot, path), 0);
            snprintf(path, sizeof path, "d%d/f%d", i, round);
            int fd = docroot_create_file(&docroot, path, 0600);
            cr_assert_geq(fd, 0);
            close(fd);
        }
    }
    folder_shell("test $(find root -type f | wc -l) = 96");
}
