/* What is done again and again while the server runs: counters to the disk and
 * Statistics each second, history that is over each minute.
 *
 * Knows: the loop's timers, sessions, the store.
 * Must not know: requests.
 */
#ifndef CENTRAL_UPKEEP_H
#define CENTRAL_UPKEEP_H

#include <stdint.h>

struct central;

/* Kept after the end of a session, and of an event (contract, section 5;
 * src/store/store.h). */
#define UPKEEP_HISTORY_S 86400
#define UPKEEP_EVENTS_S (7 * 86400)

void upkeep_start(struct central *central);
/* What is under way ends by itself; see central->purging. */
void upkeep_stop(struct central *central);

/* Forgets what is over, beyond what memory keeps: oldest first. */
void upkeep_trim(struct central *central, int64_t ended_before_us);

#endif
