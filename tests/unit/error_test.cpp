#include <kith/error.hpp>

#include <doctest/doctest.h>

#include <set>

namespace kith {

namespace {

constexpr errc all[] = {
    errc::timed_out,         errc::closed,           errc::no_owner,       errc::not_connected,
    errc::overloaded,        errc::too_large,        errc::decode_failed,  errc::config_mismatch,
    errc::invalid_option,    errc::invalid_argument, errc::load_failed,    errc::processor_failed,
    errc::unknown_processor, errc::would_deadlock,   errc::visitor_failed, errc::lost_write,
    errc::out_of_memory,     errc::snapshot_failed,  errc::write_failed,   errc::write_uncertain,
    errc::no_quorum};

}  // namespace

TEST_CASE("error: each has a text of its own and none is success") {
  std::set<std::string> texts;
  for (const errc code : all) {
    const error_code made = code;
    CHECK(made.failed());
    CHECK(std::string{made.category().name()} == "kith");
    CHECK(made.message() != "unknown kith error");
    texts.insert(made.message());
  }
  CHECK(texts.size() == std::size(all));
  CHECK(error_code{99, error_category_instance}.message() == "unknown kith error");
}

TEST_CASE("error: what may succeed a little later is retryable") {
  const std::set<errc> retryable = {errc::timed_out,  errc::no_owner,      errc::not_connected,
                                    errc::overloaded, errc::out_of_memory, errc::no_quorum};
  for (const errc code : all) {
    CAPTURE(describe(code));
    CHECK((error_code{code} == condition::retryable) == retryable.contains(code));
  }
}

TEST_CASE("error: what may have reached the owner is maybe applied") {
  const std::set<errc> maybe = {errc::timed_out, errc::closed, errc::write_uncertain};
  for (const errc code : all) {
    CAPTURE(describe(code));
    CHECK((error_code{code} == condition::maybe_applied) == maybe.contains(code));
  }
}

TEST_CASE("error: conditions say nothing of the codes of others, nor of success") {
  const error_code foreign = make_error_code(boost::system::errc::timed_out);
  CHECK(foreign != condition::retryable);
  CHECK(foreign != condition::maybe_applied);
  CHECK(error_code{} != condition::retryable);
  CHECK(error_code{errc::timed_out} != foreign);
}

TEST_CASE("error: the exception carries the code and names its subject") {
  const error plain{errc::closed};
  CHECK(plain.code() == errc::closed);
  CHECK(std::string{plain.what()}.find("shut down") != std::string::npos);
  const error named{errc::invalid_option, "max_bytes"};
  CHECK(named.code() == errc::invalid_option);
  CHECK(std::string{named.what()}.find("max_bytes") != std::string::npos);
  CHECK_THROWS_AS(throw named, boost::system::system_error);
}

TEST_CASE("condition: each has a text") {
  CHECK(make_error_condition(condition::retryable).message() == "retryable");
  CHECK(make_error_condition(condition::maybe_applied).message() == "maybe applied");
}

}  // namespace kith
