// SPDX-License-Identifier: Apache-2.0
// What a capture makes of the rarer things a file system holds.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/capture/capture.h"
#include "core/digest.h"
#include "protocol/records.h"
#include "tests/agent/resources/test_host.h"
#include "tests/support/mounted.h"

namespace rollback {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

class Fidelity : public testing::Test {
 protected:
  Fidelity() {
    host_.files.write("etc/shop/shop.conf", "port 80\n");
    host_.add(ResourceKind::kFiles, "shop-etc", {"/etc/shop"});
  }
  HostState captured() {
    auto state = host_.captured();
    if (!state) throw std::runtime_error(state.error().message);
    return *std::move(state);
  }
  Error refused() {
    const auto state = host_.captured();
    EXPECT_FALSE(state);
    return state ? Error{} : state.error();
  }
  std::string real(const std::string& name) const { return host_.real("/etc/shop/" + name); }

  TestHost host_;
};

TEST_F(Fidelity, SocketsPipesAndDevicesAreListedAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo(real("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod(real("null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0) << "needs root";
  std::filesystem::create_directory(real("run"));
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  real("run/s").copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(socket);

  const auto state = captured();
  EXPECT_THAT(state.left_out, ElementsAre(Pair("/etc/shop/null", LeftOut::kSpecial),
                                          Pair("/etc/shop/pipe", LeftOut::kSpecial),
                                          Pair("/etc/shop/run/s", LeftOut::kSpecial)));
  EXPECT_EQ(left_out_lines(state).front(),
            "/etc/shop/null is a socket, FIFO or device: it is not recorded, and a rollback leaves "
            "it alone");
  EXPECT_THAT(decode_tree(host_.sink.take().back())->special, ElementsAre("null", "pipe"));
  EXPECT_EQ(state.manifest.size(), 3U);
}

TEST_F(Fidelity, AMountPointIsLeftOutAndSaid) {
  std::filesystem::create_directory(real("data"));
  const Mounted mounted(real("data"));
  std::ofstream(real("data/inside")) << "not ours";
  std::ofstream(real("secret")) << "";
  const Mounted file(real("shop.conf"), real("secret"));

  const auto state = captured();
  EXPECT_THAT(state.left_out, ElementsAre(Pair("/etc/shop/data", LeftOut::kMountPoint),
                                          Pair("/etc/shop/secret", LeftOut::kMountPoint)));
  EXPECT_FALSE(state.manifest.contains("/etc/shop/data"));
  EXPECT_THAT(left_out_lines(state).front(), HasSubstr("name it in 'mounts'"));
}

TEST_F(Fidelity, AMountPointThatIsNamedIsCrossed) {
  std::filesystem::create_directory(real("data"));
  const Mounted mounted(real("data"));
  std::ofstream(real("data/inside")) << "ours";
  std::filesystem::create_directory(real("data/deeper"));
  const Mounted deeper(real("data/deeper"));
  host_.specs[0].mounts = {"/etc/shop/data"};

  const auto state = captured();
  EXPECT_EQ(state.manifest.at("/etc/shop/data/inside").content, sha256("ours"));
  EXPECT_THAT(state.left_out, ElementsAre(Pair("/etc/shop/data/deeper", LeftOut::kMountPoint)));
}

TEST_F(Fidelity, AFileThatIsAMountPointIsNeverCrossed) {
  std::ofstream(real("hosts")) << "";
  const Mounted file(real("shop.conf"), real("hosts"));
  host_.specs[0].mounts = {"/etc/shop/hosts"};
  EXPECT_THAT(captured().left_out, ElementsAre(Pair("/etc/shop/hosts", LeftOut::kMountPoint)));
}

// /proc says 0 bytes of files that have some.
TEST_F(Fidelity, AFileWhoseSizeIsALieIsRefusedByName) {
  std::filesystem::create_directory(real("lies"));
  const Mounted lies("/proc/sys/kernel/random", real("lies"));
  host_.specs[0].mounts = {"/etc/shop/lies"};
  const auto error = refused();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("/etc/shop/lies/boot_id holds more or less than its size"));
}

TEST_F(Fidelity, AFileWithHolesIsRecordedAsOne) {
  std::ofstream(real("holes")) << "begin";
  std::filesystem::resize_file(real("holes"), 1 << 20U);
  std::ofstream(real("zeros")) << std::string(1 << 20U, '\0');
  const auto state = captured();
  const Node& holes = state.manifest.at("/etc/shop/holes");
  EXPECT_TRUE(holes.sparse);
  EXPECT_EQ(holes.content, sha256("begin" + std::string((1 << 20U) - 5, '\0')));
  EXPECT_FALSE(state.manifest.at("/etc/shop/zeros").sparse);
  EXPECT_FALSE(state.manifest.at("/etc/shop/shop.conf").sparse);
}

TEST_F(Fidelity, SymlinksCanHaveSeveralNamesToo) {
  std::filesystem::create_symlink("nowhere", real("link"));
  ASSERT_EQ(::linkat(AT_FDCWD, real("link").c_str(), AT_FDCWD, real("same").c_str(), 0), 0);
  EXPECT_THAT(captured().snapshot.hard_links,
              ElementsAre(ElementsAre("/etc/shop/link", "/etc/shop/same")));
}

TEST_F(Fidelity, HardLinksAreFoundAcrossResources) {
  std::filesystem::create_directories(host_.real("/opt/shop"));
  std::filesystem::create_hard_link(real("shop.conf"), host_.real("/opt/shop/conf"));
  host_.add(ResourceKind::kFiles, "shop-opt", {"/opt/shop"});
  EXPECT_THAT(captured().snapshot.hard_links,
              ElementsAre(ElementsAre("/etc/shop/shop.conf", "/opt/shop/conf")));
}

TEST_F(Fidelity, AnyNameIsAName) {
  const std::vector<std::string> names = {"a\nb",     "\xff\xfe", std::string(255, 'x'), " ", "-rf",
                                          "\x1b[31m", "*"};
  for (const auto& name : names) std::ofstream(real(name)) << name;
  const auto state = captured();
  for (const auto& name : names)
    EXPECT_EQ(state.manifest.at("/etc/shop/" + name).content, sha256(name));
}

// 100 directories of 100 bytes: twice PATH_MAX and more.
TEST_F(Fidelity, APathMayBeLongerThanOneCallOfTheKernelTakes) {
  const std::string name(100, 'd');
  const auto root = host_.files.open(host_.calls);
  std::string path = "etc/shop";
  for (int depth = 0; depth < 100; ++depth) {
    path += "/" + name;
    ASSERT_TRUE(root.make_directory(path, 0755));
  }
  ASSERT_TRUE(root.create_file(path + "/file", 0644)->write_all("deep"));
  const auto state = captured();
  EXPECT_EQ(state.manifest.at("/" + path + "/file").content, sha256("deep"));
  EXPECT_EQ(*root.open_file(path + "/file")->read_all(10), "deep");
  ASSERT_TRUE(root.remove_tree("etc/shop/" + name));  // the temporary directory could not
}

}  // namespace
}  // namespace rollback
