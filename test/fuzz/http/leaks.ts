/** What must never stand in an answer: places in a program, paths of a machine, names of what the program is made of. */
const LEAKS: readonly (readonly [string, RegExp])[] = [
  ['a line of a stack', /\bat [^\n"]{0,200}[(\s][^\s"]{1,200}:\d+:\d+/],
  ['a path of the machine', /(?:file:\/\/|\/(?:home|root|usr|tmp|var|work|opt|proc)\/)/],
  ['a folder of dependencies', /node_modules|node:internal/],
  ['a class of the language', /\b(?:Type|Reference|Range|Syntax|Assertion)Error\b/],
  ['a statement or fault of the store', /\bSQLITE_|\bSELECT .{1,80} FROM\b/],
  ['a key', /plk_[a-z2-7]{20}|PRIVATE KEY/],
]

/** Names what leaks from this text; empty when nothing does. */
export const leaksOf = (text: string): readonly string[] =>
  LEAKS.filter(([, pattern]) => pattern.test(text)).map(([name]) => name)
