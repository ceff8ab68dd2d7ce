// How an owner merges what another side of a cut had of a key.
#include <kith/handle/policies.hpp>
#include <kith/wire/encode.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

using namespace kith;

namespace {

using options_type = cache_options<std::string, std::string>;

version at(std::uint64_t view, std::uint64_t seq) {
  return {epoch{view_number{view}, 0}, sequence{seq}};
}

struct merge_at_owner {
  /// Theirs is "theirs" of version 5/5, unless it is absent.
  replica::processor_result run(const std::optional<std::string>& ours, const version& of) {
    const bytes value = ours ? kith::encode(*ours) : bytes{};
    replica::run_processor job;
    job.key = kith::encode(std::string{"key"});
    if (present) job.current = kith::encode(std::string{"theirs"});
    if (present) job.current_version = at(5, 5);
    job.fields = wire::encoded(node::merge_fields{ours.has_value(), of, value});
    return handle::merge_entry(options, job);
  }
  /// What it makes of the entry; "keep" and "erase" beside values.
  std::string made(const std::optional<std::string>& ours, const version& of = at(5, 6)) {
    const auto done = std::get<replica::processed>(run(ours, of));
    if (done.action == replica::processor_action::keep) return "keep";
    if (done.action == replica::processor_action::erase) return "erase";
    return kith::decode<std::string>(done.value).value_or("?");
  }

  options_type options;
  bool present = true;
};

}  // namespace

TEST_CASE("policies: the newest entry stays, by epoch and then by sequence") {
  merge_at_owner owner;
  CHECK(owner.made("ours", at(5, 6)) == "ours");
  CHECK(owner.made("ours", at(6, 1)) == "ours");
  CHECK(owner.made("ours", at(5, 5)) == "keep");
  CHECK(owner.made("ours", at(4, 9)) == "keep");
  CHECK(owner.made(std::nullopt, at(9, 9)) == "keep");
  owner.present = false;
  CHECK(owner.made("ours", at(1, 1)) == "ours");
}

TEST_CASE("policies: the user's function decides instead, and may erase") {
  merge_at_owner owner;
  owner.options.merge = [](const std::string& key, const std::string* theirs,
                           const std::string* ours) {
    std::optional<std::string> both;
    if (ours != nullptr) both = key + (theirs == nullptr ? "" : "+" + *theirs) + "+" + *ours;
    return both;
  };
  CHECK(owner.made("ours", at(1, 1)) == "key+theirs+ours");
  CHECK(owner.made(std::nullopt) == "erase");
  owner.present = false;
  CHECK(owner.made("ours") == "key+ours");
}

TEST_CASE("policies: fields that are no merge's are refused") {
  replica::run_processor job;
  job.key = kith::encode(std::string{"key"});
  job.fields = to_bytes(as_bytes("?"));
  CHECK(
      std::holds_alternative<replica::processor_failure>(handle::merge_entry(options_type{}, job)));
}

TEST_CASE("policies: caches with a loader tell dirty keys, those with a function values too") {
  const auto bound = [](const options_type& options) {
    node::cache_binding binding;
    handle::bind_policies(binding, options);
    return std::pair{binding.tells_dirty, binding.tells_values};
  };
  options_type options;
  CHECK(bound(options) == std::pair{false, false});
  options.load = [](const std::string&) { return std::optional<std::string>{}; };
  CHECK(bound(options) == std::pair{true, false});
  options.merge_policy = merge_policy::discard;
  CHECK(bound(options) == std::pair{false, false});
  options.merge_policy = merge_policy::newest;
  CHECK(bound(options) == std::pair{true, true});
  options.merge_policy.reset();
  options.merge = [](const std::string&, const std::string*, const std::string* ours) {
    return ours == nullptr ? std::nullopt : std::optional{*ours};
  };
  CHECK(bound(options) == std::pair{true, true});
}
