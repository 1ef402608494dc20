// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a fuzz target without libFuzzer: over the files of a folder, and over mutations of them that
// are the same in every run.
//
//   fuzz_replay_<target> SEEDS_FOLDER [MUTATIONS]
//
// Outside of sanitizers, which bring their own operator new, it also sees to it that a parser
// allocates in proportion to its input.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <vector>

#include "fuzz/fuzz.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNT_ALLOCATIONS 0
#endif
#endif
#ifndef COUNT_ALLOCATIONS
#define COUNT_ALLOCATIONS 1
#endif

namespace {
size_t allocated = 0;  // bytes asked for since the last input; one thread
}

#if COUNT_ALLOCATIONS
void *operator new(size_t size) {
  allocated += size;
  if (void *memory = std::malloc(size ? size : 1)) return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

using Input = std::vector<uint8_t>;

// For the parsers' own values, the copies that a target makes, and growing vectors. A count that
// is believed costs millions of times as much.
constexpr size_t kBytesPerByte = 400;
constexpr size_t kBytesPerInput = 3 << 20;  // the codec target's output is up to a megabyte

void run(const Input &input) {
  // Of exactly its size, so that a sanitizer sees a read past the end.
  const Input copy(input.begin(), input.end());
  allocated = 0;
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  FUZZ_CHECK(allocated <= kBytesPerInput + kBytesPerByte * copy.size());
}

Input mutate(const std::vector<Input> &seeds, std::mt19937_64 &random) {
  static constexpr uint64_t kInteresting[] = {
      0,          1,          0x7f,       0x80,       0xff,      0xffff,
      0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, INT64_MAX, 0xffffffffffffffc0};
  Input out = seeds[random() % seeds.size()];
  // Often only one, so that most of the input keeps its meaning.
  for (auto changes = random() % 2 ? 1 : 1 + random() % 6; changes > 0; changes--) {
    const size_t at = out.empty() ? 0 : random() % out.size();
    switch (random() % 7) {
      case 0:
        if (!out.empty()) out[at] ^= static_cast<uint8_t>(1 << random() % 8);
        break;
      case 1:
        if (!out.empty()) out[at] = static_cast<uint8_t>(random());
        break;
      case 2: {
        const uint64_t value = kInteresting[random() % std::size(kInteresting)];
        const size_t width = size_t{1} << random() % 4;
        for (size_t i = 0; i < width && at + i < out.size(); i++)
          out[at + i] = static_cast<uint8_t>(value >> (8 * i));
        break;
      }
      case 3:
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), 1 + random() % 8,
                   static_cast<uint8_t>(random()));
        break;
      case 4: {
        const size_t length = std::min<size_t>(out.size() - at, 1 + random() % 16);
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(at),
                  out.begin() + static_cast<std::ptrdiff_t>(at + length));
        break;
      }
      case 5:
        if (random() % 4 == 0) out.resize(at);
        break;
      default: {
        const Input &other = seeds[random() % seeds.size()];
        if (other.empty()) break;
        const size_t from = random() % other.size();
        const size_t length = std::min<size_t>(other.size() - from, 1 + random() % 64);
        for (size_t i = 0; i < length && at + i < out.size(); i++) out[at + i] = other[from + i];
      }
    }
  }
  return out;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s SEEDS_FOLDER [MUTATIONS]\n", argv[0]);
    return 2;
  }
  const unsigned long mutations = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5000;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(argv[1], error))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> seeds;
  for (const auto &file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "no seeds in %s\n", argv[1]);
    return 1;
  }
  run({});
  for (const Input &seed : seeds) run(seed);
  std::mt19937_64 random(1);
  for (unsigned long i = 0; i < mutations; i++) {
    const Input input = mutate(seeds, random);
    if (argc > 3) {  // keeps the one that ends the process
      std::ofstream(argv[3], std::ios::binary)
          .write(reinterpret_cast<const char *>(input.data()),
                 static_cast<std::streamsize>(input.size()));
    }
    run(input);
  }
  std::printf("%zu seeds, %lu mutations\n", seeds.size(), mutations);
  return 0;
}
