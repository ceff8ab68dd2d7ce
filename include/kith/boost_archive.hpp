// Values that are graphs of pointers: shared_ptr, polymorphic classes, cycles. They travel through
// Boost's own binary archives, which the archive of codec_boost.hpp cannot stand in for.
//
//   template <>
//   inline constexpr bool kith::archived<document> = true;
//
// Only between members that trust each other: Boost's archives believe the lengths, types and
// indices that they read, so bytes of a hostile member can do anything. Everything else in kith
// treats a bad value as decode_failed and goes on; here that holds for honest damage alone (an
// archive that throws). They also cost ten times as much.
//
// The one header of kith that needs a linked library: target kith::boost_archive.
#pragma once

#include <kith/codec.hpp>

#include <boost/archive/basic_archive.hpp>
#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/library_version_type.hpp>

#include <cstddef>
#include <cstdint>
#include <streambuf>
#include <string_view>
#include <type_traits>

namespace kith {

/// A stream buffer that writes to a sink.
class sink_buffer final : public std::streambuf {
 public:
  explicit sink_buffer(byte_sink& sink) : sink_{&sink} {}

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    sink_->put_raw(text, static_cast<std::size_t>(size));
    return size;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    sink_->put(traits_type::to_char_type(c));
    return c;
  }

 private:
  byte_sink* sink_;
};

/// A stream buffer that reads bytes in place.
class view_buffer final : public std::streambuf {
 public:
  explicit view_buffer(byte_view view) {
    // The interface wants mutable characters; a buffer without output never writes them.
    char* const first = const_cast<char*>(as_text(view).data());
    setg(first, first, first + view.size());
  }
  [[nodiscard]] bool at_end() const { return gptr() == egptr(); }
};

/// The version of Boost's archive library in two bytes, then what the archive writes. Archives of a
/// newer library are refused, older ones read as such. Never canonical: objects are numbered in the
/// order they are met.
///
/// T is default constructible and has Boost's serialize(). Errors: reading returns false for what
/// the archive refuses, writing throws boost::archive::archive_exception. What a failed read had
/// already allocated behind raw pointers is lost.
template <class T>
  requires archived<T>
struct codec<T> {
  static_assert(!trivially_encoded<T>, "kith: T is opted in to two encodings");
  static constexpr bool canonical = false;
  static constexpr std::string_view tag = "boost archive";
  /// The header and the conversion of characters say nothing that the version does not.
  static constexpr unsigned flags = boost::archive::no_header | boost::archive::no_codecvt;

  static void write(const T& value, byte_sink& out) {
    out.put(own_version());
    sink_buffer buffer{out};
    boost::archive::binary_oarchive archive{buffer, flags};
    archive << value;
  }

  static bool read(byte_source& in, T& value) {
    std::uint16_t version = 0;
    if (!in.take(version) || version > own_version()) return in.fail();
    view_buffer buffer{in.take_rest()};
    boost::archive::binary_iarchive archive{buffer, flags};
    archive.set_library_version(boost::serialization::library_version_type{version});
    archive >> value;
    return buffer.at_end() ? true : in.fail();
  }

 private:
  static std::uint16_t own_version() {
    const boost::serialization::library_version_type version =
        boost::archive::BOOST_ARCHIVE_VERSION();
    return static_cast<std::uint16_t>(version);
  }
};

}  // namespace kith
