// The clients' conditional writes, removals, processors, reads of what is not there and reads
// behind causal tokens (workload.hpp).
#pragma once

#include <kith/codec_boost.hpp>
#include <kith/sim/workload.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace kith::sim {

/// One draw of the operations that change an entry only on a condition.
inline void workload::next_conditional(std::size_t member, std::shared_ptr<handles> with) {
  const auto key = static_cast<std::uint32_t>(conditional_.below(options_.keys));
  const std::uint64_t draw = conditional_.below(1000);
  if (draw < 250) return read_token(member, with, key);
  if (draw < 450) return take_token(member, with, key);
  if (draw < 650) return swap_token(member, with, key);
  if (draw < 750) return drop_token(member, with, key);
  if (draw < 750 + options_.clears_per_mille) {
    return draw % 2 == 0 ? clear_tokens(member, with) : end_tag(member, with, key % 2);
  }
  if (draw < 850) return read_absent_row(member, with, key);
  if (draw < 910) return invoke(member, with, key);
  if (draw < 940) return write_many(member, with);
  if (draw < 970) return touch_token(member, with, key);
  drop_seen_token(member, with, key);
}

inline bool workload::ask(std::size_t member, std::uint8_t choice, std::uint32_t key) {
  const auto known = open_.find(member);
  if (known == open_.end() || cluster_.port_of(member)->closed()) return false;
  if (!cluster_.host(member).running() || cluster_.host(member).paused()) return false;
  const std::shared_ptr<handles> with = known->second;
  if (with->self.nobody()) with->self = cluster_.host(member).control().self();
  key %= options_.keys;
  ++with->clients;  // until the operation is answered
  switch (choice % 16) {
    case 0: write(member, with, key); break;
    case 1: erase(member, with, options_.keys / 2 + key / 2); break;
    case 2: put_if_absent(member, with, key); break;
    case 3: add(member, with, key); break;
    case 4:
    case 5: read_row(member, with, key); break;
    case 6: write_row(member, with, key); break;
    case 7: read_many(member, with); break;
    case 8: read_token(member, with, key); break;
    case 9: take_token(member, with, key); break;
    case 10: swap_token(member, with, key); break;
    case 11: drop_token(member, with, key); break;
    case 12: invoke(member, with, key); break;
    default: read(member, with, key); break;
  }
  return true;
}

inline std::optional<epoch> workload::epoch_of(const record& op,
                                               const std::optional<epoch>& before) const {
  const std::optional<epoch> after = checker_.epoch_at(op.member, op.key);
  return before && after && *before == *after ? after : std::nullopt;
}

inline std::optional<conditions::place> workload::place_of(std::size_t member,
                                                           std::uint32_t key) const {
  const std::optional<epoch> in = checker_.epoch_at(member, key);
  if (!in) return std::nullopt;
  return conditions::place{*in, checker_.side_of(member, key)};
}

inline conditions::places workload::places_at(std::size_t member,
                                              std::optional<std::uint32_t> key) const {
  conditions::places all;
  for (std::uint32_t k = key.value_or(0); k < (key ? *key + 1 : options_.keys); ++k) {
    all.emplace(k, place_of(member, k).value_or(conditions::place{}));
  }
  return all;
}

inline void workload::read_token(std::size_t member, std::shared_ptr<handles> with,
                                 std::uint32_t key) {
  record op = begin(operation_kind::read, member, *with, key);
  with->tokens.async_get(
      key, how(), [this, member, with, op](error_code code, ref<std::int64_t> found) mutable {
        found_in(op, found);
        end(op, code);
        token_values_.told(op);
        tokens_.read(op, place_of(member, op.key));
        later(member, with);
      });
}

inline void workload::take_token(std::size_t member, std::shared_ptr<handles> with,
                                 std::uint32_t key) {
  record op = begin(operation_kind::put_if_absent, member, *with, key);
  op.value = ++last_value_;
  token_values_.invoked(key, op.value);
  const std::optional<epoch> before = checker_.epoch_at(member, key);
  with->tokens.async_put_if_absent(
      key, op.value, {.tags = {tag_of(key)}},
      [this, member, with, op, before](error_code code, bool put) mutable {
        op.yes = put;
        end(op, code);
        tokens_.put_if_absent(op, epoch_of(op, before));
        later(member, with);
      });
}

/// Reads the version first, so that two members often start from one.
inline void workload::swap_token(std::size_t member, std::shared_ptr<handles> with,
                                 std::uint32_t key) {
  record op = begin(operation_kind::compare_and_put, member, *with, key);
  op.value = ++last_value_;
  with->tokens.async_get_versioned(
      key, [this, member, with, op](error_code code, versioned<std::int64_t> found) mutable {
        if (code || !found || cluster_.port_of(member)->closed()) {
          end(op, code);
          return later(member, with);
        }
        const version expected = found.version;
        record seen = op;
        seen.kind = operation_kind::read;
        seen.yes = true;
        seen.version = expected;
        seen.value = *found.value;
        seen.answered = cluster_.time().now();
        token_values_.told(seen);
        token_order_.told({.op = seen, .until = checker_.epoch_told(seen)});
        token_values_.invoked(op.key, op.value);
        const std::optional<epoch> before = checker_.epoch_at(member, op.key);
        with->tokens.async_compare_and_put(
            op.key, expected, op.value, {.tags = {tag_of(op.key)}},
            [this, member, with, op, expected, before](error_code failed, bool put) mutable {
              op.yes = put;
              end(op, failed);
              const bool same = epoch_of(op, before).has_value();
              tokens_.compare_and_put(op, expected, same ? place_of(member, op.key) : std::nullopt);
              token_order_.told({op, expected, checker_.epoch_told(op)});
              later(member, with);
            });
      });
}

inline void workload::drop_token(std::size_t member, std::shared_ptr<handles> with,
                                 std::uint32_t key) {
  record op = begin(operation_kind::erase, member, *with, key);
  const std::size_t number = tokens_.begin_removal(op.invoked, places_at(member, key));
  with->tokens.async_erase(
      key, [this, member, with, op, number](error_code code, version at) mutable {
        op.version = at;
        end(op, code);
        tokens_.end_removal(op.answered, number, op.failed, places_at(op.member, op.key));
        token_order_.told({op});
        later(member, with);
      });
}

inline void workload::clear_tokens(std::size_t member, std::shared_ptr<handles> with) {
  record op = begin(operation_kind::erase, member, *with, 0);
  const std::size_t number = tokens_.begin_removal(op.invoked, places_at(member, std::nullopt));
  with->tokens.async_clear([this, member, with, op, number](error_code code) mutable {
    end(op, code);
    tokens_.end_removal(op.answered, number, op.failed, places_at(op.member, std::nullopt));
    later(member, with);
  });
}

/// Every second token has the same tag.
inline void workload::end_tag(std::size_t member, std::shared_ptr<handles> with,
                              std::uint32_t parity) {
  const auto concerned = [this, parity](std::size_t at) {
    conditions::places all = places_at(at, std::nullopt);
    std::erase_if(all, [&](const auto& one) { return one.first % 2 != parity; });
    return all;
  };
  record op = begin(operation_kind::erase, member, *with, 0);
  const std::size_t number = tokens_.begin_removal(op.invoked, concerned(member));
  with->tokens.async_invalidate_tag(
      tag_of(parity), [this, member, with, op, number, concerned](error_code code) mutable {
        end(op, code);
        tokens_.end_removal(op.answered, number, op.failed, concerned(op.member));
        later(member, with);
      });
}

/// A row that no client ever writes.
inline void workload::read_absent_row(std::size_t member, std::shared_ptr<handles> with,
                                      std::uint32_t key) {
  record op = begin(operation_kind::read, member, *with, options_.keys + key);
  with->rows.async_get(op.key,
                       [this, member, with, op](error_code code, ref<std::int64_t> found) mutable {
                         op.yes = static_cast<bool>(found);
                         end(op, code);
                         if (op.yes) found_absent_.push_back({"E7: found a row that never was"});
                         later(member, with);
                       });
}

inline causal_oracle::fate workload::fate_of(const causal_token& after,
                                             const std::optional<conditions::place>& now,
                                             std::uint32_t key) const {
  const auto wrote = causal_.side_of(key, after);
  if (!now || !wrote) return causal_oracle::fate::unknown;
  if (after.version.epoch >= now->in) return causal_oracle::fate::goes_on;
  const auto kept = kept_with(checker_.options().register_copies);
  return kept(key, {after.version.epoch, *wrote}, *now) ? causal_oracle::fate::kept
                                                        : causal_oracle::fate::over;
}

/// A read behind the newest write of a key, whichever client's and member's that was.
inline void workload::read_after(std::size_t member, std::shared_ptr<handles> with) {
  const auto key = static_cast<std::uint32_t>(behind_.below(options_.keys));
  const std::optional<causal_token> after = causal_.token_of(key);
  if (!after) return read(member, with, key);
  record op = begin(operation_kind::read, member, *with, key);
  with->registers.async_get(
      key, {.read = how().read, .after = after},
      [this, member, with, op, after](error_code code, ref<std::int64_t> found) mutable {
        found_in(op, found);
        end(op, code);
        register_values_.told(op);
        checker_.check(op);
        host& reader = cluster_.host(member);
        const bool same = reader.running() && reader.control().self() == op.as;
        causal_.told(op, *after, code,
                     fate_of(*after, same ? place_of(member, op.key) : std::nullopt, op.key));
        later(member, with);
      });
}

/// An addition by a processor: its sums and those of add are of one sequence.
inline void workload::invoke(std::size_t member, std::shared_ptr<handles> with, std::uint32_t key) {
  if (!knows_addition(member)) return add(member, with, key);
  record op = begin(operation_kind::add, member, *with, key);
  checker_.invoked_add(key);
  const std::optional<epoch> before = checker_.epoch_at(member, key);
  const bool fails = conditional_.below(10) == 0;
  with->counters.async_invoke(
      key, addition{fails ? 0 : 1},
      [this, member, with, op, before](error_code code, std::int64_t sum) mutable {
        op.value = sum;
        end(op, code);
        if (const std::optional<epoch> in = epoch_of(op, before)) {
          op.version.epoch = *in;
          checker_.check(op);
        }
        checker_.answered_add(op.key);
        later(member, with);
      });
}

}  // namespace kith::sim
