// SPDX-License-Identifier: Apache-2.0
#include "cli/output/release_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rollback {

namespace {

std::string joined(const std::vector<std::string>& texts, const char* separator) {
  return printable(fmt::format("{}", fmt::join(texts, separator)));
}

// A file's text: its lines stay lines, all else is escaped.
std::string printable_lines(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    for (std::size_t tab = 0; tab != std::string_view::npos;) {
      tab = line.find('\t');
      shown += printable(line.substr(0, tab));
      if (tab == std::string_view::npos) break;
      shown += '\t';
      line.remove_prefix(tab + 1);
    }
    shown += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

// "drwxr-sr-t", as ls writes it.
std::string mode_text(const Node& node) {
  std::string text = node.kind == NodeKind::kDirectory ? "d"
                     : node.kind == NodeKind::kSymlink ? "l"
                                                       : "-";
  const std::uint32_t mode = node.meta.mode;
  static constexpr std::array<char, 3> kSpecial = {'s', 's', 't'};
  for (std::uint32_t who = 0; who < 3; ++who) {
    const std::uint32_t bits = mode >> (6 - 3 * who);
    const bool runs = (bits & 1U) != 0;
    const bool special = (mode & (04000U >> who)) != 0;
    text += (bits & 4U) != 0 ? 'r' : '-';
    text += (bits & 2U) != 0 ? 'w' : '-';
    const char mark = kSpecial[who];
    text += !special ? (runs ? 'x' : '-') : runs ? mark : static_cast<char>(mark - 'a' + 'A');
  }
  return text;
}

std::string owner_text(const std::string& name, std::uint32_t number) {
  return name.empty() ? std::to_string(number) : printable(name);
}

constexpr std::size_t kShortHash = 16;  // digits; enough to tell two apart

// Sizes, or for a secret hashes, of both ends.
std::string both_ends(const DiffItem& item, std::size_t digits) {
  const auto end = [&](const Digest& digest, std::uint64_t size) {
    if (digest.is_none()) return std::string("absent");
    return item.content == DiffContent::kSecret ? "sha256 " + digest.hex().substr(0, digits)
                                                : size_text(size);
  };
  return end(item.before, item.size_before) + " -> " + end(item.after, item.size_after);
}

// Why there is no text; "" where there is one or none is missed.
std::string instead_of_text(const DiffItem& item, std::size_t digits) {
  switch (item.content) {
    case DiffContent::kNone:
    case DiffContent::kText:
      return "";
    case DiffContent::kBinary:
      return "binary, " + both_ends(item, digits);
    case DiffContent::kSecret:
      return "secret, " + both_ends(item, digits);
    case DiffContent::kLarge:
      return "text, " + both_ends(item, digits) + ", not compared line by line";
    case DiffContent::kUnreadable:
      return "its content could not be read: " + printable(item.text);
  }
  return "";
}

// " (content, mode 0644 -> 0600): binary, 1.2 MiB -> 1.3 MiB", as far as there is something to say.
std::string what_differs(const DiffItem& item, std::size_t digits) {
  std::string text;
  if (!item.differences.empty()) text += " (" + joined(item.differences, ", ") + ")";
  if (const auto why = instead_of_text(item, digits); !why.empty()) text += ": " + why;
  return text;
}

// Of what is unreadable the text is the reason, and said already.
std::string shown_text(const DiffItem& item) {
  return item.content == DiffContent::kUnreadable ? "" : printable_lines(item.text);
}

bool is_path(const DiffItem& item) { return item.path.starts_with('/'); }

std::string counted(std::uint64_t number, const char* noun) {
  return fmt::format("{} {}{}", count_text(number), noun, number == 1 ? "" : "s");
}

// "++++--": as many of each as there are lines, scaled to a width.
std::string bar(std::uint64_t added, std::uint64_t removed) {
  constexpr std::uint64_t kWidth = 10;
  const std::uint64_t all = added + removed;
  const std::uint64_t scale = std::max(all, kWidth);
  const auto shown = [&](std::uint64_t lines) {
    return lines == 0 ? 0 : std::max<std::uint64_t>(1, lines * kWidth / scale);
  };
  return std::string(shown(added), '+') + std::string(shown(removed), '-');
}

}  // namespace

std::string marks_text(const RevisionStatus& status) {
  if (status.blocked && status.pinned) return "blocked, pinned";
  return status.blocked ? "blocked" : status.pinned ? "pinned" : "";
}

std::string revision_text(const Session& session, const RevisionItem& item) {
  const Revision& revision = item.status.revision;
  std::string status(to_string(item.status.status));
  if (const auto marks = marks_text(item.status); !marks.empty()) status += " (" + marks + ")";
  std::string text =
      fmt::format("release   {}  {}\nrecorded  {}\nsnapshot  {}\n",
                  toned(session.terminal, Tone::kStrong, revision.name.str()),
                  toned(session.terminal, item.current ? Tone::kGood : Tone::kPlain, status),
                  time_text(revision.recorded, session.utc), revision.snapshot.digest.hex());
  if (!revision.git_ref.empty()) text += "git       " + printable(revision.git_ref) + '\n';
  text += fmt::format("content   {}, {}\n", counted(item.files, "file"), size_text(item.bytes));
  for (const auto& fact : item.facts)
    text += fmt::format("fact      {}: {}\n", printable(fact.name), printable(fact.value));
  return text + '\n';
}

std::string path_text(const Session& session, const PathItem& item) {
  constexpr auto kForm = "{:<11} {:<13} {:>9} {:<16} {}{}\n";
  const std::string path = printable(item.path);
  if (item.special)
    return fmt::format(kForm, "?", "-", "-", "-", path,
                       "  (not stored: no file, or another file system)");
  const Node& node = item.node;
  std::string more;
  if (node.kind == NodeKind::kSymlink)
    more = " -> " + (node.content.is_none()
                         ? printable(node.target)
                         : "secret, sha256 " + node.content.hex().substr(0, kShortHash));
  if (item.hard_links > 0)
    more += fmt::format("  ({})", counted(item.hard_links, "more hard link"));
  return fmt::format(
      kForm, mode_text(node) + (node.meta.xattrs.empty() ? "" : "+"),
      owner_text(node.user, node.meta.uid) + ":" + owner_text(node.group, node.meta.gid),
      node.kind == NodeKind::kFile ? size_text(node.size) : "-",
      time_text(WallTime{node.meta.mtime_ns}, session.utc).substr(0, 16), path, more);
}

std::string diff_text(const Session& session, const DiffItem& item) {
  return item.change + ' ' + toned(session.terminal, Tone::kStrong, printable(item.path)) +
         what_differs(item, std::string::npos) + '\n' + shown_text(item);
}

Row DiffStat::row(const Reply& reply, const DiffItem& item) {
  ++(is_path(item) ? files_ : others_);
  added_ += item.added_lines;
  removed_ += item.removed_lines;
  const bool has_lines = item.content == DiffContent::kText;
  return {"stat",
          {"HOST", "CHANGE", "LINES", "+-", "PATH"},
          {{printable(reply.host)},
           {item.change},
           {has_lines ? count_text(item.added_lines + item.removed_lines) : ""},
           {has_lines ? bar(item.added_lines, item.removed_lines) : "", Tone::kPlain, true},
           {printable(item.path) + what_differs(item, kShortHash), Tone::kPlain, true}}};
}

std::string DiffStat::str() const {
  std::string text = counted(files_, "file") + " changed";
  if (others_ > 0) text += fmt::format(", {} of units and facts", others_);
  if (added_ > 0) text += ", " + counted(added_, "insertion") + "(+)";
  if (removed_ > 0) text += ", " + counted(removed_, "deletion") + "(-)";
  return text + '\n';
}

}  // namespace rollback
