# The target kith_headers_alone: each header passes the compiler by itself, so that a program
# may include any of them first. CMake's VERIFY_INTERFACE_HEADER_SETS shows the same, but generates
# code as well, which takes three times as long. scripts/header_alone.py knows which need no
# compiler of their own.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Never built: its properties are those of a program that uses kith.
add_library(kith_header_user OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/asio.cpp)
target_link_libraries(kith_header_user PRIVATE kith::kith)
if(TARGET Boost::serialization)
  target_link_libraries(kith_header_user PRIVATE kith::boost_archive)
endif()
target_compile_definitions(kith_header_user PRIVATE BOOST_ASIO_NO_DEPRECATED)

set(includes $<TARGET_PROPERTY:kith_header_user,INCLUDE_DIRECTORIES>)
set(definitions $<TARGET_PROPERTY:kith_header_user,COMPILE_DEFINITIONS>)
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
set(stamps)
foreach(header IN LISTS kith_headers)
  cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/include
    OUTPUT_VARIABLE name)
  string(REPLACE / - stamp ${name})
  set(stamp ${PROJECT_BINARY_DIR}/headers_alone/${stamp}.passed)
  add_custom_command(OUTPUT ${stamp}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/header_alone.py
      ${PROJECT_SOURCE_DIR}/include ${name} ${stamp}
      ${CMAKE_CXX_COMPILER} ${flags} ${kith_late_garbage} -std=c++20 -fsyntax-only
      "$<$<BOOL:${includes}>:-I$<JOIN:${includes},;-I>>"
      "$<$<BOOL:${definitions}>:-D$<JOIN:${definitions},;-D>>"
      -MD -MT ${stamp} -MF ${stamp}.d -x c++ -include ${name} /dev/null
    DEPENDS ${header} ${PROJECT_SOURCE_DIR}/scripts/header_alone.py
      ${PROJECT_SOURCE_DIR}/scripts/check_layers.py
    DEPFILE ${stamp}.d
    COMMENT "${name} alone"
    COMMAND_EXPAND_LISTS VERBATIM)
  list(APPEND stamps ${stamp})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/headers_alone)
add_custom_target(kith_headers_alone DEPENDS ${stamps})
