#include <kith/near/tag_epochs.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using kith::near::tag_epochs;
using kith::near::tag_mark;

TEST_CASE("tag_epochs: marks are current until one of their tags ends") {
  const auto epochs = std::make_unique<tag_epochs>();
  std::vector<tag_mark> marks{{1, 0}, {2, 0}};
  epochs->mark(marks);
  CHECK(epochs->current(marks));
  epochs->end(3);
  CHECK(epochs->current(marks));
  epochs->end(2);
  CHECK_FALSE(epochs->current(marks));
  epochs->mark(marks);
  CHECK(epochs->current(marks));
}

TEST_CASE("tag_epochs: tags that share an epoch end together") {
  const auto epochs = std::make_unique<tag_epochs>();
  std::vector<tag_mark> marks{{5, 0}};
  epochs->mark(marks);
  epochs->end(5 + tag_epochs::epochs);
  CHECK_FALSE(epochs->current(marks));
}
