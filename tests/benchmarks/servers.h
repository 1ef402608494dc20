// SPDX-License-Identifier: LGPL-2.1-or-later
// What needs the servers of tests/services/up, by its GST_CHECKPOINT_TEST_* variables.
#pragma once

namespace benchmark {

struct Film;

// Sink and source against libcurl alone.
void bench_s3(const Film &film);
// JPEG frames and rows to S3 and PostgreSQL against a script that puts one after the other.
void bench_by_hand();
// Frame and detection rows through the metadata stores' code.
void bench_rows();

}  // namespace benchmark
