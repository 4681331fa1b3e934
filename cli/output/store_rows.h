// SPDX-License-Identifier: Apache-2.0
// Answers about the store as lines and rows, for rows.h. Pure.
#pragma once

#include "cli/output/rows.h"

namespace rollback {

// nullopt for what is not about the store, or belongs into a table.
std::optional<Printed> store_line_of(const Session& session, const Reply& reply);
// nullopt for what is no row about the store.
std::optional<Row> store_row_of(const Reply& reply);

}  // namespace rollback
