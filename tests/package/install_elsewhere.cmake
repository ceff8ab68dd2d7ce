# Configures the project of the folder `source` anew, with headers in a folder of another name, and
# installs it into an empty folder `prefix`.
file(REMOVE_RECURSE ${prefix} ${build})
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${source} -B ${build} -G ${generator}
    -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_INSTALL_INCLUDEDIR=headers/cxx
    -D KITH_BUILD_TESTS=OFF -D KITH_BUILD_EXAMPLES=OFF -D KITH_BUILD_BENCH=OFF
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${prefix}
  COMMAND_ERROR_IS_FATAL ANY)
