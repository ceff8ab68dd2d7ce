# Runs PROGRAM with an empty input; it has to succeed and to print what the file EXPECTED holds,
# where a line is a regular expression.
execute_process(COMMAND ${PROGRAM} INPUT_FILE /dev/null TIMEOUT 50
  OUTPUT_VARIABLE printed RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}; it printed:\n${printed}")
endif()
file(READ ${EXPECTED} expected)
if(NOT printed MATCHES "^${expected}$")
  message(FATAL_ERROR "${PROGRAM} printed:\n${printed}\nexpected:\n${expected}")
endif()
