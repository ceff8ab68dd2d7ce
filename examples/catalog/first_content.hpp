// Where the rows of a new database come from: this machine's package lists, or a file.
#pragma once

#include "database.hpp"

#include <string>

namespace catalog {

/// Every package that apt knows of. `apt-cache dumpavail` reads the lists in whichever form the
/// system keeps them. Throws std::runtime_error when there are none.
[[nodiscard]] database::source packages_of_apt();

/// The packages of a CSV file. Throws std::runtime_error that names the file and the line.
[[nodiscard]] database::source packages_of_csv(std::string path);

}  // namespace catalog
