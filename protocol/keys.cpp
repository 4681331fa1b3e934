// SPDX-License-Identifier: Apache-2.0
#include "protocol/keys.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <zmq.h>

#include <array>

#include "core/digest.h"
#include "core/fs/publish.h"

namespace rollback {

namespace {

constexpr std::size_t kRawSize = 32;
constexpr std::size_t kTextSize = 40;
constexpr std::size_t kMaxFile = 256;  // a key, a newline and somebody's trailing blanks
constexpr std::size_t kFingerprintBytes = 16;
static_assert(kRawSize == crypto_box_PUBLICKEYBYTES && kRawSize == crypto_box_SECRETKEYBYTES);

using RawKey = std::array<std::uint8_t, kRawSize>;

std::string to_z85(const RawKey& key) {
  std::array<char, kTextSize + 1> text{};
  zmq_z85_encode(text.data(), key.data(), key.size());
  return text.data();
}

Result<RawKey> parse_z85(const std::string& text, const std::string& path) {
  RawKey key{};
  if (text.size() != kTextSize || zmq_z85_decode(key.data(), text.c_str()) == nullptr)
    return fail(ErrorCode::kCorrupt,
                path + " does not hold a key (one line of 40 characters, Z85); copy it again");
  return key;
}

std::string without_trailing_space(std::string text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  text.resize(last == std::string::npos ? 0 : last + 1);
  return text;
}

Result<std::string> read_key(const Directory& directory, const std::string& name) {
  ROLLBACK_ASSIGN(const File file, directory.open_file(name));
  ROLLBACK_ASSIGN(std::string text, file.read_all(kMaxFile));
  text = without_trailing_space(std::move(text));
  ROLLBACK_TRY(parse_z85(text, file.path()));
  return text;
}

Status require_private(const Directory& directory, const std::string& name) {
  ROLLBACK_ASSIGN(const FileStat stat, directory.stat(name));
  const std::string path = directory.path() + "/" + name;
  if ((stat.mode & 077) != 0)
    return fail(ErrorCode::kDenied,
                fmt::format("{} can be read by others (mode {:04o}); others may have the key, so "
                            "remove it to get a new one, or chmod 0600 it",
                            path, stat.mode));
  if (stat.uid != 0 && stat.uid != ::geteuid())
    return fail(ErrorCode::kDenied,
                fmt::format("{} belongs to uid {}, not to root or this daemon", path, stat.uid));
  return {};
}

Result<std::string> public_key_of(const std::string& secret_key, const std::string& path) {
  ROLLBACK_ASSIGN(RawKey secret, parse_z85(secret_key, path));
  RawKey key{};
  const int rc = crypto_scalarmult_base(key.data(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  if (rc != 0) return fail(ErrorCode::kCorrupt, path + " does not hold a usable key");
  return to_z85(key);
}

}  // namespace

CurveKeys make_curve_keys() {
  RawKey public_key{};
  RawKey secret_key{};
  crypto_box_keypair(public_key.data(), secret_key.data());
  CurveKeys keys{to_z85(public_key), to_z85(secret_key)};
  sodium_memzero(secret_key.data(), secret_key.size());
  return keys;
}

Result<CurveKeys> load_or_make_keys(const Directory& directory, const std::string& name) {
  const std::string secret_name = name + ".key";
  const std::string public_name = name + ".pub";
  CurveKeys keys;
  ROLLBACK_ASSIGN(const auto stored, directory.find_stat(secret_name));
  if (stored) {
    ROLLBACK_TRY(require_private(directory, secret_name));
    ROLLBACK_ASSIGN(keys.secret_key, read_key(directory, secret_name));
    ROLLBACK_ASSIGN(keys.public_key,
                    public_key_of(keys.secret_key, directory.path() + "/" + secret_name));
  } else {
    keys = make_curve_keys();
    ROLLBACK_TRY(replace_file(directory, secret_name, keys.secret_key + "\n", 0600));
  }
  // The secret key decides; a public one that is absent (a crash between the two) or differs is
  // written again.
  const auto shown = read_key(directory, public_name);
  if (!shown || *shown != keys.public_key)
    ROLLBACK_TRY(replace_file(directory, public_name, keys.public_key + "\n", 0644));
  return keys;
}

Result<std::string> load_public_key(const Directory& root, std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  return read_key(root, std::string(path));
}

std::string fingerprint(std::string_view public_key) {
  const std::string hex = sha256(public_key).hex().substr(0, 2 * kFingerprintBytes);
  std::string text;
  for (std::size_t i = 0; i < hex.size(); i += 4) {
    if (i != 0) text += ':';
    text += hex.substr(i, 4);
  }
  return text;
}

}  // namespace rollback
