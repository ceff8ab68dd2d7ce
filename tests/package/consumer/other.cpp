// The second file of the program: what kith defines in both has to be inline.
#include <kith/kith.hpp>

kith::error_code from_the_other_file() { return kith::errc::timed_out; }
