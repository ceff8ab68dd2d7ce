# Each file in examples/ is one program and one test: it checks itself, ends when its input does,
# and prints what examples/expected/ has under its name.
# A folder with a CMakeLists.txt is an example of several programs.
file(GLOB examples CONFIGURE_DEPENDS examples/*.cpp)
foreach(example IN LISTS examples)
  cmake_path(GET example STEM name)
  add_executable(example_${name} ${example})
  target_link_libraries(example_${name} PRIVATE kith_asio)
  # The first one stays what a user's is: all in one file.
  if(NOT name STREQUAL "first_cache")
    kith_share_member(example_${name})
  endif()
  set_target_properties(example_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
  add_test(NAME example/${name}
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:example_${name}>
      -DEXPECTED=${PROJECT_SOURCE_DIR}/examples/expected/${name}.txt
      -P ${PROJECT_SOURCE_DIR}/cmake/run_example.cmake)
  # Members that run at the same time would find each other on the loopback and form one cluster.
  set_tests_properties(example/${name} PROPERTIES
    LABELS example TIMEOUT 60 RESOURCE_LOCK loopback_discovery)
endforeach()

file(GLOB folders CONFIGURE_DEPENDS examples/*/CMakeLists.txt)
foreach(folder IN LISTS folders)
  cmake_path(GET folder PARENT_PATH folder)
  add_subdirectory(${folder})
endforeach()
