// The vectors are those of the reference implementation of XXH64 (xxHash 0.8, seed 0). They are
// part of the wire format: a member that computed others would look for keys at the wrong owner.
#include <kith/core/stable_hash.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstring>

namespace kith {

namespace {

// Byte i of every vector's input is the low byte of 7 i + 3; its length is the vector's place.
constexpr std::array<std::uint64_t, 65> of_length = {
    0xEF46DB3751D8E999, 0x1F25C8D0BC1F4BB6, 0xF5BEDEC232706303, 0x31D2363F52E564C9,
    0x9BB64B7D66EE9FDA, 0xC7608EFDDB7051FE, 0x61436FB28D5CE4C4, 0x9A7B149959CE60D8,
    0xDAB99D95C6F90092, 0x170BB6BF975B4C02, 0xBD7277D7E2D8A98C, 0x7A52CC9457CF1A1F,
    0xD52E407833AF5133, 0xF78B031308F5BFC8, 0xC7F1D4D0ACFA5A14, 0x1B47CB8243CC8E32,
    0x434850232B787BE2, 0x1EFA7025F1B97A7A, 0x28791D24C4CF5E78, 0x3E91F7C3171250D0,
    0x18AE385ADA6B00CB, 0xC075185602AF71EB, 0xB2CEB44AA258FF36, 0x36A34F92FB0205C0,
    0xC47C71BD4694FF81, 0xB13F23E884186902, 0x76A5852D6E1CAB15, 0x9AB0B90755292FC8,
    0x729299F92FF25C75, 0x6CD01834BE7D2537, 0x4BDD83B2B139424F, 0xA2AA5F33CC4A6119,
    0x23C3C17EF790FD97, 0x50A7CFC7BA588784, 0xC3E49B08A6AAD624, 0xA5B3456011D2913B,
    0xC0B52B0DCC5E3F7F, 0xE32EF63802F5A3FD, 0xA4696F18F9ACCE05, 0x880BBEEA606E4B37,
    0xB620306B253D76B6, 0x8D56B39A38735FA8, 0xD50FB183D9C4F252, 0x71784BDF7CC20CEE,
    0xA4B19436AB40EDB0, 0x86FAEE00897C4B41, 0xD524C35B647262AC, 0xA7C5465CC5AD205E,
    0xDA76BBB3544338EE, 0x756D92B5FF28E5BC, 0x3FEB2F60DD4D0DBD, 0xF1639A50DBA4740B,
    0xE3BBA384BC67D6EE, 0x84A096F591E6F04E, 0x6A7E7D3192910190, 0x0A815463DD86507A,
    0xED350C04E51A88E9, 0xE1D288E4DE03CB88, 0xF6E789B251EA5E64, 0xC7A61C29CFAFE592,
    0x00F7F0730E736D93, 0xEA5D9295B669D981, 0xF1A1A311AD02B5B1, 0x5E3E54B431C7493C,
    0x0EB64B3EF6EEB01F,
};

bytes input(std::size_t size) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<std::byte>(7 * i + 3);
  return made;
}

}  // namespace

TEST_CASE("stable_hash: inputs of 0 to 64 bytes have the published values") {
  for (std::size_t size = 0; size < of_length.size(); ++size) {
    CAPTURE(size);
    CHECK(stable_hash(input(size)) == of_length[size]);
  }
}

TEST_CASE("stable_hash: longer inputs have the published values") {
  const std::pair<std::size_t, std::uint64_t> vectors[] = {
      {65, 0xA383B724B2BD12F1},   {95, 0xF6FFB9103991895F},   {96, 0x3101A958DE582E18},
      {127, 0x0C2B3713C3EDBEB3},  {128, 0x46FBCFBF0150793F},  {255, 0x39AE55A29989206F},
      {256, 0x00CFC5207DD8E201},  {1000, 0x5F235FA033F1A3FB}, {4096, 0x796398CD432797CC},
      {5000, 0x9A8D831C04AA8B1D},
  };
  for (const auto& [size, hash] : vectors) {
    CAPTURE(size);
    CHECK(stable_hash(input(size)) == hash);
  }
}

TEST_CASE("stable_hash: texts have the published values") {
  CHECK(stable_hash(as_bytes("")) == 0xEF46DB3751D8E999);
  CHECK(stable_hash(as_bytes("a")) == 0xD24EC4F1A98C6E5B);
  CHECK(stable_hash(as_bytes("abc")) == 0x44BC2CF5AD770999);
}

TEST_CASE("stable_hash: the place of the bytes in memory does not matter") {
  for (std::size_t offset = 0; offset < 16; ++offset) {
    CAPTURE(offset);
    bytes shifted(offset);
    const bytes wanted = input(64);
    shifted.insert(shifted.end(), wanted.begin(), wanted.end());
    CHECK(stable_hash(byte_view{shifted}.subspan(offset)) == of_length[64]);
  }
}

TEST_CASE("stable_hash_word: equals the hash of the word's eight little-endian bytes") {
  const std::pair<std::uint64_t, std::uint64_t> vectors[] = {
      {0x0000000000000000, 0x34C96ACDCADB1BBB},
      {0x0000000000000001, 0x9F29CB17A2A49995},
      {0x0123456789ABCDEF, 0xEA3C52081E9843EC},
      {0xFFFFFFFFFFFFFFFF, 0x85D136ADB773C6C9},
  };
  for (const auto& [word, hash] : vectors) {
    CAPTURE(word);
    CHECK(stable_hash_word(word) == hash);
    CHECK(stable_hash(std::as_bytes(std::span{&word, 1})) == hash);
  }
}

TEST_CASE("stable_hash_combine: order and both parts matter, and the values are fixed") {
  CHECK(stable_hash_combine(1, 2) == 0x1F1F9D21F32B8D03);
  CHECK(stable_hash_combine(2, 1) == 0x7DE5C8B80B0AA47D);
  CHECK(stable_hash_combine(0, 0) != stable_hash_combine(0, 1));
  CHECK(stable_hash_combine(0, 0) != stable_hash_combine(1, 0));
}

}  // namespace kith
