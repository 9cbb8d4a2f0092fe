const HEADER_BYTES = 8

/**
 * The text in an engine's log stream: frames of standard output and standard error, each with a header of eight
 * bytes whose last four are the length of what follows.
 */
export function textOfFrames(frames: Buffer): string {
  let text = ''
  let at = 0
  while (at + HEADER_BYTES <= frames.length) {
    const end = at + HEADER_BYTES + frames.readUInt32BE(at + 4)
    text += frames.toString('utf8', at + HEADER_BYTES, end)
    at = end
  }
  return text
}
