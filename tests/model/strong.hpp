// The model of the strong near cache: a write is answered when every reader that may hold the key
// has acknowledged its invalidation or has lost its lease, so that reads are linearizable key by
// key even where they hit. Fills and invalidations follow the rules of docs/coherence.md (F1 to F5,
// R1, E1); leases and fences are what strong coherence adds.
//
// Promised: a read or write returns nothing older than what was answered or read before it began.
#pragma once

#include "strong_messages.hpp"
#include "strong_model.hpp"
#include "strong_steps.hpp"
