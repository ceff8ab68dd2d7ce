// Members that find each other later: by names, a file, a function, each asked again and again.
#include <doctest/doctest.h>

#include "real_member.hpp"
#include "support.hpp"

#include <kith/net/discovery.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace net_test;

namespace {

using kith::endpoint;
using kith::cluster::discovered;
using kith::net::lookup_answer;

/// What name servers say; a test changes it while members run.
class name_server {
 public:
  void set(const std::string& name, lookup_answer answer) {
    const kith::mutex_lock lock{mutex_};
    names_[name] = std::move(answer);
  }
  [[nodiscard]] kith::net::lookup_function function() {
    return [this](const std::string& name) {
      const kith::mutex_lock lock{mutex_};
      ++asked_[name];
      return names_[name];
    };
  }
  [[nodiscard]] std::uint64_t asked_for(const std::string& name) {
    const kith::mutex_lock lock{mutex_};
    const auto at = asked_.find(name);
    return at == asked_.end() ? 0 : at->second;
  }

 private:
  kith::mutex mutex_;
  std::map<std::string, lookup_answer> names_;
  std::map<std::string, std::uint64_t> asked_;
};

/// A file of members that is replaced as a whole.
class member_file {
 public:
  void write(const std::string& text) const {
    const std::string fresh = path_ + ".new";
    std::ofstream{fresh} << text;
    std::filesystem::rename(fresh, path_);
  }
  ~member_file() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_ =
      std::filesystem::temp_directory_path() / ("kith-members-" + std::to_string(::getpid()));
};

class log_lines {
 public:
  void add(const kith::log_record& record) {
    const kith::mutex_lock lock{mutex_};
    lines_.push_back(record);
  }
  [[nodiscard]] std::size_t count(const std::string& event) {
    const kith::mutex_lock lock{mutex_};
    return static_cast<std::size_t>(std::ranges::count(lines_, event, &kith::log_record::event));
  }
  /// The value of a field in the newest line of the event; empty where there is none.
  [[nodiscard]] std::string value(const std::string& event, const std::string& field) {
    const kith::mutex_lock lock{mutex_};
    std::string found;
    for (const kith::log_record& line : lines_) {
      for (const auto& [name, value] : line.fields) {
        if (line.event == event && name == field) found = value;
      }
    }
    return found;
  }

 private:
  kith::mutex mutex_;
  std::vector<kith::log_record> lines_;
};

/// Discovery without a member.
class asking {
 public:
  explicit asking(kith::discovery_options options) {
    options.loopback = false;
    options.interval = 1ms;
    what_ = std::make_shared<kith::net::discovery>(
        threads_.home(), std::vector<endpoint>{}, options, names.function(), sink_);
  }
  void begin() {
    boost::asio::post(threads_.home(), [this] {
      what_->begin(owner_, [this](std::vector<endpoint> found, discovered extent) {
        {
          const kith::mutex_lock lock{bell_.mutex};
          told_ = {std::move(found), extent};
        }
        bell_.changed.notify_all();
      });
    });
  }
  ~asking() {
    what_->stop(1s);
    threads_.stop();
  }
  [[nodiscard]] bool hears(const std::vector<endpoint>& found,
                           discovered extent = discovered::whole) {
    return bell_.wait([&] { return told_ == std::pair{found, extent}; });
  }
  [[nodiscard]] const kith::net::discovery_counters& counted() const { return what_->counters(); }
  [[nodiscard]] kith::net::discovery& operator*() { return *what_; }

  name_server names;
  log_lines lines;

 private:
  kith::net::log_sink sink_{[this](const kith::log_record& record) { lines.add(record); }};
  bell bell_;
  std::pair<std::vector<endpoint>, discovered> told_;
  const std::shared_ptr<int> owner_ = std::make_shared<int>();
  kith::net::io_threads threads_{1};
  std::shared_ptr<kith::net::discovery> what_;
};

/// Found by nobody unless discovery tells.
kith::net::runtime_options seeking(const std::string& name) {
  kith::net::runtime_options options;
  options.cluster = name;
  options.discovery.interval = 20ms;
  return options;
}

TEST_CASE("lookup: literal addresses and localhost need no name server") {
  using kith::net::system_lookup;
  CHECK(system_lookup("10.1.2.3").hosts == std::vector<std::string>{"10.1.2.3"});
  CHECK(system_lookup("::1").hosts == std::vector<std::string>{"::1"});
  CHECK(system_lookup("localhost").hosts == std::vector<std::string>{"127.0.0.1", "::1"});
}

// Method: no literal address as Asio reads them, and one for the system's resolver, which asks
// nobody for it.
TEST_CASE("lookup: the system's resolver is asked for all else") {
  using kith::net::system_lookup;
  CHECK(system_lookup("127.1").hosts == std::vector<std::string>{"127.0.0.1"});
  const lookup_answer none = system_lookup(std::string(300, 'a'));
  CHECK(none.hosts.empty());
}

TEST_CASE("discovery: a name stands for all its addresses in an order of their own") {
  asking all{{.dns = {{"pods", 1}}}};
  CHECK((*all).extent() == discovered::part);
  all.names.set("pods", {{"10.0.0.2", "::2", "10.0.0.1", "10.0.0.2"}, ""});
  all.begin();
  CHECK(all.hears({{"10.0.0.1", 1}, {"10.0.0.2", 1}, {"::2", 1}}));
  all.names.set("pods", {{"10.0.0.9", "10.0.0.1"}, ""});
  CHECK(all.hears({{"10.0.0.1", 1}, {"10.0.0.9", 1}}));
}

TEST_CASE("discovery: who cannot be asked counts as what it said last and is logged once") {
  asking all{{.seeds = {{"127.0.0.1", 4}, {"one", 1}}, .dns = {{"pods", 2}}}};
  const endpoint here{"127.0.0.1", 4};
  all.names.set("one", {{"10.0.0.1"}, ""});
  all.begin();
  // A headless service without pods has no address; a seed without one is missing.
  CHECK(all.hears({here, {"10.0.0.1", 1}}));
  all.names.set("pods", {{"10.0.0.2"}, ""});
  CHECK(all.hears({here, {"10.0.0.1", 1}, {"10.0.0.2", 2}}));

  all.names.set("one", {});
  CHECK(all.hears({here, {"10.0.0.1", 1}, {"10.0.0.2", 2}}, discovered::part));
  const auto troubled = all.counted().troubled.load();
  CHECK(wait_until([&] { return all.counted().troubled > troubled + 3; }));
  CHECK(all.lines.count("discovery failed") == 1);
  CHECK(all.lines.value("discovery failed", "source") == "seed one:1");
  CHECK(all.lines.value("discovery failed", "why") == "one: the name has no address");

  all.names.set("one", {{"10.0.0.3"}, ""});
  CHECK(all.hears({here, {"10.0.0.3", 1}, {"10.0.0.2", 2}}));
  CHECK(wait_until([&] { return all.lines.count("discovery works again") == 1; }));
  all.names.set("pods", {{}, "no name server"});
  CHECK(all.hears({here, {"10.0.0.3", 1}, {"10.0.0.2", 2}}, discovered::part));
  all.names.set("pods", {});
  CHECK(all.hears({here, {"10.0.0.3", 1}}));
}

TEST_CASE("discovery: a file is read again when it changes and its bad lines are logged once") {
  const member_file file;
  asking all{{.file = file.path()}};
  all.begin();
  CHECK(wait_until([&] { return all.lines.count("discovery failed") == 1; }));
  file.write("10.0.0.1:5801\nnonsense\nhost:5802 # a name\n");
  all.names.set("host", {{"10.0.0.7"}, ""});
  CHECK(all.hears({{"10.0.0.1", 5801}, {"10.0.0.7", 5802}}));
  const auto asked = all.counted().asked.load();
  CHECK(wait_until([&] { return all.counted().asked > asked + 3; }));
  CHECK(all.lines.count("bad line in member file") == 1);
  CHECK(all.lines.value("bad line in member file", "file") == file.path());
  CHECK(all.lines.value("bad line in member file", "line") == "2");
  CHECK(all.counted().bad_lines == 1);
  std::filesystem::remove(file.path());
  CHECK(all.hears({{"10.0.0.1", 5801}, {"10.0.0.7", 5802}}, discovered::part));
  file.write(std::string(kith::net::member_file_bytes + 1, '#'));
  CHECK(wait_until(
      [&] { return all.lines.value("discovery failed", "why") == "longer than 1 MiB"; }));
  file.write("");
  CHECK(all.hears({}));
}

TEST_CASE("discovery: what the user's function throws or gives wrongly spoils nothing") {
  std::atomic<int> turn{0};
  asking all{{.dns = {{"pods", 1}}, .custom = [&]() -> std::vector<endpoint> {
                if (turn == 1) throw std::runtime_error{"registry is down"};
                if (turn == 2) throw 7;
                return {{"10.0.0.5", 5}, {"", 6}, {"10.0.0.6", 0}};
              }}};
  all.names.set("pods", {{"10.0.0.1"}, ""});
  all.begin();
  CHECK(all.hears({{"10.0.0.1", 1}, {"10.0.0.5", 5}}, discovered::part));
  turn = 1;
  const auto why = [&] { return all.lines.value("discovery failed", "why"); };
  CHECK(wait_until([&] { return why() == "registry is down"; }));
  turn = 2;
  CHECK(wait_until([&] { return why() == "it threw what is no std::exception"; }));
  all.names.set("pods", {{"10.0.0.2"}, ""});
  CHECK(all.hears({{"10.0.0.2", 1}, {"10.0.0.5", 5}}, discovered::part));
}

TEST_CASE("discovery: more members than are tried are left out and it is said") {
  asking all{{.custom = [] {
    std::vector<endpoint> many;
    for (std::uint16_t port = 1; port <= kith::cluster::candidates_max + 1; ++port) {
      many.push_back({"127.0.0.1", port});
    }
    return many;
  }}};
  all.begin();
  CHECK(wait_until([&] { return all.lines.count("members left out of discovery") == 1; }));
  CHECK(all.lines.value("members left out of discovery", "found") == "1025");
  CHECK(all.lines.value("members left out of discovery", "kept") == "1024");
  std::vector<endpoint> kept;
  for (std::uint16_t port = 1; port <= 1024; ++port) kept.push_back({"127.0.0.1", port});
  CHECK(all.hears(kept));
}

TEST_CASE("discovery: too many names are not looked up and too many addresses not told") {
  std::atomic<std::size_t> more{0};
  asking all{{.custom = [&] {
    std::vector<endpoint> many;
    for (std::size_t i = 0; i < more; ++i) many.push_back({"pod-" + std::to_string(i), 7});
    many.push_back({"pods", 7});
    return many;
  }}};
  lookup_answer crowd;
  for (int i = 0; i < 1030; ++i) {
    crowd.hosts.push_back("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  }
  all.names.set("pods", crowd);
  all.begin();
  CHECK(wait_until([&] {
    return all.lines.value("members left out of discovery", "found") == "1030";
  }));
  more = 5000;
  CHECK(all.hears({}, discovered::part));  // no pod has an address, and "pods" is over the bound
  // In the second round at the latest all of the first one have been asked for.
  CHECK(wait_until([&] { return all.names.asked_for("pod-1023") > 1; }));
  CHECK(all.names.asked_for("pod-1024") == 0);
}

TEST_CASE("discovery: members that were alone meet when a file names one to the other") {
  const member_file file;
  auto options = seeking("by file");
  options.discovery.file = file.path();
  real_member first{seeking("by file")};
  real_member second{options};
  REQUIRE(wait_until([&] { return sees(first, 1) && sees(second, 1); }));
  file.write(to_string(first.runtime().local()) + "\n");
  CHECK(wait_until([&] { return sees(first, 2) && sees(second, 2); }));
}

TEST_CASE("discovery: members that were alone meet when the user's function says so") {
  kith::mutex mutex;
  std::vector<endpoint> known;
  auto options = seeking("by function");
  options.discovery.custom = [&] {
    const kith::mutex_lock lock{mutex};
    return known;
  };
  real_member first{seeking("by function")};
  real_member second{options};
  REQUIRE(wait_until([&] { return sees(first, 1) && sees(second, 1); }));
  {
    const kith::mutex_lock lock{mutex};
    known = {second.runtime().local(), first.runtime().local()};
  }
  CHECK(wait_until([&] { return sees(first, 2) && sees(second, 2); }));
}

TEST_CASE("discovery: a name that is this machine is enough") {
  real_member first{seeking("by localhost")};
  auto options = seeking("by localhost");
  options.discovery.dns = {{"localhost", first.runtime().local().port}};
  real_member second{options};
  CHECK(wait_until([&] { return sees(first, 2) && sees(second, 2); }));
}

TEST_CASE("discovery: a seed whose name moves to another address is found there") {
  name_server names;
  auto options = seeking("by seed");
  options.lookup = names.function();
  // The port is part of the seed, so two machines differ by their address on the loopback.
  real_member second{[&] {
    auto at = seeking("by seed");
    at.listen.host = "127.0.0.2";
    return at;
  }()};
  names.set("seed", {{"127.0.0.3"}, ""});
  options.discovery.seeds = {{"seed", second.runtime().local().port}};
  real_member first{options};
  REQUIRE(wait_until([&] { return sees(first, 1) && sees(second, 1); }));
  names.set("seed", {{"127.0.0.2"}, ""});
  CHECK(wait_until([&] { return sees(first, 2) && sees(second, 2); }));
}

TEST_CASE("discovery: a member does not found a cluster of its own while a name is looked up") {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  real_member first{seeking("patient")};
  REQUIRE(wait_until([&] { return sees(first, 1); }));
  auto options = seeking("patient");
  options.discovery.dns = {{"pods", first.runtime().local().port}};
  options.lookup = [gone](const std::string&) {
    gone.wait();
    return lookup_answer{{"127.0.0.1"}, ""};
  };
  real_member second{options};
  go.set_value();
  CHECK(wait_until([&] { return sees(first, 2) && sees(second, 2); }));
  second.runtime().with_control([](const kith::node::control& control) {
    CHECK(control.membership().counters().births == 0);
  });
}

TEST_CASE("discovery: a function that hangs is left behind and spoils nothing when it returns") {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::promise<void> begun;
  std::atomic<int> times{0};
  log_lines lines;
  auto options = seeking("hanging");
  options.worker_time = 1ms;
  options.log = [&](const kith::log_record& record) { lines.add(record); };
  options.discovery.custom = [&, gone] {
    // Not at once: its timer has run when the member ends.
    if (++times == 2) {
      begun.set_value();
      gone.wait();
    }
    return std::vector<endpoint>{};
  };
  std::weak_ptr<kith::net::runtime> left;
  {
    auto runtime = kith::net::runtime::make(options);
    left = runtime;
    runtime->start();
    begun.get_future().wait();
    runtime->stop();
  }
  CHECK(lines.count("discovery left behind") == 1);
  CHECK_FALSE(left.expired());
  go.set_value();
  CHECK(wait_until([&] { return left.expired(); }));
}

}  // namespace
