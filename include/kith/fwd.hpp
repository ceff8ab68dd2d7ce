// Names of kith without their definitions, for headers that only mention them.
#pragma once

namespace kith {

class member;
class error;
enum class errc;
struct member_options;

template <class Key, class Value>
class cache;
template <class Key, class Value>
struct cache_options;
template <class Value>
class ref;
template <class Value>
struct versioned;
template <class Key, class Value>
struct compared_put;
template <class T, class>
struct codec;

}  // namespace kith
