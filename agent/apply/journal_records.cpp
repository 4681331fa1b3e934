// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/journal_records.h"

#include <limits>
#include <type_traits>
#include <utility>

namespace rollback {

namespace {

// Numbers are stored; never reuse one.
enum class Tag : std::uint8_t {
  kBegin = 1,
  kIntent = 2,
  kPhase = 3,
  kFilesUndone = 4,
  kConfirm = 5
};

class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(const UsePiece& use) : use_(use) {}
  [[nodiscard]] std::uint32_t format() const { return kJournalFormat; }

  template <typename T>
  void number(const T& value) {
    using U = std::make_unsigned_t<T>;
    auto rest = static_cast<U>(value);
    for (std::size_t i = 0; i < sizeof(U); ++i, rest = static_cast<U>(rest >> 7U >> 1U))
      bytes_.push_back(static_cast<char>(rest & 0xffU));
  }
  void flag(const bool& value) { bytes_.push_back(value ? '\1' : '\0'); }
  void text(const std::string& value) {
    number(static_cast<std::uint32_t>(value.size()));
    raw(value);
  }
  void raw(std::string_view value) {
    bytes_ += value;
    if (bytes_.size() >= kPiece) give();
  }
  void give() {
    use_(bytes_);
    bytes_.clear();
  }

 private:
  static constexpr std::size_t kPiece = 256 << 10U;
  const UsePiece& use_;
  std::string bytes_;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  Reader(std::string_view bytes, std::uint32_t format) : rest_(bytes), format_(format) {}
  [[nodiscard]] std::uint32_t format() const { return format_; }

  template <typename T>
  void number(T& value) {
    using U = std::make_unsigned_t<T>;
    const auto part = take(sizeof(U));
    U read = 0;
    for (std::size_t i = part.size(); i-- > 0;)
      read = static_cast<U>(static_cast<U>(read << 7U << 1U) | static_cast<std::uint8_t>(part[i]));
    value = static_cast<T>(read);
  }
  void flag(bool& value) {
    std::uint8_t byte = 0;
    number(byte);
    good_ = good_ && byte <= 1;
    value = byte == 1;
  }
  void text(std::string& value) {
    std::uint32_t size = 0;
    number(size);
    value = take(size);
  }
  std::string_view take(std::size_t size) {
    if (!good_ || size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  void fail() { good_ = false; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  std::uint32_t format_;
  bool good_ = true;
};

// One description of each record serves both directions; values are const when writing.

void io_field(Writer& io, const std::string& value) { io.text(value); }
void io_field(Reader& io, std::string& value) { io.text(value); }
void io_field(Writer& io, const bool& value) { io.flag(value); }
void io_field(Reader& io, bool& value) { io.flag(value); }
void io_field(Writer& io, const WallTime& value) { io.number(value.ns); }
void io_field(Reader& io, WallTime& value) { io.number(value.ns); }
void io_field(Writer& io, const BootTime& value) { io.number(value.ns); }
void io_field(Reader& io, BootTime& value) { io.number(value.ns); }
void io_field(Writer& io, const Duration& value) {
  io.number(static_cast<std::int64_t>(value.count()));
}
void io_field(Reader& io, Duration& value) {
  std::int64_t ns = 0;
  io.number(ns);
  value = Duration(ns);
}
void io_field(Writer& io, const Digest& value) { io.raw(value.view()); }
void io_field(Reader& io, Digest& value) {
  if (auto read = Digest::from_bytes(io.take(Digest::kSize)))
    value = *read;
  else
    io.fail();
}
void io_field(Writer& io, const RunId& value) { io.raw(value.bytes()); }
void io_field(Reader& io, RunId& value) {
  if (auto read = RunId::from_bytes(io.take(RunId().bytes().size())))
    value = *read;
  else
    io.fail();
}

template <typename Io, typename Value>
requires std::is_integral_v<std::remove_const_t<Value>> &&
    (!std::is_same_v<std::remove_const_t<Value>, bool>)void io_field(Io& io, Value& value) {
  io.number(value);
}

// Enumerations begin at 1 and have no gaps; `last` is their greatest.
template <typename Enum>
void io_enum(Writer& io, const Enum& value, Enum) {
  io.number(static_cast<std::uint8_t>(value));
}
template <typename Enum>
void io_enum(Reader& io, Enum& value, Enum last) {
  std::uint8_t number = 0;
  io.number(number);
  if (number < 1 || number > static_cast<std::uint8_t>(last)) io.fail();
  value = static_cast<Enum>(number);
}

template <typename Item, typename Each>
void io_list(Writer& io, const std::vector<Item>& list, Each each) {
  io.number(static_cast<std::uint32_t>(list.size()));
  for (const auto& item : list) each(item);
}
template <typename Item, typename Each>
void io_list(Reader& io, std::vector<Item>& list, Each each) {
  std::uint32_t size = 0;
  io.number(size);
  for (std::uint32_t i = 0; i < size && io.good(); ++i) each(list.emplace_back());
}

template <typename Io, typename List>
void io_texts(Io& io, List& list) {
  io_list(io, list, [&](auto& text) { io.text(text); });
}

void io_xattrs(Writer& io, const Xattrs& xattrs) {
  io.number(static_cast<std::uint32_t>(xattrs.size()));
  for (const auto& [name, value] : xattrs) {
    io.text(name);
    io.text(value);
  }
}
void io_xattrs(Reader& io, Xattrs& xattrs) {
  std::uint32_t size = 0;
  io.number(size);
  for (std::uint32_t i = 0; i < size && io.good(); ++i) {
    std::string name;
    std::string value;
    io.text(name);
    io.text(value);
    if (!xattrs.emplace(std::move(name), std::move(value))) io.fail();
  }
}

template <typename Io, typename Meta>
void io_meta(Io& io, Meta& meta) {
  io_field(io, meta.mode);
  io_field(io, meta.uid);
  io_field(io, meta.gid);
  io_field(io, meta.mtime_ns);
  io_xattrs(io, meta.xattrs);
}

template <typename Io, typename Begin>
void io_begin(Io& io, Begin& begin) {
  io_field(io, begin.run);
  io_enum(io, begin.kind, RunKind::kUndo);
  io_field(io, begin.actor);
  io_field(io, begin.reason);
  io_field(io, begin.from);
  io_field(io, begin.to);
  io_field(io, begin.started);
  io_texts(io, begin.stages);
}

template <typename Io, typename Op>
void io_file(Io& io, Op& op) {
  io_enum(io, op.kind, FileOpKind::kReplace);
  io_field(io, op.path);
  io_field(io, op.stage);
  io_field(io, op.slot);
  io_field(io, op.origin);
  io_field(io, op.staged);
  io_meta(io, op.from);
  io_meta(io, op.to);
}

template <typename Io, typename Unit>
void io_unit(Io& io, Unit& unit) {
  io_field(io, unit.name);
  io_enum(io, unit.duty, UnitDuty::kReload);
  io_field(io, unit.was_active);
  io_field(io, unit.enablement);
  io_field(io, unit.invocation);
}

void io_argvs(Writer& io, const std::vector<std::vector<std::string>>& argvs) {
  io_list(io, argvs, [&](const auto& argv) { io_texts(io, argv); });
}
void io_argvs(Reader& io, std::vector<std::vector<std::string>>& argvs) {
  io_list(io, argvs, [&](auto& argv) { io_texts(io, argv); });
}

template <typename Io, typename Hooks>
void io_hooks(Io& io, Hooks& hooks) {
  io_argvs(io, hooks.drain);
  io_argvs(io, hooks.readmit);
  io_field(io, hooks.timeout);
}

template <typename Io, typename Project>
void io_project(Io& io, Project& project) {
  io_field(io, project.directory);
  io_field(io, project.name);
  io_texts(io, project.before);
  io_texts(io, project.after);
  io_field(io, project.starts);
}

template <typename Io, typename Intent>
void io_intent(Io& io, Intent& intent) {
  io_field(io, intent.plan_digest);
  io_field(io, intent.fingerprint);
  io_list(io, intent.files, [&](auto& op) { io_file(io, op); });
  io_list(io, intent.units, [&](auto& unit) { io_unit(io, unit); });
  io_field(io, intent.daemon_reload);
  io_texts(io, intent.red_before);
  if (io.format() < 3) return;
  io_hooks(io, intent.hooks);
  io_list(io, intent.projects, [&](auto& project) { io_project(io, project); });
  io_field(io, intent.units_first);
}

template <typename Io, typename Phase>
void io_phase(Io& io, Phase& phase) {
  io_enum(io, phase.phase, RunPhase::kConfirming);
  io_field(io, phase.time);
}

template <typename Io, typename Confirm>
void io_confirm(Io& io, Confirm& confirm) {
  io_field(io, confirm.window);
  io_field(io, confirm.until);
  io_field(io, confirm.boot_id);
  io_field(io, confirm.rebooted);
  if (io.format() >= 3) io_field(io, confirm.by_contact);
}

template <typename Body>
void write_record(Tag tag, const UsePiece& use, Body body) {
  Writer writer(use);
  writer.number(static_cast<std::uint8_t>(tag));
  body(writer);
  writer.give();
}

template <typename Record, typename Body>
Result<JournalRecord> read_record(Reader& reader, Body body) {
  Record record;
  body(reader, record);
  if (reader.finished()) return record;
  return fail(ErrorCode::kCorrupt, "a record of the journal does not decode");
}

}  // namespace

void encode_journal_record(const JournalBegin& begin, const UsePiece& use) {
  write_record(Tag::kBegin, use, [&](Writer& io) { io_begin(io, begin); });
}

void encode_journal_record(const JournalIntent& intent, const UsePiece& use) {
  write_record(Tag::kIntent, use, [&](Writer& io) { io_intent(io, intent); });
}

void encode_journal_record(const JournalPhase& phase, const UsePiece& use) {
  write_record(Tag::kPhase, use, [&](Writer& io) { io_phase(io, phase); });
}

void encode_journal_record(const JournalFilesUndone& undone, const UsePiece& use) {
  write_record(Tag::kFilesUndone, use, [&](Writer& io) { io_texts(io, undone.differs); });
}

void encode_journal_record(const JournalConfirm& confirm, const UsePiece& use) {
  write_record(Tag::kConfirm, use, [&](Writer& io) { io_confirm(io, confirm); });
}

Result<JournalRecord> decode_journal_record(std::string_view bytes, std::uint32_t format) {
  Reader reader(bytes, format);
  std::uint8_t tag = 0;
  reader.number(tag);
  switch (static_cast<Tag>(tag)) {
    case Tag::kBegin:
      return read_record<JournalBegin>(reader, [](auto& io, auto& r) { io_begin(io, r); });
    case Tag::kIntent:
      return read_record<JournalIntent>(reader, [](auto& io, auto& r) { io_intent(io, r); });
    case Tag::kPhase:
      return read_record<JournalPhase>(reader, [](auto& io, auto& r) { io_phase(io, r); });
    case Tag::kFilesUndone:
      return read_record<JournalFilesUndone>(reader,
                                             [](auto& io, auto& r) { io_texts(io, r.differs); });
    case Tag::kConfirm:
      return read_record<JournalConfirm>(reader, [](auto& io, auto& r) { io_confirm(io, r); });
  }
  return fail(ErrorCode::kCorrupt, "a record of the journal is of an unknown kind");
}

}  // namespace rollback
