/* What a simulated flow stands on: a cipher that does nothing, a source and a
 * sink in memory.  The context of each is its flow.  Only for sim.c. */
#ifndef TESTS_SIM_ENDS_H
#define TESTS_SIM_ENDS_H

#include "sim.h"

void sim_seal(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *plain, uint32_t plain_bytes,
              uint8_t *out);
bool sim_open(void *context, uint64_t number, const uint8_t *aad,
              uint32_t aad_bytes, const uint8_t *sealed, uint32_t sealed_bytes,
              uint8_t *out);
const uint8_t *sim_source_data(void *user, enum fasp_space space,
                               uint64_t place, uint32_t want_bytes,
                               uint32_t *have_bytes);
uint8_t *sim_sink_place(void *user, enum fasp_space space, uint64_t place,
                        uint32_t size_bytes, uint32_t *have_bytes, bool proven);
void sim_sink_arrived(void *user, enum fasp_space space, uint64_t place,
                      uint32_t size_bytes);
uint64_t sim_space_bytes(const struct sim_flow *flow, enum fasp_space space);

#endif
