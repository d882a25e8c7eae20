/* Reads an Order document: what is to be moved, where, and how.
 *
 * Knows: expat, the elements and words of order.def.
 * Must not know: envelopes, files, which users or keys there are.
 *
 * Elements are matched by local name in any order; unknown ones are ignored,
 * with all that is in them.  Words are matched in any letter case.  A member
 * that was not given holds its default, and its has_... is false.
 *
 * Source: the contract, section 4; schemas/Order-2.xsd.
 */
#ifndef SOAP_ORDER_H
#define SOAP_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/text.h"
#include "soap/types.h"

/* ORDER_POLICY_FIXED and so on. */
#define VALUES(set)  \
    enum order_##set \
    {
#define VALUE(set, name, word) ORDER_##set##_##name,
#define ALIAS(set, name, word)
#define END_VALUES(set) \
    }                   \
    ;
#define TEXT(path, member, support, flags)
#define WORD(path, member, support, flags)
#define TEXTS(path, member, max, support)
#define YES_NO(path, member, otherwise, supported)
#define CHOICE(path, member, set, otherwise, supported)
#define CHOICES(path, member, set, max)
#define NUMBER(path, member, min, max, otherwise, support)
#define ALSO(path, member, kind, support, flags)
#include "soap/order.def"
#undef VALUES
#undef VALUE
#undef ALIAS
#undef END_VALUES
#undef TEXT
#undef WORD
#undef TEXTS
#undef YES_NO
#undef CHOICE
#undef CHOICES
#undef NUMBER

#define VALUES(set)
#define VALUE(set, name, word)
#define ALIAS(set, name, word)
#define END_VALUES(set)
#define TEXT(path, member, support, flags) struct text member;
#define WORD(path, member, support, flags) struct text member;
#define TEXTS(path, member, max, support) \
    struct text *member;                  \
    uint32_t member##_count;
#define YES_NO(path, member, otherwise, supported) \
    bool member;                                   \
    bool has_##member;
#define CHOICE(path, member, set, otherwise, supported) \
    uint8_t member; /* enum order_<set> */              \
    bool has_##member;
#define CHOICES(path, member, set, max)         \
    uint8_t member[max]; /* enum order_<set> */ \
    uint32_t member##_count;
#define NUMBER(path, member, min, max, otherwise, support) \
    int64_t member;                                        \
    bool has_##member;
/* Rates are in kbit/s, intervals in seconds, sizes in bytes.  Texts lie in the
 * arena that order_parse() was given. */
struct order {
#include "soap/order.def"
};
#undef VALUES
#undef VALUE
#undef ALIAS
#undef END_VALUES
#undef TEXT
#undef WORD
#undef TEXTS
#undef YES_NO
#undef CHOICE
#undef CHOICES
#undef NUMBER
#undef ALSO

/* What is wrong with an order, for people: "line 7: RateParameters/Policy:
 * expected Fixed, High, Fair or Low, found ...". */
struct order_error {
    uint32_t line;       /* of the text, from 1 */
    struct text message; /* with the line; in the arena */
};

/* Reads `text`, the value of SubmitRequest/Definition, into `order`.  Returns
 * false, with `error` filled, if it is no Order, an element holds what it must
 * not, or one that an order must have is missing: Operation,
 * RemoteLocation/System/Address, one source path (JobFormatInvalid). */
MUST_USE bool order_parse(struct text text, struct arena *arena,
                          struct order *order, struct order_error *error);

/* Names the first thing that `order` asks for and that is not built yet, as in
 * "FileParameters/FileChecksum=md5 is not supported yet"
 * (JobSubmissionError).  Absent when there is none. */
struct text order_unsupported(const struct order *order, struct arena *arena);

/* Fills the typed form that QueryJob and Notify show, with passwords and
 * tokens as ********.  It borrows from `order` and `arena`. */
void order_describe(const struct order *order, struct arena *arena,
                    struct isc_order *described);

/* The word for a value of a set: order_word_policy(ORDER_POLICY_FAIR) is
 * "Fair". */
const char *order_word_operation(uint8_t value);
const char *order_word_policy(uint8_t value);
const char *order_word_cipher(uint8_t value);
const char *order_word_resume(uint8_t value);
const char *order_word_method(uint8_t value);
const char *order_word_overwrite(uint8_t value);

/* Push sends local paths to a remote destination, Pull the other way. */
static inline bool order_is_push(const struct order *order)
{
    return order->operation == ORDER_OPERATION_PUSH;
}

#endif
