// Clients that read and write the catalogue through its replicas, each sending its next request
// when the last one is answered. All on one thread, so that nothing here needs a lock.
#pragma once

#include "http_client.hpp"
#include "ledger.hpp"
#include "replicas.hpp"
#include "tally.hpp"
#include "zipf.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace catalog {

struct load_options {
  std::chrono::seconds duration{20};
  std::size_t clients = 16;
  /// Of a thousand requests, so many change the package that they name.
  std::uint64_t writes_per_mille = 2;
  /// Requests a second of all clients together; 0: as fast as they are answered.
  std::uint64_t rate = 0;
  std::uint64_t seed = 1;
  /// What the cache promises: no answer is so long behind an acknowledged write.
  std::chrono::milliseconds staleness_max{3000};
};

struct load_result {
  tally all;
  /// The part of it that was under way while a replica was away.
  tally disturbed;
  std::vector<absence> absences;
  std::chrono::steady_clock::duration lasted{};
};

class load {
 public:
  /// Called once a second with what was seen in it.
  using progress = std::function<void(std::chrono::seconds since_start, const tally&)>;

  /// The first of `names` is the most popular one.
  load(const load_options& options, std::vector<std::uint16_t> ports,
       std::vector<std::string> names);

  [[nodiscard]] load_result run(const progress& show);

 private:
  using clock = std::chrono::steady_clock;
  struct client;
  struct request;

  boost::asio::awaitable<void> drive(std::size_t number);
  boost::asio::awaitable<void> report(const progress& show);
  /// Sends the request, to one replica after the other, until one answers it.
  boost::asio::awaitable<void> complete(client& of, const request& what);
  /// One attempt: true if it was answered.
  boost::asio::awaitable<bool> attempt(client& of, const request& what, std::size_t replica,
                                       tally& seen);
  void take_read(const request& what, clock::time_point sent, const http_reply& reply, tally& seen);
  [[nodiscard]] request draw(random_numbers& chance);
  [[nodiscard]] bool over() const { return clock::now() >= end_; }

  const load_options options_;
  const std::vector<std::string> names_;
  const zipf_sampler popularity_;
  boost::asio::io_context context_{1};
  replicas replicas_;
  ledger ledger_;
  load_result result_;
  tally second_;
  std::uint64_t changes_ = 0;
  clock::time_point end_;
};

}  // namespace catalog
