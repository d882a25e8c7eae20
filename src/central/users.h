/* Who may log in at this node: looks a user up for the transfer layer, in the
 * store and among the configuration's.
 *
 * Knows: the store's users, the settings.
 * Must not know: how a password or a signature is checked.
 *
 * Each login asks both, so that a change by `ferry user`, or of the
 * configuration, holds for the next one.  Who is in both has the credentials
 * of both, and the docroot that the configuration says.
 */
#ifndef CENTRAL_USERS_H
#define CENTRAL_USERS_H

#include "base/text.h"

struct central;
struct transfer_login;

/* Answers `login`, later, with transfer_login_answer(): as for a user that
 * does not exist when the store cannot be asked, for nobody gets in then. */
void users_login(struct central *central, struct transfer_login *login,
                 struct text user);

#endif
