# Asio's functions, compiled once for our own tests and examples: it saves each program that uses
# Asio 1.5 s. A static library, so that a program which calls none links none. Users' programs need
# nothing of this.
add_library(kith_asio STATIC EXCLUDE_FROM_ALL cmake/asio.cpp)
target_link_libraries(kith_asio PUBLIC kith::kith)
# Names that Asio deprecates in 1.81 are gone in newer versions.
target_compile_definitions(kith_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
