#include "counters.hpp"

#include "file.hpp"

#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace catalog {

// A new file is all zeros, which is what atomics of integers hold at 0; nothing is written over
// what an earlier process has counted.
counters_file::counters_file(const std::string& path) {
  const file made{path};
  if (::ftruncate(made.descriptor(), sizeof(counters)) != 0) throw_errno(path);
  void* const at = ::mmap(nullptr, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED,
                          made.descriptor(), 0);
  if (at == MAP_FAILED) throw_errno(path);
  mapped_ = std::launder(static_cast<counters*>(at));
}

counters_file::~counters_file() { ::munmap(mapped_, sizeof(counters)); }

}  // namespace catalog
