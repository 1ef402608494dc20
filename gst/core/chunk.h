// SPDX-License-Identifier: LGPL-2.1-or-later
// Memory for payloads, used again and again: a fresh megabyte costs more in page faults than in
// copying.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "common/bytes.h"

namespace checkpoint {

class ChunkPool;

// A piece of memory, aligned to 64 bytes, that goes back to its pool with its last reference.
class Chunk {
 public:
  ~Chunk();
  Chunk(const Chunk &) = delete;
  Chunk &operator=(const Chunk &) = delete;

  std::byte *data() { return data_; }
  const std::byte *data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // size <= capacity.
  void resize(size_t size) { size_ = size; }
  ByteView view() const { return {data_, size_}; }
  MutableByteView span() { return {data_, size_}; }

 private:
  friend class ChunkPool;
  Chunk(std::shared_ptr<ChunkPool> pool, std::byte *data, size_t capacity)
      : pool_(std::move(pool)), data_(data), capacity_(capacity) {}
  std::shared_ptr<ChunkPool> pool_;
  std::byte *data_;
  size_t capacity_;
  size_t size_ = 0;
};

class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
 public:
  // Keeps unused memory as long as it and what is in use are within `budget` bytes; so the pool is
  // no bound, but adds nothing to one that is at work.
  static std::shared_ptr<ChunkPool> create(size_t budget);
  ~ChunkPool();

  // Any thread. Never waits. nullptr when the system has no memory.
  std::shared_ptr<Chunk> allocate(size_t size);
  // Bytes of all chunks in use, by capacity: for tests and stats.
  size_t bytes_in_use() const;

 private:
  friend class Chunk;
  explicit ChunkPool(size_t budget) : budget_(budget) {}
  void give_back(std::byte *data, size_t capacity);

  struct Idle {
    std::byte *data;
    size_t capacity;
  };
  const size_t budget_;
  mutable std::mutex mutex_;
  std::vector<Idle> idle_;   // protected by mutex_; most recently used last
  size_t idle_bytes_ = 0;    // protected by mutex_
  size_t in_use_bytes_ = 0;  // protected by mutex_
};

}  // namespace checkpoint
