// The model of the eventual near cache, with the rules of docs/coherence.md by their names: F1 to
// F7 of fills, R2 of the stream, E1, freshness, loads and retries. Beyond them:
//
// - F7 counts for reads at a backup, whose answer is not kept: one that is older than the floor is
// asked
//   for again at the owner. The floor is raised by every reply that was taken, not by the stream
//   alone: else a member reads version 2 at the owner and then 1 at the backup.
// - ends: a near entry's time to live counts from the sending of its get; a hit and a follower of a
// fill
//   mind the end.
//
// Promised: reads of a member are monotonic within an epoch and see its own writes (M), a near read
// or one at the owner is not older than max_staleness (S), no fill is kept that is older than what
// was invalidated (I4), no entry outlives its invalidation (I9), no value is read beyond its end
// (T), an operation is applied once (O), and after two heartbeats of quiet all agree and no call
// hangs (C).
#pragma once

#include "eventual_model.hpp"
#include "eventual_owner.hpp"
#include "eventual_reader.hpp"
#include "eventual_steps.hpp"
