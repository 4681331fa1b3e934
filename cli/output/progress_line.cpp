// SPDX-License-Identifier: Apache-2.0
#include "cli/output/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/output/text.h"
#include "protocol/progress.h"

namespace rollback {

namespace {

std::string of_total(std::uint64_t total, const std::string& text) {
  return total == 0 ? "" : " of " + text;
}

}  // namespace

void ProgressSum::take(const ProgressItem& item, const std::string& host) {
  if (item.work != work_) hosts_.clear();
  work_ = item.work;
  hosts_[host] = item;
}

std::string ProgressSum::str(std::size_t width) const {
  if (hosts_.empty()) return "";
  ProgressItem all;
  std::optional<Duration> left = Duration::zero();  // of the slowest; unknown if one is unknown
  bool totals = true;
  for (const auto& [host, item] : hosts_) {
    all.files += item.files;
    all.bytes += item.bytes;
    all.total_files += item.total_files;
    all.total_bytes += item.total_bytes;
    all.elapsed = std::max(all.elapsed, item.elapsed);
    totals = totals && item.total_files >= item.files && item.total_bytes >= item.bytes;
    const auto its = time_left(item);
    left = left && its ? std::max(left, its) : std::nullopt;
  }
  if (!totals) all.total_files = all.total_bytes = 0;  // an estimate that is passed says nothing
  std::string text = printable(work_);
  if (hosts_.size() > 1) text += fmt::format("  {} hosts", hosts_.size());
  if (all.files > 0)
    text += fmt::format("  {}{} files", count_text(all.files),
                        of_total(all.total_files, count_text(all.total_files)));
  if (all.bytes > 0)
    text += fmt::format("  {}{}", size_text(all.bytes),
                        of_total(all.total_bytes, size_text(all.total_bytes)));
  if (const auto rate = bytes_per_second(all); rate && *rate > 0)
    text += fmt::format("  {}/s", size_text(*rate));
  text += left ? "  ETA " + clock_text(*left) : "  " + clock_text(all.elapsed);
  return cut(text, width);
}

void ProgressLine::take(const ProgressItem& item, const std::string& host) {
  sum_.take(item, host);
  draw();
}

void ProgressLine::draw() {
  if (!shown_) return;
  const std::string text = sum_.str(width_ - 1);  // a full line would wrap the cursor
  if (text.empty()) return;
  fmt::print(stderr, "\r\x1b[K{}", text);
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace rollback
