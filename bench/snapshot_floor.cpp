// SPDX-License-Identifier: Apache-2.0
// What no snapshot of a tree can be quicker than: list, read, SHA-256, zstd, RocksDB, two threads.
// No metadata, no owners, no chunks, no trees, no check that a file held still, nothing read back.
// A content that was seen is hashed and neither compressed nor written again, as in the store.
//
//   bench_snapshot_floor TREE DATABASE [LEVEL]   prints {"files", "bytes", "seconds"}
//
// The seconds go from an empty, open database to all of it on the device: the agent's is open as
// well when a snapshot begins. DATABASE is made and left behind.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <vector>

#include "agent/store/blob_format.h"

namespace {

constexpr std::size_t kThreads = 2;
constexpr std::size_t kBatch = 1 << 20U;          // bytes that go to RocksDB at once
constexpr std::size_t kReadAtOnce = 4UL << 20U;   // a larger file is hashed and stored in pieces
constexpr std::size_t kWriteBuffer = 8UL << 20U;  // core/store's

void require(bool good, const std::string& what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

void require(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

// RocksDB as the agent's store has it for contents, without what guards against a broken machine.
std::unique_ptr<rocksdb::DB> open_database(const std::string& path) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.compression = rocksdb::kNoCompression;
  options.enable_blob_files = true;
  options.min_blob_size = 256;
  options.write_buffer_size = kWriteBuffer;
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  rocksdb::DB* database = nullptr;
  require(rocksdb::DB::Open(options, path, &database));
  return std::unique_ptr<rocksdb::DB>(database);
}

// Directories and files that wait for a thread. Files go first, so that few names are held.
class Queue {
 public:
  struct Entry {
    std::string path;
    bool directory = false;
  };

  void add(Entry entry) {
    {
      const std::lock_guard lock(mutex_);
      ++open_;
      if (entry.directory)
        entries_.push_back(std::move(entry));
      else
        entries_.push_front(std::move(entry));
    }
    ready_.notify_one();
  }
  // Waits for one; false when there is none and none can come.
  bool take(Entry& entry) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return open_ == 0 || !entries_.empty(); });
    if (entries_.empty()) return false;
    entry = std::move(entries_.front());
    entries_.pop_front();
    return true;
  }
  void done() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) ready_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Entry> entries_;
  std::size_t open_ = 0;  // added and not done
};

struct Shared {
  Shared(rocksdb::DB& database_in, int level_in) : database(database_in), level(level_in) {}

  rocksdb::DB& database;
  const int level;
  Queue queue;
  std::mutex mutex;
  std::unordered_set<std::string> seen;
  std::atomic<std::uint64_t> files = 0;
  std::atomic<std::uint64_t> bytes = 0;
};

class Worker {
 public:
  explicit Worker(Shared& shared) : shared_(shared) {}

  void run() {
    Queue::Entry entry;
    while (shared_.queue.take(entry)) {
      if (entry.directory)
        list(entry.path);
      else
        store_file(entry.path);
      shared_.queue.done();
    }
    flush();
  }

 private:
  struct Free {
    void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
    void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };

  void list(const std::string& path) {
    const std::unique_ptr<DIR, Free> directory(::opendir(path.c_str()));
    require(directory != nullptr, path);
    while (const dirent* const entry = ::readdir(directory.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      const bool inner = entry->d_type == DT_DIR;
      if (!inner && entry->d_type != DT_REG) continue;
      shared_.queue.add({path + "/" + entry->d_name, inner});
    }
  }

  void store_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    require(file >= 0, path);
    struct stat facts {};
    require(::fstat(file, &facts) == 0, path);
    auto left = static_cast<std::size_t>(facts.st_size);
    do {
      piece_.resize(std::min(left, kReadAtOnce));
      const ssize_t got = ::read(file, piece_.data(), piece_.size());
      require(got == static_cast<ssize_t>(piece_.size()), path);
      store(piece_);
      left -= piece_.size();
    } while (left > 0);
    (void)::close(file);
    ++shared_.files;
  }

  void store(std::string_view content) {
    std::string digest(32, '\0');
    EVP_DigestInit_ex2(hash_.get(), sha256_.get(), nullptr);
    EVP_DigestUpdate(hash_.get(), content.data(), content.size());
    EVP_DigestFinal_ex(hash_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    shared_.bytes += content.size();
    {
      const std::lock_guard lock(shared_.mutex);
      if (!shared_.seen.insert(digest).second) return;
    }
    packed_.resize(ZSTD_compressBound(content.size()));
    const std::size_t size = ZSTD_compressCCtx(compressor_.get(), packed_.data(), packed_.size(),
                                               content.data(), content.size(), shared_.level);
    if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
    const bool smaller = size < content.size();
    require(batch_.Put(digest, smaller ? std::string_view(packed_.data(), size) : content));
    if (batch_.GetDataSize() >= kBatch) flush();
  }

  void flush() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    require(shared_.database.Write(options, &batch_));
    batch_.Clear();
  }

  Shared& shared_;
  std::unique_ptr<EVP_MD, Free> sha256_{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  std::unique_ptr<EVP_MD_CTX, Free> hash_{EVP_MD_CTX_new()};
  std::unique_ptr<ZSTD_CCtx, Free> compressor_{ZSTD_createCCtx()};
  rocksdb::WriteBatch batch_;
  std::string piece_;
  std::string packed_;
};

void store_tree(Shared& shared, const std::string& tree) {
  shared.queue.add({tree, true});
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&shared] { Worker(shared).run(); });
  threads.clear();
  // Contents are in no log: they are durable with their files, the name of the tree with its sync.
  require(shared.database.Flush({}));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  require(shared.database.Put(synced, "tree", tree));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "bench_snapshot_floor TREE DATABASE [LEVEL]\n");
    return 1;
  }
  int level = static_cast<int>(rollback::Effort::kQuick);
  if (argc > 3) {
    const std::string_view text(argv[3]);
    (void)std::from_chars(text.data(), text.data() + text.size(), level);
  }
  const auto database = open_database(argv[2]);
  Shared shared(*database, level);
  const auto begin = std::chrono::steady_clock::now();
  store_tree(shared, argv[1]);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{{\"files\": {}, \"bytes\": {}, \"seconds\": {:.6f}}}\n", shared.files.load(),
             shared.bytes.load(), took.count());
  return 0;
}
