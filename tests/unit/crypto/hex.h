/* Bytes written as hexadecimal digits, for test vectors. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline uint32_t from_hex(const char *text, uint8_t *data)
{
    uint32_t size = (uint32_t)(strlen(text) / 2);

    for (uint32_t i = 0; i < size; i++) {
        unsigned byte;
        sscanf(text + 2 * i, "%2x", &byte);
        data[i] = (uint8_t)byte;
    }
    return size;
}

static inline const char *to_hex(const void *data, uint32_t size, char *text)
{
    const uint8_t *bytes = data;

    for (uint32_t i = 0; i < size; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    text[2 * size] = '\0';
    return text;
}

#endif
