/** What somebody who mistyped a word may have meant. */

const EDITS_MAX = 2 // a swap of two letters, or one that is missing and one too many

/** The one of `known` that is fewest edits away, or begins with the word; null when none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length < 2 || word.length > 40) return null
  const begins = known.find((name) => name.startsWith(word))
  if (begins !== undefined) return begins
  const most = Math.min(EDITS_MAX, Math.floor(word.length / 2))
  const near = known
    .map((name) => ({ name, edits: distance(word, name) }))
    .filter(({ edits }) => edits <= most)
    .toSorted((a, b) => a.edits - b.edits)
  return near[0]?.name ?? null
}

/** Levenshtein, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
