# Each file in bench/ is one program that answers one question. Built as users build: all in the
# headers, without assertions; with KITH_COMPILE_ONCE only to see that they run.
file(GLOB programs CONFIGURE_DEPENDS bench/*.cpp)
foreach(program IN LISTS programs)
  cmake_path(GET program STEM name)
  add_executable(bench_${name} ${program})
  target_link_libraries(bench_${name} PRIVATE kith::kith)
  kith_share_member(bench_${name})
  target_compile_definitions(bench_${name} PRIVATE BOOST_ASIO_NO_DEPRECATED)
  if(NOT KITH_COMPILE_ONCE)  # what the library has compiled has assertions: both have to be alike
    target_compile_definitions(bench_${name} PRIVATE NDEBUG)
  endif()
  # Without assertions g++ 12 sees members of variants used that are not alive.
  target_compile_options(bench_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  set_target_properties(bench_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  if(KITH_BUILD_TESTS)
    add_test(NAME bench/${name}
      COMMAND ${PROJECT_SOURCE_DIR}/bench/smoke.sh $<TARGET_FILE:bench_${name}>
        ${PROJECT_BINARY_DIR}/bench/${name}.json)
    # Their members bind the ports of the loopback on which others look for each other.
    set_tests_properties(bench/${name} PROPERTIES
      LABELS bench TIMEOUT 60 RESOURCE_LOCK loopback_discovery)
  endif()
endforeach()
