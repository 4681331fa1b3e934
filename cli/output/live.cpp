// SPDX-License-Identifier: Apache-2.0
#include "cli/output/live.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "cli/output/answer.h"
#include "cli/output/rows.h"
#include "cli/output/text.h"

namespace rollback {

namespace {

std::size_t terminal_height() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row : 24;
}

// Trouble first, then who is at work, then who waits, then who is done.
int rank(HostPhase phase) {
  switch (phase) {
    case HostPhase::kInconsistent:
    case HostPhase::kUnknown:
    case HostPhase::kRestored:
      return 0;
    case HostPhase::kUnready:
    case HostPhase::kMissing:
    case HostPhase::kOffline:
      return 1;
    case HostPhase::kCommitting:
    case HostPhase::kUndoing:
    case HostPhase::kPreparing:
      return 2;
    case HostPhase::kWaiting:
    case HostPhase::kReady:
      return 3;
    default:
      return 4;
  }
}

// Redraws in place: remembers how many lines it drew.
class Screen {
 public:
  void draw(const std::string& picture) {
    std::string text = lines_ == 0 ? "" : fmt::format("\x1b[{}A\r\x1b[J", lines_);
    text += picture;
    lines_ = static_cast<std::size_t>(std::count(picture.begin(), picture.end(), '\n'));
    fmt::print("{}", text);
    std::fflush(stdout);
  }
  void clear() { draw(""); }

 private:
  std::size_t lines_ = 0;
};

}  // namespace

void Board::take(const Reply& reply) {
  if (const auto* rollout = std::get_if<RolloutRecord>(&reply.body)) {
    rollout_ = *rollout;
    for (const auto& host : rollout->hosts) hosts_[host.name] = host;
  } else if (const auto* host = std::get_if<RolloutHost>(&reply.body)) {
    hosts_[host->name] = *host;
  } else if (const auto* item = std::get_if<EventItem>(&reply.body)) {
    last_event_[reply.host] = item->event.text;
    hosts_[reply.host].run_phase = item->event.phase;
  }
}

std::string Board::head(WallTime now) const {
  std::map<HostPhase, std::size_t> counts;
  for (const auto& [name, host] : hosts_) ++counts[host.phase];
  std::string text = fmt::format(
      "{} -> {}  {}  {} of {}", rollout_.id.str(), rollout_.to, to_string(rollout_.state),
      clock_text(now - rollout_.budget_begin()), clock_text(rollout_.policy.timeout));
  for (const auto& [phase, count] : counts) text += fmt::format("  {} {}", count, to_string(phase));
  return cut(text, session_.terminal.width) + '\n';
}

std::string Board::str(WallTime now, std::size_t height) const {
  std::vector<const std::pair<const std::string, RolloutHost>*> order;
  for (const auto& entry : hosts_) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return rank(a->second.phase) < rank(b->second.phase);
  });
  Table table({"HOST", "WAVE", "STATE", "NOW"});
  const std::size_t room = height > 4 ? height - 4 : 1;
  for (std::size_t i = 0; i < std::min(order.size(), room); ++i) {
    const auto& [name, host] = *order[i];
    const auto event = last_event_.find(name);
    const bool working = rank(host.phase) == 2;
    std::string doing = host.findings.empty() ? "" : host.findings.front();
    if (doing.empty() && working && event != last_event_.end()) doing = event->second;
    table.add({{printable(name)},
               {host.wave == 0 ? "-" : std::to_string(host.wave)},
               {fmt::format("{}{}", to_string(host.phase),
                            working && host.phase == HostPhase::kCommitting
                                ? fmt::format(" ({})", to_string(host.run_phase))
                                : ""),
                tone_of(host.phase)},
               {printable(doing)}});
  }
  std::string text = head(now) + table.str(session_.terminal);
  if (order.size() > room) text += fmt::format("... and {} more hosts\n", order.size() - room);
  return text;
}

void watch_rollout(Session& session, const CommandBody& body) {
  if (!session.terminal.out || session.format != Format::kTable) {
    ask_and_print(session, session.coordinator(), body);
    return;
  }
  Board board(session);
  Screen screen;
  Answer report(session);
  std::vector<Reply> last;  // the final record and hosts, printed as the report
  const auto draw = [&] { screen.draw(board.str(session.clock.wall(), terminal_height())); };
  const auto end = session.coordinator().ask(
      body,
      [&](const Reply& reply) {
        board.take(reply);
        if (std::holds_alternative<Line>(reply.body)) {
          screen.clear();
          report.take(reply);
        } else if (!std::holds_alternative<EventItem>(reply.body)) {
          if (std::holds_alternative<RolloutRecord>(reply.body)) last.clear();
          last.push_back(reply);
        }
      },
      draw);
  screen.clear();
  if (end) {
    for (const auto& reply : last) report.take(reply);
    return report.finish(*end);
  }
  if (end.error().code == ErrorCode::kTimeout) {
    fmt::print(stderr,
               "\nDetached; the run goes on. 'rollbackctl fleet run watch' shows it, "
               "'rollbackctl fleet run abort' ends it.\n");
    session.exit = ExitCode::kDetached;
    return;
  }
  print_error(session, end.error().message);
  session.exit = end.error().code == ErrorCode::kDenied ? ExitCode::kDenied : ExitCode::kUsage;
}

}  // namespace rollback
