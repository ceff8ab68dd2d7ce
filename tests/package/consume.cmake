# Configures the project `source` in an empty folder `build` with the cache `entries`, builds it and
# runs its program. With `refused_with`, configuring has to fail with that message instead.
file(REMOVE_RECURSE ${build})
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${source} -B ${build} -G ${generator}
    -D CMAKE_CXX_COMPILER=${compiler} ${entries}
  RESULT_VARIABLE result ERROR_VARIABLE errors)

if(refused_with)
  # CMake breaks its messages into lines.
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  if(result EQUAL 0 OR NOT errors MATCHES "${refused_with}")
    message(FATAL_ERROR "expected to be refused with '${refused_with}', got ${result}:\n${errors}")
  endif()
  return()
endif()

if(NOT result EQUAL 0)
  message(FATAL_ERROR "the consumer does not configure:\n${errors}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${build}/consumer COMMAND_ERROR_IS_FATAL ANY)
