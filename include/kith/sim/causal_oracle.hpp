// Rule T1: a read behind a causal token, on whatever member, returns nothing older than the write
// that the token names, or says that the write was lost, which is so only when its epoch is over.
//
// The newest write of each key hands its token to whoever reads behind it next, as text.
#pragma once

#include <kith/causal_token.hpp>
#include <kith/cluster/view.hpp>
#include <kith/error.hpp>
#include <kith/sim/history.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class causal_oracle {
 public:
  /// Keys below are never erased.
  explicit causal_oracle(std::uint32_t kept_below) : kept_below_{kept_below} {}

  /// A write was answered on a side of the cluster, and its client tells everybody of it.
  void hand_on(const record& write, const causal_token& token,
               const kith::cluster::view_key& side) {
    if (write.failed) return;
    tokens_[write.key] = to_string(token);
    sides_[{write.key, token.version}] = side;
  }
  [[nodiscard]] std::optional<kith::cluster::view_key> side_of(std::uint32_t key,
                                                               const causal_token& token) const {
    const auto found = sides_.find({key, token.version});
    if (found == sides_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::optional<causal_token> token_of(std::uint32_t key) const {
    const auto found = tokens_.find(key);
    if (found == tokens_.end()) return std::nullopt;
    return parse_causal_token(found->second);
  }
  /// Whether what was written in an epoch is there by now, as the reader believes; `unknown` where
  /// that says nothing.
  enum class fate : std::uint8_t { goes_on, kept, over, unknown };
  void told(const record& read, const causal_token& after, const error_code& code, fate of) {
    if (code == errc::lost_write) {
      if (of == fate::goes_on) fail(read, "the write is said to be lost, and its epoch goes on");
      if (of == fate::kept) fail(read, "the write is said to be lost, and later owners have it");
    } else if (code == errc::invalid_argument) {
      fail(read, "the write is said to have never been");
    } else if (!code && !read.yes) {
      if (read.key < kept_below_) fail(read, "what nobody erases is absent");
    } else if (!code && read.version < after.version) {
      fail(read,
           "the version is " + text_of(read.version) + ", the token's " + text_of(after.version));
    }
  }
  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  [[nodiscard]] static std::string text_of(const version& at) {
    return std::to_string(at.epoch.view.value()) + "/" + std::to_string(at.seq.value());
  }
  void fail(const record& read, const std::string& why) {
    violations_.push_back({"T1: key " + std::to_string(read.key) + " member " +
                           std::to_string(read.member) + ": " + why});
  }

  const std::uint32_t kept_below_;
  std::map<std::uint32_t, std::string> tokens_;
  std::map<std::pair<std::uint32_t, version>, kith::cluster::view_key> sides_;
  std::vector<violation> violations_;
};

}  // namespace kith::sim
