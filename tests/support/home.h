// SPDX-License-Identifier: LGPL-2.1-or-later
// A user's home of a test's own: what runs without any store setting keeps its checkpoints there,
// or in the pair of stores that the test program was started for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/frame_store.h"
#include "support/temp_dir.h"

namespace checkpoint {

// The pair that GST_CHECKPOINT_TEST_PAIR names: what holds the frames, "-", what holds the rows.
// Without it the default stores are meant: "file-sqlite".
struct StorePair {
  // or s3; s3_tls: through the server's TLS endpoint; s3_libs3: by that client
  std::string frames = "file";
  std::string rows = "sqlite";  // or postgres
  bool is_default() const { return frames == "file" && rows == "sqlite"; }
};
StorePair store_pair();

// For the main() of a program that runs on every pair: false when a server that its pair needs is
// not there, as is then said. The program ends with exit code 77, "skipped".
bool servers_are_there();
#define CHECKPOINT_CHECK_MAIN(name)                              \
  int main(int argc, char **argv) {                              \
    if (!checkpoint::servers_are_there()) return 77;             \
    gst_check_init(&argc, &argv);                                \
    return gst_check_run_suite(name##_suite(), #name, __FILE__); \
  }

class Home : public TempDir {
 public:
  // Sets XDG_DATA_HOME and the default stores for this process and those that it starts: one Home
  // for each test, and before anything asks for the default stores.
  Home();
  ~Home();

  // Of the default pair.
  std::string database() const { return file("data/gst-checkpoint/checkpoints.db"); }
  std::string frames() const { return file("data/gst-checkpoint/frames"); }

  // The stores' URIs; of servers, as they are reached at another port of this machine, or 0.
  std::string frame_store(uint16_t port = 0) const;
  std::string metadata_store(uint16_t port = 0) const;

  // The answer to a query of one value, asked past our stores; '' when it has no row.
  std::string value(const std::string &sql) const;
  // Are our tables there?
  bool has_rows() const;
  // Loses the metadata; nobody may have them open.
  void drop_metadata() const;
  // The place of the frames, past the elements.
  std::shared_ptr<FrameStore> open_frames() const;
  // Bytes in all objects of the frame store.
  uint64_t stored_bytes() const;

 private:
  const StorePair pair_;
  std::string place_;  // a name of ours at the servers
};

// The port of a server that the tests were given; 0: there is none.
uint16_t s3_port();
uint16_t postgres_port();

// Bytes in all files below the folder.
uint64_t bytes_below(const std::string &folder);
// Do both files hold the same bytes? One that is not there differs from any.
bool same_files(const std::string &a, const std::string &b);

}  // namespace checkpoint
