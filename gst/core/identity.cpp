// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/identity.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <array>

namespace checkpoint {

namespace {

struct FreeMac {
  void operator()(EVP_MAC *mac) const { EVP_MAC_free(mac); }
};
struct FreeMacCtx {
  void operator()(EVP_MAC_CTX *context) const { EVP_MAC_CTX_free(context); }
};

// One IV for all frames: the tag is then a keyed universal hash plus a constant, which is what
// makes equal payloads equal. Nobody outside the stores sees tags, so nothing can be forged from
// two of them.
constexpr std::array<unsigned char, 12> kIv{};

}  // namespace

struct FrameDigester::Context {
  IdentityKey key{};
  std::unique_ptr<EVP_MAC, FreeMac> mac;
  std::unique_ptr<EVP_MAC_CTX, FreeMacCtx> context;
};

IdentityKey random_identity_key() {
  IdentityKey key;
  random_bytes(key.data(), key.size());
  return key;
}

FrameDigester::FrameDigester(const IdentityKey &key) : context_(std::make_unique<Context>()) {
  context_->key = key;
  context_->mac.reset(EVP_MAC_fetch(nullptr, "GMAC", nullptr));
  if (!context_->mac) return;
  context_->context.reset(EVP_MAC_CTX_new(context_->mac.get()));
  if (!context_->context) return;
  char cipher[] = "AES-256-GCM";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, sizeof cipher - 1),
      OSSL_PARAM_construct_end()};
  if (!EVP_MAC_CTX_set_params(context_->context.get(), parameters)) context_->context.reset();
}

FrameDigester::~FrameDigester() = default;

Result<Digest> FrameDigester::digest(ByteView payload) {
  EVP_MAC_CTX *context = context_->context.get();
  if (!context)
    return Status(Code::kUnsupported, "libcrypto has no GMAC with AES-256-GCM",
                  "the default provider of OpenSSL 3 has it");
  // The key again too: some providers can't begin anew with the IV alone. It costs about a
  // microsecond.
  unsigned char iv[kIv.size()];
  std::copy(kIv.begin(), kIv.end(), iv);
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv, sizeof iv),
                             OSSL_PARAM_construct_end()};
  Digest digest{};
  size_t length = 0;
  if (!EVP_MAC_init(context, context_->key.data(), context_->key.size(), parameters) ||
      !EVP_MAC_update(context, reinterpret_cast<const unsigned char *>(payload.data()),
                      payload.size()) ||
      !EVP_MAC_final(context, digest.data(), &length, digest.size()) || length != digest.size())
    return Status(Code::kInternal, "libcrypto could not compute a GMAC");
  return digest;
}

}  // namespace checkpoint
