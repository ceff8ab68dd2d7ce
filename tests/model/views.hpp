// The model of views by majority: ballots, promises, fences and VIEW_STABLE, as docs/membership.md
// has them.
//
// - quorum: more than half of the old view, or half with its oldest, decides.
// - ballots: one decision for each view number. Ballot 0 is the oldest's and needs no promises, all
//   others are one member's. A candidate adopts what any promise reports as accepted.
// - V1 Installing a view starts the promise window anew, and a running window survives it.
// - V2 Who promised or accepted another's ballot echoes to the coordinator no more. Votes for
// another
//   wait for the own window, the coordinator's for its authority.
// - V3 VIEW_STABLE waits for all members, and for the fences of all removed since the last stable
// view.
// - V4 A new coordinator whose view the old one committed waits for F, unless only the old one
// left.
// - fences count from the sending of what they answer, and end within the coordinator's authority.
//
// Promised: one view for each number (I12), a member's view never goes back (I13), live fences are
// of one coordinator and within its authority (I15), a partition has one owner (I1).
#pragma once

#include "views_decide.hpp"
#include "views_fences.hpp"
#include "views_model.hpp"
