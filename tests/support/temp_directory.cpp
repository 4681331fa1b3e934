// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace rollback {

TempDirectory::TempDirectory() {
  auto name = (std::filesystem::temp_directory_path() / "rollback-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory " + name);
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;  // a test that left a mount behind has failed already
  std::filesystem::remove_all(path_, ignored);
}

Directory TempDirectory::open(Syscalls& calls) const {
  auto opened = Directory::open_root(calls, path_.string());
  if (!opened) throw std::runtime_error(opened.error().message);
  return *std::move(opened);
}

void TempDirectory::write(std::string_view path, std::string_view content) const {
  const auto whole = path_ / path;
  std::filesystem::create_directories(whole.parent_path());
  std::ofstream file(whole, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + whole.string());
}

std::string TempDirectory::read(std::string_view path) const {
  std::ifstream file(path_ / path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + (path_ / path).string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace rollback
