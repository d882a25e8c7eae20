/* Who may log in at this node: looks a user up for the transfer layer.
 *
 * Knows: the store's users.
 * Must not know: how a password or a signature is checked.
 *
 * Each login asks the store, so that a change by `ferry user` holds for the
 * next one.
 */
#ifndef CENTRAL_USERS_H
#define CENTRAL_USERS_H

#include "base/text.h"

struct store;
struct transfer_login;

/* Answers `login`, later, with transfer_login_answer(): as for a user that
 * does not exist when the store cannot be asked, for nobody gets in then. */
void users_login(struct store *store, struct transfer_login *login,
                 struct text user);

#endif
