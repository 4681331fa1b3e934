// SPDX-License-Identifier: Apache-2.0
// One total deadline also where systemd is there and says nothing: PID 1 may be reloading.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>
#include <thread>

#include "agent/platform/sd_service_manager.h"
#include "agent/platform/transient_unit.h"
#include "core/random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A private socket of systemd whose other end takes subscriptions and answers nothing else.
class SilentSystemd {
 public:
  SilentSystemd() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener_, 8) != 0)
      throw std::runtime_error("no socket at " + path());
    thread_ = std::thread([this] { serve(); });
  }
  ~SilentSystemd() {
    shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    close(listener_);
  }
  SilentSystemd(const SilentSystemd&) = delete;
  SilentSystemd& operator=(const SilentSystemd&) = delete;
  [[nodiscard]] BusAddresses addresses() const {
    return {"unix:path=" + (directory_.path() / "no-bus").string(), "unix:path=" + path()};
  }

 private:
  [[nodiscard]] std::string path() const { return (directory_.path() / "private").string(); }

  void serve() const {
    for (;;) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (connection < 0) return;
      sd_bus* raw = nullptr;
      if (sd_bus_new(&raw) < 0) return;
      const BusPtr bus(raw);
      if (sd_bus_set_fd(raw, connection, connection) < 0) return;
      if (sd_bus_set_server(raw, 1, {}) < 0 || sd_bus_start(raw) < 0) return;
      converse(raw);
    }
  }

  // Until the other end hangs up.
  static void converse(sd_bus* bus) {
    for (;;) {
      sd_bus_message* message = nullptr;
      const int done = sd_bus_process(bus, &message);
      const MessagePtr owned(message);
      if (done < 0) return;
      const char* member = message == nullptr ? nullptr : sd_bus_message_get_member(message);
      if (member != nullptr && std::string_view(member) == "Subscribe")
        (void)sd_bus_reply_method_return(message, "");
      if (member != nullptr && std::string_view(member) == "Disconnected") return;
      if (done == 0 && sd_bus_wait(bus, UINT64_MAX) < 0) return;
    }
  }

  TempDirectory directory_;
  int listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

class BusDeadlineTest : public ::testing::Test {
 protected:
  void expect_soon(BootTime begin, const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::kTimeout) << error.message;
    EXPECT_LT(clock_.boot() - begin, seconds(2)) << error.message;
  }
  SystemClock clock_;
  SystemRandom random_;
  SilentSystemd systemd_;
};

TEST_F(BusDeadlineTest, AUnitIsAskedNoLongerThanItsDeadline) {
  const auto services = SdServiceManager::connect(clock_, systemd_.addresses());
  ASSERT_TRUE(services) << services.error().message;
  const BootTime begin = clock_.boot();
  const auto unit = (*services)->unit("shop.service", milliseconds(200));
  ASSERT_FALSE(unit);
  expect_soon(begin, unit.error());
}

TEST_F(BusDeadlineTest, AProgramIsStartedNoLaterThanItsDeadline) {
  TransientUnitRunner programs(clock_, random_, systemd_.addresses());
  ProgramRequest request;
  request.argv = {"/bin/true"};
  request.deadline = milliseconds(200);
  const BootTime begin = clock_.boot();
  const auto outcome = programs.run(request);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("/bin/true"), std::string::npos);
  expect_soon(begin, outcome.error());
}

}  // namespace
}  // namespace rollback
