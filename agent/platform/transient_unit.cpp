// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/transient_unit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "agent/platform/printable.h"
#include "agent/platform/transient_properties.h"
#include "core/digest.h"

namespace rollback {

namespace {

constexpr Duration kGraceToDie = std::chrono::seconds(5);
// systemd.exec(5). A program that ends with such a status at once may be taken for one that never
// began: systemd can hear of its end before it hears of its start.
constexpr int kExitExec = 203;        // the program could not be executed
constexpr int kFirstSetupExit = 200;  // the rest of that table: systemd could not set up the unit
constexpr int kLastSetupExit = 245;

class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void set(int fd) noexcept { fd_ = fd; }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

// The program's output: takes what there is and keeps at most `limit` bytes, so that the program
// never blocks on a full pipe.
class Output {
 public:
  Status open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno(errno, "make a pipe");
    read_.set(ends[0]);
    write_.set(ends[1]);
    // Only our end may be non-blocking: programs do not expect EAGAIN on stdout.
    if (fcntl(write_.get(), F_SETFL, 0) != 0) return fail_errno(errno, "make a pipe");
    return {};
  }
  void close_write_end() { write_.close(); }
  [[nodiscard]] int write_end() const { return write_.get(); }
  // -1 after end of file, for SdBus::wait.
  [[nodiscard]] int read_end() const { return read_.get(); }

  void take(ProgramOutcome& outcome, std::size_t limit) {
    std::array<char, 16 * 1024> buffer{};
    while (read_.get() >= 0) {
      const ssize_t got = read(read_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return read_.close();
      const auto size = static_cast<std::size_t>(got);
      const std::size_t room = limit - outcome.output.size();
      outcome.output.append(buffer.data(), std::min(size, room));
      outcome.truncated = outcome.truncated || size > room;
      if (size < buffer.size()) return;
    }
  }

 private:
  Descriptor read_;
  Descriptor write_;
};

// What systemd has said about the unit so far.
struct UnitNews {
  std::string job_result;  // "" while the start job runs
  std::string active_state = "inactive";
  std::string result;
  std::int32_t exit_kind = 0;  // CLD_EXITED, CLD_KILLED, CLD_DUMPED
  std::int32_t exit_status = 0;

  // The state "inactive" of before the start is no end: the job is over only after it.
  [[nodiscard]] bool is_over() const {
    return !job_result.empty() && (active_state == "inactive" || active_state == "failed");
  }
};

void hear_properties(sd_bus_message* signal, UnitNews& news) {
  if (sd_bus_message_skip(signal, "s") < 0) return;
  if (sd_bus_message_enter_container(signal, 'a', "{sv}") < 0) return;
  while (sd_bus_message_enter_container(signal, 'e', "sv") > 0) {
    const char *name = nullptr, *text = nullptr;
    if (sd_bus_message_read(signal, "s", &name) < 0) return;
    const std::string_view key = name;
    int step = 0;
    if (key == "ActiveState" || key == "Result") {
      step = sd_bus_message_read(signal, "v", "s", &text);
      if (step >= 0) (key == "Result" ? news.result : news.active_state) = text;
    } else if (key == "ExecMainCode") {
      step = sd_bus_message_read(signal, "v", "i", &news.exit_kind);
    } else if (key == "ExecMainStatus") {
      step = sd_bus_message_read(signal, "v", "i", &news.exit_status);
    } else {
      step = sd_bus_message_skip(signal, "v");
    }
    if (step < 0 || sd_bus_message_exit_container(signal) < 0) return;
  }
}

void hear_job(sd_bus_message* signal, const std::string& unit, UnitNews& news) {
  std::uint32_t id = 0;
  const char *path = nullptr, *of_unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(signal, "uoss", &id, &path, &of_unit, &result) < 0) return;
  if (unit == of_unit && news.job_result.empty()) news.job_result = result;
}

Result<std::string> object_path_of(const std::string& unit) {
  char* path = nullptr;
  const int made = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path);
  if (made < 0) return fail_errno(-made, "name " + unit);
  std::string owned = path;
  free(path);
  return owned;
}

Result<ProgramOutcome> judge(const ProgramRequest& request, const UnitNews& news,
                             ProgramOutcome outcome) {
  const auto& program = request.argv.front();
  if (news.job_result != "done" && news.exit_status == kExitExec)
    return fail(ErrorCode::kNotFound, program + " cannot be executed: no such program, or not one");
  if (news.job_result != "done" && (news.exit_status == 0 || (news.exit_status >= kFirstSetupExit &&
                                                              news.exit_status <= kLastSetupExit)))
    return fail(ErrorCode::kIo,
                fmt::format("systemd could not start {}: job '{}', result {}, exit status {}; are "
                            "all bind sources present",
                            program, news.job_result, news.result, news.exit_status));
  if (news.result == "timeout")
    return fail(ErrorCode::kTimeout, fmt::format("{} was killed by systemd's time limit", program));
  outcome.exit_code = news.exit_kind == CLD_EXITED ? news.exit_status : 128 + news.exit_status;
  return outcome;
}

Failure overdue(const ProgramRequest& request, const ProgramOutcome& outcome) {
  const auto& output = outcome.output;
  const std::string_view end =
      std::string_view(output).substr(output.size() - std::min<std::size_t>(output.size(), 200));
  return fail(ErrorCode::kTimeout,
              fmt::format("{} was killed: not finished within {}{}", request.argv.front(),
                          format_duration(request.deadline),
                          end.empty() ? "" : "; its last output: " + printable_line(end, 400)));
}

Status check(const ProgramRequest& request) {
  if (request.argv.empty() || !request.argv.front().starts_with('/'))
    return fail(ErrorCode::kInvalid, "a program to run must be given by its absolute path");
  if (request.deadline <= Duration::zero())
    return fail(ErrorCode::kInvalid, request.argv.front() + ": no time left to run it");
  return {};
}

}  // namespace

Result<ProgramOutcome> TransientUnitRunner::run(const ProgramRequest& request) {
  ROLLBACK_TRY(check(request));
  const BootTime until = clock_.boot() + request.deadline;
  const BusOperation operation(bus_);
  auto outcome = run_once(request, until);
  if (outcome || !bus_.is_lost()) return outcome;
  bus_.drop();  // went away under it
  return run_once(request, until);
}

Result<ProgramOutcome> TransientUnitRunner::change(ProgramRequest request) {
  ROLLBACK_TRY(check(request));
  request.read_only_root = false;
  const BusOperation operation(bus_);
  return run_once(request, clock_.boot() + request.deadline);
}

Result<ProgramOutcome> TransientUnitRunner::run_once(const ProgramRequest& request,
                                                     BootTime until) {
  std::array<std::uint8_t, 8> suffix{};
  random_.fill(suffix.data(), suffix.size());
  const std::string unit = "rollback-run-" + to_hex(suffix.data(), suffix.size()) + ".service";
  ROLLBACK_ASSIGN(const std::string path, object_path_of(unit));
  Output output;
  ROLLBACK_TRY(output.open());

  ROLLBACK_TRY(bus_.begin(until));
  UnitNews news;
  SdBus::Signal on_properties = [&](sd_bus_message* signal) { hear_properties(signal, news); };
  SdBus::Signal on_job = [&](sd_bus_message* signal) { hear_job(signal, unit, news); };
  ROLLBACK_ASSIGN(const SlotPtr properties, bus_.listen(path, "org.freedesktop.DBus.Properties",
                                                        "PropertiesChanged", on_properties));
  ROLLBACK_ASSIGN(const SlotPtr jobs,
                  bus_.listen(kManagerPath, kManagerInterface, "JobRemoved", on_job));
  const auto fill = [&](sd_bus_message* message) {
    return append_transient_unit(message, unit, request, output.write_end());
  };
  const auto started = bus_.call({kManagerPath, kManagerInterface, "StartTransientUnit"},
                                 std::min(kBusTimeout, until - clock_.boot()), fill);
  if (!started) return Failure(started.error().within("run " + request.argv.front()));
  output.close_write_end();

  ProgramOutcome outcome;
  bool stopped = false;
  while (!news.is_over() && clock_.boot() < until + kGraceToDie) {
    if (!stopped && clock_.boot() >= until) {
      stopped = true;  // with KillSignal=SIGKILL a stop kills; it also takes back a waiting start
      (void)bus_.call({kManagerPath, kManagerInterface, "StopUnit"}, kGraceToDie,
                      [&](sd_bus_message* message) {
                        return sd_bus_message_append(message, "ss", unit.c_str(), "replace");
                      });  // an error: the unit ended by itself meanwhile
    }
    ROLLBACK_TRY(bus_.wait(stopped ? until + kGraceToDie : until, output.read_end()));
    output.take(outcome, request.max_output);
  }
  output.take(outcome, request.max_output);
  if (stopped || !news.is_over()) return overdue(request, outcome);
  return judge(request, news, std::move(outcome));
}

}  // namespace rollback
