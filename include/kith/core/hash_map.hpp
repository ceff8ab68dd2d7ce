// The hash table of the core, behind one name, because the choice is a matter of builds:
// a prebuilt Abseil of 2023 or later and a program built with AddressSanitizer disagree on the
// layout of absl::flat_hash_map. Such a program defines KITH_BOOST_HASH_MAP (in all its files) and
// gets Boost's open-addressing table, which is header-only and as fast.
//
// The core never iterates over a table: its order differs between runs. What must be visited in
// order is kept in an order of its own.
#pragma once

#include <functional>

#if defined(KITH_BOOST_HASH_MAP)
#include <boost/unordered/unordered_flat_map.hpp>
#else
#include <absl/container/flat_hash_map.h>
#endif

namespace kith {

#if defined(KITH_BOOST_HASH_MAP)
template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
using hash_map = boost::unordered_flat_map<Key, Value, Hash, Equal>;
#else
template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
using hash_map = absl::flat_hash_map<Key, Value, Hash, Equal>;
#endif

}  // namespace kith
