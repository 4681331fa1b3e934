// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/journal.h"

#include <sys/file.h>

#include <utility>

#include "core/crc32c.h"

namespace rollback {

namespace {

constexpr const char* kFile = "journal";
constexpr const char* kLockFile = "lock";
constexpr std::string_view kMagic = "rollback-journal";
constexpr std::size_t kHeaderSize = 16 + 4;
constexpr std::size_t kFrameSize = 4 + 4 + Digest::kSize;  // length, CRC, hash of the record before
constexpr std::size_t kMaxFile = 1U << 30U;
constexpr std::uint32_t kMaxRecord = 1U << 29U;
constexpr std::uint32_t kShort = 64;  // payload of a phase and more

void put_u32(std::string& bytes, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<char>((value >> shift) & 0xffU));
}

std::uint32_t get_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
  return value;
}

std::string header() {
  std::string bytes(kMagic);
  put_u32(bytes, kJournalFormat);
  return bytes;
}

// What stands before a payload: its length, the CRC of what follows, the hash of the record before.
std::string frame_of(const Digest& last, std::size_t size, std::uint32_t sum) {
  std::string bytes;
  put_u32(bytes, static_cast<std::uint32_t>(size));
  put_u32(bytes, sum);
  bytes += last.view();
  return bytes;
}

// The record at the start of `bytes`, frame included; empty when none is whole there.
std::string_view whole_record(std::string_view bytes) {
  if (bytes.size() < kFrameSize) return {};
  const std::uint32_t size = get_u32(bytes);
  if (size == 0 || size > kMaxRecord || size > bytes.size() - kFrameSize) return {};
  if (crc32c(bytes.substr(8, Digest::kSize + size)) != get_u32(bytes.substr(4))) return {};
  return bytes.substr(0, kFrameSize + size);
}

Failure damaged(const Directory& state, const std::string& what) {
  return fail(ErrorCode::kCorrupt,
              state.path() + "/" + kFile + " is damaged (" + what +
                  "); nothing was changed: compare the host with `rollbackctl status`, then move "
                  "the file away");
}

struct Scan {
  std::vector<JournalRecord> records;
  Digest last;
  std::size_t good_size = 0;  // header and whole records
  std::size_t file_size = 0;
};

// A torn record is the last one there is: whole records behind a bad one mean damage. A torn one
// may be long and look like the start of a record in many places, so only short ones are looked for
// everywhere (whatever follows the intent begins with phases), and those that end the file.
bool records_follow(std::string_view tail) {
  for (std::size_t at = 1; at + kFrameSize < tail.size(); ++at) {
    const auto rest = tail.substr(at);
    const std::uint32_t size = get_u32(rest);
    const bool ends_file = size == rest.size() - kFrameSize;
    if ((size <= kShort || ends_file) && !whole_record(rest).empty()) return true;
  }
  return false;
}

Result<Scan> scan(const Directory& state, const std::string& bytes) {
  Scan found;
  found.file_size = bytes.size();
  const std::string_view all(bytes);
  if (all.size() < kHeaderSize || !all.starts_with(kMagic)) {
    // Header and first record are synced together: without a record behind it, it is torn.
    if (records_follow(all)) return damaged(state, "its header");
    return found;
  }
  const auto format = get_u32(all.substr(kMagic.size()));
  if (format > kJournalFormat)
    return fail(ErrorCode::kUnsupported, state.path() + "/" + kFile + " has format " +
                                             std::to_string(format) + ", this program knows " +
                                             std::to_string(kJournalFormat) +
                                             "; start the newer rollback-agent again");
  if (format == 0) return damaged(state, "its header");
  found.good_size = kHeaderSize;
  while (found.good_size < all.size()) {
    const auto record = whole_record(all.substr(found.good_size));
    if (record.empty()) break;
    if (record.substr(8, Digest::kSize) != found.last.view())
      return damaged(state, "record " + std::to_string(found.records.size() + 1) +
                                " does not follow the one before");
    auto decoded = decode_journal_record(record.substr(kFrameSize), format);
    if (!decoded) return damaged(state, decoded.error().message);
    found.records.push_back(*std::move(decoded));
    found.last = sha256(record);
    found.good_size += record.size();
  }
  if (records_follow(all.substr(found.good_size))) return damaged(state, "a record before its end");
  return found;
}

Result<std::optional<Scan>> read_journal(const Directory& state) {
  auto file = state.open_file(kFile);
  if (!file && file.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!file) return Failure(std::move(file).error());
  ROLLBACK_ASSIGN(const std::string bytes, file->read_all(kMaxFile));
  ROLLBACK_ASSIGN(Scan found, scan(state, bytes));
  return std::optional<Scan>(std::move(found));
}

}  // namespace

Result<RunLock> RunLock::take(const Directory& state) {
  ROLLBACK_ASSIGN(File file, state.open_append(kLockFile, 0600));
  const int result = state.calls().flock(file.fd(), LOCK_EX | LOCK_NB);
  if (result == -EWOULDBLOCK)
    return fail(ErrorCode::kBusy, "another run holds this host; see `rollbackctl run list`");
  if (result < 0) return fail_errno(-result, "lock " + file.path());
  return RunLock(std::move(file));
}

Result<Journal> Journal::create(const Directory& state, const JournalBegin& begin) {
  ROLLBACK_ASSIGN(const auto old, read_journal(state));
  if (old && !old->records.empty())
    return fail(ErrorCode::kExists, state.path() + "/" + kFile + " is of an unfinished run");
  ROLLBACK_TRY(remove(state));
  ROLLBACK_ASSIGN(File file, state.create_file(kFile, 0600));
  Journal journal(state.calls(), std::move(file), Digest(), kHeaderSize);
  const auto written = [&]() -> Status {
    ROLLBACK_TRY(journal.file_.write_all(header()));
    ROLLBACK_TRY(journal.append(begin));
    return state.sync();
  }();
  if (!written) {
    (void)remove(state);  // an empty journal would look like a run; the first error is the news
    return Failure(written.error());
  }
  return journal;
}

Result<std::optional<JournalContent>> Journal::find(const Directory& state) {
  ROLLBACK_ASSIGN(auto found, read_journal(state));
  if (!found || found->records.empty()) return std::nullopt;
  JournalContent content;
  auto* begin = std::get_if<JournalBegin>(&found->records.front());
  if (begin == nullptr) return damaged(state, "it does not begin with a run");
  content.begin = std::move(*begin);
  for (std::size_t i = 1; i < found->records.size(); ++i) {
    auto& record = found->records[i];
    if (auto* intent = std::get_if<JournalIntent>(&record))
      content.intent = std::move(*intent);
    else if (const auto* phase = std::get_if<JournalPhase>(&record))
      content.phase = phase->phase;
    else if (auto* undone = std::get_if<JournalFilesUndone>(&record))
      content.undone = std::move(*undone);
    else if (auto* confirm = std::get_if<JournalConfirm>(&record))
      content.confirm = std::move(*confirm);
    else
      return damaged(state, "it holds two runs");
  }
  return std::optional<JournalContent>(std::move(content));
}

Result<Journal> Journal::reopen(const Directory& state) {
  ROLLBACK_ASSIGN(const auto found, read_journal(state));
  if (!found || found->records.empty())
    return fail(ErrorCode::kNotFound, state.path() + "/" + kFile + " holds no run");
  ROLLBACK_ASSIGN(File file, state.open_append(kFile, 0600));
  if (found->file_size > found->good_size) {
    const int cut = state.calls().ftruncate(file.fd(), static_cast<off_t>(found->good_size));
    if (cut < 0) return fail_errno(-cut, "cut the torn end of " + file.path());
    ROLLBACK_TRY(file.sync());
  }
  return Journal(state.calls(), std::move(file), found->last, found->good_size);
}

Status Journal::remove(const Directory& state) {
  const auto removed = state.remove_file(kFile);
  if (!removed && removed.error().code == ErrorCode::kNotFound) return {};
  ROLLBACK_TRY(removed);
  return state.sync();
}

Status Journal::reserve(std::uint64_t bytes) const {
  ROLLBACK_TRY(file_.allocate(size_, bytes, File::Growth::kKeepsSize));
  return {};
}

Status Journal::append_encoded(const std::function<void(const UsePiece&)>& encode) {
  if (poisoned_)
    return fail(ErrorCode::kIo, file_.path() + " failed before and is not written any more");
  std::size_t size = 0;
  std::uint32_t sum = crc32c(last_.view());
  encode([&](std::string_view piece) {
    size += piece.size();
    sum = crc32c(piece, sum);
  });
  if (size > kMaxRecord)
    return fail(ErrorCode::kUnsupported,
                file_.path() +
                    " has no room in one record for all that the run changes; manage "
                    "fewer files, or exclude some");
  const auto frame = frame_of(last_, size, sum);
  Hasher hasher;
  hasher.update(frame);
  auto status = file_.write_all(frame);
  encode([&](std::string_view piece) {
    if (status) status = file_.write_all(piece);
    hasher.update(piece);
  });
  if (status) status = file_.data_sync();
  if (!status) {
    // Whether the record is on disk, nobody knows: better that it is not.
    poisoned_ = true;
    (void)calls_->ftruncate(file_.fd(), static_cast<off_t>(size_));
    return status;
  }
  size_ += frame.size() + size;
  last_ = hasher.finish();
  return {};
}

}  // namespace rollback
