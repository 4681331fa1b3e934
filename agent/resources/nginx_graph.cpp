// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/nginx_graph.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "agent/grammar.h"
#include "agent/resources/locate.h"
#include "agent/resources/nginx_tokens.h"
#include "model/tree.h"

namespace rollback {

namespace {

constexpr std::size_t kLargestConfig = 4 * 1024 * 1024;
constexpr std::size_t kMostConfigs = 10'000;

// Directives whose first argument is a file; "proxy_", "grpc_" and "uwsgi_" may stand before ssl_.
constexpr std::array<std::string_view, 11> kFileDirectives = {"auth_basic_user_file",
                                                              "auth_jwt_key_file",
                                                              "ssl_certificate",
                                                              "ssl_certificate_key",
                                                              "ssl_crl",
                                                              "ssl_client_certificate",
                                                              "ssl_dhparam",
                                                              "ssl_password_file",
                                                              "ssl_trusted_certificate",
                                                              "ssl_session_ticket_key",
                                                              "ssl_stapling_file"};

bool names_a_file(std::string_view directive) {
  for (const std::string_view prefix : {"proxy_", "grpc_", "uwsgi_"})
    if (directive.starts_with(prefix) && directive.substr(prefix.size()).starts_with("ssl_"))
      directive.remove_prefix(prefix.size());
  return std::find(kFileDirectives.begin(), kFileDirectives.end(), directive) !=
         kFileDirectives.end();
}

// Values that are no path: variables are known per request only; "data:" and "engine:" are inline.
bool is_path(const std::string& value) {
  return !value.empty() && value.find('$') == std::string::npos &&
         value.find('\0') == std::string::npos && !value.starts_with("data:") &&
         !value.starts_with("engine:");
}

bool belongs_to_a_package(const std::string& path) {
  if (is_within(path, "/usr/local")) return false;
  return is_within(path, "/usr") || is_within(path, "/lib") || is_within(path, "/lib64");
}

class Graph {
 public:
  Graph(const Directory& root, const std::string& prefix) : root_(root), prefix_(prefix) {}

  Result<std::vector<std::string>> run() {
    ROLLBACK_TRY(visit(prefix_ + "/nginx.conf", true));
    while (!pending_.empty()) {
      const std::string path = std::move(pending_.back());
      pending_.pop_back();
      ROLLBACK_TRY(read(path));
    }
    return std::vector<std::string>(outside_.begin(), outside_.end());
  }

 private:
  // `written` as in the configuration, made absolute. What cannot be looked up is as good as
  // absent: nginx itself will say so.
  Status visit(const std::string& written, bool is_config) {
    const auto located = locate(root_, written);
    if (!located || !*located || (*located)->stat.type != FileType::kRegular) return {};
    const std::string& path = (*located)->path;
    if (!belongs_to_a_package(path)) {
      note(path);
      for (const auto& link : (*located)->links) note(link);
    }
    if (!is_config || !seen_.insert(path).second) return {};
    if (seen_.size() > kMostConfigs)
      return fail(ErrorCode::kInvalid, "the nginx configuration in " + prefix_ +
                                           " includes more than " + std::to_string(kMostConfigs) +
                                           " files");
    pending_.push_back(path);
    return {};
  }

  void note(const std::string& path) {
    if (!is_within(path, prefix_) && check_managed_path(path)) outside_.insert(path);
  }

  Status read(const std::string& path) {
    const auto text = read_located(root_, path, kLargestConfig);
    if (!text) return {};  // removed or too large for nginx too
    for (const auto& directive : parse_nginx(*text)) ROLLBACK_TRY(follow(directive.words));
    return {};
  }

  Status follow(const std::vector<std::string>& words) {
    if (words.size() < 2 || !is_path(words[1])) return {};
    const auto path = words[1].starts_with('/') ? words[1] : prefix_ + "/" + words[1];
    if (names_a_file(words[0])) return visit(path, false);
    if (words[0] != "include") return {};
    ROLLBACK_ASSIGN(const auto matches, expand_glob(root_, path));
    for (const auto& match : matches) ROLLBACK_TRY(visit(match, true));
    return {};
  }

  const Directory& root_;
  const std::string& prefix_;
  std::vector<std::string> pending_;
  std::set<std::string> seen_;
  std::set<std::string> outside_;
};

}  // namespace

Result<std::vector<std::string>> nginx_references(const Directory& root,
                                                  const std::string& prefix) {
  return Graph(root, prefix).run();
}

}  // namespace rollback
