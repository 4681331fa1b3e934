// SPDX-License-Identifier: Apache-2.0
// Bytes fixed in files: hex, 32 bytes a line, then "sha256 HASH". ROLLBACK_WRITE_GOLDEN=DIR writes
// them anew; a change in one that exists is a change of format.
#pragma once

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "core/digest.h"

namespace rollback {

inline std::string golden_text(const std::string& bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 32) {
    const auto line = bytes.substr(at, 32);
    text += to_hex(reinterpret_cast<const std::uint8_t*>(line.data()), line.size()) + "\n";
  }
  return text + "sha256 " + sha256(bytes).hex() + "\n";
}

inline void expect_golden_text(const std::string& name, const std::string& text) {
  if (const char* const directory = std::getenv("ROLLBACK_WRITE_GOLDEN"); directory != nullptr) {
    std::ofstream(std::string(directory) + "/" + name) << text;
    return;
  }
  std::ifstream file(std::string(ROLLBACK_GOLDEN) + "/" + name);
  std::ostringstream fixed;
  fixed << file.rdbuf();
  EXPECT_EQ(text, fixed.str()) << "golden file " << name;
}

inline void expect_golden(const std::string& name, const std::string& bytes) {
  expect_golden_text(name + ".hex", golden_text(bytes));
}

}  // namespace rollback
