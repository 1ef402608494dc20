// SPDX-License-Identifier: LGPL-2.1-or-later
// What PostgreSQL's error codes mean.
#pragma once

#include <string>
#include <string_view>

#include "backends/postgres/location.h"
#include "common/status.h"

namespace checkpoint::postgres {

// Raised by our own function require_lease().
inline constexpr std::string_view kLeaseLostState = "GC001";

// `sqlstate` may be empty: there was no answer. `message` is the server's primary one.
Status status_of(std::string_view sqlstate, const std::string &message, const Location &location);

// The server is gone, or ended the connection.
Status connection_lost(const Location &location);

// True when it makes sense to connect again: there is no server, or not yet, or not for so many.
bool is_lost_connection(std::string_view sqlstate);

// Without any of the location's secrets, and on one line.
std::string without_secrets(std::string text, const Location &location);

}  // namespace checkpoint::postgres
