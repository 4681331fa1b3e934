// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "tests/proof/files_subject.h"
#include "tests/support/lacking_syscalls.h"

namespace rollback {

namespace {

namespace fs = std::filesystem;

// One side: names are below /etc/app.
class Side {
 public:
  explicit Side(const TempDirectory& directory) : directory_(directory) {}

  const Side& file(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    directory_.write("etc/app/" + name, content);
    return change_mode(name, mode);
  }
  const Side& directory(const std::string& name, mode_t mode = 0755) const {
    fs::create_directories(at(name));
    return change_mode(name, mode);
  }
  const Side& link(const std::string& name, const std::string& target) const {
    fs::create_directories(at(name).parent_path());
    fs::create_symlink(target, at(name));
    return *this;
  }
  const Side& same_file(const std::string& name, const std::string& other) const {
    fs::create_hard_link(at(other), at(name));
    return *this;
  }
  const Side& owner(const std::string& name, uid_t uid) const {
    return check(::lchown(at(name).c_str(), uid, uid));
  }
  const Side& attribute(const std::string& name, const std::string& attribute,
                        const std::string& value) const {
    return check(::lsetxattr(at(name).c_str(), attribute.c_str(), value.data(), value.size(), 0));
  }
  // Every node has a time that tells the two sides apart.
  void set_times(time_t seconds) const {
    for (const auto& entry : fs::recursive_directory_iterator(at(""))) set_time(entry, ++seconds);
    set_time(at(""), ++seconds);
  }

 private:
  [[nodiscard]] fs::path at(const std::string& name) const {
    return name.empty() ? directory_.path() / "etc/app" : directory_.path() / "etc/app" / name;
  }
  const Side& change_mode(const std::string& name, mode_t mode) const {
    return check(::chmod(at(name).c_str(), mode));
  }
  const Side& check(int result) const {
    if (result != 0) throw std::runtime_error("a tree cannot be planted here");
    return *this;
  }
  void set_time(const fs::path& path, time_t seconds) const {
    const timespec times[2] = {{seconds, 3}, {seconds, 5}};
    check(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
  }

  const TempDirectory& directory_;
};

void plant_plain(const TempDirectory& host, const TempDirectory& release) {
  const Side now(host);
  const Side then(release);
  for (const auto* side : {&now, &then})
    side->file("same", "same").directory("kept").directory("owned");
  now.file("conf", "newer\n").file("kept/gone", "1").file("gone/a", "2").file("gone/b/c", "3");
  now.file("mode", "m", 0644).link("current", "releases/2").file("pair-a", "a").file("pair-b", "b");
  now.file("holes", "none").attribute("owned", "user.new", "1").file("attributes", "x");
  now.attribute("attributes", "user.new", "1").file("link-stays", "l");
  then.file("conf", "older and longer\n", 0600).owner("conf", 1000);
  then.attribute("conf", "user.note", "a").file("kept/fresh", "4").file("fresh/a", "5");
  then.file("fresh/b/c", "6", 0640).owner("fresh/b/c", 1000).directory("fresh/empty", 0700);
  then.file("mode", "m", 0640).link("current", "releases/1").file("pair-a", "ab");
  then.same_file("pair-b", "pair-a").directory("owned", 0750).owner("owned", 1000);
  then.attribute("owned", "user.old", "2").file("attributes", "x").file("link-stays", "l");
  then.file("holes", "h");
  fs::resize_file(release.path() / "etc/app/holes", 64 << 10U);
  std::ofstream(release.path() / "etc/app/holes", std::ios::app) << "end";
  fs::resize_file(release.path() / "etc/app/holes", 128 << 10U);
  now.set_times(2'000'000);
  then.set_times(1'000'000);
}

void plant_types(const TempDirectory& host, const TempDirectory& release) {
  const Side now(host);
  const Side then(release);
  now.file("file-directory", "f");
  then.file("file-directory/a", "1").file("file-directory/b/c", "2");
  now.file("directory-file/a", "3").file("directory-file/b/c", "4").link("directory-file/l", "a");
  then.file("directory-file", "f", 0600);
  now.link("link-directory", "../elsewhere");
  then.directory("link-directory", 0700).file("link-directory/a", "5");
  now.file("directory-link/a", "6");
  then.link("directory-link", "/etc/neighbour.conf");
  now.link("link-file", "same");
  then.file("link-file", "7", 0640);
  now.file("file-link", "8");
  then.link("file-link", "link-file");
  now.file("deep/a/b", "9").directory("deep/e", 0711);
  then.file("deep/a", "10").link("deep/e", "a").file("deep/f/g", "11");
  now.set_times(2'000'000);
  then.set_times(1'000'000);
}

}  // namespace

Trees plain_trees() { return {"files", plant_plain}; }
Trees type_changes() { return {"types", plant_types}; }
Trees random_trees(std::uint64_t seed) {
  return {"random-" + std::to_string(seed),
          [seed](const TempDirectory& host, const TempDirectory& release) {
            SeededRandom random(seed);
            grow_tree(host.path() / "etc/app", random, 1);
            grow_tree(release.path() / "etc/app", random, 1);
            host.write("etc/app/always", "old");
            release.write("etc/app/always", "new");
          }};
}

namespace {

Trees on_disk(Trees trees, const std::string& name, Lacking what) {
  trees.name += name;
  trees.disk = [what](Syscalls& below) { return std::make_unique<LackingSyscalls>(below, what); };
  return trees;
}

}  // namespace

Trees without_exchange(Trees trees) {
  return on_disk(std::move(trees), "-no-exchange", {.rename_flags = RENAME_EXCHANGE});
}
Trees without_rename_flags(Trees trees) {
  return on_disk(std::move(trees), "-no-flags",
                 {.rename_flags = RENAME_EXCHANGE | RENAME_NOREPLACE});
}

}  // namespace rollback
