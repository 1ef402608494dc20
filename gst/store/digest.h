// SPDX-License-Identifier: LGPL-2.1-or-later
// Digests of an object that is in several parts, and how requests write them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "common/bytes.h"
#include "common/status.h"

namespace checkpoint {

using Sha256 = std::array<uint8_t, 32>;
using Md5 = std::array<uint8_t, 16>;

// To be called before anything uses libcrypto. Threads that a dead server holds are left behind,
// and may wake up while the process exits: libcrypto must still be there for them.
void keep_libcrypto_to_the_end();

uint64_t size_of(std::span<const ByteView> parts);
Result<Sha256> sha256_of(std::span<const ByteView> parts);
Result<Md5> md5_of(std::span<const ByteView> parts);

std::string hex(std::span<const uint8_t> bytes);
std::string base64(std::span<const uint8_t> bytes);

}  // namespace checkpoint
