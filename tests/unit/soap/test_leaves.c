#include "soap/leaves.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char told[4096];
static uint32_t stop_after;

static bool add(const char *mark, const struct leaf *leaf)
{
    size_t used = strlen(told);

    snprintf(told + used, sizeof told - used, "%s%.*s=%.*s@%u:%u\n", mark,
             (int)leaf->path.size_bytes, leaf->path.data,
             (int)leaf->value.size_bytes,
             leaf->value.data ? leaf->value.data : "", leaf->line,
             leaf->column);
    return stop_after == 0 || --stop_after > 0;
}

static bool on_leaf(void *user, const struct leaf *leaf)
{
    (void)user;
    return add("", leaf);
}

static bool on_begin(void *user, const struct leaf *leaf)
{
    (void)user;
    return add("+", leaf);
}

static bool read_leaves(const char *document, leaf_fn begin,
                        struct leaves_error *error)
{
    told[0] = '\0';
    return leaves_read(text_of(document), NULL, begin, on_leaf, error);
}

Test(leaves, have_paths_values_and_places)
{
    struct leaves_error error;

    cr_assert(read_leaves("<?xml version='1.0'?>\n<CONF version=\"2\"><a>\n"
                          "  <b> 1 &amp; 2\n</b><c/>\n<!-- x --><d><e>"
                          "<![CDATA[<]]></e></d></a></CONF>",
                          NULL, &error));
    cr_assert_str_eq(told, "a/b=1 & 2@3:3\na/c=@4:5\na/d/e=<@5:14\n");
}

Test(leaves, elements_are_told_as_they_begin)
{
    struct leaves_error error;

    cr_assert(read_leaves("<C><u><n>a</n></u><u/></C>", on_begin, &error));
    cr_assert_str_eq(told, "+=@1:1\n+u=@1:4\n+u/n=@1:7\nu/n=a@1:7\n"
                           "+u=@1:19\nu=@1:19\n");
}

Test(leaves, who_has_seen_enough_ends_it)
{
    struct leaves_error error;

    stop_after = 1;
    cr_assert(read_leaves("<C><a>1</a><b>2</b></C><", NULL, &error));
    cr_assert_str_eq(told, "a=1@1:4\n");
}

Test(leaves, what_is_wrong_has_a_place)
{
    static const struct {
        const char *document;
        const char *message;
        uint32_t line;
    } cases[] = {
        {"", "no element found", 1},
        {"<C>\n<a>1</b></C>", "mismatched tag", 2},
        {"<C>", "no element found", 1},
        {"<!DOCTYPE x [<!ENTITY e 'y'>]><C>&e;</C>", "a DTD is not allowed", 1},
        {"<C>\n&e;</C>", "undefined entity", 2},
        {"<C/><C/>", "junk after document element", 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct leaves_error error;
        cr_expect_not(read_leaves(cases[i].document, NULL, &error));
        cr_expect_str_eq(error.message, cases[i].message);
        cr_expect_eq(error.line, cases[i].line, "%s", cases[i].document);
        cr_expect_geq(error.column, 1);
    }
}

Test(leaves, depth_at_its_limit_and_beyond)
{
    char document[LEAVES_DEPTH_MAX * 8 + 64];
    struct leaves_error error;

    for (uint32_t depth = LEAVES_DEPTH_MAX; depth <= LEAVES_DEPTH_MAX + 1;
         depth++) {
        document[0] = '\0';
        for (uint32_t i = 0; i < depth; i++)
            strcat(document, "<a>");
        for (uint32_t i = 0; i < depth; i++)
            strcat(document, "</a>");
        cr_expect_eq(read_leaves(document, NULL, &error),
                     depth == LEAVES_DEPTH_MAX);
    }
    cr_expect_str_eq(error.message, "elements nest too deep");
}

Test(leaves, names_at_their_limit_and_beyond)
{
    static char document[2 * LEAVES_PATH_BYTES + 64];
    static char name[LEAVES_PATH_BYTES + 2];
    struct leaves_error error;

    for (uint32_t size = LEAVES_PATH_BYTES - 1; size <= LEAVES_PATH_BYTES;
         size++) {
        memset(name, 'n', size);
        name[size] = '\0';
        snprintf(document, sizeof document, "<C><%s/></C>", name);
        cr_expect_eq(read_leaves(document, NULL, &error),
                     size == LEAVES_PATH_BYTES - 1);
    }
}

Test(leaves, values_at_their_limit_and_beyond)
{
    static char document[LEAVES_VALUE_BYTES + 64];
    static char value[LEAVES_VALUE_BYTES + 2];
    struct leaves_error error;

    for (uint32_t size = LEAVES_VALUE_BYTES; size <= LEAVES_VALUE_BYTES + 1;
         size++) {
        memset(value, 'v', size);
        value[size] = '\0';
        snprintf(document, sizeof document, "<C><a>%s</a></C>", value);
        cr_expect_eq(read_leaves(document, NULL, &error),
                     size == LEAVES_VALUE_BYTES);
    }
    cr_expect_str_eq(error.message, "a value is too long");
}
