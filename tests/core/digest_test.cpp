// SPDX-License-Identifier: Apache-2.0
#include "core/digest.h"

#include <gtest/gtest.h>

#include <string>

#include "core/result.h"

namespace rollback {
namespace {

// NIST, "Secure Hash Standard: example values" (SHA-256: one block, two blocks) and the long
// message.
TEST(Digest, AgreesWithThePublishedVectors) {
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, IsTheSameInPieces) {
  const std::string text(1000, 'x');
  for (std::size_t cut = 0; cut <= text.size(); cut += 37) {
    Hasher hasher;
    hasher.update(std::string_view(text).substr(0, cut));
    hasher.update(std::string_view(text).substr(cut));
    EXPECT_EQ(hasher.finish(), sha256(text));
  }
}

TEST(Digest, RoundTripsThroughHexAndBytes) {
  const auto digest = sha256("abc");
  EXPECT_EQ(*Digest::parse(digest.hex()), digest);
  EXPECT_EQ(*Digest::from_bytes(digest.view()), digest);
  EXPECT_TRUE(Digest().is_none());
  EXPECT_FALSE(digest.is_none());
}

TEST(Digest, RefusesOtherText) {
  const auto hex = sha256("abc").hex();
  for (const auto& text : {std::string(), hex.substr(1), hex + "0", "A" + hex.substr(1),
                           "g" + hex.substr(1), " " + hex.substr(1)})
    EXPECT_EQ(Digest::parse(text).error().code, ErrorCode::kInvalid) << text;
  EXPECT_FALSE(Digest::from_bytes("short"));
}

TEST(Error, NamesTheOperationAndTheReason) {
  const auto error = errno_error(ENOSPC, "write /etc/x");
  EXPECT_EQ(error.code, ErrorCode::kNoSpace);
  EXPECT_EQ(error.message, "write /etc/x: No space left on device");
  EXPECT_EQ(error.within("stage").message, "stage: write /etc/x: No space left on device");
}

}  // namespace
}  // namespace rollback
