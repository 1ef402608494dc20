// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdint>
#include <thread>
#include <vector>

#include "core/chunk.h"
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(memory_is_used_again) {
  auto pool = ChunkPool::create(1 << 20);
  auto a = pool->allocate(300000);
  ck_assert(a && a->size() == 300000 && a->capacity() >= 300000);
  ck_assert_int_eq(reinterpret_cast<uintptr_t>(a->data()) % 64, 0);
  const std::byte *where = a->data();
  ck_assert(pool->bytes_in_use() == a->capacity());
  a.reset();
  ck_assert(pool->bytes_in_use() == 0);
  auto b = pool->allocate(299999);
  ck_assert(b->data() == where && b->size() == 299999);
  // Far too large for a small wish.
  b.reset();
  auto small = pool->allocate(100);
  ck_assert(small->capacity() < 300000);
}
GST_END_TEST

GST_START_TEST(a_chunk_may_outlive_the_callers_pool) {
  auto pool = ChunkPool::create(0);
  auto a = pool->allocate(0);
  ck_assert(a->size() == 0 && a->data());
  pool.reset();
  a->data()[0] = std::byte{1};
}
GST_END_TEST

GST_START_TEST(g34_an_absurd_size_is_no_crash) {
  auto pool = ChunkPool::create(0);
  ck_assert(!pool->allocate(SIZE_MAX));
  ck_assert(!pool->allocate(SIZE_MAX / 2));
  ck_assert(pool->bytes_in_use() == 0);
}
GST_END_TEST

GST_START_TEST(many_threads_share_a_pool) {
  auto pool = ChunkPool::create(64 << 10);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&pool, t] {
      for (size_t i = 0; i < 2000; i++) {
        auto chunk = pool->allocate((i * 37 + static_cast<size_t>(t)) % 9000 + 1);
        chunk->data()[0] = chunk->data()[chunk->size() - 1] = static_cast<std::byte>(t);
        ck_assert(chunk->data()[0] == static_cast<std::byte>(t));
      }
    });
  for (auto &thread : threads) thread.join();
  ck_assert(pool->bytes_in_use() == 0);
}
GST_END_TEST

static Suite *chunk_suite() {
  Suite *suite = suite_create("chunk");
  TCase *tc = tcase_create("chunk");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, memory_is_used_again);
  tcase_add_test(tc, a_chunk_may_outlive_the_callers_pool);
  tcase_add_test(tc, g34_an_absurd_size_is_no_crash);
  tcase_add_test(tc, many_threads_share_a_pool);
  return suite;
}
GST_CHECK_MAIN(chunk);
