// The numbers of members and caches as Prometheus reads them: text exposition format 0.0.4. Opt-in:
// kith.hpp does not include it. A program with a server of its own answers GET /metrics with the
// text and the content type below; admin.hpp has one that does.
//
//   kith::prometheus_text page;
//   member.visit_stats(page.visitor());
//   reply(kith::prometheus_text::content_type, page.str());
//
// One member a page: nothing in a sample says whose it is, so of two members some samples would
// be there twice, and the page refused. A family is named kith_<name>[_<unit>][_total]; times are
// in seconds.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/utf8.hpp>
#include <kith/stats.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

namespace kith {

/// Collects metrics and writes them, one family after another whatever the order they come in.
/// For one page; thread safety: one thread at a time. Cost: some kilobytes a cache and a peer.
class prometheus_text {
 public:
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  /// What visit_stats of one member calls, or of some of its caches. Must not outlive this object.
  [[nodiscard]] metric_visitor visitor() {
    return [this](const metric& one) { add(one); };
  }
  /// Adds one metric, which has not been added before. Of the same name and other labels there may
  /// be any number. Throws std::bad_alloc only. Cost: a few allocations, for a histogram some
  /// dozens.
  void add(const metric& one);

  /// The page: the families that were added, by name. Well formed whatever labels hold: a byte that
  /// is no UTF-8 is written as a backslash, an x and two digits. May be asked at any time. Cost: a
  /// copy.
  [[nodiscard]] std::string str() const;

 private:
  enum class place : std::uint8_t { help, label };

  struct family {
    metric_type type = metric_type::counter;
    std::string help;
    std::string samples;
  };

  /// `text` as it may stand there, with a backslash before what would end or break it.
  static std::string escaped(std::string_view text, place where);
  static std::string name_of(const metric& one);
  /// `value`, or seconds where it counts nanoseconds.
  static std::string number(std::uint64_t value, metric_unit unit);
  static void append_sample(std::string& to, std::string_view name, const metric& one,
                            std::string_view le, std::string_view value);
  static void append_histogram(std::string& to, const std::string& name, const metric& one);

  std::map<std::string, family> families_;
};

// --- implementation ---

inline std::string prometheus_text::escaped(std::string_view text, place where) {
  constexpr char digits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      const auto byte = static_cast<unsigned char>(c);
      shown += {'\\', '\\', 'x', digits[byte >> 4], digits[byte & 15]};
    } else if (c == '\n') {
      shown += "\\n";
    } else {
      if (c == '\\' || (where == place::label && c == '"')) shown += '\\';
      shown += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

inline std::string prometheus_text::name_of(const metric& one) {
  std::string name = "kith_" + std::string{one.name};
  if (one.unit == metric_unit::nanoseconds) name += "_seconds";
  if (one.unit == metric_unit::octets) name += "_bytes";
  if (one.type == metric_type::counter) name += "_total";
  return name;
}

inline std::string prometheus_text::number(std::uint64_t value, metric_unit unit) {
  char text[32];
  const auto end = unit == metric_unit::nanoseconds
                       ? std::to_chars(text, text + sizeof text, static_cast<double>(value) / 1e9)
                       : std::to_chars(text, text + sizeof text, value);
  KITH_ASSERT(end.ec == std::errc{});
  return {text, end.ptr};
}

inline void prometheus_text::append_sample(std::string& to, std::string_view name,
                                           const metric& one, std::string_view le,
                                           std::string_view value) {
  to += name;
  char before = '{';
  const auto append_label = [&](std::string_view label, std::string_view text) {
    to += before;
    to += label;
    to += "=\"" + escaped(text, place::label) + '"';
    before = ',';
  };
  for (const metric_label& label : one.labels) append_label(label.name, label.value);
  if (!le.empty()) append_label("le", le);
  if (before == ',') to += '}';
  to += ' ';
  to += value;
  to += '\n';
}

/// One bucket a power of two, always the same ones. A value that is exactly a bound is counted
/// above it: a nanosecond's difference.
inline void prometheus_text::append_histogram(std::string& to, const std::string& name,
                                              const metric& one) {
  const histogram_view& of = one.buckets;
  const std::uint64_t all = of.count();
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < of.counts.size(); ++i) {
    below += of.counts[i];
    const bool whole = (i + 1) % of.parts == 0;
    const bool last = i + 1 == of.counts.size();  // has what is above the scale too
    if (!whole || last) continue;
    append_sample(to, name + "_bucket", one, number(of.lowest(i + 1), one.unit),
                  number(below, metric_unit::none));
  }
  const std::string count = number(all, metric_unit::none);
  append_sample(to, name + "_bucket", one, "+Inf", count);
  append_sample(to, name + "_sum", one, {}, number(of.sum(), one.unit));
  append_sample(to, name + "_count", one, {}, count);
}

inline void prometheus_text::add(const metric& one) {
  const std::string name = name_of(one);
  family& of = families_[name];
  of.type = one.type;
  of.help = one.help;
  if (one.type == metric_type::histogram) return append_histogram(of.samples, name, one);
  append_sample(of.samples, name, one, {}, number(one.value, one.unit));
}

inline std::string prometheus_text::str() const {
  std::string page;
  for (const auto& [name, of] : families_) {
    const std::string_view type = of.type == metric_type::counter ? "counter"
                                  : of.type == metric_type::gauge ? "gauge"
                                                                  : "histogram";
    page += "# HELP " + name + ' ' + escaped(of.help, place::help) + '\n';
    page += "# TYPE " + name + ' ';
    page += type;
    page += '\n';
    page += of.samples;
  }
  return page;
}

}  // namespace kith
