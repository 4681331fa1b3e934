// SPDX-License-Identifier: Apache-2.0
#include "core/bytes.h"

#include <gtest/gtest.h>

namespace rollback {
namespace {

TEST(Bytes, AreReadWithOneUnit) {
  EXPECT_EQ(parse_bytes("4096"), 4096U);
  EXPECT_EQ(parse_bytes("64K"), 65536U);
  EXPECT_EQ(parse_bytes("500M"), 500U << 20U);
  EXPECT_EQ(parse_bytes("20GiB"), 20ULL << 30U);
  EXPECT_EQ(parse_bytes("2T"), 2ULL << 40U);
}

TEST(Bytes, RefuseTheRest) {
  for (const char* const text :
       {"", "G", "-1G", "1.5G", "20 G", "20g", "20GB", "20GiBs", "20P", "9999999999T"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

TEST(Bytes, AreWrittenForPeople) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(20ULL << 30U), "20.0 GiB");
}

}  // namespace
}  // namespace rollback
