/* The IterationToken: where the next call of a reliable query goes on.
 *
 * Knows: positions in the store's two orders.
 * Must not know: filters, but for their hash.
 *
 *     SESSIONS --> FILES --> CHANGES --.     first the snapshot, then what has
 *                               ^------'     changed since it began
 *
 * A token holds all that is needed, and no server remembers it:
 *     f1.<kind>.<hash>.<stage>.<session>.<local>.<changed>.<files changed>
 */
#ifndef CENTRAL_TOKEN_H
#define CENTRAL_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define TOKEN_TEXT_BYTES 160

/* A token serves every operation of its kind. */
enum token_kind {
    TOKEN_OF_SESSIONS,
    TOKEN_OF_FILES,
    TOKEN_OF_BOTH,
};

enum token_stage {
    TOKEN_SESSIONS, /* the rest of the snapshot */
    TOKEN_FILES,
    TOKEN_CHANGES,
};

struct token {
    enum token_kind kind;
    enum token_stage stage;
    uint64_t filter_hash;
    uint64_t session_id; /* position in the snapshot */
    uint64_t local_id;
    uint64_t session_changed; /* changes above are still to be told */
    uint64_t file_changed;
};

/* "CURRENT_POSITION" asks for a token that starts at now. */
bool token_asks_for_now(struct text text);

void token_format(const struct token *token, char text[TOKEN_TEXT_BYTES]);
/* False, with `*token` untouched, for anything that token_format() does not
 * write. */
bool token_parse(struct text text, struct token *token);

#endif
