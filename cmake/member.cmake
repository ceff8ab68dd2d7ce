# The bodies of kith::member take each program that makes one half a minute. With the option our own
# examples and benchmarks have them from one library, which a user's program may do too
# (kith/src.hpp). Off, so that benchmarks show what most users get.
option(KITH_COMPILE_ONCE
  "Examples and benchmarks share the bodies of kith::member, for builds that only test." OFF)
add_library(kith_member STATIC EXCLUDE_FROM_ALL cmake/member.cpp)
target_link_libraries(kith_member PUBLIC kith_asio)
target_compile_definitions(kith_member PUBLIC KITH_SEPARATE_COMPILATION)

# Then the umbrella header is read once, too.
add_library(kith_member_user OBJECT EXCLUDE_FROM_ALL cmake/member_user.cpp)
target_link_libraries(kith_member_user PRIVATE kith_member)
target_precompile_headers(kith_member_user PRIVATE <kith/kith.hpp>)

# kith_share_member(<target>): it has kith::member from the library where the option says so.
function(kith_share_member target)
  if(KITH_COMPILE_ONCE)
    target_link_libraries(${target} PRIVATE kith_member)
    target_precompile_headers(${target} REUSE_FROM kith_member_user)
  endif()
endfunction()
