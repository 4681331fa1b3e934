// SPDX-License-Identifier: Apache-2.0
#include "protocol/frame.h"

#include <kj/exception.h>

#include <cstring>

#include "protocol/wire.h"

namespace rollback {

namespace {

std::uint16_t little_endian(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) |
                                    static_cast<unsigned char>(bytes[at + 1]) << 8);
}

void append_little_endian(std::string& bytes, std::uint16_t value) {
  bytes += static_cast<char>(value & 0xff);
  bytes += static_cast<char>(value >> 8);
}

}  // namespace

std::string_view name_of(FrameKind kind) noexcept {
  switch (kind) {
    case FrameKind::kTree:
      return "tree";
    case FrameKind::kSnapshot:
      return "snapshot";
    case FrameKind::kRevision:
      return "revision";
    case FrameKind::kHistoryEntry:
      return "history entry";
    case FrameKind::kRun:
      return "run";
    case FrameKind::kRunEvent:
      return "event of a run";
    case FrameKind::kRollout:
      return "rollout";
    case FrameKind::kRolloutHost:
      return "host of a rollout";
    case FrameKind::kHost:
      return "host";
    case FrameKind::kDeploy:
      return "deploy";
    case FrameKind::kCommand:
      return "command";
    case FrameKind::kEnvelope:
      return "envelope";
    case FrameKind::kReply:
      return "reply";
    case FrameKind::kAgentMessage:
      return "message of an agent";
    case FrameKind::kCoordinatorMessage:
      return "message of a coordinator";
    case FrameKind::kEnrolmentRequest:
      return "enrolment request";
    case FrameKind::kEnrolmentAnswer:
      return "enrolment answer";
  }
  return "unknown";
}

Status check_frame(FrameKind kind, std::size_t limit, ErrorCode code, std::string_view bytes) {
  const auto malformed = [&](const std::string& why) -> Status {
    return fail(code, std::string(name_of(kind)) + " of " + std::to_string(bytes.size()) +
                          " bytes cannot be read: " + why);
  };
  if (bytes.size() > limit) return malformed("more than " + std::to_string(limit));
  if (bytes.size() < kFrameHeader || !bytes.starts_with(kFrameMagic))
    return malformed("it does not begin with '" + std::string(kFrameMagic) + "'");
  const auto version = little_endian(bytes, 4);
  if (version > kFormatVersion)
    return fail(ErrorCode::kUnsupported, std::string(name_of(kind)) + " has format " +
                                             std::to_string(version) +
                                             ", this program knows up to " +
                                             std::to_string(kFormatVersion) + ": upgrade it");
  if (version == 0) return malformed("its format is 0");
  const auto found = little_endian(bytes, 6);
  if (found != static_cast<std::uint16_t>(kind))
    return malformed("it is of kind " + std::to_string(found));
  if ((bytes.size() - kFrameHeader) % sizeof(capnp::word) != 0)
    return malformed("it ends within a word");
  return {};
}

namespace wire {

Status guarded(ErrorCode code, std::string_view what, const std::function<void()>& body) {
  try {
    body();
    return {};
  } catch (const Malformed& malformed) {
    return fail(code, std::string(what) + " is malformed: " + malformed.what);
  } catch (const kj::Exception& exception) {
    return fail(code, std::string(what) + " is malformed: " + exception.getDescription().cStr());
  }
}

std::string make_frame(FrameKind kind, kj::ArrayPtr<const capnp::word> body) {
  const auto payload = body.asBytes();
  std::string bytes(kFrameMagic);
  bytes.reserve(kFrameHeader + payload.size());
  append_little_endian(bytes, kFormatVersion);
  append_little_endian(bytes, static_cast<std::uint16_t>(kind));
  return bytes.append(reinterpret_cast<const char*>(payload.begin()), payload.size());
}

kj::Array<capnp::word> open_frame(FrameKind kind, std::string_view bytes) {
  const auto body = bytes.substr(kFrameHeader);
  if (body.empty()) throw Malformed{std::string(name_of(kind)) + " is empty"};
  const std::size_t count = body.size() / sizeof(capnp::word);
  auto words = kj::heapArray<capnp::word>(count + 1);
  // Segment table: number of segments less one, then the words of the only one. Little-endian, as
  // every host this runs on.
  const std::uint32_t table[2] = {0, static_cast<std::uint32_t>(count)};
  static_assert(sizeof(table) == sizeof(capnp::word));
  std::memcpy(words.begin(), table, sizeof(table));
  std::memcpy(words.begin() + 1, body.data(), body.size());
  return words;
}

capnp::ReaderOptions limits_for(kj::ArrayPtr<const capnp::word> words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = std::max<std::uint64_t>(4 * words.size(), 64 * 1024);
  options.nestingLimit = WireLimits::kNesting;
  return options;
}

ExitCode known_exit_code(int number) {
  if ((number < 0 || number > static_cast<int>(ExitCode::kTimedOut)) &&
      number != static_cast<int>(ExitCode::kDetached))
    throw Malformed{"an exit code is " + std::to_string(number)};
  return static_cast<ExitCode>(number);
}

Digest read_digest(capnp::Data::Reader bytes) {
  if (bytes.size() == 0) return {};
  const auto digest = Digest::from_bytes(str(bytes));
  if (!digest) throw Malformed{digest.error().message};
  if (digest->is_none()) throw Malformed{"a digest is all zeros"};
  return *digest;
}

}  // namespace wire

}  // namespace rollback
