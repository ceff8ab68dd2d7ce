# Boost.JSON's functions, which kith/admin.hpp calls, compiled once for our own tests. Users'
# programs include the same header in a file of theirs, as the catalogue does, or link Boost::json.
add_library(kith_json STATIC EXCLUDE_FROM_ALL cmake/json.cpp)
target_link_libraries(kith_json PUBLIC Boost::headers)
target_compile_features(kith_json PUBLIC cxx_std_20)
