/** Text as one line of what every header can carry: nats.js refuses CR and LF, and AMQP wants well-formed UTF-8. */
export const headerText = (text: string): string => text.toWellFormed().replace(CONTROLS, ' ')

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced.
const CONTROLS = /[\u0000-\u001F\u007F-\u009F]+/g
