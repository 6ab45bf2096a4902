/**
 * Days that a text names: `2024-05-01`, “May 1st”, “from the 1st to the 5th of May 2024”. A day is month and day alone, as people often leave out the year.
 * Where a text is not clear it may name more days than it means.
 */
import { wordsOf } from './words.ts'

const ISO = /(?<!\d)\d{4}-([01]\d)-([0-3]\d)(?!\d)/g
const WHOLLY_A_TIME = /^\s*\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?\s*$/
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH_WORD =
  /^(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)$/
const DAY = /^([12]?\d|3[01])(?:st|nd|rd|th)?$/
const WORDS_BEFORE = 6 // “from the 1st to the 5th of May”
const WORDS_AFTER = 5 // “May 1st to the 5th”

/** Each as `5-1`: month and day. */
export function daysIn(text: string): readonly string[] {
  const days = [...text.matchAll(ISO)].map(([, month, day]) => `${Number(month)}-${Number(day)}`)
  const words = wordsOf(text)
  for (const [at, word] of words.entries()) {
    if (!MONTH_WORD.test(word)) continue
    const month = MONTHS.indexOf(word.slice(0, 3)) + 1
    const near = [...words.slice(Math.max(0, at - WORDS_BEFORE), at), ...words.slice(at + 1, at + 1 + WORDS_AFTER)]
    for (const one of near) {
      const day = DAY.exec(one)?.[1]
      if (day !== undefined) days.push(`${month}-${Number(day)}`)
    }
  }
  return days
}

/** A value that is nothing but a point in time: a member of a record, and nobody's prose. */
export const isTime = (text: string): boolean => WHOLLY_A_TIME.test(text)
