#include <kith/core/assert.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace kith {

namespace {

struct ending {
  int signal = 0;  // 0 if the process went on
  std::string message;
};

// Runs `body` in a process of its own, because what it asserts may end it.
template <class Body>
ending end_of(Body body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // doctest's handler would report the abort as a failed test.
    std::signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  ending result;
  char piece[256];
  for (ssize_t got; (got = read(ends[0], piece, sizeof piece)) > 0;) {
    result.message.append(piece, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace

TEST_CASE("assert: a broken invariant ends the process and says which and where") {
  const ending broken = end_of([] { KITH_ASSERT(1 + 1 == 3); });
  CHECK(broken.signal == SIGABRT);
  CHECK(broken.message.find("broken invariant: 1 + 1 == 3 (") != std::string::npos);
  CHECK(broken.message.find("assert_test.cpp:") != std::string::npos);
}

TEST_CASE("assert: tests run the slow checks too") {
  CHECK(end_of([] { KITH_SLOW_ASSERT(false); }).signal == SIGABRT);
}

TEST_CASE("assert: an invariant that holds is evaluated once and says nothing") {
  int evaluated = 0;
  KITH_ASSERT(++evaluated == 1);
  CHECK(evaluated == 1);
  CHECK(end_of([] { KITH_ASSERT(true); }).message.empty());
}

}  // namespace kith
