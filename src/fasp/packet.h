/* The clear part of every datagram: what it is, whose it is, its number.
 *
 * Knows: the layout of headers (docs/protocol.md, "Datagrams").
 * Must not know: what is inside, keys, sessions.
 *
 *   all:    u16 type and flags | u32 connection id | u48 packet number
 *   data:   ... | u48 place | u32 sender's time in us | u32 seen
 *
 * All of a header is authenticated as additional data; what follows it is
 * sealed and ends with a tag of 16 bytes.  Numbers are big-endian.
 */
#ifndef FASP_PACKET_H
#define FASP_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "fasp/cipher.h"

/* The high byte of a datagram's first two; the low byte holds flags. */
enum fasp_packet_type {
    FASP_PACKET_DATA = 1,           /* bytes of a space */
    FASP_PACKET_PROBE = 2,          /* data header, or padding: shows gaps */
    FASP_PACKET_REPORT = 3,         /* what the receiver has; report.h */
    FASP_PACKET_PATH_CHALLENGE = 4, /* 8 random bytes to an unproven address */
    FASP_PACKET_PATH_RESPONSE = 5,  /* the same 8 bytes back */
    FASP_PACKET_TRAIN = 6,          /* data header, padding; train.h */
};

/* Flags.  Those not listed must be 0. */
#define FASP_PACKET_FLAG_SPACE 0x01u /* the data is of space 1 */

/* The two spaces of bytes in a session. */
enum fasp_space {
    FASP_SPACE_CATALOGUE = 0, /* records of files and folders, in order */
    FASP_SPACE_DATA = 1,      /* the contents of all files, one after another */
    FASP_SPACE_COUNT = 2,
};

#define FASP_HEADER_BYTES 12u      /* of reports and of path datagrams */
#define FASP_DATA_HEADER_BYTES 26u /* of data and probes */
#define FASP_PATH_TOKEN_BYTES 8u
#define FASP_PATH_DATAGRAM_BYTES \
    (FASP_HEADER_BYTES + FASP_PATH_TOKEN_BYTES + FASP_TAG_BYTES)

/* Of a data datagram, all but the data: 42 bytes. */
#define FASP_DATA_OVERHEAD_BYTES (FASP_DATA_HEADER_BYTES + FASP_TAG_BYTES)

/* The size of a datagram is that of its UDP payload: what a path of 1500 bytes
 * carries, until mtu.h knows more. */
#define FASP_DATAGRAM_BYTES_IPV4 1472u
#define FASP_DATAGRAM_BYTES_IPV6 1452u
#define FASP_DATAGRAM_BYTES_MIN 1232u /* IPv6's least MTU, 1280, less 48 */
#define FASP_DATAGRAM_BYTES_MAX                  \
    8948u /* jumbo frames, with room for tunnels \
           */

/* What IPv4 and UDP add on the wire.  Rates and budgets count it, also over
 * IPv6 (20 more there), so that both ends count alike. */
#define FASP_WIRE_BYTES 28u

/* Packet numbers and places have 48 bits.  Numbers start at 1. */
#define FASP_NUMBER_MAX ((UINT64_C(1) << 48) - 1)

struct fasp_packet {
    enum fasp_packet_type type;
    uint32_t connection; /* the id that the datagram's receiver chose */
    uint64_t number;
    /* Data and probes only. */
    enum fasp_space space;
    uint64_t place;
    uint32_t time_us; /* the sender's clock, any offset, wraps */
    uint32_t seen;    /* low bits of the number of a report that came */
    uint32_t header_bytes;
};

/* What became of a datagram that was handed to a sender or a receiver. */
enum fasp_taken {
    FASP_TAKEN,           /* genuine and new */
    FASP_TAKEN_CHALLENGE, /* the same, and the token is to be sent back */
    FASP_TAKEN_RESPONSE,  /* the same, and this token came back */
    FASP_DUPLICATE,       /* its number, or all of its data, came before */
    FASP_NO_ROOM,         /* genuine, but nowhere to put it: comes again */
    FASP_MALFORMED,       /* not of this protocol; nothing changed */
    FASP_FORGED,          /* the tag does not fit; nothing changed */
    FASP_NONSENSE, /* genuine, but breaks the protocol: end with error 1 */
};

/* Reads a header.  Returns false for what is too short, of an unknown type or
 * with unknown flags; a datagram too short for its tag counts. */
bool fasp_packet_read(const uint8_t *data, uint32_t size_bytes,
                      struct fasp_packet *packet);

/* The connection id of any datagram of this protocol, present and future, to
 * find its session by.  Returns false when it is too short to have one. */
bool fasp_packet_connection(const uint8_t *data, uint32_t size_bytes,
                            uint32_t *connection);

/* Writes the header of `packet`, 12 or 26 bytes by its type, and returns its
 * size. */
uint32_t fasp_packet_write(const struct fasp_packet *packet, uint8_t *out);

#endif
