// Includes all of kith a second time in every test program: a function that is not inline is then
// defined twice and the program does not link.
#include <kith/admin.hpp>
#include <kith/kith.hpp>
#include <kith/prometheus.hpp>
