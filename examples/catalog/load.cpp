#include "load.hpp"

#include "target.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>

#include <charconv>
#include <exception>
#include <memory>
#include <utility>

namespace catalog {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;

// Longer than a replica takes to give up on its cluster, which answers with 503.
constexpr milliseconds patience{8000};

constexpr unsigned attempts_max = 4;

// When a replica refuses or all are away, the next attempt waits a little.
constexpr milliseconds pause{20};

std::uint64_t microseconds(std::chrono::steady_clock::duration lasted) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(lasted).count());
}

// The number in ETag: "N".
std::int64_t revision_of(const http_reply& reply) {
  const auto tag = reply[http::field::etag];
  std::int64_t revision = 0;
  if (tag.size() > 2) std::from_chars(tag.data() + 1, tag.data() + tag.size() - 1, revision);
  return revision;
}

asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point when) {
  asio::steady_timer timer{co_await asio::this_coro::executor, when};
  co_await timer.async_wait(asio::use_awaitable);
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

struct load::client {
  struct connection {
    std::unique_ptr<http_client> to;
    std::size_t losses = 0;  // of the replica, when it was opened
  };

  random_numbers chance;
  std::vector<connection> connections;  // one a replica
};

struct load::request {
  std::size_t rank = 0;
  bool write = false;
  http_question question;
};

load::load(const load_options& options, std::vector<std::uint16_t> ports,
           std::vector<std::string> names)
    : options_{options},
      names_{std::move(names)},
      popularity_{names_.size()},
      replicas_{std::move(ports)} {}

load_result load::run(const progress& show) {
  const clock::time_point start = clock::now();
  end_ = start + options_.duration;
  for (std::size_t i = 0; i < options_.clients; ++i) {
    asio::co_spawn(context_, drive(i), rethrow);
  }
  asio::co_spawn(context_, report(show), rethrow);
  context_.run();
  result_.all.add(second_);
  result_.absences = replicas_.absences();
  result_.lasted = clock::now() - start;
  return std::move(result_);
}

asio::awaitable<void> load::report(const progress& show) {
  for (std::chrono::seconds passed{1}; passed <= options_.duration; ++passed) {
    co_await sleep_until(end_ - options_.duration + passed);
    show(passed, second_);
    result_.all.add(second_);
    second_ = {};
  }
}

asio::awaitable<void> load::drive(std::size_t number) {
  client self{random_numbers{options_.seed + number}, {}};
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    self.connections.push_back(
        {std::make_unique<http_client>(context_.get_executor(), replicas_.port(i)), 0});
  }
  const auto step = std::chrono::nanoseconds{
      options_.rate == 0 ? 0 : 1'000'000'000 * options_.clients / options_.rate};
  clock::time_point next = clock::now();
  while (!over()) {
    co_await complete(self, draw(self.chance));
    // A client that was held up does not hurry afterwards.
    next = std::max(next + step, clock::now());
    if (step.count() > 0) co_await sleep_until(next);
  }
}

load::request load::draw(random_numbers& chance) {
  request drawn;
  drawn.rank = popularity_.draw(chance);
  drawn.write = chance.below(1000) < options_.writes_per_mille;
  drawn.question.target = target_of(names_[drawn.rank]);
  if (drawn.write) {
    drawn.question.method = http::verb::put;
    drawn.question.body =
        R"({"description":"Change )" + std::to_string(++changes_) + R"( of catalog-load"})";
  }
  return drawn;
}

asio::awaitable<void> load::complete(client& of, const request& what) {
  const clock::time_point start = clock::now();
  const bool disturbed = !replicas_.all_here();
  tally seen;
  bool done = false;
  std::optional<std::size_t> last;
  for (unsigned attempts = 1; !done && attempts <= attempts_max; ++attempts) {
    if (attempts > 1) {
      ++seen.sent_again;
      co_await sleep_until(clock::now() + pause * (attempts - 1));
    }
    last = replicas_.choose(of.chance, clock::now(), last);
    done = co_await attempt(of, what, *last, seen);
  }
  const std::uint64_t took = microseconds(clock::now() - start);
  if (!done) {
    ++seen.errors;
  } else if (what.write) {
    ++seen.writes;
    seen.slowest_write_us = took;
  } else {
    seen.latency.add(took);
  }
  second_.add(seen);
  if (disturbed || !replicas_.all_here() || seen.sent_again > 0) result_.disturbed.add(seen);
}

asio::awaitable<bool> load::attempt(client& of, const request& what, std::size_t replica,
                                    tally& seen) {
  client::connection& line = of.connections[replica];
  if (line.losses != replicas_.losses(replica)) line.to->close();
  line.losses = replicas_.losses(replica);
  const clock::time_point sent = clock::now();
  const auto reply = co_await line.to->ask(what.question, patience);
  const clock::time_point now = clock::now();
  if (!reply) {
    replicas_.on_silence(replica, now);
    co_return false;
  }
  replicas_.on_answer(replica, now);
  const auto status = reply->result();
  if (what.write && status == http::status::no_content) {
    ledger_.acknowledged(what.rank, revision_of(*reply), now);
    co_return true;
  }
  if (!what.write && (status == http::status::ok || status == http::status::not_found)) {
    take_read(what, sent, *reply, seen);
    co_return true;
  }
  co_return false;
}

void load::take_read(const request& what, clock::time_point sent, const http_reply& reply,
                     tally& seen) {
  const auto tier = reply["X-Answered-By"];
  ++(tier == "near"       ? seen.near
     : tier == "owner"    ? seen.owner
     : tier == "database" ? seen.database
                          : seen.absent);
  if (const auto age = ledger_.age(what.rank, revision_of(reply), sent)) {
    ++seen.old_answers;
    seen.oldest_us = std::max(seen.oldest_us, microseconds(*age));
    seen.lost_writes_seen += *age > options_.staleness_max ? 1 : 0;
  }
}

}  // namespace catalog
