// SPDX-License-Identifier: Apache-2.0
#include "cli/archive_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace rollback {

namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

NewFile::NewFile(std::string path, std::string beside, Descriptor file)
    : path_(std::move(path)), beside_(std::move(beside)), file_(std::move(file)) {}

NewFile::~NewFile() {
  if (file_ && !beside_.empty()) ::unlink(beside_.c_str());
}

Result<NewFile> NewFile::create(const std::string& path) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return fail(ErrorCode::kExists, path + " is no file that could be replaced; name another");
  std::string beside = directory_of(path) + "/." + name_of(path) + ".XXXXXX";
  Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));  // 0600: it holds every secret of a host
  if (!file) return fail_errno(errno, "make a file beside " + path);
  return NewFile(path, std::move(beside), std::move(file));
}

Status NewFile::commit() {
  if (::fsync(file_.get()) != 0) return fail_errno(errno, "sync " + beside_);
  if (::rename(beside_.c_str(), path_.c_str()) != 0)
    return fail_errno(errno, "rename " + beside_ + " to " + path_);
  beside_.clear();
  const std::string name = directory_of(path_);
  const Descriptor directory(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return fail_errno(errno, "sync " + name);
  return {};
}

Result<Descriptor> open_archive(const std::string& path) {
  Descriptor file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                              : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "open " + path);
  return file;
}

Result<Descriptor> take_stdout() {
  std::fflush(stdout);
  Descriptor out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!out) return fail_errno(errno, "use standard output");
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return fail_errno(errno, "use standard error");
  return out;
}

}  // namespace rollback
