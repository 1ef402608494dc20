// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/digest.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

namespace checkpoint {

namespace {

template <typename Digest>
Result<Digest> digest_of(const EVP_MD *kind, std::span<const ByteView> parts) {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Digest out{};
  bool good = ctx && EVP_DigestInit_ex(ctx.get(), kind, nullptr) == 1;
  for (ByteView part : parts)
    good = good && EVP_DigestUpdate(ctx.get(), part.data(), part.size()) == 1;
  if (!good || EVP_DigestFinal_ex(ctx.get(), out.data(), nullptr) != 1)
    return Status(Code::kInternal, "libcrypto could not compute a digest");
  return out;
}

}  // namespace

void keep_libcrypto_to_the_end() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

uint64_t size_of(std::span<const ByteView> parts) {
  uint64_t size = 0;
  for (ByteView part : parts) size += part.size();
  return size;
}

Result<Sha256> sha256_of(std::span<const ByteView> parts) {
  return digest_of<Sha256>(EVP_sha256(), parts);
}

Result<Md5> md5_of(std::span<const ByteView> parts) { return digest_of<Md5>(EVP_md5(), parts); }

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t b : bytes) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

std::string base64(std::span<const uint8_t> bytes) {
  gchar *text = g_base64_encode(bytes.data(), bytes.size());
  std::string out = text;
  g_free(text);
  return out;
}

}  // namespace checkpoint
