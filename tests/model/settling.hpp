// The model of how a new owner settles: what it has to bring to the others of its row before it
// serves a strong cache, if owners say from time to time how far all of the row have come.
//
// One partition, no newcomers. Each operation sets its key once; some of them erase, and leave
// nothing behind in a copy. Whoever owned before is fenced: it does nothing after the next view.
//
// The rules, of which the tests leave out one after the other:
//
// - W1 Who is told of a change marks its key with the change's sequence.
// - W2 The watermark is the least that anybody of the row has acknowledged, in its owner's epoch.
//   Who hears of it forgets the marks up to it that are of this epoch: a mark of an earlier one may
//   be of a change that this owner never had.
// - W3 A new owner tells each of its row first how it has the keys that it has marked, those that
//   it has no more too; then that this was all. It serves when all of the row have heard that.
// - W4 Who is told so marks these keys too, with the sequence at which the owner began.
// - W5 An owner that does not serve yet names no watermark.
// - W6 A feed is taken only of the owner of one's own view.
// - W7 A change is shown, and answered, when all of the row have it.
#pragma once

#include "settling_model.hpp"
#include "settling_state.hpp"
