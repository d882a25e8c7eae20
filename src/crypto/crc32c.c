/* CRC32C by the CPU's instruction where it has one, else by a table. */
#include <stdatomic.h>
#include <string.h>

#include "crypto/hash.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2,crc32")))
#define ADD_8(crc, word) ((uint32_t)_mm_crc32_u64(crc, word))
#define ADD_1(crc, byte) _mm_crc32_u8(crc, byte)
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define HARDWARE __attribute__((target("crc")))
#define ADD_8(crc, word) __crc32cd(crc, word)
#define ADD_1(crc, byte) __crc32cb(crc, byte)
#endif

/* For each half of a byte, the reflected polynomial 0x82f63b78 applied. */
static const uint32_t by_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t hash_crc32c_by_table(uint32_t crc, const void *data, size_t size_bytes)
{
    const uint8_t *at = data;

    crc = ~crc;
    for (; size_bytes > 0; size_bytes--, at++) {
        crc ^= *at;
        crc = crc >> 4 ^ by_nibble[crc & 15];
        crc = crc >> 4 ^ by_nibble[crc & 15];
    }
    return ~crc;
}

#ifdef HARDWARE

HARDWARE static uint32_t add_by_cpu(uint32_t crc, const uint8_t *at,
                                    size_t left)
{
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = ADD_8(crc, word);
    }
    for (; left > 0; left--, at++)
        crc = ADD_1(crc, *at);
    return crc;
}

static bool ask_cpu(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0;
#else
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
}

/* The answer is kept: in a virtual machine each CPUID goes to the host. */
static bool cpu_has_crc(void)
{
    static _Atomic int known; /* 0 not asked, 1 no, 2 yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == 0) {
        answer = ask_cpu() ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

#endif

uint32_t hash_crc32c(uint32_t crc, const void *data, size_t size_bytes)
{
#ifdef HARDWARE
    if (cpu_has_crc())
        return ~add_by_cpu(~crc, data, size_bytes);
#endif
    return hash_crc32c_by_table(crc, data, size_bytes);
}
