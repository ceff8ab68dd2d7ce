// A process with one member that does what its standard input says, a line a command, and answers
// each with one line. The tests of this folder start it, kill it and stop it.
//
//   worker CLUSTER [port=N] [advertise=N] [seed=N]... [weight=N] [timeout_ms=N]
//          [backups=N]
//
// With a seed it looks for others there only, else on the ports of the loopback. Its first lines
// are "at PORT" and, when its caches are open, "ready". Then it takes:
//
//   put KEY VALUE | get KEY | own KEY | add KEY N | sum KEY
//                               what it says, blocking: "ok", "value V", "absent", "error WHY"
//   puts PREFIX N VALUE [SIZE]  starts N async puts of PREFIX0 and so on, padded to SIZE bytes
//   gets PREFIX N [owner]       starts N async gets, which ask owners if it says so
//   adds KEY N                  starts N async adds of 1
//   tally                       how those that were started since the last `forget` ended
//   copied N                    "yes" when each partition has so many copies, else "no"
//   shared                      "yes" when each member owns half of an even share, else "no"
//   forget | view | threads | quit
#include <support/copies.hpp>

#include <kith/kith.hpp>
#include <kith/net/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

namespace {

/// How calls ended, by a word for the end.
class tally {
 public:
  void start(std::size_t number) {
    const std::lock_guard lock{mutex_};
    started_ += number;
  }
  void end(const std::string& how) {
    const std::lock_guard lock{mutex_};
    ++ended_[how];
  }
  [[nodiscard]] std::string line() {
    const std::lock_guard lock{mutex_};
    std::ostringstream out;
    std::size_t done = 0;
    for (const auto& [how, number] : ended_) done += number;
    out << "started=" << started_ << " ended=" << done;
    for (const auto& [how, number] : ended_) out << ' ' << how << '=' << number;
    return out.str();
  }

 private:
  std::mutex mutex_;
  std::size_t started_ = 0;
  std::map<std::string, std::size_t> ended_;
};

[[nodiscard]] std::string name_of(const kith::error_code& code) {
  if (code == kith::errc::timed_out) return "timed_out";
  if (code == kith::errc::closed) return "closed";
  if (code == kith::errc::no_owner) return "no_owner";
  if (code == kith::errc::not_connected) return "not_connected";
  if (code == kith::errc::overloaded) return "overloaded";
  return "error_" + std::to_string(code.value());
}

/// A value without its padding.
[[nodiscard]] std::string word_of(const std::string& value) {
  return value.substr(0, value.find('.'));
}

[[nodiscard]] std::uint16_t port_of(const std::string& text) {
  return static_cast<std::uint16_t>(std::stoul(text));
}

struct settings {
  kith::member_options member;
  std::chrono::milliseconds timeout{20'000};
  int backups = 0;
};

[[nodiscard]] settings read_settings(int argc, char** argv) {
  settings made;
  made.member.cluster = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string all = argv[i];
    const std::size_t equals = all.find('=');
    const std::string name = all.substr(0, equals);
    const std::string value = all.substr(equals + 1);
    if (name == "port") made.member.bind.port = port_of(value);
    if (name == "advertise") made.member.advertise = kith::endpoint{"127.0.0.1", port_of(value)};
    if (name == "weight") made.member.weight = port_of(value);
    if (name == "backups") made.backups = std::stoi(value);
    if (name == "timeout_ms") made.timeout = std::chrono::milliseconds{std::stoll(value)};
    if (name == "seed") {
      made.member.discovery.loopback = false;
      made.member.discovery.seeds.push_back({"127.0.0.1", port_of(value)});
    }
  }
  return made;
}

class worker {
 public:
  worker(kith::member& of, const settings& chosen)
      : member_{of},
        words_{open<std::string>("words", chosen)},
        sums_{open<std::int64_t>("sums", chosen)} {}

  [[nodiscard]] std::string answer(const std::string& line) {
    std::istringstream in{line};
    std::string command;
    in >> command;
    const auto found = commands_.find(command);
    if (found == commands_.end()) return "error unknown_command";
    try {
      return found->second(in);
    } catch (const kith::error& wrong) {
      return "error " + name_of(wrong.code());
    }
  }

 private:
  using words = std::istringstream;

  template <class Value>
  [[nodiscard]] kith::cache<std::string, Value> open(const std::string& name,
                                                     const settings& chosen) {
    return member_.cache<std::string, Value>(
        name, {.backups = chosen.backups, .timeout = chosen.timeout});
  }
  [[nodiscard]] static std::string next(words& in) {
    std::string word;
    in >> word;
    return word;
  }
  [[nodiscard]] static std::size_t next_number(words& in, std::size_t otherwise = 0) {
    std::size_t number = 0;
    return in >> number ? number : otherwise;
  }
  [[nodiscard]] std::string read(words& in, kith::read where) {
    const kith::ref<std::string> value = words_.get(next(in), {.read = where});
    return value ? "value " + word_of(*value) : "absent";
  }

  [[nodiscard]] std::string put(words& in) {
    const std::string key = next(in);
    words_.put(key, next(in));
    return "ok";
  }
  [[nodiscard]] std::string add(words& in) {
    const std::string key = next(in);
    return "value " + std::to_string(sums_.add(key, static_cast<int>(next_number(in))));
  }
  [[nodiscard]] std::string sum(words& in) {
    const auto value = sums_.get(next(in), {.read = kith::read::owner});
    return value ? "value " + std::to_string(*value) : "absent";
  }
  [[nodiscard]] std::string puts(words& in) {
    const std::string prefix = next(in);
    const std::size_t number = next_number(in);
    std::string value = next(in);
    const std::size_t size = next_number(in, value.size());
    if (size > value.size()) value.resize(size, '.');
    tally_->start(number);
    for (std::size_t i = 0; i < number; ++i) {
      words_.async_put(prefix + std::to_string(i), value,
                       [to = tally_](kith::error_code code, kith::version) {
                         to->end(code ? name_of(code) : "ok");
                       });
    }
    return "ok";
  }
  [[nodiscard]] std::string gets(words& in) {
    const std::string prefix = next(in);
    const std::size_t number = next_number(in);
    const kith::read where = next(in) == "owner" ? kith::read::owner : kith::read::near;
    tally_->start(number);
    for (std::size_t i = 0; i < number; ++i) {
      words_.async_get(prefix + std::to_string(i), {.read = where},
                       [to = tally_](kith::error_code code, kith::ref<std::string> value) {
                         to->end(code ? name_of(code) : value ? word_of(*value) : "absent");
                       });
    }
    return "ok";
  }
  [[nodiscard]] std::string adds(words& in) {
    const std::string key = next(in);
    const std::size_t number = next_number(in);
    tally_->start(number);
    for (std::size_t i = 0; i < number; ++i) {
      sums_.async_add(key, 1, [to = tally_](kith::error_code code, std::int64_t) {
        to->end(code ? name_of(code) : "ok");
      });
    }
    return "ok";
  }
  [[nodiscard]] std::string view(words&) {
    std::ostringstream out;
    out << "view " << member_.view_number();
    for (const kith::endpoint& one : member_.members()) out << ' ' << one.port;
    return out.str();
  }
  [[nodiscard]] std::string copied(words& in) {
    const auto view = member_.runtime().view();
    const bool all = partitions_with_copies(*view, next_number(in)) == kith::partition_count;
    return all ? "yes" : "no";
  }
  [[nodiscard]] std::string shared(words&) {
    return partitions_are_shared(*member_.runtime().view()) ? "yes" : "no";
  }
  [[nodiscard]] static std::string threads(words&) {
    const std::filesystem::directory_iterator all{"/proc/self/task"};
    return "value " + std::to_string(std::distance(begin(all), end(all)));
  }

  std::shared_ptr<tally> tally_ = std::make_shared<tally>();
  kith::member& member_;
  kith::cache<std::string, std::string> words_;
  kith::cache<std::string, std::int64_t> sums_;
  const std::map<std::string, std::function<std::string(words&)>> commands_{
      {"put", [this](words& in) { return put(in); }},
      {"get", [this](words& in) { return read(in, kith::read::near); }},
      {"own", [this](words& in) { return read(in, kith::read::owner); }},
      {"add", [this](words& in) { return add(in); }},
      {"sum", [this](words& in) { return sum(in); }},
      {"puts", [this](words& in) { return puts(in); }},
      {"gets", [this](words& in) { return gets(in); }},
      {"adds", [this](words& in) { return adds(in); }},
      {"copied", [this](words& in) { return copied(in); }},
      {"shared", [this](words& in) { return shared(in); }},
      {"tally", [this](words&) { return tally_->line(); }},
      {"forget",
       [this](words&) {
         tally_ = std::make_shared<tally>();
         return std::string{"ok"};
       }},
      {"view", [this](words& in) { return view(in); }},
      {"threads", threads},
  };
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return EXIT_FAILURE;
  try {
    const settings chosen = read_settings(argc, argv);
    kith::member member{chosen.member};
    std::cout << "at " << member.address().port << std::endl;
    worker serving{member, chosen};
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      std::cout << serving.answer(line) << std::endl;
    }
  } catch (const std::exception& wrong) {
    std::cout << "failed " << wrong.what() << std::endl;
    return EXIT_FAILURE;
  }
}
