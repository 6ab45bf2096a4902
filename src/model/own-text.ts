/**
 * The same text, with characters of its own. A part that is cut out of a text keeps the whole of it in memory: a name kept of each line of a log would
 * keep the log.
 */
export const ownText = <Text extends string>(text: Text): Text => ` ${text}`.slice(1) as Text
