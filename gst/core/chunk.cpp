// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/chunk.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace checkpoint {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kPage = 4096;

// Whole pages, so that frames of nearly one size (an encoder's) share the idle memory.
size_t capacity_for(size_t size) {
  size_t step = size > kPage ? kPage : kAlignment;
  if (size == 0) return kAlignment;
  return (size + step - 1) / step * step;
}

// From here on memory is the kernel's and goes back to it: an allocator would keep megabytes for
// each thread that ever asked.
constexpr size_t kOwnMapping = 32 << 10;
constexpr size_t kHugePage = 2 << 20;

std::byte *get_memory(size_t capacity) {
  if (capacity < kOwnMapping)
    return static_cast<std::byte *>(std::aligned_alloc(kAlignment, capacity));
  void *data = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  // A fault for each 4 kB of a frame takes longer than to copy it. Where there are no huge pages it
  // stays as it was.
  if (capacity >= kHugePage) (void)madvise(data, capacity, MADV_HUGEPAGE);
  return static_cast<std::byte *>(data);
}

void free_memory(std::byte *data, size_t capacity) {
  if (capacity < kOwnMapping)
    std::free(data);
  else if (data)
    munmap(data, capacity);
}

}  // namespace

Chunk::~Chunk() { pool_->give_back(data_, capacity_); }

std::shared_ptr<ChunkPool> ChunkPool::create(size_t budget) {
  return std::shared_ptr<ChunkPool>(new ChunkPool(budget));
}

ChunkPool::~ChunkPool() {
  for (const Idle &idle : idle_) free_memory(idle.data, idle.capacity);
}

std::shared_ptr<Chunk> ChunkPool::allocate(size_t size) {
  if (size > SIZE_MAX - kPage) return nullptr;
  const size_t wanted = capacity_for(size);
  std::byte *data = nullptr;
  size_t capacity = wanted;
  {
    std::lock_guard lock(mutex_);
    // The most recently used is the most likely to be in a cache. One more than twice as large
    // would only waste what the bounds of the queues count.
    for (size_t i = idle_.size(); i-- > 0;) {
      if (idle_[i].capacity < wanted || idle_[i].capacity / 2 > wanted) continue;
      data = idle_[i].data;
      capacity = idle_[i].capacity;
      idle_bytes_ -= capacity;
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    in_use_bytes_ += capacity;
  }
  if (!data) data = get_memory(capacity);
  Chunk *chunk = data ? new (std::nothrow) Chunk(shared_from_this(), data, capacity) : nullptr;
  if (!chunk) {
    free_memory(data, capacity);
    std::lock_guard lock(mutex_);
    in_use_bytes_ -= capacity;
    return nullptr;
  }
  chunk->resize(size);
  try {
    return std::shared_ptr<Chunk>(chunk);
  } catch (const std::bad_alloc &) {  // which has destroyed the chunk
    return nullptr;
  }
}

size_t ChunkPool::bytes_in_use() const {
  std::lock_guard lock(mutex_);
  return in_use_bytes_;
}

void ChunkPool::give_back(std::byte *data, size_t capacity) {
  std::vector<Idle> too_many;
  {
    std::lock_guard lock(mutex_);
    in_use_bytes_ -= capacity;
    idle_.push_back({data, capacity});
    idle_bytes_ += capacity;
    size_t drop = 0;
    while (in_use_bytes_ + idle_bytes_ > budget_ && drop < idle_.size())
      idle_bytes_ -= idle_[drop++].capacity;
    auto end = idle_.begin() + static_cast<std::ptrdiff_t>(drop);
    too_many.assign(idle_.begin(), end);
    idle_.erase(idle_.begin(), end);
  }
  // Giving megabytes back to the kernel takes its time: not under the lock.
  for (const Idle &idle : too_many) free_memory(idle.data, idle.capacity);
}

}  // namespace checkpoint
