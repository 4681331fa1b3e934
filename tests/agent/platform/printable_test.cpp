// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/printable.h"

#include <gtest/gtest.h>

namespace rollback {
namespace {

TEST(PrintableLine, KeepsWordsOfAnyLanguage) {
  EXPECT_EQ(printable_line("caf\u00e9 \u65e5\u672c \U0001F600", 100),
            "caf\u00e9 \u65e5\u672c \U0001F600");
}

TEST(PrintableLine, EscapesWhatMovesTheCursor) {
  EXPECT_EQ(printable_line("a\x1b[2Jb\r\nc\x7f\td", 100), "a\\x1b[2Jb\\x0d\\x0ac\\x7f d");
  EXPECT_EQ(printable_line("\u202e\u0085", 100), "\\xe2\\x80\\xae\\xc2\\x85");
}

TEST(PrintableLine, EscapesBrokenUtf8ByteByByte) {
  EXPECT_EQ(printable_line("\xc3(\xff\xe2\x82", 100), "\\xc3(\\xff\\xe2\\x82");
  EXPECT_EQ(printable_line("\xc0\xaf\xed\xa0\x80", 100), "\\xc0\\xaf\\xed\\xa0\\x80");
}

TEST(PrintableLine, CutsAtAWholeCharacterAndSaysSo) {
  EXPECT_EQ(printable_line("12345678", 8), "12345678");
  EXPECT_EQ(printable_line("123456789", 8), "12345...");
  EXPECT_EQ(printable_line("1234\u00e9789", 8), "1234...");
  EXPECT_EQ(printable_line("1234\n789", 8), "1234...");
}

}  // namespace
}  // namespace rollback
