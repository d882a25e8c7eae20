/* docs/order.md is made from the table of the order, so that what people read
 * there is what the server does.  After a change of order.def:
 *     FERRY_WRITE_DOCS=1 ./zigw build test:soap -- --filter 'order_page' */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "soap/order_rows.h"

#define PAGE "docs/order.md"

static const char head[] =
    "# The Order, element by element\n"
    "\n"
    "Made by a test from `src/soap/order.def`; every element that the server "
    "knows, below `Order`.\n"
    "\n"
    "* **honoured**: it has the effect that its name says.\n"
    "* **accepted**: it is read, and has no effect here; the reason is in the "
    "[contract](contract.md), section 4.\n"
    "* **not built**: anything but its default is refused, by name, with "
    "JobSubmissionError; the transfer does not start without it.\n"
    "\n"
    "Other elements are ignored, and children may come in any order. Words are "
    "matched without regard to letter case. A value outside its set or range "
    "is JobFormatInvalid, with line, element, and what was expected.\n"
    "\n"
    "| element | values | default | state |\n"
    "| --- | --- | --- | --- |\n";

static bool is_choice(const struct order_row *row)
{
    return row->kind == ORDER_KIND_YES_NO || row->kind == ORDER_KIND_CHOICE;
}

static bool is_built(const struct order_row *row, uint8_t value)
{
    return !is_choice(row) || (row->supported >> value & 1) != 0;
}

/* The words of a set: all, or those that are built or not. */
static uint32_t add_words(struct text_builder *out, const struct order_row *row,
                          bool all, bool built)
{
    uint32_t count = 0;

    for (const struct order_value *value = row->values; value->word; value++) {
        if (!all && (is_built(row, value->value) != built || value->is_alias))
            continue;
        text_add_format(out, "%s%s%s", count++ > 0 ? ", " : "", value->word,
                        value->is_alias ? " (old name)" : "");
    }
    return count;
}

static void add_values(struct text_builder *out, const struct order_row *row)
{
    switch ((enum order_kind)row->kind) {
    case ORDER_KIND_TEXT:
    case ORDER_KIND_WORD:
        text_add_string(out, "text");
        break;
    case ORDER_KIND_TEXTS:
        text_add_format(out, "texts, %" PRId64 " at most", row->max);
        break;
    case ORDER_KIND_YES_NO:
    case ORDER_KIND_CHOICE:
        add_words(out, row, true, true);
        break;
    case ORDER_KIND_CHOICES:
        add_words(out, row, true, true);
        text_add_format(out, "; %" PRId64 " at most", row->max);
        break;
    case ORDER_KIND_NUMBER:
        if (row->min == INT64_MIN)
            text_add_string(out, "a number");
        else
            text_add_format(out, "%" PRId64 " to %" PRId64, row->min, row->max);
        break;
    }
    if (row->flags & SECRET)
        text_add_string(out, "; never shown");
    if (row->flags & NULL_IS_ABSENT)
        text_add_string(out, "; `null` is absent");
    if (row->flags & NO_IS_ABSENT)
        text_add_string(out, "; `No` is absent");
}

static void add_default(struct text_builder *out, const struct order_row *row)
{
    if (is_choice(row))
        text_add_string(out, order_word(row->values, (uint8_t)row->otherwise));
    else if (row->kind == ORDER_KIND_NUMBER)
        text_add_format(out, "%" PRId64, row->otherwise);
}

/* Choices without effect, whichever it is. */
static bool is_idle_choice(const struct order_row *row)
{
    return strcmp(row->path, "Program") == 0 ||
           strcmp(row->path, "ChannelParameters/IPV6") == 0;
}

static void add_state(struct text_builder *out, const struct order_row *row)
{
    static const char *const states[] = {
        [ORDER_HONOURED] = "honoured",
        [ORDER_ACCEPTED] = "accepted",
        [ORDER_DEFAULT_ONLY] = "not built",
    };
    struct text_builder missing = {0};

    if (!is_choice(row)) {
        text_add_string(out, states[row->support]);
        return;
    }
    text_add_string(out, is_idle_choice(row) ? "accepted" : "honoured");
    if (add_words(&missing, row, false, false) > 0)
        text_add_format(out, "; not built: %.*s", (int)missing.size_bytes,
                        missing.data);
    text_builder_free(&missing);
}

static void write_page(struct text_builder *out)
{
    text_add_string(out, head);
    for (uint32_t i = 0; i < order_row_count; i++) {
        const struct order_row *row = &order_rows[i];
        text_add_format(out, "| %s | ", row->path);
        add_values(out, row);
        text_add_string(out, " | ");
        add_default(out, row);
        text_add_string(out, " | ");
        add_state(out, row);
        text_add_string(out, " |\n");
    }
    cr_assert_not(out->failed);
}

Test(order_page, it_says_what_the_table_says)
{
    struct text_builder page = {0};
    static char there[65536];

    write_page(&page);
    if (getenv("FERRY_WRITE_DOCS") != NULL) {
        FILE *file = fopen(PAGE, "w");
        cr_assert_not_null(file);
        cr_assert_eq(fwrite(page.data, 1, page.size_bytes, file),
                     page.size_bytes);
        cr_assert_eq(fclose(file), 0);
    }
    FILE *file = fopen(PAGE, "r");
    cr_assert_not_null(file, "there is no %s", PAGE);
    size_t size = fread(there, 1, sizeof there, file);
    fclose(file);
    cr_expect(text_equal(text_from(there, size), text_built(&page)),
              "%s is not what order.def says; the test's file says how to "
              "write it anew",
              PAGE);
    text_builder_free(&page);
}
