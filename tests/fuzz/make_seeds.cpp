// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes the seeds of the fuzz targets, and the golden pack of tests/check/format.cpp:
//
//   make_seeds FOLDER          tests/fuzz/seeds
//   make_seeds --golden        prints tests/check/golden_pack.inc
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/codec.h"
#include "core/pack.h"
#include "core/record_codec.h"
#include "fuzz/make_seeds.h"
#include "store/object_name.h"
#include "support/samples.h"

using namespace checkpoint;

namespace {
std::filesystem::path folder;
}

void write_seed(const std::string &target, const std::string &name, ByteView bytes) {
  std::filesystem::create_directories(folder / target);
  std::ofstream(folder / target / name, std::ios::binary)
      .write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
}

namespace {

void print_golden() {
  std::printf(
      "// SPDX-License-Identifier: LGPL-2.1-or-later\n"
      "// Written by a release of format version 1.0; see the_format_is_what_it_was.\n"
      "// clang-format off\n"
      "constexpr const char *kGoldenPack =");
  const Bytes pack = samples::fixed_pack();
  for (size_t i = 0; i < pack.size(); i++) {
    if (i % 48 == 0) std::printf("%s\n    \"", i ? "\"" : "");
    std::printf("%02x", static_cast<unsigned>(pack[i]));
  }
  std::printf("\";\n// clang-format on\n");
}

void pack_seeds() {
  const Bytes pack = samples::fixed_pack();
  write_seed("pack", "whole", pack);
  write_seed(
      "pack", "empty",
      samples::join(std::move(*std::make_unique<PackBuilder>(samples::fixed_header())).seal({})));
  const PackFooter footer = parse_pack_footer(pack, pack.size()).value();
  // Without its checksum: the target adds one.
  write_seed("pack", "index",
             ByteView(pack).subspan(footer.index_offset, footer.index_length - sizeof(uint64_t)));
  write_seed("pack", "header", ByteView(pack).first(kPackHeaderSize));
  write_seed("pack", "footer", ByteView(pack).last(kPackFooterSize));
}

void record_seeds() {
  ByteWriter section;
  int number = 0;
  for (const Record &record : samples::fixed_records()) {
    ByteWriter one;
    append_record(record, one);
    section.raw(one.bytes());
    // Kind and version, then the body.
    ByteWriter body;
    body.raw(ByteView(one.bytes()).first(2));
    body.raw(ByteView(one.bytes()).subspan(8, one.size() - 16));
    write_seed("records", "body" + std::to_string(number++), body.bytes());
  }
  write_seed("records", "section", section.bytes());
}

void codec_seeds() {
  samples::Random random(7);
  PayloadCodec codec;
  for (Codec which : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    if (!codec_available(which)) continue;
    for (size_t size : {0, 1, 64, 700}) {
      const Bytes raw = samples::picture_like_bytes(random, size);
      Bytes stored(PayloadCodec::bound(which, size));
      if (which == Codec::kNone)
        stored = raw;
      else
        stored.resize(codec.encode(which, raw, stored).value());
      ByteWriter out;
      out.u8(static_cast<uint8_t>(which));
      out.u8(static_cast<uint8_t>(size));
      out.u8(static_cast<uint8_t>(size >> 8));
      out.u8(0);
      out.raw(stored);
      write_seed("codec", std::string(codec_name(which)) + "-" + std::to_string(size), out.bytes());
    }
  }
}

void uri_seeds() {
  const char *uris[] = {"/data/frames",
                        "relative/path",
                        "file:///data/a%20b",
                        "memory://name",
                        "sqlite:///data/checkpoints.db?mode=ro",
                        "s3://key:se%2Fcret@bucket:9000/prefix/%C3%BC?region=eu&x=%26",
                        "postgresql://u:hu/sh@host:5432/db?sslmode=verify-full#f",
                        "http://[::1]:80/a@b"};
  int number = 0;
  for (const char *uri : uris)
    write_seed("store_uri", "uri" + std::to_string(number++), as_bytes(uri));

  const char *checkpoints[] = {
      "checkpoint://street/detect",
      "checkpoint://a%3Ab%40c/x%2Fy%3Fz%23%25?scenario=b%20r&version=3&loop=true",
      "checkpoint://stra\xc3\x9f"
      "e/%E6%A4%9C?start-index=10&stop-index=20&allow-partial=1",
      "checkpoint:///?checkpoint-id=1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b",
      "checkpoint://j/s?frame-store=x&version=1&version=2"};
  number = 0;
  for (const char *uri : checkpoints)
    write_seed("checkpoint_uri", "uri" + std::to_string(number++), as_bytes(uri));
}

void marker_seeds() {
  const StoreMarker marker{samples::fixed_header().frame_store, samples::fixed_header().job};
  write_seed("marker", "marker", as_bytes(marker_to_json(marker)));
  write_seed("marker", "job", as_bytes("größe"));
  write_seed("marker", "object",
             as_bytes("street/frames/1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b.pack"));
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (std::string(argv[1]) == "--golden") {
    print_golden();
    return 0;
  }
  folder = argv[1];
  pack_seeds();
  record_seeds();
  codec_seeds();
  uri_seeds();
  marker_seeds();
  element_seeds();
  return 0;
}
