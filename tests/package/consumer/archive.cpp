// Needs the linked library that kith::boost_archive stands for.
#include <boost/archive/binary_oarchive.hpp>

#include <sstream>

std::string archived(int value) {
  std::ostringstream text;
  boost::archive::binary_oarchive{text} << value;
  return text.str();
}
