// The main function of every test program. CTest runs each case by its name: a name that selects
// no case (a comma in it, say, is a separator to doctest) would pass without having run, so an
// empty selection fails here.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

namespace {

unsigned cases_selected = 0;

struct case_counter : doctest::IReporter {
  explicit case_counter(const doctest::ContextOptions&) {}

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& stats) override {
    cases_selected = stats.numTestCasesPassingFilters;
  }
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

DOCTEST_REGISTER_LISTENER("case_counter", 1, case_counter);

}  // namespace

#ifdef __SANITIZE_THREAD__
// libstdc++ counts the owners of an exception in its shared library, where the sanitizer sees no
// atomic access: each exception that went through a future would be a race with its end.
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
#endif

int main(int argc, char** argv) {
  doctest::Context context{argc, argv};
  const int result = context.run();
  if (context.shouldExit()) return result;
  if (cases_selected == 0) {
    std::fprintf(stderr, "no test case has the name that was asked for\n");
    return 1;
  }
  return result;
}
