// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/codec.h"

#include "core/identity.h"
#include "support/check.h"
#include "support/samples.h"

using namespace checkpoint;

namespace {
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kLz4, Codec::kZstd};
constexpr size_t kSizes[] = {0, 1, 63, 64, 65, 3000000};

// The stored form of `raw`, kNone included.
Bytes stored_form(PayloadCodec &codec, Codec which, const Bytes &raw) {
  if (which == Codec::kNone) return raw;
  Bytes stored(PayloadCodec::bound(which, raw.size()));
  auto size = codec.encode(which, raw, stored);
  ck_assert(size.is_ok());
  stored.resize(*size);
  return stored;
}
}  // namespace

GST_START_TEST(what_is_encoded_decodes_to_the_same) {
  samples::Random random(samples::test_seed());
  PayloadCodec codec;  // one for all, as in a worker
  for (Codec which : kCodecs) {
    if (!codec_available(which)) continue;
    for (size_t size : kSizes) {
      for (bool noise : {false, true}) {
        const Bytes raw = noise ? samples::random_bytes_of(random, size)
                                : samples::picture_like_bytes(random, size);
        const Bytes stored = stored_form(codec, which, raw);
        if (size > 1000 && !noise && which != Codec::kNone) ck_assert(stored.size() < size);
        Bytes back(size, std::byte{0xee});
        Status status = codec.decode(which, stored, back);
        ck_assert_msg(status.is_ok(), "%s of %zu bytes", codec_name(which), size);
        ck_assert(back == raw);
      }
    }
  }
}
GST_END_TEST

GST_START_TEST(g34_a_wrong_raw_length_is_corrupt) {
  samples::Random random(samples::test_seed());
  PayloadCodec codec;
  for (Codec which : kCodecs) {
    if (!codec_available(which)) continue;
    for (size_t size : {size_t{0}, size_t{1}, size_t{64}, size_t{100000}}) {
      const Bytes raw = samples::picture_like_bytes(random, size);
      const Bytes stored = stored_form(codec, which, raw);
      for (size_t wrong : {size_t{0}, size - 1, size + 1, size * 2 + 7}) {
        if (wrong == size || wrong > size * 2 + 7) continue;
        // A guard behind the room that the decoder was given.
        Bytes room(wrong + 64, std::byte{0x5a});
        ck_assert(
            codec.decode(which, stored, MutableByteView(room).first(wrong)).is(Code::kCorrupt));
        for (size_t i = wrong; i < room.size(); i++) ck_assert(room[i] == std::byte{0x5a});
      }
    }
  }
}
GST_END_TEST

GST_START_TEST(g34_broken_stored_bytes_never_decode_to_another_length) {
  samples::Random random(samples::test_seed());
  PayloadCodec codec;
  for (Codec which : {Codec::kLz4, Codec::kZstd}) {
    if (!codec_available(which)) continue;
    const Bytes raw = samples::picture_like_bytes(random, 3000);
    const Bytes good = stored_form(codec, which, raw);
    Bytes room(raw.size() + 64, std::byte{0x5a});
    const MutableByteView out = MutableByteView(room).first(raw.size());
    // The checksum of the stored bytes comes first in a reader; here only: no crash, nothing past
    // the end, and every truncation noticed.
    for (int i = 0; i < 20000; i++) {
      Bytes bad = good;
      for (int n = 1 + static_cast<int>(random() % 4); n > 0; n--)
        bad[random() % bad.size()] ^= static_cast<std::byte>(1 << random() % 8);
      Status status = codec.decode(which, bad, out);
      ck_assert(status.is_ok() || status.is(Code::kCorrupt));
    }
    for (size_t length = 0; length < good.size(); length++)
      ck_assert(codec.decode(which, ByteView(good).first(length), out).is(Code::kCorrupt));
    for (size_t i = raw.size(); i < room.size(); i++) ck_assert(room[i] == std::byte{0x5a});
    ck_assert(codec.decode(which, good, out).is_ok());  // the context survived all of it
    ck_assert(std::equal(raw.begin(), raw.end(), room.begin()));
    // Bytes behind a whole payload.
    Bytes longer = good;
    longer.push_back(std::byte{0});
    ck_assert(codec.decode(which, longer, out).is(Code::kCorrupt));
    Bytes twice = good;
    twice.insert(twice.end(), good.begin(), good.end());
    ck_assert(codec.decode(which, twice, out).is(Code::kCorrupt));
  }
}
GST_END_TEST

GST_START_TEST(checksums_are_the_published_xxh3) {
  // From the reference implementation; a different function would still round-trip.
  ck_assert(checksum_of({}) == 0x2d06800538d394c2);
  ck_assert(checksum_of(as_bytes("checkpoint")) == 0x28709f51e30c4c8c);
}
GST_END_TEST

GST_START_TEST(digests_tell_frames_apart) {
  samples::Random random(samples::test_seed());
  const IdentityKey key = random_identity_key();
  FrameDigester digester(key), again(key), other(random_identity_key());
  for (size_t size : kSizes) {
    Bytes frame = samples::random_bytes_of(random, size);
    auto digest = digester.digest(frame);
    ck_assert(digest.is_ok());
    ck_assert(*digester.digest(frame) == *digest);
    ck_assert(*again.digest(Bytes(frame)) == *digest);
    ck_assert(*other.digest(frame) != *digest);
    for (int i = 0; i < 20 && size > 0; i++) {
      const size_t at = random() % size;
      const auto bit = static_cast<std::byte>(1 << random() % 8);
      frame[at] ^= bit;
      ck_assert(*digester.digest(frame) != *digest);
      frame[at] ^= bit;
    }
    // Zeros at the end count: a MAC that pads must also count the length.
    frame.push_back(std::byte{0});
    ck_assert(*digester.digest(frame) != *digest);
  }
}
GST_END_TEST

GST_START_TEST(digests_are_gmac_with_aes_256) {
  // Test case 13 of the GCM specification: key and IV of zeros, nothing to authenticate.
  FrameDigester digester(IdentityKey{});
  const Digest expected = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
                           0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b};
  ck_assert(*digester.digest({}) == expected);
}
GST_END_TEST

static Suite *codec_suite() {
  Suite *suite = suite_create("codec");
  TCase *tc = tcase_create("codec");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_is_encoded_decodes_to_the_same);
  tcase_add_test(tc, g34_a_wrong_raw_length_is_corrupt);
  tcase_add_test(tc, g34_broken_stored_bytes_never_decode_to_another_length);
  tcase_add_test(tc, checksums_are_the_published_xxh3);
  tcase_add_test(tc, digests_tell_frames_apart);
  tcase_add_test(tc, digests_are_gmac_with_aes_256);
  return suite;
}
GST_CHECK_MAIN(codec);
