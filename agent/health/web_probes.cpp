// SPDX-License-Identifier: Apache-2.0
#include "agent/health/web_probes.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr std::size_t kMaxBody = 64 * 1024;
constexpr std::size_t kMaxAnswer = 1024;

struct EasyCloser {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiCloser {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

// One probe under way. Not movable: libcurl holds pointers into it.
struct Question {
  const ProbeSpec* spec = nullptr;
  std::unique_ptr<CURL, EasyCloser> easy;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::string body;
  bool body_full = false;
  bool done = false;
  CURLcode code = CURLE_OK;
  Duration took{};
};

// Reading stops at kMaxBody: curl then reports CURLE_WRITE_ERROR, and body_full says why.
std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& question = *static_cast<Question*>(user);
  const std::size_t bytes = size * count;
  const std::size_t room = kMaxBody - question.body.size();
  question.body.append(data, std::min(bytes, room));
  question.body_full = bytes > room;
  return question.body_full ? 0 : bytes;
}

bool only_connects(const ProbeSpec& spec) { return spec.kind != ProbeKind::kHttp; }

bool set_up(Question& question) {
  const ProbeSpec& spec = *question.spec;
  CURL* easy = question.easy.get();
  const std::string url = only_connects(spec) ? "http://" + spec.target : spec.target;
  const long timeout = std::max<long>(
      static_cast<long>(
          std::chrono::duration_cast<std::chrono::milliseconds>(spec.timeout).count()),
      1);
  CURLcode code = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_ERRORBUFFER, question.error.data());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");  // the environment's proxies are not asked
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, timeout);
  set(CURLOPT_CONNECTTIMEOUT_MS, timeout);
  set(CURLOPT_QUICK_EXIT, 1L);  // a name server that hangs must not hold the clean-up
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(CURLOPT_USERAGENT, "rollback-agent");
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&question));
  if (only_connects(spec)) set(CURLOPT_CONNECT_ONLY, 1L);
  question.code = code;
  return code == CURLE_OK;
}

// "host:port" and nothing that a URL would understand otherwise.
bool is_host_and_port(std::string_view target) {
  const auto colon = target.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == target.size()) return false;
  const auto port = target.substr(colon + 1);
  return port.find_first_not_of("0123456789") == std::string_view::npos &&
         target.find_first_of("/?#@\\ ") == std::string_view::npos;
}

void drive(CURLM* multi, std::vector<std::unique_ptr<Question>>& questions, const Clock& clock) {
  const BootTime begin = clock.boot();
  const auto finish = [&](const CURLMsg& message) {
    for (auto& question : questions) {
      if (question->easy.get() != message.easy_handle) continue;
      question->done = true;
      question->code = message.data.result;
      question->took = clock.boot() - begin;
    }
  };
  int running = 1;
  while (running > 0) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) return;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) finish(*message);
    if (running > 0 && curl_multi_poll(multi, nullptr, 0, 1000, nullptr) != CURLM_OK) return;
  }
}

std::string failure_text(const Question& question) {
  if (question.code == CURLE_OPERATION_TIMEDOUT)
    return fmt::format("no complete answer within {} ({})", format_duration(question.spec->timeout),
                       question.error.data());
  const std::string_view words = question.error.data();
  return std::string(words.empty() ? curl_easy_strerror(question.code) : words);
}

void judge_http(const Question& question, ProbeResult& result) {
  const ProbeSpec& spec = *question.spec;
  if (question.code != CURLE_OK && !question.body_full) {
    result.answer = failure_text(question);
    return;
  }
  long status = 0;
  const char* redirect = nullptr;
  (void)curl_easy_getinfo(question.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  (void)curl_easy_getinfo(question.easy.get(), CURLINFO_REDIRECT_URL, &redirect);
  result.answer = fmt::format("HTTP {}", status);
  if (status != spec.expect) {
    result.answer += fmt::format(", expected {}", spec.expect);
    if (redirect != nullptr)
      result.answer += fmt::format("; it redirects to {}, which probes do not follow", redirect);
    return;
  }
  result.green = question.body.find(spec.expect_body) != std::string::npos;
  if (!result.green)
    result.answer += fmt::format(", but {} does not contain '{}'",
                                 question.body_full ? "the first 64 KiB of the body" : "the body",
                                 spec.expect_body);
}

bool was_refused(const Question& question) {
  long number = 0;
  (void)curl_easy_getinfo(question.easy.get(), CURLINFO_OS_ERRNO, &number);
  return question.code == CURLE_COULDNT_CONNECT && number == ECONNREFUSED;
}

ProbeResult judge(const Question& question) {
  const ProbeSpec& spec = *question.spec;
  ProbeResult result{spec.name, false, spec.required, "", question.took};
  if (only_connects(spec) && !is_host_and_port(spec.target)) {
    result.answer = "'" + spec.target + "' is not host:port";
  } else if (!question.done) {
    result.answer = "not asked: " + failure_text(question);
  } else if (spec.kind == ProbeKind::kHttp) {
    judge_http(question, result);
  } else if (question.code == CURLE_OK) {
    result.green = true;
    result.answer = "connected";
  } else {
    result.green = spec.kind == ProbeKind::kReach && was_refused(question);
    result.answer = failure_text(question);
  }
  result.answer = printable_line(result.answer, kMaxAnswer);
  return result;
}

}  // namespace

std::vector<ProbeResult> ask_web(const std::vector<ProbeSpec>& specs, const Clock& clock) {
  static const CURLcode library = curl_global_init(CURL_GLOBAL_DEFAULT);  // once per process
  std::vector<std::unique_ptr<Question>> questions;
  const std::unique_ptr<CURLM, MultiCloser> multi(curl_multi_init());
  for (const auto& spec : specs) {
    auto& question = *questions.emplace_back(std::make_unique<Question>());
    question.spec = &spec;
    question.code = library;
    if (only_connects(spec) && !is_host_and_port(spec.target)) continue;
    question.easy.reset(curl_easy_init());
    if (library != CURLE_OK || !question.easy || !multi || !set_up(question)) continue;
    (void)curl_multi_add_handle(multi.get(), question.easy.get());  // else it stays "not asked"
  }
  if (multi) drive(multi.get(), questions, clock);
  std::vector<ProbeResult> results;
  for (const auto& question : questions) results.push_back(judge(*question));
  for (const auto& question : questions)
    if (multi && question->easy) (void)curl_multi_remove_handle(multi.get(), question->easy.get());
  return results;
}

}  // namespace rollback
