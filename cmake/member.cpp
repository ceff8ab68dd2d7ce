// What kith_member compiles once (member.cmake).
#include <kith/src.hpp>
