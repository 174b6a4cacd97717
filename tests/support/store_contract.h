/* What every store_port must do, run against one that is empty: the memory store's test and Redis' both
 * call it. Each is a cmocka test body; `store` is the port.
 */
#ifndef DECLIC_TESTS_STORE_CONTRACT_H
#define DECLIC_TESTS_STORE_CONTRACT_H

#include "ports/store.h"

void store_contract_commits_move_with_the_head(struct store_port store);
void store_contract_a_moved_head_refuses_all(struct store_port store);
void store_contract_due_is_read_in_order(struct store_port store);
void store_contract_deleted_users_are_gone(struct store_port store);
void store_contract_ids_stand_beside_the_head(struct store_port store);
void store_contract_wipe_leaves_nothing(struct store_port store);
void store_contract_followers_are_read_in_order(struct store_port store);
void store_contract_a_scan_meets_everybody(struct store_port store);
void store_contract_huge_batches(struct store_port store);

#endif
