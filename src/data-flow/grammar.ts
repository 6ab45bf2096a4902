/**
 * Words that carry grammar and no content, and forms of one word. English only: a word of another language that is not here counts as content, which
 * errs on the side of asking a person.
 */

const LISTS = [
  'a an the this that these those some any each every all both no not nor and or but so if then than as because while',
  'i me my mine myself you your yours yourself he him his himself she her hers herself it its itself we us our ours they them their theirs',
  'who whom whose which what when where why how there here',
  'of in on at to for from by with without about into onto over under between through during before after until since per via up down out off',
  'am is are was were be been being do does did done have has had having will would can could shall should may might must',
  "i'm i've i'd i'll you're you've you'll it's that's there's we're we've we'll they're don't doesn't didn't isn't aren't wasn't can't couldn't won't",
  'find see attached attachment enclosed below above hope forward looking',
  'hi hello hey dear please thanks thank regards best sincerely cheers yes ok okay also too just only very now again',
  'one two three four five six seven eight nine ten first second third',
]
const GRAMMAR: ReadonlySet<string> = new Set(LISTS.flatMap((list) => list.split(' ')))

export const isGrammar = (word: string): boolean => GRAMMAR.has(word.replace('’', "'"))

const SUFFIXES = ['ings', 'ing', 'ers', 'er', 'ies', 'ied', 'es', 'ed', 'e', 's', 'y'] as const
const STEM_MIN = 3

/** What forms of one word share: `hobbies` and `hobby`, `reserving` and `reserve`, `planned` and `plan`. */
export function stemOf(word: string): string {
  const suffix = SUFFIXES.find((end) => word.endsWith(end) && word.length - end.length >= STEM_MIN)
  const stem = suffix === undefined ? word : word.slice(0, -suffix.length)
  const last = stem.at(-1)
  return stem.length > STEM_MIN && last === stem.at(-2) ? stem.slice(0, -1) : stem
}
