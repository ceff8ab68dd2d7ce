#include <kith/writer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>

using namespace kith;

namespace {

write_fence fence_at(std::uint64_t view, std::uint32_t branch, std::uint64_t seq) {
  return {view_number{view}, branch, sequence{seq}};
}

}  // namespace

TEST_CASE("writer: fences are ordered by view, branch and sequence, and so are their texts") {
  const write_fence ascending[] = {
      {},
      fence_at(0, 0, 1),
      fence_at(1, 0, 0x10),
      fence_at(1, 0, 0xFF00000000000000),
      fence_at(1, 9, 0),
      fence_at(1, 0x80000000, 0),
      fence_at(2, 0, 0),
      fence_at(0xFFFFFFFFFFFFFFFF, 0, 0),
  };
  for (const write_fence& a : ascending) {
    CHECK(a.text().size() == 40);
    for (const write_fence& b : ascending) CHECK((a < b) == (a.text() < b.text()));
  }
  CHECK(fence_at(0x12, 0x3, 0xAB).text() ==
        "000000000000001200000003"
        "00000000000000ab");
}

TEST_CASE("writer: it takes any callable, and none is none") {
  CHECK_FALSE(writer<int, std::string>{});
  std::string told;
  const writer<int, std::string> made = [&](int key, const std::optional<std::string>& value,
                                            const write_fence& at) {
    told = std::to_string(key) + value.value_or("erased") + at.text().substr(38);
  };
  REQUIRE(made);
  made(4, "x", fence_at(1, 1, 1));
  CHECK(told == "4x01");
  made(4, std::nullopt, fence_at(1, 1, 2));
  CHECK(told == "4erased02");
}
