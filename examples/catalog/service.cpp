#include "service.hpp"

#include <kith/admin.hpp>
#include <kith/kith.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

namespace catalog {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// No near hit is older than this, whatever happens to the messages that would have dropped it.
constexpr auto staleness_max = 3s;

// A replica may be killed between its write to the database and the erase that follows: what the
// caches hold then ends by itself.
constexpr auto entry_life = 60s;

std::int64_t wall_clock_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

// Two members of one machine never have the same port, so their pages do not either.
std::uint16_t admin_port_of(const kith::endpoint& member) {
  return static_cast<std::uint16_t>(member.port + 1000);
}

kith::admin_options admin_options_of(std::uint16_t port, const kith::endpoint& member) {
  return {.bind = {"127.0.0.1", port != 0 ? port : admin_port_of(member)},
          .page_of = [](const kith::endpoint& other) {
            return "http://" + to_string(kith::endpoint{other.host, admin_port_of(other)}) + '/';
          }};
}

std::uint64_t to_ms(std::uint64_t ns) { return ns / 1'000'000; }

void raise_to(counters::count& highest, std::uint64_t value) {
  std::uint64_t seen = highest.load(std::memory_order_relaxed);
  while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

struct service::replica {
  replica(const service_options& options, database& rows)
      : member{{.cluster = options.cluster}},
        admin{member, admin_options_of(options.admin_port, member.address())},
        packages{member.cache<std::string, package>(
            "packages",
            {.near = {.max_bytes = options.near_bytes, .max_staleness = staleness_max},
             .max_bytes = options.owned_bytes,
             // A replica that is killed takes no row out of the cache with it, nor an erase.
             .backups = 1,
             .ttl = entry_life,
             .load = [&rows](const std::string& name) { return rows.find(name); }})} {}
  ~replica() { writer.join(); }
  replica(const replica&) = delete;
  replica& operator=(const replica&) = delete;

  kith::member member;
  kith::admin_server admin;
  kith::cache<std::string, package> packages;
  /// Held while a read is started; see find.
  std::mutex starting;
  /// Writers wait for each other in the database anyhow, so one thread is enough; the threads that
  /// serve reads never wait for the disk.
  asio::thread_pool writer{1};
};

service::service(const service_options& options, database& rows, counters& counted)
    : rows_{rows}, counted_{counted}, replica_{std::make_unique<replica>(options, rows)} {}

service::~service() = default;

// The cache counts near hits and finds them while a read is started. One read is started at a time,
// so a count that grew meanwhile is about this one. That is for the table that the demo prints, and
// has its price: all reads of a replica queue here, and two stats() a read lock every lane. A
// service would only call async_get, and ask for stats() once a second.
//
// The row says when it was read: after this request came in means that the database was asked for
// it (or for one that came at the same time).
void service::find(const std::string& name, const asio::any_io_executor& strand,
                   std::function<void(const read_result&)> done) {
  const std::int64_t began = wall_clock_ns();
  const auto near = std::make_shared<bool>(false);
  auto finish = [this, began, near, done = std::move(done)](kith::error_code error,
                                                            kith::ref<package> value) {
    const bool loaded = !value || value->read_at >= began;
    const tier from = *near ? tier::near : loaded ? tier::database : tier::owner;
    const read_result result{error, from, value ? &*value : nullptr};
    count_read(result);
    done(result);
  };
  const std::lock_guard lock{replica_->starting};
  const std::uint64_t before = replica_->packages.stats().near_hits;
  replica_->packages.async_get(name, asio::bind_executor(strand, std::move(finish)));
  const kith::cache_stats after = replica_->packages.stats();
  *near = after.near_hits != before;
  raise_to(counted_.oldest_near_ns, static_cast<std::uint64_t>(after.oldest_near_hit.count()));
}

void service::count_read(const read_result& result) {
  counters::count& counter = result.error                     ? counted_.failed
                             : !result.value                  ? counted_.absent
                             : result.from == tier::near      ? counted_.near
                             : result.from == tier::owner     ? counted_.owner
                                                              : counted_.database;
  counter.fetch_add(1, std::memory_order_relaxed);
}

// The key is erased, not put. Two writers that put could meet like this:
//   1. A writes the row, then B writes it: the database holds B's.
//   2. B puts its row into the cache, then A, which was held up, puts its own.
// The cache would serve A's row until it expires. An erase has no row that could be the wrong one:
// whoever reads next gets what the database holds then. And it comes after the write, since a read
// between an early erase and the write would bring the old row back.
void service::write(std::string name, package_change change, asio::any_io_executor strand,
                    std::function<void(const write_result&)> done) {
  asio::post(replica_->writer, [this, name = std::move(name), change = std::move(change),
                       strand = std::move(strand), done = std::move(done)]() mutable {
    write_result result;
    try {
      result.revision = rows_.write(name, change);
      counted_.writes.fetch_add(1, std::memory_order_relaxed);
    } catch (const std::exception& wrong) {
      result.failure = wrong.what();
      asio::post(strand, [done = std::move(done), result = std::move(result)]() mutable {
        done(result);
      });
      return;
    }
    auto finish = [done = std::move(done), result = std::move(result)](
                      kith::error_code error, kith::version) mutable {
      result.error = error;
      done(result);
    };
    replica_->packages.async_erase(name, asio::bind_executor(strand, std::move(finish)));
  });
}

std::string service::admin_url() const { return replica_->admin.url(); }

stats service::count() {
  const auto read = [](const counters::count& of) { return of.load(std::memory_order_relaxed); };
  stats counted;
  counted.near = read(counted_.near);
  counted.owner = read(counted_.owner);
  counted.database = read(counted_.database);
  counted.absent = read(counted_.absent);
  counted.failed = read(counted_.failed);
  counted.writes = read(counted_.writes);
  counted.selects = read(counted_.selects);
  counted.oldest_near_ms = to_ms(read(counted_.oldest_near_ns));
  counted.staleness_max_ms = std::chrono::milliseconds{staleness_max}.count();
  counted.view = replica_->member.view_number();
  counted.members = replica_->member.members().size();
  return counted;
}

}  // namespace catalog
