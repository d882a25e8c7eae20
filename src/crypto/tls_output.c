#include "crypto/tls_output.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES_MIN 2048u

/* Makes `size_bytes` of room behind what there is; the sum of both is at most
 * `size_bytes_max`. */
static enum tls_output_result make_room(struct tls_output *output,
                                        uint32_t size_bytes)
{
    uint32_t needed_bytes = output->size_bytes + size_bytes;
    uint64_t room_bytes = output->room_bytes;

    /* To the front only where half the room is free: a byte is then moved
     * once at most for each byte that was taken. */
    if (needed_bytes <= output->room_bytes &&
        output->size_bytes <= output->room_bytes / 2) {
        memmove(output->data, output->data + output->start_bytes,
                output->size_bytes);
        output->start_bytes = 0;
        return TLS_OUTPUT_ADDED;
    }
    if (room_bytes < ROOM_BYTES_MIN)
        room_bytes = ROOM_BYTES_MIN;
    while (room_bytes < 2 * (uint64_t)needed_bytes)
        room_bytes *= 2;
    if (room_bytes > UINT32_MAX)
        return TLS_OUTPUT_FULL;

    uint8_t *data = malloc(room_bytes);
    if (data == NULL)
        return TLS_OUTPUT_NO_MEMORY;
    if (output->size_bytes > 0)
        memcpy(data, output->data + output->start_bytes, output->size_bytes);
    free(output->data);
    output->data = data;
    output->room_bytes = (uint32_t)room_bytes;
    output->start_bytes = 0;
    return TLS_OUTPUT_ADDED;
}

enum tls_output_result tls_output_add(struct tls_output *output,
                                      const void *data, uint32_t size_bytes)
{
    if (size_bytes == 0)
        return TLS_OUTPUT_ADDED;
    if (size_bytes > output->size_bytes_max - output->size_bytes)
        return TLS_OUTPUT_FULL;
    if (size_bytes >
        output->room_bytes - output->start_bytes - output->size_bytes) {
        enum tls_output_result result = make_room(output, size_bytes);
        if (result != TLS_OUTPUT_ADDED)
            return result;
    }
    memcpy(output->data + output->start_bytes + output->size_bytes, data,
           size_bytes);
    output->size_bytes += size_bytes;
    return TLS_OUTPUT_ADDED;
}

uint32_t tls_output_take(struct tls_output *output, void *room,
                         uint32_t room_bytes)
{
    uint32_t taken_bytes =
        room_bytes < output->size_bytes ? room_bytes : output->size_bytes;

    if (taken_bytes == 0)
        return 0;
    memcpy(room, output->data + output->start_bytes, taken_bytes);
    output->start_bytes += taken_bytes;
    output->size_bytes -= taken_bytes;
    if (output->size_bytes == 0) {
        output->start_bytes = 0;
        if (output->room_bytes > TLS_OUTPUT_KEPT_BYTES)
            tls_output_free(output);
    }
    return taken_bytes;
}

void tls_output_free(struct tls_output *output)
{
    free(output->data);
    output->data = NULL;
    output->room_bytes = 0;
    output->start_bytes = 0;
    output->size_bytes = 0;
}
