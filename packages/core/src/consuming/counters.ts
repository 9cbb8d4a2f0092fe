/** What became of a subscription's deliveries; see `SubscriptionStats`. */
export class Counters {
  handled = 0
  retried = 0
  deadLettered = 0
  released = 0
  ignored = 0
  unhandled = 0
  expired = 0
  dropped = 0
  lost = 0
}
