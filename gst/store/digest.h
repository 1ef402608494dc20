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

uint64_t size_of(std::span<const ByteView> parts);
Result<Sha256> sha256_of(std::span<const ByteView> parts);
Result<Md5> md5_of(std::span<const ByteView> parts);

std::string hex(std::span<const uint8_t> bytes);
std::string base64(std::span<const uint8_t> bytes);

}  // namespace checkpoint
