#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *seed_folder;
static uint32_t seed_count;

/* fuzz.sh names a folder, which libFuzzer reads afterwards. */
int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
    (void)argument_count;
    (void)arguments;
    seed_folder = getenv("FUZZ_SEEDS");
    if (seed_folder != NULL)
        fuzz_seeds();
    return 0;
}

void fuzz_seed(const void *data, size_t size_bytes)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/seed-%03u", seed_folder, seed_count++);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(data, 1, size_bytes, file) == size_bytes);
    CHECK(fclose(file) == 0);
}

void fuzz_seed_string(const void *choices, size_t choices_bytes,
                      const char *string)
{
    struct text_builder seed = {0};

    text_add(&seed, text_from(choices, choices_bytes));
    text_add_string(&seed, string);
    fuzz_seed(seed.data, seed.size_bytes);
    text_builder_free(&seed);
}

struct text fuzz_rest(struct bytes_reader *input)
{
    const uint8_t *rest = bytes_get(input, bytes_left(input));

    if (rest == NULL) /* the choices were not whole */
        return text_from("", 0);
    return text_from((const char *)rest, (size_t)(input->at - rest));
}

uint8_t *fuzz_copy(const void *data, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1);

    CHECK(copy != NULL);
    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    return copy;
}

void fuzz_trace(struct text_builder *trace, uint64_t number)
{
    text_add_u64(trace, number);
    text_add_char(trace, ' ');
}
