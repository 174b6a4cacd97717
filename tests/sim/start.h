/* When a simulation begins: 2 March 2026, 00:00 UTC. */
#ifndef DECLIC_SIM_START_H
#define DECLIC_SIM_START_H

#define sim_start_ms INT64_C(1772409600000)

#endif
