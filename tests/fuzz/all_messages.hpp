// Every kind of message, by name.
#pragma once

#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/feed_messages.hpp>
#include <kith/wire/membership_messages.hpp>

namespace fuzz {

/// Calls `visit(message, name)` with an empty message of each kind.
template <class Visit>
void with_each_message(Visit&& visit) {
  using namespace kith::wire;
  visit(heartbeat{}, "heartbeat");
  visit(heartbeat_ack{}, "heartbeat_ack");
  visit(ping{}, "ping");
  visit(pong{}, "pong");
  visit(alert{}, "alert");
  visit(join{}, "join");
  visit(join_wait{}, "join_wait");
  visit(redirect{}, "redirect");
  visit(prepare{}, "prepare");
  visit(promise{}, "promise");
  visit(nack{}, "nack");
  visit(accept{}, "accept");
  visit(accepted{}, "accepted");
  visit(commit{}, "commit");
  visit(reinforce{}, "reinforce");
  visit(view_stable{}, "view_stable");
  visit(leave{}, "leave");
  visit(pull_view{}, "pull_view");
  visit(full_view{}, "full_view");
  visit(kick{}, "kick");
  visit(merge_offer{}, "merge_offer");
  visit(merge_yield{}, "merge_yield");
  visit(merge_confirm{}, "merge_confirm");
  visit(open_cache{}, "open_cache");
  visit(cache_refused{}, "cache_refused");
  visit(gather{}, "gather");
  visit(report_rows{}, "report_rows");
  visit(get{}, "get");
  visit(get_reply{}, "get_reply");
  visit(mutate{}, "mutate");
  visit(mutate_reply{}, "mutate_reply");
  visit(count{}, "count");
  visit(count_reply{}, "count_reply");
  visit(return_ticket{}, "return_ticket");
  visit(batch{}, "batch");
  visit(invalidate{}, "invalidate");
  visit(invalidate_all{}, "invalidate_all");
  visit(invalidate_ack{}, "invalidate_ack");
  visit(digest{}, "digest");
  visit(replay_request{}, "replay_request");
  visit(replay{}, "replay");
  visit(subscribe{}, "subscribe");
  visit(subscribed{}, "subscribed");
  visit(beat{}, "beat");
  visit(feed{}, "feed");
  visit(feed_ack{}, "feed_ack");
  visit(feed_end{}, "feed_end");
}

}  // namespace fuzz
