import type { ChannelModel } from 'amqplib'

interface DriverConnection {
  readonly stream: { cork(): void; uncork(): void }
  readonly muxer?: { _readIncoming?: () => void }
}

/**
 * Lets what a connection's channels have ready go out in one write. The driver's multiplexer writes message by message, each a system
 * call: nearly a fifth of the processor time of publishing many. A driver that works in another way is left as it is.
 */
export function gatherWrites({ connection }: ChannelModel): void {
  const { stream, muxer } = connection as unknown as DriverConnection
  const writeReady = muxer?._readIncoming
  if (muxer === undefined || writeReady === undefined) return
  muxer._readIncoming = function (this: typeof muxer) {
    stream.cork()
    try {
      writeReady.call(this)
    } finally {
      stream.uncork()
    }
  }
}
