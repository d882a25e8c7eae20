/* Rows as the services show them.
 *
 * Knows: the store's rows, the shapes of soap/types.h, the words in them.
 * Must not know: where a row comes from, who asks.
 *
 * Nothing is copied but what has to be made: all else borrows from the row.
 * Memory that is used up shows as absent texts.
 */
#ifndef CENTRAL_DESCRIBE_H
#define CENTRAL_DESCRIBE_H

#include "base/arena.h"
#include "soap/types.h"
#include "store/rows.h"
#include "transfer/node.h"

/* The 36 characters of an id, in `arena`; absent for a zero one. */
struct text describe_uuid(struct arena *arena, struct uuid uuid);

/* 2009/11, from the smallest to the whole. */
void describe_session_key(const struct store_session *row, struct arena *arena,
                          struct f09_session_key *key);
void describe_session_statistics(const struct store_session *row,
                                 struct arena *arena,
                                 struct f09_session_statistics *statistics);
void describe_session_info(const struct store_session *row, struct arena *arena,
                           struct f09_session_info *info);

void describe_file_key(const struct store_file *row, struct arena *arena,
                       struct f09_file_transfer_key *key);
void describe_file_statistics(const struct store_file *row, struct arena *arena,
                              struct f09_file_transfer_statistics *statistics);
void describe_file_info(const struct store_file *row, struct arena *arena,
                        struct f09_file_transfer_info *info);

/* 2006/01.  `file` is the one that moved last; its path absent: none has. */
void describe_session(const struct store_session *row,
                      const struct transfer_file *file, struct arena *arena,
                      struct f06_session *session);

#endif
