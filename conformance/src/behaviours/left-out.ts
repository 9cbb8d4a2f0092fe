/** A behaviour that no case proves, and why. */
export interface LeftOut {
  /** Its number in `BEHAVIOURS`. */
  readonly behaviour: number
  readonly reason: string
}

/** Every behaviour is proven by a case, or stands here. A test holds the two lists against each other. */
export const LEFT_OUT: readonly LeftOut[] = [
  {
    behaviour: 107,
    reason:
      'A quorum needs several nodes. The embedded broker is one, and keeps nothing beyond its process; it comes with the fault cases for replicated brokers. A restart that keeps what is stored is proven by the cases for 105.',
  },
  {
    behaviour: 109,
    reason:
      'Deleting a queue behind an adapter’s back takes the broker’s own administration, which no harness offers and the embedded broker does not have. It comes with the fault cases for real brokers, where the signal is the subscription’s state `failed`.',
  },
  {
    behaviour: 128,
    reason:
      'The embedded broker asks for no credentials. That a credentials function is called again on each connect is tested by each adapter, with a broker that was restarted with other users.',
  },
  {
    behaviour: 135,
    reason:
      'It is about the suite, not about a case: `--parallel` and `--repeat` run it so, and each run has names of its own to make that possible.',
  },
]
