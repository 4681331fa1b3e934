// SPDX-License-Identifier: Apache-2.0
// An archive's file as the operator names it, opened with the operator's rights. "-" is standard
// output or input.
#pragma once

#include <string>

#include "core/descriptor.h"
#include "core/result.h"

namespace rollback {

// A file that is there whole or not at all: it is written beside its place, and moved there at the
// end. What was there before stays until then. Without commit() nothing is left.
class NewFile {
 public:
  // kExists: something other than a file is in its place.
  static Result<NewFile> create(const std::string& path);
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  Status commit();  // on the device when it returns

 private:
  NewFile(std::string path, std::string beside, Descriptor file);

  std::string path_;
  std::string beside_;  // "" when there is nothing to remove
  Descriptor file_;
};

Result<Descriptor> open_archive(const std::string& path);

// Standard output for the archive alone: what is printed from now on goes to stderr.
Result<Descriptor> take_stdout();

}  // namespace rollback
