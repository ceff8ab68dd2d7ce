// Where the seeds of all targets are put together. A name that starts with a number is a row of the
// table in docs/security.md.
#pragma once

#include <kith/core/bytes.hpp>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

namespace fuzz {

/// Seeds by "target/name".
class corpus {
 public:
  void add(std::string_view target, const std::string& name, kith::bytes content) {
    seeds_[std::string{target} + "/" + name] = std::move(content);
  }
  [[nodiscard]] const std::map<std::string, kith::bytes>& seeds() const { return seeds_; }

 private:
  std::map<std::string, kith::bytes> seeds_;
};

/// A few bytes in front of others.
[[nodiscard]] inline kith::bytes joined(std::initializer_list<int> first, kith::byte_view more) {
  kith::bytes all;
  for (const int one : first) all.push_back(static_cast<std::byte>(one));
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

[[nodiscard]] inline kith::bytes listed(std::initializer_list<int> all) { return joined(all, {}); }

// One a target.
void add_splitter(corpus& to);
void add_messages(corpus& to);
void add_archive(corpus& to);
void add_near_cache(corpus& to);
void add_membership(corpus& to);
void add_cluster(corpus& to);
void add_peer(corpus& to);
void add_snapshot(corpus& to);

}  // namespace fuzz
