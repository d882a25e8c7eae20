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

/* The instruction gives its result three cycles later and can begin each
 * cycle: three runs of this size at once take the time of one. */
#define RUN_BYTES 8192u
/* What RUN_BYTES zeros behind it make of the polynomial 1, and twice as many:
 * x^(8 * RUN_BYTES) modulo the polynomial, reflected. */
#define BEHIND_1 UINT32_C(0x28461564)
#define BEHIND_2 UINT32_C(0xbf455269)

/* The product of two polynomials, modulo CRC32C's, all reflected: what `crc`
 * becomes by the zeros that `behind` stands for. */
static uint32_t multiply(uint32_t crc, uint32_t behind)
{
    uint32_t product = 0;

    for (; crc != 0; crc <<= 1) {
        product ^= (0u - (crc >> 31)) & behind;
        behind = behind >> 1 ^ ((0u - (behind & 1)) & UINT32_C(0x82f63b78));
    }
    return product;
}

static uint64_t load(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* Three runs behind each other. */
HARDWARE static uint32_t add_runs(uint32_t crc, const uint8_t *at)
{
    uint32_t second = 0;
    uint32_t third = 0;

    for (uint32_t i = 0; i < RUN_BYTES; i += 8) {
        crc = ADD_8(crc, load(at + i));
        second = ADD_8(second, load(at + RUN_BYTES + i));
        third = ADD_8(third, load(at + 2 * RUN_BYTES + i));
    }
    return multiply(crc, BEHIND_2) ^ multiply(second, BEHIND_1) ^ third;
}

HARDWARE static uint32_t add_by_cpu(uint32_t crc, const uint8_t *at,
                                    size_t left)
{
    for (; left >= 3 * RUN_BYTES;
         left -= 3 * RUN_BYTES, at += 3 * RUN_BYTES)
        crc = add_runs(crc, at);
    for (; left >= 8; left -= 8, at += 8)
        crc = ADD_8(crc, load(at));
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
