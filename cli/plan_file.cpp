// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "protocol/records.h"

namespace rollback {

namespace {

using Json = nlohmann::json;

constexpr const char* kHowTo = "write one with 'rollbackctl plan --to RELEASE -o json'";
constexpr std::string_view kSchema = "rollbackctl/v1/";

Failure no_plan(const std::string& what) {
  return fail(ErrorCode::kInvalid, fmt::format("is no plan: {}; {}", what, kHowTo));
}

// One object, with what is wrong told by its place.
class Item {
 public:
  Item(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  Result<std::string> text(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_string())
      return no_plan(fmt::format("{} has no text '{}'", place_, key));
    return found->get<std::string>();
  }
  Result<std::vector<std::string>> texts(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_array())
      return no_plan(fmt::format("{} has no list '{}'", place_, key));
    std::vector<std::string> items;
    for (const auto& item : *found) {
      if (!item.is_string())
        return no_plan(fmt::format("'{}' of {} is no list of texts", key, place_));
      items.push_back(item.get<std::string>());
    }
    return items;
  }
  Result<Digest> digest(const char* key) const {
    const auto found = json_.find(key);
    if (found != json_.end() && found->is_null()) return Digest();
    ROLLBACK_ASSIGN(const std::string hex, text(key));
    auto parsed = Digest::parse(hex);
    if (!parsed) return no_plan(fmt::format("'{}' of {} is no SHA-256", key, place_));
    return *parsed;
  }
  template <typename E>
  Result<E> name(const char* key, std::optional<E> (*parse)(std::string_view)) const {
    ROLLBACK_ASSIGN(const std::string word, text(key));
    const auto parsed = parse(word);
    if (!parsed)
      return no_plan(
          fmt::format("'{}' of {} is '{}', which this version does not know", key, place_, word));
    return *parsed;
  }

 private:
  const Json& json_;
  const std::string place_;
};

Result<PlanStep> step_of(const Item& item) {
  PlanStep step;
  ROLLBACK_ASSIGN(step.phase, item.name<StepPhase>("phase", parse_step_phase));
  ROLLBACK_ASSIGN(step.action, item.name<StepAction>("action", parse_step_action));
  ROLLBACK_ASSIGN(step.subject, item.text("subject"));
  ROLLBACK_ASSIGN(step.resource, item.text("resource"));
  ROLLBACK_ASSIGN(step.why, item.text("why"));
  ROLLBACK_ASSIGN(step.reverse, item.text("reverse"));
  return step;
}

Status read_head(const Item& item, PlanFile& file) {
  ROLLBACK_ASSIGN(file.plan.from, item.text("from"));
  ROLLBACK_ASSIGN(file.plan.to, item.text("to"));
  ROLLBACK_ASSIGN(file.plan.from_root, item.digest("from_root"));
  ROLLBACK_ASSIGN(file.plan.to_root, item.digest("to_root"));
  ROLLBACK_ASSIGN(file.plan.warnings, item.texts("warnings"));
  ROLLBACK_ASSIGN(file.digest, item.digest("digest"));
  ROLLBACK_ASSIGN(file.drift, item.name<DriftPolicy>("drift", parse_drift_policy));
  return {};
}

// Items come in the order plan, steps, what differs, end.
class Reader {
 public:
  Status take(const Json& json, std::size_t number) {
    const auto place = fmt::format("item {}", number + 1);
    if (ended_) return no_plan("something follows its end");
    if (!json.is_object()) return no_plan(place + " is no object");
    const Item item(json, place);
    ROLLBACK_ASSIGN(const std::string schema, item.text("schema"));
    if (!schema.starts_with(kSchema)) return unknown(place, schema);
    if (json.contains("host")) return no_plan("it is of a fleet; make one on the host itself");
    const auto kind = schema.substr(kSchema.size());
    if (kind == "plan") {
      if (std::exchange(begun_, true)) return no_plan("it holds more than one");
      return read_head(item, file_);
    }
    if (kind == "line" || kind == "diff") return {};
    if (kind == "end") return end(json);
    if (kind != "step") return unknown(place, schema);
    ROLLBACK_ASSIGN(auto step, step_of(item));
    file_.plan.steps.push_back(std::move(step));
    return {};
  }

  Result<PlanFile> finish() {
    if (!begun_) return no_plan("no plan is in it");
    if (!ended_) return no_plan("its end is missing");
    return std::move(file_);
  }

 private:
  static Failure unknown(const std::string& place, const std::string& schema) {
    return no_plan(
        fmt::format("{} has the schema '{}', which no plan of this version has", place, schema));
  }
  Status end(const Json& json) {
    const auto code = json.find("exit_code");
    if (code == json.end() || !code->is_number_integer() || *code != 0)
      return no_plan("it ended with an error");
    ended_ = true;
    return {};
  }

  PlanFile file_;
  bool begun_ = false;
  bool ended_ = false;
};

Result<PlanFile> read_document(std::string_view json) {
  if (json.size() > kMostPlanBytes)
    return no_plan(fmt::format("it has more than {} MiB", kMostPlanBytes >> 20U));
  const auto document = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return no_plan("it is not JSON");
  if (!document.is_object()) return no_plan("it is no object");
  ROLLBACK_ASSIGN(const std::string schema, Item(document, "it").text("schema"));
  if (schema != "rollbackctl/v1/answer")
    return no_plan(fmt::format("its schema is '{}', not 'rollbackctl/v1/answer'", schema));
  const auto items = document.find("items");
  if (items == document.end() || !items->is_array()) return no_plan("it has no list 'items'");
  Reader reader;
  for (std::size_t i = 0; i < items->size(); ++i) ROLLBACK_TRY(reader.take((*items)[i], i));
  return reader.finish();
}

// Bytes of a name that are not UTF-8 are printed as "\xNN" with NN from 80 on; a name may as well
// hold these four characters, and only the digest knows which of the two it is.
std::string with_bytes(const std::string& text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high = i + 3 < text.size() ? kDigits.find(text[i + 2]) : std::string_view::npos;
    const auto low = i + 3 < text.size() ? kDigits.find(text[i + 3]) : std::string_view::npos;
    const bool is_byte = text.compare(i, 2, "\\x") == 0 && high != std::string_view::npos &&
                         low != std::string_view::npos && high >= 8;
    bytes.push_back(is_byte ? static_cast<char>(high * 16 + low) : text[i]);
    if (is_byte) i += 3;
  }
  return bytes;
}

Plan with_bytes(Plan plan) {
  for (auto& step : plan.steps)
    for (auto* text : {&step.subject, &step.resource, &step.why, &step.reverse})
      *text = with_bytes(*text);
  for (auto& warning : plan.warnings) warning = with_bytes(warning);
  return plan;
}

}  // namespace

Result<PlanFile> parse_plan_file(std::string_view json, const std::string& name) {
  auto file = read_document(json);
  if (!file) return fail(ErrorCode::kInvalid, name + " " + file.error().message);
  if (plan_digest(file->plan) == file->digest) return file;
  file->plan = with_bytes(std::move(file->plan));
  if (plan_digest(file->plan) == file->digest) return file;
  return fail(ErrorCode::kInvalid,
              fmt::format("{} was changed after it was written: what it says does not have the "
                          "digest {} that stands in it; {}",
                          name, file->digest.hex().substr(0, 12), kHowTo));
}

Result<PlanFile> load_plan_file(const std::string& path, std::istream& input) {
  const std::string name = path == "-" ? "standard input" : path;
  std::ifstream opened;
  if (path != "-") {
    errno = 0;
    opened.open(path, std::ios::binary);
    if (!opened)
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} could not be read: {}", path, std::strerror(errno)));
  }
  std::istream& from = path == "-" ? input : opened;
  std::string bytes;
  std::string piece(1U << 16U, '\0');
  while (bytes.size() <= kMostPlanBytes &&
         (from.read(piece.data(), static_cast<std::streamsize>(piece.size())), from.gcount() > 0))
    bytes.append(piece, 0, static_cast<std::size_t>(from.gcount()));
  if (from.bad()) return fail(ErrorCode::kInvalid, name + " could not be read to its end");
  return parse_plan_file(bytes, name);
}

}  // namespace rollback
